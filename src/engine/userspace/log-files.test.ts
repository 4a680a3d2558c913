import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { constants, gunzipSync } from 'node:zlib'
import type { LogPlace } from '../../domain/snapshot-http.ts'
import { accessLogEntry } from '../../http/access-log.fixture.ts'
import type { ConnectionLogEntry } from '../../http/access-log.ts'
import { accessLogLine, connectionLogLine } from '../../http/access-log-line.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import { until } from '../until.fixture.ts'
import { deliverLeftLogs } from './left-logs.ts'
import { LogFiles } from './log-files.ts'

const place: LogPlace = {
  bucket: 'logs',
  prefix: 'web/shop',
  account: '123456789012',
  region: 'us-east-2',
  loadBalancer: 'app.site.50dc6c495c0c9188',
}
const connectionEntry: ConnectionLogEntry = {
  time: 0,
  clientAddress: '192.0.2.7',
  clientPort: 40_000,
  listenerPort: 443,
  tlsProtocol: '',
  tlsCipher: '',
  handshakeMs: -1,
  verifyStatus: 'Success',
  traceId: 'TID_1',
}
const midnight = Date.UTC(2026, 0, 2)
const minutes = (count: number) => count * 60_000

function open(t: TestContext, start = midnight - minutes(3)) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-logs-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const clock = new VirtualClock(start)
  const lines: string[] = []
  const files = new LogFiles({ directory, clock, log: line => lines.push(line) })
  t.after(() => files.close())
  const logged = (path = '/') => {
    const entry = { ...accessLogEntry, time: clock.now(), url: `http://a.example:80${path}` }
    files.access(place, '10.0.1.4', entry)
    return `${accessLogLine(entry)}\n`
  }
  const found = (folder: string) => globSync('**/*.gz', { cwd: join(directory, folder) }).sort()
  return { directory, clock, lines, files, logged, found }
}

/** What it holds, though its end is missing. */
function readOpen(path: string): string {
  return gunzipSync(readFileSync(path), { finishFlush: constants.Z_SYNC_FLUSH }).toString()
}

test('entries are on disk after a second, and where AWS would put them when their five minutes are over', async t => {
  const { directory, clock, lines, logged, found } = open(t)
  let text = logged('/1') + logged('/2')
  await clock.advance(1_000)
  await until(() => found('open-logs').length === 1)
  const opened = join(directory, 'open-logs', found('open-logs')[0] ?? '')
  await until(() => readOpen(opened) === text)
  assert.deepEqual(found('buckets'), [])
  text += logged('/3')
  await clock.advance(minutes(3))
  await until(() => found('buckets').length === 1)
  const [path = ''] = found('buckets')
  assert.match(
    path,
    /^logs\/web\/shop\/AWSLogs\/123456789012\/elasticloadbalancing\/us-east-2\/2026\/01\/02\/123456789012_elasticloadbalancing_us-east-2_app\.site\.50dc6c495c0c9188_20260102T0000Z_10\.0\.1\.4_[0-9a-z]{8}\.log\.gz$/,
  )
  const delivered = join(directory, 'buckets', path)
  assert.equal(gunzipSync(readFileSync(delivered)).toString(), text)
  assert.equal(statSync(delivered).mode & 0o777, 0o600)
  for (let folder = dirname(delivered); folder !== directory; folder = dirname(folder))
    assert.equal(statSync(folder).mode & 0o777, 0o700)
  await clock.advance(minutes(30))
  assert.equal(found('buckets').length, 1, 'without entries there is no file')
  assert.deepEqual([found('open-logs'), lines], [[], []])
})

test('an entry after the five minutes goes to the next file, whenever the clock strikes', async t => {
  const { directory, files, logged, found, clock } = open(t, midnight - 1)
  const before = logged()
  files.access(place, '10.0.1.4', { ...accessLogEntry, time: midnight })
  await files.close()
  assert.deepEqual(
    found('buckets').map(path => path.match(/_(\d{8}T\d{4}Z)_/)?.[1]),
    ['20260102T0000Z', '20260102T0005Z'],
  )
  const [first = ''] = found('buckets')
  assert.equal(gunzipSync(readFileSync(join(directory, 'buckets', first))).toString(), before)
  assert.equal(clock.now(), midnight - 1)
})

test('nodes, kinds and load balancers have files of their own', async t => {
  const { directory, files, logged, found, clock } = open(t)
  logged()
  files.access(place, '10.0.2.4', { ...accessLogEntry, time: clock.now() })
  files.access({ ...place, loadBalancer: 'app.other.1' }, '10.0.1.4', { ...accessLogEntry, time: clock.now() })
  files.connection(place, '10.0.1.4', { ...connectionEntry, time: clock.now() })
  await files.close()
  assert.equal(found('buckets').length, 4)
  const [connections = ''] = found('buckets').filter(path => path.includes('/conn_log.123456789012_elasticload'))
  assert.equal(
    gunzipSync(readFileSync(join(directory, 'buckets', connections))).toString(),
    `${connectionLogLine({ ...connectionEntry, time: clock.now() })}\n`,
  )
})

test('no bucket and no prefix leads out of the folder', async t => {
  const { directory, files, clock } = open(t)
  const entry = { ...accessLogEntry, time: clock.now() }
  for (const [bucket, prefix] of [
    ['../../out', ''],
    ['..', '../..'],
    ['/etc', '/etc//..'],
    ['', '.'],
    ['a\0b', 'x/\0'],
  ] as const)
    files.access({ ...place, bucket, prefix }, '10.0.1.4', entry)
  await files.close()
  const all = globSync('**/*.gz', { cwd: directory }).filter(path => path.startsWith('buckets/'))
  assert.deepEqual(
    all.map(path => path.slice('buckets/'.length, path.indexOf('/AWSLogs'))).sort(),
    ['_.._.._out', '_/_.', '_../_../_..', '_etc/etc/_..', 'a_b/x/_'].sort(),
  )
})

test('where nothing can be written one line says so, then how much is lost, and a minute later it is tried again', async t => {
  const { directory, clock, lines, logged, found } = open(t)
  writeFileSync(join(directory, 'open-logs'), '')
  logged()
  await until(() => lines.length === 1)
  assert.match(lines[0] ?? '', /^access and connection logs can't be written \(ENOTDIR.*\): make room/)
  for (let n = 0; n < 10; n++) logged()
  await clock.advance(60_000)
  assert.deepEqual(lines.slice(1), ['lost 10 entries of access and connection logs: the disk is too slow, or full'])
  rmSync(join(directory, 'open-logs'))
  logged()
  await clock.advance(minutes(5))
  await until(() => found('buckets').length === 1)
  assert.equal(lines.length, 2)
})

test('a disk that stands still costs entries, not memory', async t => {
  const { clock, lines, files } = open(t)
  const entry = { ...accessLogEntry, time: clock.now(), userAgent: 'x'.repeat(8_000) }
  // Nothing reaches the disk before this turn ends.
  for (let n = 0; n < 4_000; n++) files.access(place, '10.0.1.4', entry)
  await files.close()
  const lost = Number(/^lost (\d+) entries/.exec(lines.at(-1) ?? '')?.[1])
  assert.ok(lost > 1_900 && lost < 2_100, `${lost} of 4,000 with 8 kB each`)
})

test('a log that a killed process has left is delivered by the node: whole lines, in a whole file', async t => {
  const { directory, clock, logged, found } = open(t)
  const first = logged('/first')
  await clock.advance(1_000)
  await until(() => found('open-logs').length === 1)
  const living = join(directory, 'open-logs', found('open-logs')[0] ?? '')
  await until(() => readOpen(living) === first)
  const second = logged('/second')
  await clock.advance(1_000)
  await until(() => readOpen(living) === first + second)
  const leave = (name: string, ageMs: number) => {
    const path = living.replace(/[^_]+$/, `${name}.log.gz`)
    // In the middle of a write.
    writeFileSync(path, readFileSync(living).subarray(0, -12))
    utimesSync(path, new Date(), new Date(clock.now() - ageMs))
  }
  leave('young', minutes(4))
  leave('old', minutes(7))
  const lines: string[] = []
  t.after(deliverLeftLogs({ directory, clock, log: line => lines.push(line) }))
  await until(() => found('buckets').length === 1)
  const [path = ''] = found('buckets')
  assert.match(path, /_old\.log\.gz$/)
  assert.equal(gunzipSync(readFileSync(join(directory, 'buckets', path))).toString(), first)
  assert.equal(found('open-logs').length, 2, 'the other one’s process may live')
  assert.deepEqual(lines, [])
})
