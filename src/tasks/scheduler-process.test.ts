import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock as clock } from '../clock.ts'
import { type Change, changesBetween, emptyState, type State } from '../domain/state.ts'
import { taskId } from '../domain/task.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import type { Store } from '../store/store.ts'
import { openProcessRuntime } from './process/runtime.ts'
import { openScheduler, type Scheduler } from './scheduler.ts'
import { definition, ecsState, service, taskSet } from './service.fixture.ts'

async function until(store: Store, isSo: (state: State) => boolean): Promise<void> {
  if (isSo(store.read())) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = store.watch(({ state }) => isSo(state) && resolve())
  await promise
  stop()
}

const statuses = (state: State) => [...state.tasks.values()].map(({ lastStatus }) => lastStatus).sort()
const are = (state: State, ...wanted: string[]) => statuses(state).join() === wanted.join()

test('real processes of a service are started, adopted after a restart, replaced when they end, and ended', async t => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-scheduler-'))
  const store = await openSqliteStore(dataDir)
  let scheduler: Scheduler | undefined
  t.after(async () => {
    await scheduler?.close()
    await store.close()
    rmSync(dataDir, { recursive: true, force: true })
  })
  const its = definition(1, { entryPoint: ['sh', '-c', 'echo here; while :; do sleep 1; done'], portMappings: [] })
  const wanted = ecsState({
    services: [service({ loadBalancers: [] })],
    taskSets: [taskSet(1, { loadBalancers: [] })],
    definitions: [its],
  })
  await store.transact(0, changesBetween(emptyState, wanted))
  const open = () =>
    openScheduler({
      store,
      clock,
      health: () => undefined,
      hasApplied: () => true,
      onReport: () => () => {},
      openRuntime: onEvent => openProcessRuntime({ dataDir, user: 'nobody', clock, onEvent, log: () => {} }),
      log: () => {},
    })

  scheduler = await open()
  await until(store, state => are(state, 'RUNNING', 'RUNNING'))
  await scheduler.leave()
  const before = [...store.read().tasks.values()]

  scheduler = await open()
  const [one] = before
  assert.ok(one)
  assert.equal((await scheduler.logs(taskId(one), 100))?.toString(), 'here\n')
  assert.deepEqual([...store.read().tasks.values()], before)
  const stopped: Change = { table: 'tasks', key: one.arn, value: { ...one, desiredStatus: 'STOPPED' } }
  await store.transact(store.read().revision, [stopped])
  await until(store, state => are(state, 'RUNNING', 'RUNNING', 'STOPPED'))
  await scheduler.close()
  scheduler = undefined
  assert.deepEqual(statuses(store.read()), ['STOPPED', 'STOPPED', 'STOPPED'])
})
