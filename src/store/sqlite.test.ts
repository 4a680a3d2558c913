import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../test/lacking.ts'
import { openSqliteStore } from './sqlite.ts'
import { put, remove, storeContract, vpc } from './store.contract.ts'
import { RevisionConflict, type Store, StoreUnusable } from './store.ts'

const writerFile = join(import.meta.dirname, 'crash-writer.fixture.ts')

storeContract('sqlite', async t => {
  const store = await openSqliteStore(directory(t))
  t.after(() => store.close())
  return store
})

test('sqlite: what was committed is there after reopening, in the same order', async t => {
  const path = directory(t)
  const store = await openSqliteStore(path)
  await store.transact(0, [put('b'), put('a'), put('c')])
  await store.transact(1, [put('b', '10.9.0.0/16'), remove('a')])
  const state = await store.transact(2, [put('a')])
  await store.close()
  const again = await openSqliteStore(path)
  t.after(() => again.close())
  assert.deepEqual(again.read(), state)
  assert.deepEqual([...again.read().vpcs.keys()], [...state.vpcs.keys()])
  assert.deepEqual(again.read().vpcs.get('a'), vpc('a'))
  await assert.rejects(again.transact(2, []), RevisionConflict)
})

test('sqlite: its directory and its files are for their owner only', async t => {
  const path = join(directory(t), 'new', 'data')
  const store = await openSqliteStore(path)
  t.after(() => store.close())
  await store.transact(0, [put('a')])
  assert.equal(statSync(path).mode & 0o777, 0o700)
  for (const file of ['sluice.db', 'sluice.db-wal']) assert.equal(statSync(join(path, file)).mode & 0o777, 0o600, file)
})

test('sqlite: kill -9 at any point loses nothing that was acknowledged and leaves nothing half', async t => {
  const path = directory(t)
  const rounds = 20
  let acknowledged = 0
  for (let round = 0; round < rounds; round++) {
    const writer = startWriter(t, path, 5_000)
    const killAfter = Math.floor(Math.random() * 100)
    let commits = 0
    for await (const line of createInterface({ input: writer.stdout })) {
      if (line === 'open') continue
      assert.ok(Number(line) > acknowledged, `revision ${line} after ${acknowledged}`)
      acknowledged = Number(line)
      // Not at an acknowledgement but some microseconds after it, so that it falls into any step of the next commit.
      if (++commits === killAfter) setTimeout(() => writer.kill('SIGKILL'), Math.random() * 3)
      if (commits === 1 && killAfter === 0) writer.kill('SIGKILL')
    }
    const store = await openSqliteStore(path)
    checkPairs(store, acknowledged)
    acknowledged = store.read().revision
    await store.close()
  }
  t.diagnostic(`${acknowledged} commits, killed ${rounds} times`)
})

/** The last 500 commits' pairs, and no others, are there whole; only the commit in flight may be there unacknowledged. */
function checkPairs(store: Store, acknowledged: number): void {
  const { revision, vpcs, securityGroups } = store.read()
  assert.ok(revision === acknowledged || revision === acknowledged + 1, `at ${revision}, acknowledged ${acknowledged}`)
  const expected = Array.from({ length: Math.min(revision, 500) }, (_, n) => Math.max(1, revision - 499) + n)
  assert.deepEqual(
    [...vpcs.keys()],
    expected.map(n => `vpc-${n}`),
  )
  assert.deepEqual(
    [...securityGroups.values()].map(({ id, vpcId, description }) => [id, vpcId, description.length]),
    expected.map(n => [`sg-${n}`, `vpc-${n}`, n % 5000]),
  )
}

test('sqlite: a second process is refused with the first one named, until that one is killed', async t => {
  const path = directory(t)
  const writer = startWriter(t, path, 1)
  await once(writer.stdout, 'data')
  await assert.rejects(openSqliteStore(path), {
    name: 'StoreUnusable',
    message:
      `data directory ${path} is in use by another process (pid ${writer.pid}): stop it, ` +
      'or choose another directory with --data-dir',
  })
  writer.kill('SIGKILL')
  await once(writer, 'close')
  const store = await openSqliteStore(path)
  assert.equal(store.read().revision <= 1, true)
  await store.close()
})

test('sqlite: the same directory twice in one process is refused, and the first store stays locked', async t => {
  const path = directory(t)
  const store = await openSqliteStore(path)
  t.after(() => store.close())
  await assert.rejects(openSqliteStore(path), { message: /is in use by another process/ })
  const writer = startWriter(t, path, 1)
  const [code] = await once(writer, 'close')
  assert.equal(code, 1)
  assert.equal((await store.transact(0, [put('a')])).revision, 1)
})

test('sqlite: a directory of a newer version is refused and left as it is', async t => {
  const path = directory(t)
  const newer = new DatabaseSync(join(path, 'sluice.db'))
  newer.exec('PRAGMA user_version = 99; CREATE TABLE tomorrow (x)')
  newer.close()
  await assert.rejects(openSqliteStore(path), {
    name: 'StoreUnusable',
    message: /was written by a newer version of sluice \(schema 99; this one knows up to 1\): start that version/,
  })
  const after = new DatabaseSync(join(path, 'sluice.db'))
  assert.deepEqual(
    after
      .prepare('SELECT name FROM sqlite_schema')
      .all()
      .map(row => row.name),
    ['tomorrow'],
  )
  after.close()
})

const damages: [string, (file: string) => void, RegExp][] = [
  ['something else', file => writeFileSync(file, 'not a database '.repeat(100)), /file is not a database/],
  ['cut off', file => truncateSync(file, 4096), /is damaged/],
  ['a value that is not JSON', file => edit(file, "UPDATE records SET value = '{'"), /record vpcs a is not JSON/],
  ['an unknown kind', file => edit(file, "UPDATE records SET kind = 'moons'"), /unknown kind 'moons'/],
  ['no revision', file => edit(file, 'DELETE FROM meta'), /no revision/],
]
for (const [damage, inflict, reason] of damages) {
  test(`sqlite: a damaged database (${damage}) is refused with what to do`, async t => {
    const path = directory(t)
    const store = await openSqliteStore(path)
    await store.transact(0, [put('a')])
    await store.close()
    inflict(join(path, 'sluice.db'))
    await assert.rejects(openSqliteStore(path), (error: Error) => {
      assert.ok(error instanceof StoreUnusable)
      assert.match(error.message, reason)
      assert.match(error.message, /^\S+sluice\.db is damaged \([^\n]+\): put back a copy/)
      return true
    })
  })
}

test('sqlite: a directory that cannot be made or written is refused with what to do', async t => {
  const file = join(directory(t), 'file')
  writeFileSync(file, '')
  for (const path of [file, join(file, 'below'), '/sys/sluice']) {
    await assert.rejects(openSqliteStore(path), {
      name: 'StoreUnusable',
      message: /^cannot use \S+sluice\.db \([^\n]+\): make \S+ a directory that this user can write/,
    })
  }
})

test('sqlite: a commit that fails half-way changes nothing, here or on disk, and the next one works', async t => {
  const path = directory(t)
  const store = await openSqliteStore(path)
  t.after(() => store.close())
  await store.transact(0, [put('a')])
  const circular = { ...vpc('b'), tags: [] as unknown[] }
  circular.tags.push(circular)
  await assert.rejects(store.transact(1, [put('c'), { ...put('b'), value: circular } as never]), TypeError)
  assert.deepEqual([...store.read().vpcs.keys()], ['a'])
  const state = await store.transact(1, [put('d')])
  await store.close()
  const again = await openSqliteStore(path)
  t.after(() => again.close())
  assert.deepEqual(again.read(), state)
})

test('sqlite: a full disk is refused by name', async t => {
  const script = `mount -t tmpfs -o size=512k none "$2" || exit 77; exec "$0" "$1" "$2" 5000`
  const args = ['-rm', 'sh', '-c', script, process.execPath, writerFile, directory(t)]
  const child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  if (code === 77) return lacking(t, 'a mount namespace')
  assert.match(errors, /StoreUnusable: cannot write \S+sluice\.db, the disk is full: make room on it/)
})

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-store-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function startWriter(t: TestContext, path: string, commits: number): ChildProcess & { stdout: NodeJS.ReadableStream } {
  const writer = spawn(process.execPath, [writerFile, path, String(commits)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  t.after(() => writer.kill('SIGKILL'))
  return writer
}

function edit(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}
