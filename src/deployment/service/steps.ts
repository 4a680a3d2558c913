/**
 * The way of ECS's own deployments that shift traffic (BLUE_GREEN, LINEAR, CANARY), as a pure function: what each stage waits for,
 * and what it does when that is there. Whatever it needs to know later is in the deployment's record, so that it goes on after a crash.
 */
import { Impossible } from '../../domain/colours.ts'
import { alarmAgainst, type ServiceDeployment } from '../../domain/service-deployment.ts'
import type { Change } from '../../domain/state.ts'
import { drained, madePrimary, taskSetsOf } from '../../domain/task-set.ts'
import { markedEnds } from '../marks.ts'
import { fullyShifted, isInPlace } from '../traffic.ts'
import { type Move, type View, wait } from '../view.ts'
import { callsNow, hookFailure, isOpen, runsNow, withHooksBegun, withOpenRuns } from './hooks.ts'
import { lostGround, markedService, serviceFailure, serviceInterruption } from './interruption.ts'
import { greenTaskSet, shiftPlanOf } from './plan.ts'
import { backOnBlue, blueMadePrimary, finishService, giveUpService, leaveWayBack, put, returned } from './roll-back.ts'
import { allowanceMs, awaitedAt, type Begun, greenOf, productionAt, testAt } from './traffic.ts'
import { firstPlace, hookStageOf, type Place, placeAfter, shareAfter } from './way.ts'

/** AWS: a lifecycle stage can last up to 24 hours. */
const longestStageMs = 24 * 3_600_000

/** What such a deployment does next. Applied again to what came of it, it goes on. */
export function advanceShift(deployment: ServiceDeployment, view: View): Move {
  if (!isBegun(deployment)) return begin(deployment, view)
  const isBack = deployment.rollback !== undefined
  // Blue, or on the way back green, is going: nothing turns that round.
  if (deployment.progress.stage === 'CLEAN_UP') return cleanedUp(deployment, view)
  const known = markedService(deployment, view)
  if (known !== deployment) return put(known, view.now)
  const cause = isBack ? lostGround(deployment, view) : serviceInterruption(deployment, view)
  if (cause !== undefined)
    return isBack ? leaveWayBack(deployment, view, cause.reason) : giveUpService(deployment, view, cause)
  const move = waiting(deployment, view)
  return move.changes.length > 0 ? move : { ...move, ...wait(move.wakeAt, ...markedEnds(deployment)) }
}

function isBegun(deployment: ServiceDeployment): deployment is Begun {
  return deployment.progress?.plan !== undefined
}

function begin(deployment: ServiceDeployment, view: View): Move {
  const { state, now } = view
  const { serviceArn, status } = deployment
  const end = (statusReason: string) =>
    put({ ...deployment, status: 'STOPPED', statusReason, finishedAt: now, stoppedAt: now }, now)
  if (state.services.get(serviceArn)?.status !== 'ACTIVE') return end('The service is not active.')
  try {
    const plan = shiftPlanOf(deployment, state)
    const isIgnored = alarmAgainst(state, deployment) !== undefined
    const others = taskSetsOf(state, serviceArn).filter(({ arn }) => !isOfPlan(arn, plan))
    const place = firstPlace(plan.blueTaskSetArn !== undefined, others.length > 0)
    const begun: Begun = {
      ...deployment,
      status: status === 'PENDING' ? 'IN_PROGRESS' : status,
      startedAt: now,
      ...(isIgnored && { alarmsIgnored: true as const }),
      progress: { ...place, since: now, plan, shifted: 0, testShifted: 0 },
    }
    // One that was stopped while it waited for its turn starts nothing.
    return begun.asked.stop === undefined ? enter(begun, place, view) : put(begun, now)
  } catch (error) {
    if (!(error instanceof Impossible)) throw error
    return end(error.message)
  }
}

function proceed(deployment: Begun, view: View, ...changes: readonly Change[]): Move {
  const next = placeAfter(deployment.progress, deployment.rollback !== undefined)
  return enter(deployment, next!, view, ...changes)
}

/** Begins a place; one that has nothing to do is passed in the same move. */
function enter(from: Begun, place: Place, view: View, ...earlier: readonly Change[]): Move {
  const { now, state } = view
  const { refusedSince, ...kept } = from.progress
  const { plan } = kept
  const entered: Begun = { ...from, progress: { ...kept, ...place, since: now } }
  const on = (deployment: Begun, ...changes: readonly Change[]) => put(deployment, now, ...earlier, ...changes)
  if (hookStageOf(place) !== undefined) {
    const begun = withHooksBegun(entered, view)
    const isPassed = begun === entered && place.phase === 'hooks'
    if (!isPassed) return on(begun)
    const next = placeAfter(entered.progress, from.rollback !== undefined)
    return enter(entered, next!, view, ...earlier)
  }
  if (place.phase === 'bake') return on(entered)
  const service = state.services.get(from.serviceArn)!
  const isBack = from.rollback !== undefined
  switch (place.stage) {
    case 'RECONCILE_SERVICE':
      return on(awaiting(entered, view), ...productionAt(state, plan, 0), ...testAt(state, plan, 0))
    case 'SCALE_UP': {
      const isThere = state.taskSets.has(plan.greenTaskSetArn)
      const green = greenTaskSet(from, plan, service, view)
      const share = plan.blueTaskSetArn === undefined ? fullyShifted : 0
      const scaled: Begun = { ...entered, progress: { ...entered.progress, shifted: share, testShifted: share } }
      return on(
        awaiting(scaled, view),
        ...(isThere ? [] : [{ table: 'taskSets', key: green.arn, value: green } as const]),
        ...productionAt(state, plan, share),
        ...(share === 0 ? [] : testAt(state, plan, share)),
      )
    }
    case 'TEST_TRAFFIC_SHIFT': {
      if (plan.routes.every(({ test }) => test === undefined)) return on(entered)
      const moved: Begun = { ...entered, progress: { ...entered.progress, testShifted: fullyShifted } }
      return on(awaiting(moved, view), ...testAt(state, plan, fullyShifted))
    }
    case 'PRODUCTION_TRAFFIC_SHIFT': {
      const { shiftedAt, ...progress } = entered.progress
      const shifted = shareAfter(from.settings, progress.shifted)
      return on(
        awaiting({ ...entered, progress: { ...progress, shifted } }, view),
        ...productionAt(state, plan, shifted),
      )
    }
    default:
      return on(entered, ...(isBack ? backOnBlue(entered, view) : onGreen(entered, view)))
  }
}

/** The deployment waits for the node to acknowledge what is committed with it. */
function awaiting(deployment: Begun, { state }: View): Begun {
  return { ...deployment, progress: { ...deployment.progress, awaitedRevision: state.revision + 1 } }
}

/** Green is what the service runs, and blue goes. */
function onGreen({ serviceArn, progress: { plan } }: Begun, { state, now }: View): readonly Change[] {
  const service = state.services.get(serviceArn)!
  const green = state.taskSets.get(plan.greenTaskSetArn)!
  const blue = state.taskSets.get(plan.blueTaskSetArn ?? '')
  return [...madePrimary(state, service, green, now), ...(blue === undefined ? [] : [drained(blue, now)])]
}

/** What a place waits for, and how it ends. */
function waiting(deployment: Begun, view: View): Move {
  const { stage, phase, since } = deployment.progress
  if (hookStageOf(deployment.progress) !== undefined) return hooksEnded(deployment, view)
  if (phase === 'bake') return baked(deployment, view)
  const isThere = isInPlace(awaitedAt(deployment, view.state), view)
  switch (stage) {
    case 'RECONCILE_SERVICE':
      return isThere ? reconciled(deployment, view) : wait()
    case 'SCALE_UP':
      return scaledUp(deployment, isThere, view)
    case 'TEST_TRAFFIC_SHIFT': {
      const end = since + (deployment.progress.testShifted > 0 ? allowanceMs(deployment, view) : 0)
      return isThere && view.now >= end ? proceed(deployment, view) : wait(end > view.now ? end : undefined)
    }
    default:
      return shifted(deployment, isThere, view)
  }
}

function shifted(deployment: Begun, isThere: boolean, view: View): Move {
  if (deployment.rollback !== undefined) {
    const answer = returned(deployment, view)
    return answer === true ? proceed(deployment, view, ...blueMadePrimary(deployment, view)) : answer
  }
  const end = deployment.progress.since + allowanceMs(deployment, view)
  if (!isThere || view.now < end) return wait(end > view.now ? end : undefined)
  const { progress, serviceArn } = deployment
  const at = { ...deployment, progress: { ...progress, shiftedAt: view.now } }
  if (progress.shifted < fullyShifted) return proceed(at, view)
  // Whoever comes now, or cuts this short, finds production's task set primary.
  const [service, green] = [
    view.state.services.get(serviceArn)!,
    view.state.taskSets.get(progress.plan.greenTaskSetArn)!,
  ]
  return proceed(at, view, ...madePrimary(view.state, service, green, view.now))
}

/** Task sets of deployments that were cut short go before another one comes. */
function reconciled(deployment: Begun, view: View): Move {
  const { serviceArn, progress } = deployment
  const others = taskSetsOf(view.state, serviceArn).filter(({ arn }) => !isOfPlan(arn, progress.plan))
  if (others.length === 0) return proceed(deployment, view)
  const left = others.filter(({ status }) => status !== 'DRAINING')
  return left.length === 0 ? wait() : { changes: left.map(its => drained(its, view.now)) }
}

function isOfPlan(arn: string, { blueTaskSetArn, greenTaskSetArn }: Begun['progress']['plan']): boolean {
  return arn === blueTaskSetArn || arn === greenTaskSetArn
}

function scaledUp(deployment: Begun, isThere: boolean, view: View): Move {
  const { since } = deployment.progress
  if (isThere && greenOf(deployment, view)?.steady) return proceed(deployment, view)
  const end = since + longestStageMs
  if (view.now < end) return wait(end)
  return giveUpService(
    deployment,
    view,
    serviceFailure('The tasks of the target service revision did not become healthy within 24 hours.'),
  )
}

/** The hooks of a stage run beside each other, and all must end; before a step of the shift green must be complete as well. */
function hooksEnded(deployment: Begun, view: View): Move {
  const { now } = view
  const timedOut = withOpenRuns(deployment, run =>
    now < run.expiresAt ? run : { ...run, status: 'TIMED_OUT', endedAt: now },
  )
  if (timedOut !== deployment) return put(timedOut, now)
  const open = runsNow(deployment).filter(isOpen)
  if (open.length > 0) {
    const times = open.flatMap(({ expiresAt, callBackAt }) => [expiresAt, callBackAt])
    const due = times.filter(time => time !== undefined && time > now)
    return { ...wait(...due), hooks: callsNow(deployment, now) }
  }
  const failure = deployment.rollback === undefined ? hookFailure(deployment) : undefined
  if (failure !== undefined) return giveUpService(deployment, view, serviceFailure(failure))
  if (deployment.progress.phase === 'before' && !greenOf(deployment, view)?.steady) return wait()
  return proceed(deployment, view)
}

/** Both run beside each other: after a step of the shift, and, with all traffic on green, for the bake time. */
function baked(deployment: Begun, view: View): Move {
  const { settings, progress } = deployment
  const { stage, since, shifted, shiftedAt = since } = progress
  const isLastStep = shifted === fullyShifted
  const end =
    stage === 'BAKE_TIME'
      ? since + settings.bakeMinutes * 60_000
      : shiftedAt + (isLastStep ? 0 : (settings.step?.bakeMinutes ?? 0) * 60_000)
  return view.now < end ? wait(end) : proceed(deployment, view)
}

/** Once what had to go is gone, the deployment is over. */
function cleanedUp(deployment: Begun, view: View): Move {
  const { plan, verdict } = deployment.progress
  const goes = deployment.rollback === undefined ? plan.blueTaskSetArn : plan.greenTaskSetArn
  if (view.state.taskSets.has(goes ?? '')) return wait()
  return finishService(deployment, view, verdict?.status ?? 'SUCCESSFUL', verdict?.reason)
}
