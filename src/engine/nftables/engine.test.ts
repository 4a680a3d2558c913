import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { systemClock as clock } from '../../clock.ts'
import { openBestEngine } from '../best-engine.ts'
import { engineContract } from '../engine.contract.ts'
import { openPorts } from '../ports.ts'
import { socketTraffic } from '../socket-traffic.fixture.ts'
import { openUserspaceEngine } from '../userspace/engine.ts'
import { openNftablesEngine } from './engine.ts'
import { tableOf } from './names.ts'
import { Sysctl } from './sysctl.ts'

if (process.getuid?.() !== 0) test('the kernel engine does what every engine does', t => lacking(t, 'root'))
else {
  enterOwnNetwork()
  engineContract('nftables', async t => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
    const log = (line: string) => t.diagnostic(line)
    const kernel = await openNftablesEngine({
      table: tableOf(directory),
      clock,
      sysctl: new Sysctl({ directory, maySet: false, log }),
      isComplete: () => true,
      onSuspicion: () => {},
      onProblems: () => {},
      log,
    })
    const userspace = await openUserspaceEngine({
      workers: 1,
      clock,
      udpFlowLimit: 100,
      directory: tmpdir(),
      onSuspicion: () => {},
      log,
    })
    const engine = openBestEngine({ kernel, userspace, ports: openPorts(), log })
    t.after(async () => {
      await engine.close(0)
      rmSync(directory, { recursive: true })
    })
    return { engine, traffic: socketTraffic(t) }
  })
}
