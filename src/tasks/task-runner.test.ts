import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges, type Change } from '../domain/state.ts'
import { type Task, taskId } from '../domain/task.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { FakeHost } from './fake-runtime.fixture.ts'
import { clusterArn, definition, ecsState } from './service.fixture.ts'
import { endedChanges, TaskRunner, taskChanges, taskSpec } from './task-runner.ts'

const hex = (digit: string) => digit.repeat(32)

function task(digit: string, extra: Partial<Task> = {}): Task {
  return {
    arn: `arn:aws:ecs:us-east-1:000000000000:task/default/${hex(digit)}`,
    clusterArn,
    taskDefinitionArn: definition(1).arn,
    group: 'family:web',
    desiredStatus: 'RUNNING',
    lastStatus: 'PENDING',
    healthStatus: 'UNKNOWN',
    createdAt: 0,
    recorded: {},
    tags: [],
    ...extra,
  }
}

function stateOf(...tasks: readonly Task[]) {
  const state = ecsState({ services: [], taskSets: [] })
  return applyChanges(
    state,
    state.revision + 1,
    tasks.map(value => ({ table: 'tasks', key: value.arn, value }) as const),
  )
}

/** The one task that is put. */
function written(changes: readonly Change[]): Task {
  assert.equal(changes.length, 1)
  return (changes[0]?.value ?? assert.fail()) as Task
}

function opened() {
  const host = new FakeHost(new VirtualClock(0))
  const runner: TaskRunner = new TaskRunner(host.open({ onEvent: event => runner.hear(event) }))
  const ids = () => host.running().map(({ spec }) => spec.id)
  const kinds = () => runner.events.map(({ id, kind }) => `${id[0]} ${kind}`)
  return { host, runner, ids, kinds }
}

test('what is pending is started once, what is stopping is stopped once', () => {
  const { runner, ids, kinds } = opened()
  const [a, b, c] = [task('a'), task('b', { lastStatus: 'PROVISIONING' }), task('c', { lastStatus: 'STOPPED' })]
  runner.align(stateOf(a, b, c))
  runner.align(stateOf(a, b, c))
  assert.deepEqual(ids(), [hex('a')])
  runner.align(stateOf({ ...a, lastStatus: 'STOPPING' }))
  runner.align(stateOf({ ...a, lastStatus: 'STOPPING' }))
  assert.deepEqual(ids(), [])
  assert.deepEqual(kinds(), ['a running', 'a stopped'])
})

test('a task whose record vanished is stopped', () => {
  const { runner, ids } = opened()
  runner.align(stateOf(task('a'), task('b')))
  runner.align(stateOf(task('b')))
  assert.deepEqual(ids(), [hex('b')])
})

test('one that failed is not started again before that is written down', () => {
  const { host, runner, kinds } = opened()
  host.refuse = () => 'spawn nosuch ENOENT'
  const state = stateOf(task('a'))
  runner.align(state)
  runner.align(state)
  assert.deepEqual(kinds(), ['a stopped'])
  const { lastStatus, stopCode, stoppedReason, stoppedAt } = written(taskChanges(state, runner.events, 5))
  assert.deepEqual(
    [lastStatus, stopCode, stoppedReason, stoppedAt],
    ['STOPPED', 'TaskFailedToStart', 'spawn nosuch ENOENT', 5],
  )
})

test('adopts what had been started, and the rest that runs is ended', async () => {
  const { host, runner } = opened()
  runner.align(stateOf(task('a'), task('b'), task('c')))
  const later: TaskRunner = new TaskRunner(host.open({ onEvent: event => later.hear(event) }))
  const running = task('a', { lastStatus: 'RUNNING' })
  const gone = task('d', { lastStatus: 'DEACTIVATING', desiredStatus: 'STOPPED' })
  await later.adopt(stateOf(running, gone, task('b', { lastStatus: 'PROVISIONING' })))
  assert.deepEqual(
    later.events.map(({ id, kind }) => `${id[0]} ${kind}`),
    ['a running', 'd stopped'],
  )
  assert.deepEqual(
    host.running().map(({ spec }) => spec.id),
    [hex('a')],
  )
  later.align(stateOf(running))
  assert.equal(host.running().length, 1)
})

test('an event that says nothing new changes nothing', () => {
  const place = { address: '10.0.1.7', ports: { 8080: 8080 } }
  const before = task('a', { lastStatus: 'DEACTIVATING', startedAt: 3, ...place })
  const told = { id: hex('a'), kind: 'running', place, startedAt: 9 } as const
  assert.deepEqual(taskChanges(stateOf(before), [told, { ...told, id: hex('f') }], 10), [])
  const moved = taskChanges(stateOf(before), [{ ...told, place: { ...place, address: '10.0.1.8' } }], 10)
  assert.deepEqual(moved[0]?.value, { ...before, address: '10.0.1.8' })
  assert.deepEqual(taskChanges(stateOf(task('a', { lastStatus: 'STOPPED' })), [told], 10), [])
})

test('why somebody stopped a task stays its reason', () => {
  const asked = task('a', { lastStatus: 'STOPPING', stopCode: 'UserInitiated', stoppedReason: 'Task stopped by user' })
  const events = [{ id: hex('a'), kind: 'stopped', failedToStart: false, reason: 'killed', exitCode: 137 }] as const
  const { stopCode, stoppedReason, exitCode } = written(taskChanges(stateOf(asked), events, 10))
  assert.deepEqual([stopCode, stoppedReason, exitCode], ['UserInitiated', 'Task stopped by user', 137])
})

test('tasks that ended because Sluice did are no failures', () => {
  const state = stateOf(task('a', { lastStatus: 'RUNNING' }), task('b', { lastStatus: 'PROVISIONING' }))
  const changes = endedChanges(state, 'Sluice was stopped', 10)
  const { desiredStatus, lastStatus, stoppedReason } = written(changes)
  assert.deepEqual([desiredStatus, lastStatus, stoppedReason], ['STOPPED', 'STOPPED', 'Sluice was stopped'])
})

test("RunTask's overrides go over what the definition says", () => {
  const overrides = { command: ['--once'], environment: { B: '2' } }
  const state = ecsState({ definitions: [definition(1, { command: ['--loop'], environment: { A: '1', B: '1' } })] })
  const spec = taskSpec(state, task('a', { overrides }))
  assert.deepEqual([spec?.id, spec?.name], [taskId(task('a')), 'web:1'])
  assert.deepEqual([spec?.entryPoint, spec?.command], [['serve'], ['--once']])
  assert.deepEqual(spec?.environment, { A: '1', B: '2' })
  assert.equal(taskSpec(state, task('a', { taskDefinitionArn: 'arn:nothing' })), undefined)
})
