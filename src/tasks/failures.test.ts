import assert from 'node:assert/strict'
import { test } from 'node:test'
import { now } from '../domain/state.fixture.ts'
import { afterFailure, afterSuccess, givenUp } from './failures.ts'
import { ecsState, service, taskSet } from './service.fixture.ts'

const isGivenUp = (...of: [ReturnType<typeof service>, ReturnType<typeof taskSet>]) =>
  givenUp(ecsState({}), ...of) !== undefined

test('an update is given up after half as many failures as there are to be tasks, 3 at least and 200 at most', () => {
  const rows = [
    [1, 3],
    [6, 3],
    [7, 4],
    [100, 50],
    [1000, 200],
  ] as const
  for (const [desiredCount, threshold] of rows) {
    const its = service({ desiredCount, circuitBreaker: { enable: true, rollback: false } })
    assert.equal(isGivenUp(its, taskSet(1, { failedTasks: threshold - 1 })), false)
    assert.equal(isGivenUp(its, taskSet(1, { failedTasks: threshold })), true)
    assert.equal(isGivenUp(its, taskSet(1, { failedTasks: threshold, rolloutState: 'COMPLETED' })), false)
  }
  assert.equal(isGivenUp(service(), taskSet(1, { failedTasks: 1000 })), false, 'without a circuit breaker')
})

test('tasks that fail together double the delay once', () => {
  let set = taskSet(1, { desiredCount: 3 })
  const delays = Array.from({ length: 7 }, () => {
    set = afterFailure(set, 0, now)
    return (set.startNotBefore ?? 0) - now
  })
  assert.deepEqual(delays, [1000, 1000, 1000, 2000, 2000, 2000, 4000])
})

test('a task that ran for long is started again at once, and a success forgets all failures', () => {
  const failed = afterFailure(taskSet(1), 10_000, now)
  assert.deepEqual([failed.failedTasks, failed.startNotBefore], [1, now])
  const { failedTasks, startNotBefore } = afterSuccess(failed, now)
  assert.deepEqual([failedTasks, startNotBefore], [0, undefined])
})
