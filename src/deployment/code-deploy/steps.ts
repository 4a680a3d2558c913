/**
 * A deployment's way, AWS's lifecycle events in order, as a pure function: what it waits for, and what it does when that is
 * there. Whatever it needs to know later is in the deployment's record, so that it goes on after a crash where it was.
 */
import {
  type Deployment,
  type DeploymentStep,
  finalStatuses,
  type HookEvent,
  hookEvents,
} from '../../domain/code-deploy.ts'
import { Impossible } from '../../domain/colours.ts'
import { drained, madePrimary } from '../../domain/task-set.ts'
import { markedEnds } from '../marks.ts'
import { forwardOf, fullyShifted, isInPlace, pointed, productionForward } from '../traffic.ts'
import { type HookCall, type Move, type View, wait } from '../view.ts'
import { failure, interruption, marked, readyTimeOut } from './interruption.ts'
import { planOf } from './plan.ts'
import { atStep, commit, withEvent } from './record.ts'
import { discard, giveUp, rollBack } from './roll-back.ts'
import { awaitedOf, greenSide, nextShare, shiftInterval } from './traffic.ts'

/** AWS's limit for a lifecycle event, a hook's or Install's. */
const longestEventMs = 3_600_000

/**
 * A replacement of which each task has been started so often, and none is healthy, is not waited for any longer (AWS: for the whole
 * hour). Between these the scheduler waits for 1 s and 2 s: a database that comes up a moment later is met.
 */
const hopelessRounds = 3

const way: readonly DeploymentStep[] = [
  'BeforeInstall',
  'Install',
  'AfterInstall',
  'AllowTestTraffic',
  'AfterAllowTestTraffic',
  'ReadyWait',
  'BeforeAllowTraffic',
  'AllowTraffic',
  'AfterAllowTraffic',
  'TerminationWait',
  'Terminate',
  'Done',
]

/** What a deployment does next. Applied again to what came of it, it goes on; one that is over, and a rollback's record, do nothing. */
export function advance(deployment: Deployment, view: View): Move {
  if (finalStatuses.has(deployment.status) || deployment.creator === 'codeDeployRollback') return wait()
  const { step } = deployment.progress
  if (step === 'Discard') return discard(deployment, view)
  if (step === 'Terminate') return terminated(deployment, view)

  const known = marked(deployment, view)
  if (known !== deployment) return commit(known)
  if (step === 'Rollback') return until(markedEnds(deployment), rollBack(deployment, view))
  const cause = interruption(deployment, view)
  if (cause !== undefined) return giveUp(deployment, view, cause)
  if (deployment.status === 'Created')
    return enter({ ...deployment, status: 'InProgress', startedAt: view.now }, 'BeforeInstall', view)
  return until(markedEnds(deployment), waiting(deployment, view))
}

function until(times: readonly (number | undefined)[], move: Move): Move {
  return move.changes.length > 0 ? move : { ...move, ...wait(move.wakeAt, ...times) }
}

/** Past the present step, into the next one. */
function proceed(deployment: Deployment, view: View): Move {
  const { step } = deployment.progress
  const done = withEvent(deployment, step, { status: 'Succeeded', endedAt: view.now })
  return enter(done, way[way.indexOf(step) + 1]!, view)
}

/** Begins a step; what it has nothing to do at is passed in the same move. */
function enter(from: Deployment, step: DeploymentStep, view: View): Move {
  const { now, state } = view
  const begun = withEvent(atStep(from, step, now), step, { status: 'InProgress', startedAt: now })
  if (isHookEvent(step)) {
    if (begun.appSpec.hooks[step] === undefined) return proceed(begun, view)
    return commit(withEvent(begun, step, { executionId: view.uuid() }))
  }
  switch (step) {
    case 'Install':
      return install(begun, view)
    case 'AllowTestTraffic': {
      const plan = begun.progress.plan!
      if (plan.testListenerArn === undefined) return proceed(begun, view)
      return commit(awaiting(begun, view), ...pointed(state, plan, plan.testListenerArn, forwardOf(plan, fullyShifted)))
    }
    case 'ReadyWait':
      if (begun.readyOption.action === 'CONTINUE_DEPLOYMENT') return proceed(begun, view)
      return commit({ ...begun, status: 'Ready' })
    case 'TerminationWait': {
      const { serviceArn, greenTaskSetArn } = begun.progress.plan!
      const service = state.services.get(serviceArn)!
      return commit(begun, ...madePrimary(state, service, state.taskSets.get(greenTaskSetArn)!, now))
    }
    case 'Terminate':
      return commit(begun, drained(state.taskSets.get(begun.progress.plan!.blueTaskSetArn)!, now))
    case 'Done':
      return commit({ ...begun, status: 'Succeeded', completedAt: now })
    default:
      return commit(begun)
  }
}

/** What a step waits for, and how it ends. */
function waiting(deployment: Deployment, view: View): Move {
  const { step, since } = deployment.progress
  if (isHookEvent(step)) return hookAnswered(deployment, step, view)
  switch (step) {
    case 'Install':
      return installed(deployment, view)
    case 'ReadyWait': {
      if (deployment.asked.continueReady) return proceed({ ...deployment, status: 'InProgress' }, view)
      const end = since + deployment.readyOption.waitMinutes * 60_000
      return view.now < end ? wait(end) : giveUp(deployment, view, readyTimeOut(deployment))
    }
    case 'AllowTraffic':
      return shift(deployment, view)
    case 'TerminationWait':
      return baked(deployment, view)
    default:
      return isInPlace(awaitedOf(deployment), view) ? proceed(deployment, view) : wait()
  }
}

/** The deployment waits for the node to acknowledge what is committed with it. */
function awaiting(deployment: Deployment, { state }: View): Deployment {
  return { ...deployment, progress: { ...deployment.progress, awaitedRevision: state.revision + 1 } }
}

function install(begun: Deployment, view: View): Move {
  try {
    const { plan, changes } = planOf(begun, view)
    return commit(awaiting({ ...begun, progress: { ...begun.progress, plan } }, view), ...changes)
  } catch (error) {
    if (!(error instanceof Impossible)) throw error
    return giveUp(begun, view, failure(begun, error.code, error.message))
  }
}

function installed(deployment: Deployment, view: View): Move {
  const { since, plan } = deployment.progress
  const { taskSet, healthy, steady } = greenSide(plan!, view)!
  if (steady && isInPlace(awaitedOf(deployment), view)) return proceed(deployment, view)
  if (taskSet.failedTasks >= hopelessRounds * Math.max(1, taskSet.desiredCount) && healthy === 0) {
    const stopped = [...view.state.tasks.values()].findLast(
      ({ taskSetArn, stoppedReason }) => taskSetArn === taskSet.arn && stoppedReason !== undefined,
    )
    const message = `The tasks of the replacement task set do not stay up: ${stopped?.stoppedReason ?? 'no reason is known'}`
    return giveUp(deployment, view, failure(deployment, 'ECS_UPDATE_ERROR', message))
  }
  const end = since + longestEventMs
  if (view.now < end) return wait(end)
  const message =
    'The deployment timed out while waiting for the replacement task set to become healthy. This time out period is 60 minutes.'
  return giveUp(deployment, view, failure(deployment, 'TIMEOUT', message))
}

/** Share by share, each acknowledged before its interval begins, and none while the replacement lacks tasks. */
function shift(deployment: Deployment, view: View): Move {
  const { progress, routing } = deployment
  const plan = progress.plan!
  const { shifted, shiftedAt } = progress
  if (!isInPlace(awaitedOf(deployment), view)) return wait()
  if (shifted === fullyShifted) return proceed(deployment, view)
  if (shifted > 0) {
    if (shiftedAt === undefined) return commit({ ...deployment, progress: { ...progress, shiftedAt: view.now } })
    const due = shiftedAt + shiftInterval(routing)
    if (view.now < due) return wait(due)
  }
  if (!greenSide(plan, view)!.steady) return wait()
  const { shiftedAt: _, ...rest } = progress
  const share = nextShare(routing, shifted)
  const moved = { ...deployment, progress: { ...rest, shifted: share } }
  const forward = productionForward(plan, share)
  return commit(awaiting(moved, view), ...pointed(view.state, plan, plan.productionListenerArn, forward))
}

/** Both colours run until the time is over or somebody asks to go on; then blue goes, unless it is to stay. */
function baked(deployment: Deployment, view: View): Move {
  const { termination, progress } = deployment
  if (!isInPlace(awaitedOf(deployment), view)) return wait()
  if (termination.action === 'KEEP_ALIVE') return enter(deployment, 'Done', view)
  const end = progress.since + termination.waitMinutes * 60_000
  return deployment.asked.continueTermination || view.now >= end ? proceed(deployment, view) : wait(end)
}

function terminated(deployment: Deployment, view: View): Move {
  const { plan } = deployment.progress
  const isGone = plan === undefined || !view.state.taskSets.has(plan.blueTaskSetArn)
  return isGone ? proceed(deployment, view) : wait()
}

function hookAnswered(deployment: Deployment, step: HookEvent, view: View): Move {
  const event = deployment.events.find(({ name }) => name === step)!
  const { executionId = '', startedAt = 0, answer, diagnostics } = event
  if (answer === 'Succeeded') return proceed(deployment, view)
  const end = startedAt + longestEventMs
  if (answer === undefined && view.now < end) {
    const name = deployment.appSpec.hooks[step]!
    const hook: HookCall = { name, event: step, deploymentId: deployment.id, executionId }
    return { ...wait(end), hooks: [hook] }
  }
  const failed = withEvent(deployment, step, {
    diagnostics:
      diagnostics ??
      (answer === 'Failed'
        ? { errorCode: 'ScriptFailed', message: `The hook of ${step} said that it failed.` }
        : { errorCode: 'ScriptTimedOut', message: `The hook of ${step} did not answer within an hour.` }),
  })
  const reason = failed.events.find(({ name }) => name === step)?.diagnostics?.message
  const message = `The lifecycle event hook of ${step} failed: ${reason}`
  return giveUp(failed, view, failure(failed, 'HOOK_EXECUTION_FAILURE', message))
}

function isHookEvent(step: DeploymentStep): step is HookEvent {
  return (hookEvents as readonly string[]).includes(step)
}
