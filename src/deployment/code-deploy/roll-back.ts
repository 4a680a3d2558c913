import type { Deployment, LifecycleEvent } from '../../domain/code-deploy.ts'
import type { Change } from '../../domain/state.ts'
import { drained, madePrimary } from '../../domain/task-set.ts'
import { longestBlueWaitMs } from '../marks.ts'
import { canServe } from '../side.ts'
import { isInPlace } from '../traffic.ts'
import { type Move, type View, wait } from '../view.ts'
import { type Interruption, lastingRefusal } from './interruption.ts'
import { atStep, commit } from './record.ts'
import { allOnBlue, awaitedOf, blueSide, foreignListener, greenSide } from './traffic.ts'

type Verdict = Interruption['verdict']

/**
 * Ends a deployment before its end: at once where nothing is to be put back, or blue could not serve and green can; else with the
 * switch of both listeners.
 */
export function giveUp(deployment: Deployment, view: View, { verdict, rollback }: Interruption): Move {
  const { state, now } = view
  const ended = withEventsEnded(deployment, verdict.status, now)
  const { plan, shifted } = deployment.progress
  if (!rollback || plan === undefined) return finish(ended, now, verdict)
  if (shifted > 0 && !canServe(blueSide(plan, view), view) && canServe(greenSide(plan, view), view))
    return finish(ended, now, longer(verdict, 'It was not rolled back: the original task set has no healthy task.'))
  const { shiftedAt, unsteadySince, ...progress } = atStep(ended, 'Rollback', now).progress
  const record = rollbackRecord(deployment, view)
  const rolling: Deployment = {
    ...ended,
    status: 'InProgress',
    progress: { ...progress, shifted: 0, verdict, awaitedRevision: state.revision + 1 },
    rollback: { ...ended.rollback, deploymentId: record.id, message: record.rollback!.message! },
  }
  return commit(rolling, ...allOnBlue(state, deployment), put(record))
}

/** Once the node has the listeners on blue, and blue serves: blue is primary again, and green goes. */
export function rollBack(deployment: Deployment, view: View): Move {
  const { state, now } = view
  const { since } = deployment.progress
  const plan = deployment.progress.plan!
  const leave = (reason: string) => {
    const verdict = longer(deployment.progress.verdict!, `The rollback ended early: ${reason}`)
    return finish(deployment, now, verdict, ...recordEnded(deployment, view, { ...verdict, status: 'Failed' }))
  }
  const service = state.services.get(plan.serviceArn)
  const blue = blueSide(plan, view)
  if (service?.status !== 'ACTIVE' || blue === undefined)
    return leave('the service or its original task set was deleted.')
  const foreign = foreignListener(state, deployment)
  if (foreign !== undefined) return leave(`the listener ${foreign} was changed by somebody else.`)
  const refused = lastingRefusal(deployment, view)
  if (refused !== undefined)
    return leave(`a listener is not in place: ${refused}. The replacement task set was left as it is.`)
  if (!isInPlace(awaitedOf(deployment), view)) return wait()
  if (!canServe(blue, view)) {
    if (now < since + longestBlueWaitMs) return wait(since + longestBlueWaitMs)
    return leave('the original task set has no healthy task. The replacement task set was left as it is.')
  }
  const green = greenSide(plan, view)
  return commit(
    atStep(deployment, 'Discard', now),
    ...madePrimary(state, service, blue.taskSet, now),
    ...(green === undefined ? [] : [drained(green.taskSet, now)]),
  )
}

/** Once green is gone, the deployment is over. */
export function discard(deployment: Deployment, view: View): Move {
  const { plan, verdict } = deployment.progress
  if (view.state.taskSets.has(plan!.greenTaskSetArn)) return wait()
  return finish(deployment, view.now, verdict!, ...recordEnded(deployment, view))
}

function finish(deployment: Deployment, now: number, verdict: Verdict, ...changes: readonly Change[]): Move {
  const { status, code, message } = verdict
  const { progress } = atStep(deployment, 'Done', now)
  const ended = { ...deployment, progress: { ...progress, verdict } }
  return commit({ ...ended, status, error: { code, message }, completedAt: now }, ...changes)
}

function longer(verdict: Verdict, sentence: string): Verdict {
  return { ...verdict, message: `${verdict.message.replace(/\.?$/, '.')} ${sentence}` }
}

/** What runs has failed, or was cut short by a stop; what was to come is skipped. */
function withEventsEnded(deployment: Deployment, status: 'Failed' | 'Stopped', now: number): Deployment {
  const events = deployment.events.map((event): LifecycleEvent => {
    if (event.status === 'Pending') return { ...event, status: 'Skipped' }
    if (event.status !== 'InProgress') return event
    return { ...event, status: status === 'Failed' ? 'Failed' : 'Skipped', endedAt: now }
  })
  return { ...deployment, events }
}

/** The rollback as a deployment of its own: AWS has it on record under a new id. It takes no steps: its trigger's are its own. */
function rollbackRecord(deployment: Deployment, { state, now, hex }: View): Deployment {
  const { applicationName, deploymentGroupName } = deployment
  const earlier = [...state.deployments.values()].findLast(
    its =>
      its.applicationName === applicationName &&
      its.deploymentGroupName === deploymentGroupName &&
      its.status === 'Succeeded' &&
      its.creator === 'user',
  )
  // A service's first task set was made by no deployment: then there is no revision to go back to.
  const { revision, appSpec } = earlier ?? deployment
  return {
    ...deployment,
    id: `d-${hex(9).toUpperCase()}`,
    creator: 'codeDeployRollback',
    revision,
    appSpec,
    status: 'InProgress',
    createdAt: now,
    startedAt: now,
    events: deployment.events.map(
      ({ name }): LifecycleEvent =>
        name === 'AllowTraffic' ? { name, status: 'InProgress', startedAt: now } : { name, status: 'Skipped' },
    ),
    progress: { step: 'Rollback', since: now, shifted: 0 },
    asked: {},
    rollback: {
      triggeringDeploymentId: deployment.id,
      message: `Deployment ${deployment.id} is rolled back to its original task set.`,
    },
  }
}

/** The record's end: with the listeners on blue and green gone, unless there is a verdict that says why not. */
function recordEnded({ rollback }: Deployment, { state, now }: View, verdict?: Verdict): readonly Change[] {
  const record = state.deployments.get(rollback?.deploymentId ?? '')
  if (record === undefined) return []
  const status = verdict?.status ?? 'Succeeded'
  const { events } = withEventsEnded(record, 'Failed', now)
  const ended: Deployment = {
    ...record,
    status,
    completedAt: now,
    events: verdict === undefined ? events.map(succeeded) : events,
    progress: { ...record.progress, step: 'Done', since: now },
    ...(verdict !== undefined && { error: { code: verdict.code, message: verdict.message } }),
  }
  return [put(ended)]
}

function succeeded(event: LifecycleEvent): LifecycleEvent {
  return event.status === 'Failed' ? { ...event, status: 'Succeeded' } : event
}

function put(deployment: Deployment): Change {
  return { table: 'deployments', key: deployment.id, value: deployment }
}
