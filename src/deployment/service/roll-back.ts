import { type EcsService, withEvent } from '../../domain/ecs-service.ts'
import { revisionArnOf, type ServiceDeployment } from '../../domain/service-deployment.ts'
import type { Change, State } from '../../domain/state.ts'
import { drained, madePrimary, type TaskSet } from '../../domain/task-set.ts'
import { longestBlueWaitMs } from '../marks.ts'
import { canServe } from '../side.ts'
import { isInPlace } from '../traffic.ts'
import { type Move, type View, wait } from '../view.ts'
import { withOpenRuns } from './hooks.ts'
import { lastingServiceRefusal, type ServiceInterruption } from './interruption.ts'
import { allowanceMs, awaitedAt, type Begun, blueOf, greenOf, productionAt, testAt } from './traffic.ts'
import { firstPlaceBack } from './way.ts'

/** Puts a service deployment in its place, together with other changes. */
export function put(deployment: ServiceDeployment, now: number, ...others: readonly Change[]): Move {
  const value = { ...deployment, updatedAt: now }
  return { changes: [...others, { table: 'serviceDeployments', key: value.arn, value }] }
}

/**
 * Ends a deployment before its end: at once where nothing is to be put back, or blue could not serve and green can; else with the
 * switch of all routes to blue.
 */
export function giveUpService(deployment: Begun, view: View, interruption: ServiceInterruption): Move {
  const { state, now } = view
  const { rollback, isGroundLost, reason } = interruption
  const ended = withOpenRuns(deployment, run => ({ ...run, status: 'FAILED', endedAt: now, reason }))
  const { plan, shifted, testShifted, unsteadySince, shiftedAt, ...progress } = ended.progress
  if (isGroundLost || !rollback) return finishEarly(ended, view, 'STOPPED', reason)
  const isSuperseded = deployment.asked.stop?.supersededBy !== undefined
  if (plan.blueTaskSetArn === undefined && isSuperseded) return finishEarly(ended, view, 'STOPPED', reason)
  if (plan.blueTaskSetArn === undefined)
    return finishEarly(
      ended,
      view,
      'ROLLBACK_FAILED',
      `${reason} There is no earlier service revision to roll back to.`,
    )
  if (shifted > 0 && !canServe(blueOf(deployment, view), view) && canServe(greenOf(deployment, view), view))
    return finishEarly(ended, view, 'ROLLBACK_FAILED', `${reason} The source service revision has no healthy task.`)
  const isMoved = shifted > 0 || testShifted > 0
  const back: Begun = {
    ...ended,
    status: 'ROLLBACK_IN_PROGRESS',
    statusReason: reason,
    rollback: { reason, startedAt: now, revisionArn: revisionArnOf({ arn: plan.blueTaskSetArn }) },
    progress: {
      ...progress,
      ...firstPlaceBack,
      plan,
      since: now,
      shifted: 0,
      testShifted: 0,
      ...(isMoved && { awaitedRevision: state.revision + 1 }),
      verdict: { status: isSuperseded ? 'STOPPED' : 'ROLLBACK_SUCCESSFUL', reason },
    },
  }
  return put(
    back,
    now,
    ...restored(deployment, plan.blueTaskSetArn, state),
    ...(shifted > 0 ? productionAt(state, plan, 0) : []),
    ...(testShifted > 0 ? testAt(state, plan, 0) : []),
  )
}

/** The end of a way back that leads nowhere any more; both sides are left as they are. */
export function leaveWayBack(deployment: Begun, view: View, why: string): Move {
  const { verdict } = deployment.progress
  return finishEarly(deployment, view, 'ROLLBACK_FAILED', `${verdict!.reason} The rollback ended early: ${why}`)
}

/** Whether blue has everything again and serves; else the move that waits for it, or ends the way back. */
export function returned(deployment: Begun, view: View): true | Move {
  const { now } = view
  const { since } = deployment.progress
  const leave = (why: string) => leaveWayBack(deployment, view, why)
  const refused = lastingServiceRefusal(deployment, view)
  if (refused !== undefined) return leave(`a listener is not in place: ${refused}.`)
  if (!isInPlace(awaitedAt(deployment, view.state), view)) return wait()
  if (!canServe(blueOf(deployment, view), view)) {
    const end = since + longestBlueWaitMs
    return now < end ? wait(end) : leave('the source service revision has no healthy task.')
  }
  const end = since + allowanceMs(deployment, view)
  return now < end ? wait(end) : true
}

/** Whoever comes now, or cuts this short, finds production's task set primary. */
export function blueMadePrimary(deployment: Begun, { state, now }: View): readonly Change[] {
  const blue = state.taskSets.get(deployment.progress.plan.blueTaskSetArn ?? '')
  const service = state.services.get(deployment.serviceArn)
  return blue === undefined || service === undefined ? [] : madePrimary(state, service, blue, now)
}

/** Green goes; blue is primary from now on, if it was not yet. */
export function backOnBlue(deployment: Begun, view: View): readonly Change[] {
  const green = view.state.taskSets.get(deployment.progress.plan.greenTaskSetArn)
  return [...blueMadePrimary(deployment, view), ...(green === undefined ? [] : [drained(green, view.now)])]
}

/**
 * The service's own record as blue's revision has it, once the way back begins: who asks for green's version again wants another
 * deployment. Who asked for yet another version has said what the service runs.
 */
function restored({ serviceArn, asked }: Begun, blueTaskSetArn: string, state: State): readonly Change[] {
  const service = state.services.get(serviceArn)
  const blue = state.taskSets.get(blueTaskSetArn)
  if (service === undefined || blue === undefined || asked.stop?.supersededBy !== undefined) return []
  const { loadBalancers = service.loadBalancers, recorded } = state.serviceRevisions.get(revisionArnOf(blue)) ?? {}
  const value: EcsService = {
    ...service,
    taskDefinitionArn: blue.taskDefinitionArn,
    loadBalancers,
    recorded: { ...service.recorded, ...recorded },
  }
  return [{ table: 'services', key: service.arn, value }]
}

/** The end with this status; an event of the service tells of it. */
export function finishService(
  deployment: Begun,
  { state, now, uuid }: View,
  status: ServiceDeployment['status'],
  statusReason?: string,
  ...changes: readonly Change[]
): Move {
  const ended: ServiceDeployment = {
    ...deployment,
    status,
    ...(statusReason !== undefined && { statusReason }),
    finishedAt: now,
    ...(status === 'STOPPED' && { stoppedAt: now }),
  }
  const service = state.services.get(deployment.serviceArn)
  const id = taskSetId(deployment)
  const text =
    status === 'SUCCESSFUL'
      ? `(deployment ${id}) deployment completed.`
      : status === 'ROLLBACK_SUCCESSFUL'
        ? `(deployment ${id}) deployment failed: rolled back.`
        : `(deployment ${id}) deployment failed.`
  if (service === undefined) return put(ended, now, ...changes)
  const told = withEvent(service, uuid(), now, `(service ${service.name}) ${text}`)
  return put(ended, now, ...changes, { table: 'services', key: told.arn, value: told })
}

/** Both sides are left as they are. A green one that never served starts no further tasks. */
function finishEarly(deployment: Begun, view: View, status: 'STOPPED' | 'ROLLBACK_FAILED', reason: string): Move {
  const { plan, shifted } = deployment.progress
  const green = view.state.taskSets.get(plan.greenTaskSetArn)
  const isIdle = green !== undefined && green.status === 'ACTIVE' && shifted === 0
  const changes: readonly Change[] = isIdle
    ? [{ table: 'taskSets', key: green.arn, value: given(green, view.now, reason) }]
    : []
  return finishService(deployment, view, status, reason, ...changes)
}

function given(green: TaskSet, now: number, rolloutStateReason: string): TaskSet {
  return { ...green, rolloutState: 'FAILED', rolloutStateReason, updatedAt: now }
}

function taskSetId({ progress }: Begun): string {
  const arn = progress.plan.greenTaskSetArn
  return arn.slice(arn.lastIndexOf('ecs-svc/'))
}
