import type { AutoRollbackEvent, Deployment, DeploymentProgress } from '../../domain/code-deploy.ts'
import { longestRefusedMs, longestUnsteadyMs, withMarks } from '../marks.ts'
import { isLost } from '../side.ts'
import { refusal } from '../traffic.ts'
import type { View } from '../view.ts'
import { groupKeyOf } from './plan.ts'
import { awaitedOf, blueSide, foreignListener, greenSide } from './traffic.ts'

/** Why a deployment is to end before its end, and whether everything is to be put back first. */
export interface Interruption {
  readonly verdict: NonNullable<DeploymentProgress['verdict']>
  readonly rollback: boolean
}

/** A failure at a step. It is rolled back where the deployment asks for that (AWS: DEPLOYMENT_FAILURE). */
export function failure(deployment: Deployment, code: string, message: string): Interruption {
  return interrupted(deployment, 'Failed', code, message, 'DEPLOYMENT_FAILURE')
}

/** It waited for ContinueDeployment for too long (AWS: STOP_DEPLOYMENT); rolled back as a failure is. */
export function readyTimeOut(deployment: Deployment): Interruption {
  const { waitMinutes } = deployment.readyOption
  const message = `The deployment was not continued within ${waitMinutes} ${waitMinutes === 1 ? 'minute' : 'minutes'}.`
  return interrupted(deployment, 'Stopped', 'TIMEOUT', message, 'DEPLOYMENT_FAILURE')
}

/** What ends the deployment whichever step it is at, before its original task set is terminated; `undefined`: nothing does. */
export function interruption(deployment: Deployment, view: View): Interruption | undefined {
  return (
    lostGround(deployment, view) ??
    stopRequest(deployment) ??
    alarm(deployment, view) ??
    lostReplacement(deployment, view) ??
    refusedListener(deployment, view)
  )
}

/** What it stands on is gone or somebody else's by now: nothing more is touched, also not to put things back. */
function lostGround(deployment: Deployment, view: View): Interruption | undefined {
  const { state } = view
  const end = (code: string, message: string): Interruption => ({
    verdict: { status: 'Failed', code, message },
    rollback: false,
  })
  if (!state.deploymentGroups.has(groupKeyOf(deployment)))
    return end(
      'DEPLOYMENT_GROUP_MISSING',
      `The deployment group ${deployment.deploymentGroupName} was deleted during the deployment, which left everything as it was then.`,
    )
  const { plan } = deployment.progress
  if (plan === undefined) return undefined
  if (state.services.get(plan.serviceArn)?.status !== 'ACTIVE')
    return end('INVALID_ECS_SERVICE', `The service ${plan.serviceArn} was deleted during the deployment.`)
  const changed = foreignListener(state, deployment)
  if (changed !== undefined)
    return end(
      'ELASTIC_LOAD_BALANCING_INVALID',
      `The listener ${changed} was changed by somebody else during the deployment, which left everything as it was then.`,
    )
  if (blueSide(plan, view) === undefined)
    return end('ECS_UPDATE_ERROR', `The original task set ${plan.blueTaskSetArn} was deleted during the deployment.`)
  return undefined
}

function stopRequest(deployment: Deployment): Interruption | undefined {
  const { stop } = deployment.asked
  if (stop === undefined) return undefined
  const asked = interrupted(
    deployment,
    'Stopped',
    'MANUAL_STOP',
    'The deployment was stopped by a user.',
    'DEPLOYMENT_STOP_ON_REQUEST',
  )
  return { ...asked, rollback: asked.rollback || stop.rollback }
}

function alarm(deployment: Deployment, { state }: View): Interruption | undefined {
  const { names, ignorePollAlarmFailure } = deployment.alarms
  const on = 'DEPLOYMENT_STOP_ON_ALARM'
  for (const name of names) {
    const its = state.alarms.get(name)?.state
    if (its === 'ALARM')
      return interrupted(deployment, 'Stopped', 'ALARM_ACTIVE', `The alarm ${name} is in the state ALARM.`, on)
    if (its === undefined && !ignorePollAlarmFailure)
      return interrupted(
        deployment,
        'Stopped',
        'ALARM_ACTIVE',
        `The alarm ${name} cannot be read: it does not exist.`,
        on,
      )
  }
  return undefined
}

function lostReplacement(deployment: Deployment, view: View): Interruption | undefined {
  const { plan, shifted, unsteadySince = Infinity } = deployment.progress
  if (plan === undefined) return undefined
  const green = greenSide(plan, view)
  if (green === undefined)
    return failure(deployment, 'ECS_UPDATE_ERROR', `The replacement task set ${plan.greenTaskSetArn} was deleted.`)
  if (shifted > 0 && isLost(green, view))
    return failure(deployment, 'ECS_UPDATE_ERROR', 'The replacement task set has no healthy task left.')
  if (view.now >= unsteadySince + longestUnsteadyMs)
    return failure(
      deployment,
      'ECS_UPDATE_ERROR',
      `Of ${green.taskSet.desiredCount} tasks of the replacement task set only ${green.healthy} have been healthy for 5 minutes.`,
    )
  return undefined
}

function refusedListener(deployment: Deployment, view: View): Interruption | undefined {
  const reason = lastingRefusal(deployment, view)
  if (reason === undefined) return undefined
  return failure(deployment, 'ELASTIC_LOAD_BALANCING_INVALID', `A listener is not in place: ${reason}`)
}

/** Why the node has not put a listener in place, once it has tried for a minute. */
export function lastingRefusal(deployment: Deployment, view: View): string | undefined {
  const { refusedSince = Infinity } = deployment.progress
  return view.now >= refusedSince + longestRefusedMs ? refusal(awaitedOf(deployment), view) : undefined
}

/** With the times since when a listener is refused and since when the replacement lacks tasks, as far as they are. */
export function marked(deployment: Deployment, view: View): Deployment {
  const isRefused = refusal(awaitedOf(deployment), view) !== undefined
  const progress = withMarks(deployment.progress, isRefused, lacksTasks(deployment, view), view.now)
  return progress === deployment.progress ? deployment : { ...deployment, progress }
}

/** Of a replacement that was complete once: until then Install has its own time limit. */
function lacksTasks({ progress: { plan, step } }: Deployment, view: View): boolean {
  if (plan === undefined || step === 'Install' || step === 'Rollback') return false
  const green = greenSide(plan, view)
  // While the node is away nobody knows their health.
  return green !== undefined && (view.nodeConnected ? green.healthy : green.running) < green.taskSet.desiredCount
}

function interrupted(
  deployment: Deployment,
  status: 'Failed' | 'Stopped',
  code: string,
  message: string,
  on: AutoRollbackEvent,
): Interruption {
  return { verdict: { status, code, message }, rollback: deployment.autoRollback.includes(on) }
}
