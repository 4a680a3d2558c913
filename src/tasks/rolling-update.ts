import type { EcsService } from '../domain/ecs-service.ts'
import { revisionArnOf } from '../domain/service-deployment.ts'
import type { TaskSet } from '../domain/task-set.ts'
import { afterSuccess, givenUp, rollingDeployment } from './failures.ts'
import type { Plan } from './plan.ts'
import { bounds, type Grade, grades, type Slot, slotsToKeep } from './roll.ts'
import { mayStart, type Seen, scale, seenOf, shrink } from './scale.ts'
import { isFailing } from './task-condition.ts'

/** Moves a service of the controller ECS towards its newest deployment, as far as its minimum and maximum allow. */
export function rollOn(plan: Plan, service: EcsService): void {
  breakOff(plan, service)
  const sets = plan.taskSetsOf(service).filter(({ status }) => status !== 'DRAINING')
  const primary = sets.find(({ status }) => status === 'PRIMARY')
  if (primary === undefined) return
  const { desiredCount: desired } = service
  const { minimum, maximum } = bounds(service)
  const newest = withDesiredCount(plan, primary, desired)
  const seen = seenOf(plan, service, newest)
  const old = sets.filter(set => set !== primary).map(set => ({ set, seen: seenOf(plan, service, set) }))
  const slots = old.flatMap(slotsOf).sort((a, b) => grades.indexOf(a.grade) - grades.indexOf(b.grade))
  const sound = seen.filter(({ condition }) => !isFailing(condition))
  // A failing one is replaced in its own place.
  const missing = mayStart(plan, newest) ? Math.max(0, desired - seen.length) : 0
  const healthy = sound.filter(({ condition }) => condition === 'healthy').length
  const live = Math.min(seen.length, desired)
  const kept = slotsToKeep({ desired, minimum, maximum, live, healthy, missing, slots })
  if (missing > 0 && minimum >= maximum && kept.length > desired - missing) sayStuck(plan, service, newest)

  const shares = old.map(({ set, seen }) => {
    const share = kept.filter(({ taskSetArn }) => taskSetArn === set.arn).length
    return { set: withDesiredCount(plan, set, share), seen, live: Math.min(share, seen.length) }
  })
  scale(
    plan,
    service,
    newest,
    seen,
    shares.reduce((room, { live }) => room - live, maximum),
  )
  for (const { set, seen } of shares) {
    const room = maximum - liveTasks(plan, sets) + seen.length
    // Once the update is given up, the deployment before it is what is left to keep well.
    const keep = newest.rolloutState === 'FAILED' && set.rolloutState === 'COMPLETED' ? scale : shrink
    keep(plan, service, set, seen, room)
  }
}

/** Gives an update up where something speaks against it; with `rollback`, the last complete deployment becomes the newest again. */
function breakOff(plan: Plan, service: EcsService): void {
  const sets = plan.taskSetsOf(service)
  const primary = sets.find(({ status }) => status === 'PRIMARY')
  const cause = primary && givenUp(plan.state, service, primary)
  if (primary === undefined || cause === undefined) return
  const failed = `${cause.by}: ${cause.why}`
  const given = { ...primary, rolloutState: 'FAILED', rolloutStateReason: failed, updatedAt: plan.now } as const
  plan.tell(service.arn, undefined, `(deployment ${primary.id}) deployment failed: ${cause.why}`)
  const last = sets.findLast(set => set.status === 'ACTIVE' && set.rolloutState === 'COMPLETED')
  const isRolledBack = cause.rollback && last !== undefined
  plan.put('taskSets', isRolledBack ? { ...given, status: 'ACTIVE' } : given)
  if (!isRolledBack) return
  plan.put('taskSets', {
    ...afterSuccess(last, plan.now),
    status: 'PRIMARY',
    rolloutState: 'IN_PROGRESS',
    rolloutStateReason: `${cause.by}: rolling back to deploymentId ${last.id}.`,
  })
  const deployment = rollingDeployment(plan.state, service, primary)
  if (deployment !== undefined) {
    // The failed set may be gone before anybody else looks.
    const rollback = { reason: failed, startedAt: plan.now, revisionArn: revisionArnOf(last) }
    plan.put('serviceDeployments', {
      ...deployment,
      status: 'ROLLBACK_IN_PROGRESS',
      statusReason: failed,
      rollback,
      updatedAt: plan.now,
    })
  }
  const current = plan.state.services.get(service.arn) ?? service
  const { taskDefinitionArn } = last
  const { loadBalancers } = plan.state.serviceRevisions.get(revisionArnOf(last)) ?? last
  plan.put('services', { ...current, taskDefinitionArn, loadBalancers })
  plan.tell(service.arn, undefined, `rolling back to deployment ${last.id}.`)
}

/** An older deployment's places; only one that was complete once has missing tasks started again. */
function slotsOf({ set, seen }: { set: TaskSet; seen: readonly Seen[] }): readonly Slot[] {
  const slots = seen.map(({ condition }): Slot => {
    const grade: Grade = isFailing(condition) ? 'failing' : condition
    return { taskSetArn: set.arn, grade }
  })
  const vacant = set.rolloutState === 'COMPLETED' ? Math.max(0, set.desiredCount - seen.length) : 0
  return [...slots, ...Array.from({ length: vacant }, (): Slot => ({ taskSetArn: set.arn, grade: 'vacant' }))]
}

function withDesiredCount(plan: Plan, set: TaskSet, desiredCount: number): TaskSet {
  if (set.desiredCount === desiredCount) return set
  const changed = { ...set, desiredCount, updatedAt: plan.now }
  plan.put('taskSets', changed)
  return changed
}

function liveTasks(plan: Plan, sets: readonly TaskSet[]): number {
  const isLive = ({ desiredStatus }: { desiredStatus: string }) => desiredStatus === 'RUNNING'
  return sets.reduce((sum, { arn }) => sum + plan.tasksOf(arn).filter(isLive).length, 0)
}

function sayStuck(plan: Plan, service: EcsService, newest: TaskSet): void {
  const text =
    'was unable to stop or start tasks during a deployment because of the service deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.'
  const isTold = ({ message, createdAt }: EcsService['events'][number]) =>
    createdAt >= newest.createdAt && message.endsWith(text)
  if (!service.events.some(isTold)) plan.tell(service.arn, undefined, text)
}
