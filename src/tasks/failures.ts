import type { EcsService } from '../domain/ecs-service.ts'
import type { TaskSet } from '../domain/task-set.ts'

/** A task that has run for so long and is healthy has succeeded. */
export const provenAfterMs = 10_000

const longestDelayMs = 60_000

/**
 * The set after one of its tasks failed. A task that did not run for long is started again after a delay, a second at first, that
 * doubles each time that as many tasks failed as the set is to have.
 *
 * @param ranMs how long the task ran
 */
export function afterFailure(set: TaskSet, ranMs: number, now: number): TaskSet {
  const failedTasks = set.failedTasks + 1
  const rounds = Math.ceil(failedTasks / Math.max(1, set.desiredCount))
  const delayMs = ranMs >= provenAfterMs ? 0 : Math.min(longestDelayMs, 1000 * 2 ** (rounds - 1))
  return { ...set, failedTasks, startNotBefore: Math.max(now + delayMs, set.startNotBefore ?? 0), updatedAt: now }
}

/** The set after one of its tasks that was started since the last failure has proven well. */
export function afterSuccess(set: TaskSet, now: number): TaskSet {
  const { startNotBefore, ...rest } = set
  return { ...rest, failedTasks: 0, updatedAt: now }
}

/** Whether so many tasks failed in a row that a rolling update is given up (AWS: deployment circuit breaker). */
export function isGivenUp(service: EcsService, set: TaskSet): boolean {
  if (!service.circuitBreaker.enable || set.rolloutState !== 'IN_PROGRESS') return false
  return set.failedTasks >= Math.min(200, Math.max(3, Math.ceil(service.desiredCount / 2)))
}
