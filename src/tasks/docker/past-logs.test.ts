import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../../virtual-clock.ts'
import { PastLogs } from './past-logs.ts'

async function setUp(t: TestContext) {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  t.after(() => rm(dataDir, { recursive: true }))
  // The files' own times are real.
  const clock = new VirtualClock(Date.now())
  const log: string[] = []
  return { dataDir, clock, log, logs: new PastLogs({ dataDir, clock, log: line => log.push(line) }) }
}

test('a log is kept, and its newest bytes are read', async t => {
  const { logs } = await setUp(t)
  await logs.keep('a', Buffer.from('hello\n'))
  assert.equal(String(await logs.read('a', 100)), 'hello\n')
  assert.equal(String(await logs.read('a', 3)), 'lo\n')
  assert.equal(await logs.read('b', 3), undefined)
})

test('a log goes with the first task that ends an hour later', async t => {
  const { logs, clock, dataDir } = await setUp(t)
  await logs.keep('a', Buffer.from('a'))
  await clock.advance(3_500_000)
  await logs.keep('b', Buffer.from('b'))
  assert.equal(String(await logs.read('a', 1)), 'a')
  await clock.advance(200_000)
  await logs.keep('c', Buffer.from('c'))
  assert.deepEqual(await readdir(join(dataDir, 'tasks')), ['c.log'])
})

test('a log is kept also where another task’s end has just removed an old one', async t => {
  const { logs, log, dataDir } = await setUp(t)
  await logs.keep('a', Buffer.from('a'))
  // Listed, and not there.
  await symlink('nowhere', join(dataDir, 'tasks', 'old.log'))
  await logs.keep('b', Buffer.from('b'))
  assert.deepEqual([log, String(await logs.read('b', 1))], [[], 'b'])
})

test('a log that cannot be kept is said to be lost', async t => {
  const { logs, dataDir, log } = await setUp(t)
  await writeFile(join(dataDir, 'tasks'), '')
  await logs.keep('a', Buffer.from('a'))
  assert.match(log.join(), /^the output of task a is lost: EEXIST/)
})
