import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { systemClock as clock } from '../../clock.ts'
import { ProcessBench, processesOf, shell, temporaryDirectory } from './process.contract.ts'
import { endProcesses } from './remains.ts'

test('what a Sluice left running is ended once, and where nothing was left nothing is done', async t => {
  if (process.platform !== 'linux') return lacking(t, 'Linux')
  if (process.getuid?.() === 0) enterOwnNetwork()
  const dataDir = temporaryDirectory()
  const options = { dataDir, user: 'nobody', clock, log: () => assert.fail('nothing to say') }
  assert.equal(await endProcesses(options), 0)
  const bench = await ProcessBench.open(t, dataDir)
  const spec = shell('sleep 1000')
  bench.runtime.start(spec)
  await bench.told(spec, 'running')
  await bench.runtime.leave()
  // It is nobody's from now on, and there is nothing left for the bench to close.
  bench.runtime.close = async () => {}
  assert.notDeepEqual(processesOf(spec), [])
  assert.equal(await endProcesses({ ...options, log: () => {} }), 1)
  assert.deepEqual(processesOf(spec), [])
  assert.equal(await endProcesses(options), 0)
})
