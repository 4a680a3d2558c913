import assert from 'node:assert/strict'
import { chownSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { until } from '../../engine/until.fixture.ts'
import { kill, ProcessBench, processesOf, shell, startOwner, temporaryDirectory } from './process.contract.ts'

const nobody = 65_534
const lack =
  process.platform !== 'linux' || process.getuid?.() !== 0
    ? 'root on Linux'
    : ['/usr/bin/setpriv', '/bin/setpriv'].some(existsSync)
      ? undefined
      : 'setpriv (Debian: util-linux)'
if (lack === undefined) enterOwnNetwork()

for (const { who, under, noNewPrivileges } of [
  {
    who: 'a Sluice that is not root, with capabilities from systemd',
    under: [
      `--reuid=${nobody}`,
      `--regid=${nobody}`,
      '--clear-groups',
      '--inh-caps=+net_raw',
      '--ambient-caps=+net_raw',
    ],
    noNewPrivileges: '0',
  },
  {
    who: 'a Sluice that is root',
    under: ['--inh-caps=+net_raw', '--ambient-caps=+net_raw'],
    noNewPrivileges: '1',
  },
]) {
  test(`a task of ${who} has none of them`, async t => {
    if (lack !== undefined) return lacking(t, lack)
    const dataDir = temporaryDirectory()
    chownSync(dataDir, nobody, nobody)
    const spec = { ...shell('cat /proc/self/status; sleep 1000'), stopTimeoutMs: 100 }
    const owner = await startOwner(t, dataDir, [spec], ['setpriv', ...under])
    const output = join(dataDir, 'tasks', spec.id, 'output.log')
    await until(() => existsSync(output) && readFileSync(output, 'utf8').includes('NoNewPrivs'), 20_000)
    const status = readFileSync(output, 'utf8')
    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1]
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) assert.equal(field(set), '0'.repeat(16), set)
    assert.equal(field('NoNewPrivs'), noNewPrivileges)
    await kill(owner.process)
    // Ends what is left.
    await ProcessBench.open(t, dataDir)
    await until(() => processesOf(spec).length === 0)
  })
}
