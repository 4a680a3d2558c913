import assert from 'node:assert/strict'
import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../../test/lacking.ts'
import { enterOwnNetwork } from '../../test/own-network.ts'
import { systemClock as clock } from '../clock.ts'
import { LocalRange } from '../engine/local-range.ts'
import { openNftablesEngine } from '../engine/nftables/engine.ts'
import { tableOf } from '../engine/nftables/names.ts'
import { groupAt, listenerAt, snapshotOf } from '../engine/nftables/snapshot.fixture.ts'
import { Sysctl } from '../engine/nftables/sysctl.ts'
import { feedPath } from '../feed/path.ts'

const sluice = join(import.meta.dirname, '../../bin/sluice')
let isInside = false

/** In a network namespace of this file's own. */
function kernelTest(title: string, run: (t: TestContext) => Promise<void>): void {
  test(title, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    const missing = ['nft', 'conntrack', 'setpriv'].find(program => spawnSync(program, ['--version']).error)
    if (missing !== undefined) return lacking(t, missing)
    if (!isInside) enterOwnNetwork()
    isInside = true
    execFileSync('nft', ['flush', 'ruleset'])
    await run(t)
  })
}

async function cleanup(...args: string[]): Promise<{ code: number; output: string }> {
  return runs(sluice, 'cleanup', ...args)
}

async function runs(command: string, ...args: string[]) {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { timeout: 20_000 })
    return { code: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, output: stdout + stderr }
  }
}

/** A data directory, and the engine of a Sluice there that serves UDP and IPv6 addresses of the local range. */
async function servingSluice(t: TestContext, port: number) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const sysctl = new Sysctl({ directory, maySet: true, log() {} })
  const table = tableOf(directory)
  const engine = await openNftablesEngine({
    table,
    clock,
    sysctl,
    isComplete: () => true,
    onSuspicion() {},
    onProblems() {},
    log() {},
  })
  const group = groupAt('web', 'UDP', ['127.0.0.2 9000'])
  await new LocalRange({ log() {} }).prepare(['198.18.0.1', `fd53:4c55::${port}`])
  await engine.apply(snapshotOf([listenerAt(`UDP 198.18.0.1 ${port}`, [[group, 1]])], [group]))
  await sendTo(port)
  return { directory, table: table.name, engine, sysctl }
}

/** Makes a flow. */
async function sendTo(port: number): Promise<void> {
  const client = createSocket('udp4')
  await new Promise(resolve => client.send('x', port, '198.18.0.1', resolve))
  client.close()
}

const tables = () => [...listed('nft', 'list', 'tables').matchAll(/inet (\S+)/g)].map(([, name]) => name)
const flowsTo = (port: number) => listed('conntrack', '-L', '-p', 'udp', '--orig-port-dst', String(port)).trim()
const local = () =>
  listed('ip', 'route', 'show', 'table', 'local', '198.18.0.0/15') +
  listed('ip', '-6', 'addr', 'show', 'to', 'fd53:4c55::/32')

function listed(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

const forwarding = '/proc/sys/net/ipv4/ip_forward'

kernelTest('what a dead Sluice left is removed, a line each, and the second time nothing is left', async t => {
  writeFileSync(forwarding, '0')
  const { directory, table, engine, sysctl } = await servingSluice(t, 8080)
  await sysctl.provide([{ name: 'net.ipv4.ip_forward', is: '0', needs: '1', otherwise: 'nothing is forwarded' }])
  await engine.leave()
  assert.match(flowsTo(8080), /^udp/)

  assert.deepEqual(await cleanup('--data-dir', directory), {
    code: 0,
    output: `removed table ${table} (listeners: 1)
removed flows from conntrack: 1
removed 198.18.0.0/15 from lo
removed fd53:4c55::8080 from lo
net.ipv4.ip_forward is 0 again, as it was before Sluice
`,
  })
  assert.deepEqual([tables(), flowsTo(8080), local(), readFileSync(forwarding, 'latin1')], [[], '', '', '0\n'])
  assert.deepEqual(await cleanup('--data-dir', directory), { code: 0, output: 'nothing was left\n' })
})

kernelTest('flows whose table is gone already are removed too, and a route of somebody else’s stays', async t => {
  execFileSync('ip', ['route', 'add', 'local', '198.18.0.0/15', 'dev', 'lo'])
  t.after(() => execFileSync('ip', ['route', 'del', 'local', '198.18.0.0/15', 'dev', 'lo']))
  const { directory, engine } = await servingSluice(t, 8081)
  await engine.leave()
  execFileSync('nft', ['flush', 'ruleset'])
  const { output } = await cleanup('--data-dir', directory)
  assert.equal(output, 'removed flows from conntrack: 1\nremoved fd53:4c55::8081 from lo\n')
  assert.match(local(), /^local 198\.18\.0\.0\/15/)
})

kernelTest('one that lives is not touched, and neither is what another one may use', async t => {
  const living = await servingSluice(t, 8082)
  const dead = await servingSluice(t, 8083)
  await dead.engine.leave()
  const refused = await cleanup('--data-dir', living.directory)
  assert.equal(refused.code, 1)
  assert.match(refused.output, new RegExp(`^sluice: Sluice runs \\(.*\\) on ${living.directory}: stop it first\n$`))

  const { output } = await cleanup('--data-dir', dead.directory)
  assert.equal(output, `removed table ${dead.table} (listeners: 1)\nremoved flows from conntrack: 1\n`)
  assert.deepEqual(tables(), [living.table])
  assert.match(flowsTo(8082), /^udp/)
  assert.equal(flowsTo(8083), '')
  assert.match(local(), /^local 198.*:8083\/128.*:8082\/128/s)
  await living.engine.leave()
  assert.equal((await cleanup('--all')).code, 0)
})

kernelTest('with --all every table goes that no living process has, wherever its data directory is', async t => {
  const [one, two, living] = [await servingSluice(t, 8084), await servingSluice(t, 8085), await servingSluice(t, 8086)]
  await one.engine.leave()
  await two.engine.leave()
  execFileSync('nft', ['add', 'table', 'inet', 'others'])
  const { code, output } = await cleanup('--all')
  assert.equal(code, 0)
  assert.match(output, new RegExp(`left table ${living.table} alone: Sluice runs \\(.*\\) on ${living.directory}\n$`))
  assert.deepEqual(tables().sort(), [living.table, 'others'].sort())
  await living.engine.leave()
  assert.match((await cleanup('--all')).output, new RegExp(`^removed table ${living.table} `))
  assert.deepEqual([tables(), local()], [['others'], ''])
})

kernelTest('a Sluice that has no table in the kernel lives where its control process answers', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const control = createServer().listen(feedPath(directory))
  await once(control, 'listening')
  const { code, output } = await cleanup('--data-dir', directory)
  control.close()
  assert.deepEqual([code, output], [1, `sluice: Sluice runs on ${directory}: stop it first\n`])
})

kernelTest('without the privilege it says so in one line', async () => {
  const withoutPrivilege = ['--bounding-set', '-net_admin', '--inh-caps', '-net_admin', sluice, 'cleanup']
  assert.deepEqual(await runs('setpriv', ...withoutPrivilege), {
    code: 1,
    output: 'sluice: cleanup needs root, or CAP_NET_ADMIN\n',
  })
})
