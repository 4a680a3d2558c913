import { type EcsService, failureThreshold } from '../domain/ecs-service.ts'
import {
  alarmAgainst,
  isFinal,
  revisionArnOf,
  type ServiceDeployment,
  serviceDeploymentsOf,
} from '../domain/service-deployment.ts'
import type { State } from '../domain/state.ts'
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

/** Why a rolling update is given up, and whether the last complete one is to come back. */
export interface GivenUp {
  /** As AWS's reasons begin: who gives it up. */
  readonly by: string
  /** As they go on. */
  readonly why: string
  readonly rollback: boolean
}

/**
 * Why the rolling update to this set is given up: somebody stops it, so many tasks failed in a row (AWS: deployment circuit breaker), or an
 * alarm speaks against it (AWS: deployment alarms). `undefined`: it goes on.
 */
export function givenUp(state: State, service: EcsService, set: TaskSet): GivenUp | undefined {
  if (set.rolloutState !== 'IN_PROGRESS') return undefined
  const { enable, rollback } = service.circuitBreaker
  if (enable && set.failedTasks >= failureThreshold(service.desiredCount))
    return { by: 'ECS deployment circuit breaker', why: 'tasks failed to start.', rollback }
  const deployment = rollingDeployment(state, service, set)
  if (deployment === undefined) return undefined
  const { asked, settings } = deployment
  if (asked.stop !== undefined)
    return { by: 'ECS deployment', why: 'stopped by a user.', rollback: asked.stop.type === 'ROLLBACK' }
  // Until it has begun, nobody has looked which of its alarms was in ALARM before.
  if (deployment.startedAt === undefined) return undefined
  const alarm = alarmAgainst(state, deployment)
  if (alarm === undefined) return undefined
  return { by: 'ECS deployment alarms', why: `alarm detected: ${alarm}.`, rollback: settings.alarms?.rollback === true }
}

/** The record of the rolling update to this set, as long as it is not over. */
export function rollingDeployment(state: State, service: EcsService, set: TaskSet): ServiceDeployment | undefined {
  const arn = revisionArnOf(set)
  return serviceDeploymentsOf(state, service.arn).find(its => its.targetRevisionArn === arn && !isFinal(its))
}
