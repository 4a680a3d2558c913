import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../../../../test/lacking.ts'

const quiet = '--disable-warning=ExperimentalWarning'

/** What the fixture says, in a network namespace of its own. */
async function ask(t: TestContext, what: string): Promise<unknown> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return lacking(t, 'root on Linux')
  const fixture = join(import.meta.dirname, 'conntrack.fixture.ts')
  const { stdout } = await promisify(execFile)('unshare', ['-n', process.execPath, quiet, fixture, what])
  return JSON.parse(stdout)
}

test('entries of both families are read as the kernel has them', async t => {
  const entries = await ask(t, 'read')
  if (entries === undefined) return
  const client6 = [0xfd, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
  assert.deepEqual(entries, [
    {
      family: 2,
      protocol: 17,
      listener: 'UDP 10.9.0.1 8080',
      mark: 0xab000001,
      status: 0x1a8,
      tcpState: 0,
      isTimely: true,
      original: [[10, 9, 0, 2], 5555, [10, 9, 0, 1], 8080],
      reply: [[10, 9, 1, 2], 9000, [10, 9, 0, 2], 5555],
    },
    {
      family: 10,
      protocol: 6,
      listener: 'TCP fd09::1 8080',
      mark: 0xab000002,
      status: 0x1a8,
      tcpState: 3,
      isTimely: true,
      original: [client6, 5555, [...client6.slice(0, 15), 1], 8080],
      reply: [[0xfd, 9, 0, 1, ...client6.slice(4)], 9000, client6, 5555],
    },
  ])
})

test('the kernel hands over the entries whose mark is asked for, and no others', async t => {
  const counts = await ask(t, 'choose')
  if (counts !== undefined) assert.deepEqual(counts, [1_000, 100, 0])
})

test('while 20,000 entries are read, everything else gets its turn', async t => {
  const answer = (await ask(t, 'turns')) as { entries: number; turns: number } | undefined
  if (answer === undefined) return
  assert.equal(answer.entries, 20_000)
  assert.ok(answer.turns > 100, `${answer.turns}`)
})

test('deleted are the flows that are given, in whatever zone, and those that are gone already do no harm', async t => {
  const answer = await ask(t, 'delete')
  if (answer !== undefined) assert.deepEqual(answer, { left: 1_001, zoned: 201, inTheEnd: 800 })
})

test('the table says how many flows it has, how many it may have, and what it refused', async t => {
  const table = await ask(t, 'flowTable')
  if (table === undefined) return
  const limit = Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_max', 'latin1'))
  assert.deepEqual(table, { flows: 1_000, limit, refused: 0, givenUp: 0, portless: 0 })
})

test('flows that are older than their listener are found, but for connections that something has accepted', async t => {
  const found = await ask(t, 'unnatted')
  if (found !== undefined) assert.deepEqual(found, [['2 5555'], ['6 5555', '8 5555', '9 5555'], ['2 5555'], [5]])
})
