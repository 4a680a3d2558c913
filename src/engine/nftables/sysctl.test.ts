import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, type TestContext, test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { readSetting, settingPath } from './host.ts'
import type { MissingSetting } from './refusal.ts'
import { Sysctl } from './sysctl.ts'

const hasRoot = process.platform === 'linux' && process.getuid?.() === 0
const otherwise = 'packets for 10.9.1.2 would not be forwarded'
const missing: readonly MissingSetting[] = [
  { name: 'net.ipv4.ip_forward', is: '0', needs: '1', otherwise },
  { name: 'net.ipv6.conf.all.forwarding', is: '0', needs: '1', otherwise },
]
const values = () => missing.map(({ name }) => readSetting(name))
const set = (name: string, value: string) => writeFileSync(settingPath(name), value)

before(() => {
  if (hasRoot) enterOwnNetwork()
})

/** A data directory, and as many processes as wanted that use it one after another. */
async function processes(t: TestContext) {
  for (const { name } of missing) set(name, '0')
  const directory = await mkdtemp(join(tmpdir(), 'sluice-sysctl-'))
  t.after(() => rm(directory, { recursive: true }))
  const log: string[] = []
  const start = (options: Pick<ConstructorParameters<typeof Sysctl>[0], 'maySet' | 'neighbors'>) =>
    new Sysctl({ directory, ...options, log: line => log.push(line) })
  return { start, log, file: join(directory, 'sysctl.json') }
}

test('with consent what is missing is set, and put back at the end', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start, log, file } = await processes(t)
  const sysctl = start({ maySet: true })
  assert.equal(await sysctl.provide(missing), true)
  assert.deepEqual(values(), ['1', '1'])
  assert.equal(await sysctl.provide([]), false)
  await sysctl.restore()
  assert.deepEqual(values(), ['0', '0'])
  assert.ok(!existsSync(file))
  assert.deepEqual(log, [
    `net.ipv4.ip_forward is set to 1, because ${otherwise}; it was 0, and will be again`,
    `net.ipv6.conf.all.forwarding is set to 1, because ${otherwise} (an interface that takes its routes from router advertisements then needs accept_ra=2); it was 0, and will be again`,
    'net.ipv4.ip_forward is 0 again, as it was before Sluice',
    'net.ipv6.conf.all.forwarding is 0 again, as it was before Sluice',
  ])
})

test('without consent nothing is set, and each is named once', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start, log, file } = await processes(t)
  const sysctl = start({ maySet: false })
  for (let n = 0; n < 2; n++) assert.equal(await sysctl.provide(missing.slice(0, 1)), false)
  assert.deepEqual(values(), ['0', '0'])
  assert.ok(!existsSync(file))
  assert.deepEqual(log, [`net.ipv4.ip_forward is 0, so ${otherwise}: set it to 1, or start Sluice with --sysctl`])
})

test('after a crash the next process still knows what was there before', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start } = await processes(t)
  await start({ maySet: true }).provide(missing.slice(0, 1))
  const second = start({ maySet: true })
  await second.provide(missing.slice(1))
  assert.deepEqual(values(), ['1', '1'])
  await start({ maySet: false }).restore()
  assert.deepEqual(values(), ['0', '0'])
})

test('what is there before is on disk before it is changed', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start, file, log } = await processes(t)
  // A setting that the kernel refuses, so that the process gets no further than its notes.
  const refused: MissingSetting = { name: 'net.ipv4.ip_forward', is: '0', needs: 'no', otherwise }
  assert.equal(await start({ maySet: true }).provide([refused]), false)
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')).settings, [
    { name: 'net.ipv4.ip_forward', before: '0', ours: 'no' },
  ])
  assert.match(log[0] ?? '', /^net\.ipv4\.ip_forward can't be set to no: EINVAL/)
})

test('what somebody else has changed since is left alone', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start, file } = await processes(t)
  const sysctl = start({ maySet: true })
  await sysctl.provide([{ name: 'net.ipv6.conf.all.forwarding', is: '0', needs: '1', otherwise }])
  set('net.ipv6.conf.all.forwarding', '2')
  await sysctl.restore()
  assert.equal(readSetting('net.ipv6.conf.all.forwarding'), '2')
  assert.ok(!existsSync(file))
})

test('what another Sluice may need by now stays until it is gone', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start, log } = await processes(t)
  const neighbors = ['sluice-00000002']
  const sysctl = start({ maySet: true, neighbors: async () => neighbors })
  await sysctl.provide(missing.slice(0, 1))
  await sysctl.restore()
  assert.deepEqual(values(), ['1', '0'])
  assert.match(
    log.at(-1) ?? '',
    /^net\.ipv4\.ip_forward=1 stays, because another Sluice may need it \(sluice-00000002\)/,
  )
  neighbors.pop()
  await sysctl.restore()
  assert.deepEqual(values(), ['0', '0'])
})

test('notes of another boot or another network namespace change nothing', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { start, file } = await processes(t)
  await start({ maySet: true }).provide(missing)
  const notes = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...notes, where: 'elsewhere' }))
  await start({ maySet: false }).restore()
  assert.deepEqual(values(), ['1', '1'])
})

test('nothing is set where what was there can’t be saved', async t => {
  if (!hasRoot) return lacking(t, 'root on Linux')
  const { log } = await processes(t)
  const sysctl = new Sysctl({ directory: '/dev/null', maySet: true, log: line => log.push(line) })
  assert.equal(await sysctl.provide(missing), false)
  assert.deepEqual(values(), ['0', '0'])
  assert.match(log.at(-1) ?? '', /^kernel settings stay as they are, because what they were can't be saved: /)
})
