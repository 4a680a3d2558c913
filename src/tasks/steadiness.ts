import { type EcsService, rolls } from '../domain/ecs-service.ts'
import type { TaskSet } from '../domain/task-set.ts'
import type { Plan } from './plan.ts'
import { seenOf } from './scale.ts'

/** Whether nothing is left to do for the service, as far as its records say. */
export function isSteady(service: EcsService, sets: readonly TaskSet[]): boolean {
  if (service.status !== 'ACTIVE' || sets.length === 0) return false
  if (sets.some(({ status, stabilityStatus }) => status === 'DRAINING' || stabilityStatus !== 'STEADY_STATE'))
    return false
  return !rolls(service) || (sets.length === 1 && sets[0]?.rolloutState === 'COMPLETED')
}

/**
 * Writes down what has been reached: stability, a rolling update that is complete, sets and services of which nothing is left.
 *
 * @param wasSteady whether it was before this pass
 */
export function conclude(plan: Plan, service: EcsService, wasSteady: boolean): void {
  for (const set of plan.taskSetsOf(service)) {
    if (set.status !== 'DRAINING') judgeStability(plan, service, set)
    else if (isEmpty(plan, set)) plan.remove('taskSets', set.arn)
  }
  const completed = rolls(service) ? endRollout(plan, service) : undefined
  const left = plan.taskSetsOf(service)
  if (!wasSteady && isSteady(service, left)) plan.tell(service.arn, undefined, 'has reached a steady state.')
  if (completed !== undefined) plan.tell(service.arn, undefined, `(deployment ${completed.id}) deployment completed.`)
  if (service.status === 'DRAINING' && left.length === 0) {
    plan.put('services', { ...(plan.state.services.get(service.arn) ?? service), status: 'INACTIVE' })
  }
}

/** Ends a rolling update of which nothing old is left; answers it if it is complete by now. What a roll-back may lead to stays until then. */
function endRollout(plan: Plan, service: EcsService): TaskSet | undefined {
  const sets = plan.taskSetsOf(service)
  const primary = sets.find(({ status }) => status === 'PRIMARY')
  const others = sets.filter(({ status }) => status === 'ACTIVE')
  if (primary === undefined || !others.every(set => isEmpty(plan, set))) return undefined
  const isComplete = primary.rolloutState === 'IN_PROGRESS' && primary.stabilityStatus === 'STEADY_STATE'
  if (!isComplete && primary.rolloutState !== 'COMPLETED') return undefined
  for (const set of others) plan.remove('taskSets', set.arn)
  if (!isComplete) return undefined
  const rolloutStateReason = `ECS deployment ${primary.id} completed.`
  plan.put('taskSets', { ...primary, rolloutState: 'COMPLETED', rolloutStateReason, updatedAt: plan.now })
  return primary
}

function judgeStability(plan: Plan, service: EcsService, set: TaskSet): void {
  const seen = seenOf(plan, service, set)
  const isComplete = seen.length === set.desiredCount
  const isStable = isComplete && seen.every(({ condition }) => condition === 'healthy')
  // Nobody knows how targets are until the node has spoken after a start of ours: that unsettles nothing.
  const mayBeStable = isComplete && seen.every(({ condition }) => condition === 'healthy' || condition === 'unknown')
  const stabilityStatus = isStable ? 'STEADY_STATE' : mayBeStable ? set.stabilityStatus : 'STABILIZING'
  if (set.stabilityStatus === stabilityStatus) return
  plan.put('taskSets', { ...set, stabilityStatus, stabilityStatusAt: plan.now, updatedAt: plan.now })
}

function isEmpty(plan: Plan, set: TaskSet): boolean {
  return plan.tasksOf(set.arn).every(({ lastStatus }) => lastStatus === 'STOPPED')
}
