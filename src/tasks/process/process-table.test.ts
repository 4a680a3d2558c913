import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { until } from '../../engine/until.fixture.ts'
import { identify, lives } from './process-table.ts'

test('a process lives until it ends, and another of its number is another', async t => {
  const child = spawn('sleep', ['1000'])
  t.after(() => child.kill('SIGKILL'))
  const identity = identify(child.pid ?? 0)
  assert.ok(identity)
  assert.equal(lives(identity), true)
  assert.equal(lives({ ...identity, born: `${identity.born}0` }), false)
  child.kill()
  await once(child, 'exit')
  assert.equal(lives(identity), false)
})

test('a defunct process is dead', async t => {
  if (process.platform !== 'linux') return lacking(t, 'Linux')
  // The shell becomes a program that never asks what became of its child.
  const parent = spawn('sh', ['-c', 'sleep 1000 & echo $!; exec sleep 1000'], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => parent.kill('SIGKILL'))
  const [pid] = await once(parent.stdout, 'data')
  const identity = identify(Number(pid))
  assert.ok(identity)
  await until(() => identify(parent.pid ?? 0) !== undefined)
  process.kill(Number(pid), 'SIGKILL')
  await until(() => !lives(identity))
})
