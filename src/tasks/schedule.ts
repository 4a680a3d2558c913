import { type EcsService, rolls } from '../domain/ecs-service.ts'
import { applyChanges, type Change, changesBetween, type State } from '../domain/state.ts'
import type { TaskSet } from '../domain/task-set.ts'
import { afterSuccess, provenAfterMs } from './failures.ts'
import { Plan, type Surroundings } from './plan.ts'
import { registerTasks } from './registration.ts'
import { bounds } from './roll.ts'
import { rollOn } from './rolling-update.ts'
import { scale, seenOf } from './scale.ts'
import { conclude, isSteady } from './steadiness.ts'
import { leave, settleStopped } from './task-end.ts'

/** More rounds than any chain of consequences has: a failure, a roll-back, its stops, their deregistration. */
const mostRounds = 10

/**
 * What is to change so that services get the tasks they ask for: tasks put and asked to stop, targets registered and deregistered,
 * task sets and services brought up to date. Applied to its own result it changes nothing until time or health moves.
 */
export function schedule(
  state: State,
  surroundings: Surroundings,
): {
  readonly changes: readonly Change[]
  /** When time alone asks for another pass, milliseconds since the epoch; Infinity if it never does. */
  readonly nextAt: number
} {
  let reached = state
  for (let round = 0; round < mostRounds; round++) {
    const plan = new Plan(reached, surroundings)
    advance(plan)
    const { changes } = plan
    if (changes.length === 0) return { changes: changesBetween(state, reached), nextAt: plan.nextAt }
    reached = applyChanges(reached, state.revision, changes)
  }
  return { changes: changesBetween(state, reached), nextAt: surroundings.now + 1 }
}

function advance(plan: Plan): void {
  const services = plan.services()
  const steady = new Set(services.filter(service => isSteady(service, plan.taskSetsOf(service))))
  settleStopped(plan)
  for (const service of services) balance(plan, service)
  leave(plan)
  for (const service of services) conclude(plan, service, steady.has(service))
}

function balance(plan: Plan, service: EcsService): void {
  for (const set of plan.taskSetsOf(service)) {
    if (set.status === 'DRAINING') continue
    if (service.status === 'DRAINING') {
      plan.put('taskSets', { ...set, status: 'DRAINING', desiredCount: 0, updatedAt: plan.now })
      continue
    }
    registerTasks(plan, set)
    recordSuccess(plan, service, set)
  }
  if (rolls(service)) rollOn(plan, service)
  for (const set of plan.taskSetsOf(service)) {
    if (set.status !== 'DRAINING' && rolls(service)) continue
    const its = set.status === 'DRAINING' ? { ...set, desiredCount: 0 } : set
    scale(
      plan,
      service,
      its,
      seenOf(plan, service, its),
      bounds({ ...service, desiredCount: its.desiredCount }).maximum,
    )
  }
}

/** A task that was started since the last failure and has proven well ends the failures' count. */
function recordSuccess(plan: Plan, service: EcsService, set: TaskSet): void {
  const { startNotBefore } = set
  if (startNotBefore === undefined) return
  for (const { task, condition } of seenOf(plan, service, set)) {
    if (condition !== 'healthy' || task.startedAt === undefined || task.startedAt < startNotBefore) continue
    const provenAt = task.startedAt + provenAfterMs
    if (provenAt <= plan.now) {
      plan.put('taskSets', afterSuccess(set, plan.now))
      return
    }
    plan.wakeAt(provenAt)
  }
}
