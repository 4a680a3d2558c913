import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Health } from '../domain/health.ts'
import { health, now } from '../domain/state.fixture.ts'
import { type Change, tableNames } from '../domain/state.ts'
import { targetKey } from '../domain/target-group.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { Store } from '../store/store.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { FakeHost } from './fake-runtime.fixture.ts'
import { openScheduler } from './scheduler.ts'
import { ecsState, service, serviceArn, taskSet } from './service.fixture.ts'

/** A service of two tasks, a host for them, and a node that finds all targets healthy. */
async function started(
  t: { after(done: () => Promise<void>): void },
  { tasks = true, store = openMemoryStore(ecsState({})) } = {},
) {
  const clock = new VirtualClock(now)
  const host = new FakeHost(clock)
  const lines: string[] = []
  const listeners = new Set<() => void>()
  let verdict: Health['verdict'] = 'healthy'
  const node = { revision: Infinity }
  const open = () =>
    openScheduler({
      store,
      clock,
      health: key => {
        const { targets = [] } = store.read().targetGroups.get('arn:tg') ?? {}
        const registered = targets.find(target => targetKey('arn:tg', target) === key)
        return health(verdict, { registeredAt: registered?.registeredAt ?? clock.now() })
      },
      hasApplied: revision => revision <= node.revision,
      onReport(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      ...(tasks ? { openRuntime: onEvent => host.open({ onEvent }) } : {}),
      log: line => lines.push(line),
    })
  const scheduler = await open()
  t.after(() => scheduler.leave())
  await clock.advance(0)
  const report = async () => {
    for (const listener of listeners) listener()
    await clock.advance(0)
  }
  const judge = (its: Health['verdict']) => {
    verdict = its
    return report()
  }
  const acknowledge = (revision: number) => {
    node.revision = revision
    return report()
  }
  return { clock, host, lines, store, scheduler, open, judge, acknowledge }
}

const statuses = (store: Store) => [...store.read().tasks.values()].map(({ lastStatus }) => lastStatus)
const rollout = (store: Store) => [...store.read().taskSets.values()].map(({ rolloutState }) => rolloutState)

async function put(store: Store, ...changes: readonly Change[]): Promise<void> {
  await store.transact(store.read().revision, changes)
}

test('services get their tasks, and the store says so', async t => {
  const { host, store } = await started(t)
  assert.equal(host.running().length, 2)
  assert.deepEqual(statuses(store), ['RUNNING', 'RUNNING'])
  assert.deepEqual(rollout(store), ['COMPLETED'])
  assert.equal(store.read().targetGroups.get('arn:tg')?.targets.length, 2)
})

test('all that happens in one turn is one commit, and when nothing is to do there is none', async t => {
  const { clock, host, store, lines } = await started(t)
  await clock.advance(60_000)
  let commits = 0
  store.watch(() => commits++)
  for (const { spec } of host.running()) host.exit(spec.id, 1)
  await clock.advance(0)
  assert.deepEqual(statuses(store), ['STOPPED', 'STOPPED', 'RUNNING', 'RUNNING'])
  assert.equal(commits, 2, 'their end and their replacements; these run')
  await clock.advance(30_000)
  assert.equal(commits, 3, 'they have proven well')
  assert.equal(lines.length, 2)
  assert.match(
    lines[0] ?? '',
    /^task [0-9a-f]{32} of service:web ended: exited with 1 \(sluice task logs [0-9a-f]{32}\)$/,
  )
})

test('a report of health wakes it', async t => {
  const { judge, host } = await started(t)
  await judge('unhealthy')
  assert.ok(host.running().length > 2, 'replacements come first')
})

test('a commit of somebody else wakes it, and one that comes between is no harm', async t => {
  const { clock, host, store } = await started(t)
  const [set] = [...store.read().taskSets.values()]
  assert.ok(set)
  const before = store.read()
  await put(store, { table: 'services', key: serviceArn, value: service({ desiredCount: 3 }) })
  // In the same turn: whichever of the two comes second has to begin anew.
  await put(store, { table: 'taskSets', key: taskSet(2).arn, value: { ...taskSet(2), serviceArn: 'arn:other' } })
  await clock.advance(0)
  assert.ok(store.read().revision > before.revision)
  assert.equal(host.running().length, 3)
})

test('left and opened again it adopts what runs, and replaces what ended meanwhile', async t => {
  const { clock, host, store, scheduler, open } = await started(t)
  await clock.advance(60_000)
  await scheduler.leave()
  const [first, second] = host.running().map(({ spec }) => spec.id)
  assert.ok(first && second)
  host.exit(first, 1)
  assert.deepEqual(statuses(store), ['RUNNING', 'RUNNING'])
  const next = await open()
  t.after(() => next.leave())
  await clock.advance(0)
  assert.deepEqual(statuses(store), ['STOPPED', 'RUNNING', 'RUNNING'])
  assert.equal(host.running()[0]?.spec.id, second)
  assert.equal(host.running().length, 2)
  const failures = () => [...store.read().taskSets.values()].map(({ failedTasks }) => failedTasks)
  assert.deepEqual(failures(), [0], 'nobody knows why it ended')
  host.exit(second, 1)
  await clock.advance(0)
  assert.deepEqual(failures(), [1])
})

test('tasks that were being started when it died are replaced, and count as no failures', async t => {
  const { clock, host, store, scheduler, open } = await started(t)
  host.startMs = 60_000
  await put(store, { table: 'services', key: serviceArn, value: service({ desiredCount: 5 }) })
  await clock.advance(1_000)
  assert.equal(statuses(store).filter(status => status === 'PENDING').length, 3)
  await scheduler.leave()
  const next = await open()
  t.after(() => next.leave())
  host.startMs = 0
  await clock.advance(0)
  assert.deepEqual(statuses(store).sort(), [...Array(5).fill('RUNNING'), ...Array(3).fill('STOPPED')])
  const [set] = store.read().taskSets.values()
  assert.deepEqual([set?.failedTasks, set?.startNotBefore], [0, undefined])
  const stopped = [...store.read().tasks.values()].find(({ lastStatus }) => lastStatus === 'STOPPED')
  assert.equal(stopped?.stoppedReason, 'ended while nobody watched')
})

test('whoever schedules by then, a task is stopped once the node has acknowledged that nothing goes there', async t => {
  const { clock, host, store, scheduler, open, acknowledge } = await started(t)
  await acknowledge(0)
  await put(store, { table: 'services', key: serviceArn, value: service({ desiredCount: 1 }) })
  await clock.advance(400_000)
  const leaving = [...store.read().tasks.values()].find(({ lastStatus }) => lastStatus === 'DEACTIVATING')
  await scheduler.leave()
  const next = await open()
  t.after(() => next.leave())
  await clock.advance(400_000)
  assert.equal(host.running().length, 2)
  await acknowledge((leaving?.released?.revision ?? Infinity) - 1)
  await clock.advance(2_000)
  assert.equal(host.running().length, 2)
  await acknowledge(store.read().revision)
  await clock.advance(999)
  assert.equal(host.running().length, 2)
  await clock.advance(1)
  assert.equal(host.running().length, 1)
})

test('closed it ends all tasks, which counts as no failure when it is opened again', async t => {
  const { clock, host, store, scheduler, open } = await started(t)
  await scheduler.close()
  assert.equal(host.running().length, 0)
  assert.deepEqual(statuses(store), ['STOPPED', 'STOPPED'])
  const next = await open()
  t.after(() => next.leave())
  await clock.advance(0)
  assert.equal(host.running().length, 2)
  assert.deepEqual(
    [...store.read().taskSets.values()].map(({ failedTasks }) => failedTasks),
    [0],
  )
  const targets = store.read().targetGroups.get('arn:tg')?.targets ?? []
  assert.equal(targets.filter(({ deregistration }) => deregistration === undefined).length, 2)
})

test('a reset stops everything', async t => {
  const { clock, host, store } = await started(t)
  const state = store.read()
  await put(store, ...tableNames.flatMap(table => [...state[table].keys()].map((key): Change => ({ table, key }))))
  await clock.advance(0)
  assert.equal(host.running().length, 0)
})

test('without a runtime tasks stay as they are, and the operator is told once', async t => {
  const { clock, store, lines, scheduler } = await started(t, { tasks: false })
  await clock.advance(120_000)
  assert.deepEqual(statuses(store), ['PROVISIONING', 'PROVISIONING'])
  assert.deepEqual(lines, ['tasks are asked for and none is run: start Sluice with --tasks process or --tasks docker'])
  assert.equal(await scheduler.logs('0'.repeat(32), 10), undefined)
})

test('what tasks write can be asked for', async t => {
  const { host, scheduler } = await started(t)
  const [task] = host.running()
  assert.ok(task)
  task.output = 'hello\n'
  assert.equal((await scheduler.logs(task.spec.id, 100))?.toString(), 'hello\n')
})

test('a store that cannot be written is tried again', async t => {
  const store = openMemoryStore(ecsState({}))
  const { transact } = store
  let isFull = true
  store.transact = (expected, changes) =>
    isFull && changes.length > 0 ? Promise.reject(new Error('the disk is full')) : transact(expected, changes)
  const { clock, host, lines } = await started(t, { store })
  assert.deepEqual(lines, ['tasks are not scheduled, tried again in a second: the disk is full'])
  isFull = false
  await clock.advance(1_000)
  assert.equal(host.running().length, 2)
})
