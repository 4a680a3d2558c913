import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import type { Alarm } from '../domain/alarm.ts'
import { snapshotBuilder } from '../domain/build-snapshot.ts'
import type { Deployment } from '../domain/code-deploy.ts'
import type { Health } from '../domain/health.ts'
import { probesBuilder } from '../domain/probes.ts'
import { listener, loadBalancer, stateWith, subnet, target, targetGroup } from '../domain/state.fixture.ts'
import { applyChanges, type Change, emptyState, type State, tableNames } from '../domain/state.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { Store } from '../store/store.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { type ControlEnd, openControlEnd } from './control-end.ts'
import { type AppliedReport, type CountersReport, nodeTables, type Report } from './messages.ts'
import { type NodeEnd, openNodeEnd } from './node-end.ts'
import { feedPath } from './path.ts'
import { wholeState } from './whole-state.ts'

test('the node gets the whole state, then each change, with unchanged records the same objects', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 1, [put('a'), put('b')]))
  await feed.openControl()
  feed.openNode()
  await until(() => feed.desired.length === 1)
  assert.deepEqual(feed.last(), feed.store.read())
  await feed.store.transact(1, [put('b', '10.9.0.0/16'), put('c')])
  await feed.store.transact(2, [{ table: 'subnets', key: 'c' }])
  await until(() => feed.last()?.revision === 3)
  assert.deepEqual(feed.last(), feed.store.read())
  assert.equal(feed.last()?.subnets.get('a'), feed.desired[0]?.subnets.get('a'))
})

const forTheControlProcess: readonly Change[] = [
  { table: 'vpcs', key: 'v', value: { id: 'v', cidrBlock: '10.0.0.0/16', isDefault: false, tags: [] } },
  { table: 'alarms', key: 'unhealthy', value: {} as Alarm },
  { table: 'deployments', key: 'd-1', value: {} as Deployment },
]

test('the node gets nothing of what it serves nothing of, and such a revision is acknowledged all the same', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 1, [put('a'), ...forTheControlProcess]))
  const control = await feed.openControl()
  const raw = await feed.rawNode()
  const received: string[] = []
  createInterface({ input: raw }).on('line', line => received.push(line))
  const says = (revision: number) => raw.write(`${JSON.stringify(applied(revision))}\n`)
  await until(() => received.length === 1)

  says(1)
  await control.waitApplied(1)
  const early = control.waitApplied(2)
  await feed.store.transact(1, forTheControlProcess)
  await early
  assert.equal(control.applied()?.revision, 2)

  await feed.store.transact(2, [put('b'), ...forTheControlProcess])
  await feed.store.transact(3, forTheControlProcess)
  await until(() => received.length === 2)
  assert.equal(control.applied()?.revision, 2, 'what came before it is not in place yet')
  const late = control.waitApplied(4)
  says(3)
  await late
  assert.equal(control.applied()?.revision, 4)
  assert.deepEqual(
    received.map(line => JSON.parse(line)),
    [wholeState(applyChanges(emptyState, 1, [put('a')])), { kind: 'changes', revision: 3, changes: [put('b')] }],
  )
})

test('of what the node is not told, nothing is looked at for snapshots and probes', () => {
  const state = stateWith({
    loadBalancers: [loadBalancer({ securityGroups: ['sg-1'] })],
    listeners: [listener()],
    targetGroups: [targetGroup({ targets: [target('10.0.1.20')] })],
  })
  const told: ReadonlySet<string> = new Set(nodeTables)
  for (const table of tableNames) {
    if (!told.has(table)) Object.defineProperty(state, table, { get: () => assert.fail(`looked at ${table}`) })
  }
  assert.equal(snapshotBuilder()(state, new Map(), 0).snapshot.listeners.length, 2)
  assert.equal(probesBuilder()(state).size, 1)
})

test('reports reach the control process, which keeps the latest and tells its listeners', async t => {
  const feed = new Feed(t)
  const control = await feed.openControl()
  const node = feed.openNode()
  const kinds: string[] = []
  control.onReport(report => kinds.push(report.kind))
  assert.equal(control.applied(), undefined)
  node.report(health(true, ['x', 'healthy'], ['y', 'initial']))
  await until(() => control.health('y') !== undefined)
  node.report(health(false, ['x', 'unhealthy'], ['y', null]))
  node.report(applied(0))
  node.report(counters(5))
  await until(() => control.counters() !== undefined)
  assert.equal(control.health('x')?.verdict, 'unhealthy')
  assert.equal(control.health('y'), undefined)
  assert.deepEqual(control.applied(), applied(0))
  assert.deepEqual(control.counters(), counters(5))
  assert.deepEqual(kinds, ['health', 'health', 'applied', 'counters'])
})

test('a target is known with the reason for which its group is not linked yet, until it is', async t => {
  const feed = new Feed(t)
  const control = await feed.openControl()
  const node = feed.openNode()
  const key = 'arn:tg 10.0.1.1 80'
  node.report(health(false, [key, 'healthy']))
  node.report({ ...applied(0), links: [{ targetGroupArn: 'arn:tg', reason: 'Elb.InitialHealthChecking' }] })
  await until(() => control.health(key)?.linking === 'Elb.InitialHealthChecking')
  assert.equal(control.health(key)?.verdict, 'healthy')
  node.report({ ...applied(0), links: [] })
  await until(() => control.health(key)?.linking === undefined)
})

test('the node outlives the control process: it connects again, keeps its objects, and says everything again', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 1, [put('a'), put('b')]))
  const first = await feed.openControl()
  const node = feed.openNode()
  await until(() => feed.desired.length === 1)
  node.report(health(true, ['x', 'healthy']))
  node.report(applied(1))
  await until(() => first.applied() !== undefined)
  await first.close()
  await until(() => !node.connected)
  node.report(health(false, ['y', 'unhealthy']))
  node.report(counters(7))
  await feed.store.transact(1, [put('b', '10.9.0.0/16')])
  // Time enough for the wait to grow to its longest, which is one second.
  await feed.clock.advance(10_000)
  const second = await feed.openControl()
  await feed.clock.advance(1_000)
  await until(() => feed.last()?.revision === 2 && second.counters() !== undefined)
  assert.equal(feed.desired.length, 2)
  assert.equal(feed.last()?.subnets.get('a'), feed.desired[0]?.subnets.get('a'))
  assert.equal(second.health('x')?.verdict, 'healthy')
  assert.equal(second.health('y')?.verdict, 'unhealthy')
  assert.deepEqual(second.applied(), applied(1))
})

test('a node connects within 50 ms of a short absence, and at once to a control process that was there first', async t => {
  const feed = new Feed(t)
  const first = await feed.openControl()
  const node = feed.openNode()
  await until(() => node.connected)
  await first.close()
  await until(() => !node.connected)
  await feed.openControl()
  await feed.clock.advance(49)
  assert.equal(feed.desired.length, 1)
  await feed.clock.advance(1)
  await until(() => node.connected)
})

test('a store that starts anew makes the node forget what it acknowledged of the old one', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 500, [put('a')]))
  const first = await feed.openControl()
  const node = feed.openNode()
  node.report(applied(500))
  await until(() => first.applied() !== undefined)
  await first.close()
  await until(() => !node.connected)
  feed.store = openMemoryStore()
  const second = await feed.openControl()
  node.report(counters(1))
  await feed.clock.advance(50)
  await until(() => second.counters() !== undefined)
  assert.equal(second.applied(), undefined)
  assert.deepEqual(feed.last(), emptyState)
})

test('what one node had in place says nothing of the next one, which has it in place when it says so', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 5, [put('a')]))
  const control = await feed.openControl()
  const first = feed.openNode()
  first.report(applied(5))
  await until(() => control.applied() !== undefined)
  first.close()
  await until(() => !control.nodeConnected)
  assert.deepEqual(control.applied(), applied(5))
  const second = feed.openNode()
  await until(() => control.nodeConnected)
  assert.equal(control.applied(), undefined)
  second.report(applied(3))
  await until(() => control.applied() !== undefined)
  assert.deepEqual(control.applied(), applied(3))
})

test('counters are asked for, by many at once if need be, and an answer is not waited for longer than a second', async t => {
  const feed = new Feed(t)
  const control = await feed.openControl()
  await control.count()
  const node = feed.openNode()
  await until(() => control.nodeConnected && node.connected)
  feed.onCount = () => node.report(counters(feed.counts))
  await Promise.all([control.count(), control.count()])
  assert.deepEqual(control.counters(), counters(1))
  await control.count()
  assert.deepEqual(control.counters(), counters(2))
  feed.onCount = () => {}
  let isOver = false
  const unanswered = control.count().then(() => (isOver = true))
  await until(() => feed.counts === 3)
  await feed.clock.advance(999)
  assert.equal(isOver, false)
  await feed.clock.advance(1)
  await unanswered
  assert.deepEqual(control.counters(), counters(2))
})

test('what is not in place is told when it changes, not with every revision', async t => {
  const feed = new Feed(t)
  const told: Report[] = []
  const server = createServer(socket => {
    socket.write(`${JSON.stringify(wholeState(emptyState))}\n`)
    createInterface({ input: socket }).on('line', line => told.push(JSON.parse(line)))
  }).listen(feed.path)
  t.after(() => server.close())
  await once(server, 'listening')
  const node = feed.openNode()
  await until(() => node.connected)
  const problems = () => [{ listener: 'TCP 10.0.0.1 80', listenerArn: 'arn', reason: 'taken' }]
  for (const revision of [1, 2]) node.report({ ...applied(revision), problems: problems() })
  node.report(applied(3))
  await until(() => told.length === 4)
  assert.deepEqual(told, [
    health(true),
    { ...applied(1), problems: problems() },
    { kind: 'applied', revision: 2 },
    { kind: 'applied', revision: 3, problems: [] },
  ])
})

test('the control process knows what was not told again', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 2, []))
  const control = await feed.openControl()
  const node = feed.openNode()
  const problems = [{ listener: 'TCP 10.0.0.1 80', listenerArn: 'arn', reason: 'taken' }]
  node.report({ ...applied(1), problems })
  await control.waitApplied(1)
  node.report({ ...applied(2), problems })
  await control.waitApplied(2)
  assert.deepEqual(control.applied(), { ...applied(2), problems })
})

test('of results the last one is told, and the last one that failed', async t => {
  const feed = new Feed(t)
  const control = await feed.openControl()
  const results = [1, 2, 3, 4, 5].map(at => ({ at, ok: at > 2, ms: 1, reason: `result ${at}` }))
  const known: Health = { verdict: 'healthy', since: 1, against: 0, results }
  feed.openNode().report({ kind: 'health', whole: true, health: [['x', known]] })
  await until(() => control.health('x') !== undefined)
  assert.deepEqual(control.health('x'), { ...known, results: [results[1], results[4]] })
})

test('waitApplied resolves with the acknowledgement and rejects with its signal and with the end', async t => {
  const feed = new Feed(t)
  const control = await feed.openControl()
  const node = feed.openNode()
  await feed.store.transact(0, [put('a')])
  await feed.store.transact(1, [put('b')])
  const two = control.waitApplied(2)
  let isApplied = false
  two.then(() => (isApplied = true))
  node.report(applied(1))
  await control.waitApplied(1)
  assert.equal(isApplied, false)
  node.report(applied(3))
  await two
  await control.waitApplied(3)
  const abort = new AbortController()
  const aborted = control.waitApplied(4, abort.signal)
  const closed = control.waitApplied(4)
  abort.abort(new Error('too late'))
  await assert.rejects(aborted, /too late/)
  await assert.rejects(control.waitApplied(3, abort.signal), /too late/)
  const closing = assert.rejects(closed, /the feed is closed/)
  await control.close()
  await closing
})

test('a node that does not read gets changes summed up and then the whole state, and no queue grows', async t => {
  const feed = new Feed(t)
  await feed.openControl()
  const socket = await feed.rawNode()
  socket.pause()
  const text = 'x'.repeat(10_000)
  // Enough that no socket buffer holds it all; the same record again and again, so that the state stays small.
  for (let revision = 0; revision < 3_000; revision++) {
    await feed.store.transact(revision, [put('a', `${text}${revision}`)])
  }
  const received: { kind: string; revision: number }[] = []
  createInterface({ input: socket }).on('line', line => received.push(JSON.parse(line)))
  socket.resume()
  await until(() => received.at(-1)?.revision === 3_000)
  assert.equal(received.at(-1)?.kind, 'state')
  assert.ok(received.length < 1_000, `${received.length} messages`)
  await feed.store.transact(3_000, [put('b')])
  await until(() => received.at(-1)?.revision === 3_001)
  assert.equal(received.at(-1)?.kind, 'changes', 'afterwards it follows change by change again')
})

test('a node that takes nothing for 30 seconds is let go, changes meanwhile or not', async t => {
  const feed = new Feed(t, applyChanges(emptyState, 0, [put('a', 'x'.repeat(2_000_000))]))
  const control = await feed.openControl()
  const socket = await feed.rawNode()
  socket.pause()
  socket.write('{"kind":"health","whole":true,"health":[]}\n')
  await until(() => control.nodeConnected)
  await feed.clock.advance(29_000)
  await feed.store.transact(0, [put('b')])
  assert.equal(control.nodeConnected, true)
  await feed.clock.advance(1_000)
  await until(() => !control.nodeConnected)
  assert.match(feed.lines.join(), /took nothing for 30 s/)
})

const garbage = [
  'garbage',
  '',
  '[]',
  'null',
  '{"kind":"state"}',
  '{"kind":"health","whole":true,"health":[["x",5]]}',
  '{"kind":"changes","revision":1,"changes":[{"table":"__proto__","key":"x"}]}',
  '{"kind":"applied","revision":-1,"problems":[],"fallbacks":[],"held":[]}',
  '{"kind":"changes","revision":1,"changes":[]}',
  '{"kind":"count"}',
  '\u0000\u0001\u0002',
]
for (const line of garbage) {
  test(`garbage closes the connection with a line in the log and harms neither end: ${JSON.stringify(line)}`, async t => {
    const feed = new Feed(t)
    const control = await feed.openControl()
    const raw = await feed.rawNode()
    raw.resume().write(`${line}\n`)
    await once(raw, 'close')
    await until(() => feed.lines.length === 1)
    assert.match(feed.lines[0] ?? '', /^feed: the node's connection ended: it sent /)
    const node = feed.openNode()
    await until(() => node.connected && control.nodeConnected)
    await control.close()
    await until(() => !node.connected)

    feed.lines.length = 0
    const server = createServer(socket => socket.on('error', () => {}).write(`${line}\n`)).listen(feed.path)
    t.after(() => server.close())
    await once(server, 'listening')
    await feed.clock.advance(50)
    await until(() => feed.lines.length === 1)
    assert.match(feed.lines[0] ?? '', /^feed: that is no control process: it sent /)
    assert.equal(feed.desired.length, 1)
  })
}

test('the socket is for its user only, and one that a killed process left is replaced', async t => {
  const feed = new Feed(t)
  writeFileSync(feed.path, '')
  const control = await feed.openControl()
  assert.equal(statSync(feed.path).mode & 0o777, 0o600)
  await control.close()
})

test('a socket that cannot be made is refused with what to do', async t => {
  const feed = new Feed(t)
  rmSync(dirname(feed.path), { recursive: true })
  await assert.rejects(feed.openControl(), /^Error: cannot listen on \S+feed\.sock \(.+\): make its directory writable/)
})

test('a data directory with a long path has its socket in a private temporary directory', async t => {
  const short = temporary(t)
  assert.equal(feedPath(short), join(short, 'feed.sock'))
  const long = join(short, 'ä'.repeat(60))
  mkdirSync(long)
  const path = feedPath(long)
  t.after(() => rmSync(dirname(path), { recursive: true, force: true }))
  assert.ok(Buffer.byteLength(path) <= 100)
  assert.equal(path, feedPath(long), 'the same each time')
  assert.notEqual(path, feedPath(`${long}b`))
  rmSync(dirname(feedPath(`${long}b`)), { recursive: true })
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
  const control = await openControlEnd({ path, store: openMemoryStore(), clock: new VirtualClock() })
  await control.close()
  chmodSync(dirname(path), 0o755)
  assert.throws(() => feedPath(long), /is not a directory that only this user can use: remove it/)
})

/** A feed's two ends over a socket of its own, and what they were told. */
class Feed {
  readonly clock = new VirtualClock()
  readonly path: string
  readonly desired: State[] = []
  readonly lines: string[] = []
  /** How often the node was asked for counters, and what it does then. */
  counts = 0
  onCount = () => {}
  store: Store
  readonly #t: TestContext

  constructor(t: TestContext, state = emptyState) {
    this.#t = t
    this.path = join(temporary(t), 'feed.sock')
    this.store = openMemoryStore(state)
  }

  last(): State | undefined {
    return this.desired.at(-1)
  }

  async openControl(): Promise<ControlEnd> {
    const { path, store, clock, lines } = this
    const control = await openControlEnd({ path, store, clock, log: line => lines.push(line) })
    this.#t.after(() => control.close())
    return control
  }

  openNode(): NodeEnd {
    const { path, clock, desired, lines } = this
    const onCount = () => {
      this.counts++
      this.onCount()
    }
    const onDesired = (state: State) => desired.push(state)
    const node = openNodeEnd({ path, clock, onDesired, onCount, log: line => lines.push(line) })
    this.#t.after(() => node.close())
    return node
  }

  async rawNode(): Promise<Socket> {
    const socket = connect(this.path)
    this.#t.after(() => socket.destroy())
    await once(socket, 'connect')
    return socket
  }
}

function temporary(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-feed-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000
  while (!condition()) {
    assert.ok(Date.now() < deadline, `not within 5 s: ${condition}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

function put(id: string, cidrBlock = '10.0.0.0/16'): Change {
  return { table: 'subnets', key: id, value: subnet(id, cidrBlock) }
}

function health(
  whole: boolean,
  ...verdicts: [string, Health['verdict'] | null][]
): Extract<Report, { kind: 'health' }> {
  return {
    kind: 'health',
    whole,
    health: verdicts.map(([key, verdict]) => [
      key,
      verdict === null ? null : { verdict, since: 1, against: 0, results: [] },
    ]),
  }
}

function applied(revision: number): AppliedReport {
  return { kind: 'applied', revision, problems: [], fallbacks: [], held: [], delayed: [], links: [] }
}

function counters(newFlows: number): CountersReport {
  const one = { newFlows, activeFlows: 0, bytesIn: 0, bytesOut: 0 }
  return { kind: 'counters', listeners: [], targets: [{ target: 'x', ...one }] }
}
