import { failureThreshold } from '../../domain/ecs-service.ts'
import { alarmAgainst } from '../../domain/service-deployment.ts'
import { longestRefusedMs, longestUnsteadyMs, withMarks } from '../marks.ts'
import { isLost } from '../side.ts'
import { refusal } from '../traffic.ts'
import type { View } from '../view.ts'
import { missingPart } from './plan.ts'
import { awaitedAt, type Begun, blueOf, foreignRoute, greenOf } from './traffic.ts'

/** Why a service deployment is to end before its end. */
export interface ServiceInterruption {
  readonly reason: string
  /** Absent: it ends as it is. */
  readonly rollback: boolean
  /** Everything is somebody else's by now: nothing is touched any more. */
  readonly isGroundLost?: true
}

/** A failure that is always rolled back (AWS: a failed lifecycle hook is). */
export function serviceFailure(reason: string): ServiceInterruption {
  return { reason, rollback: true }
}

/** What ends the deployment whichever stage it is at, before its blue side goes; `undefined`: nothing does. */
export function serviceInterruption(deployment: Begun, view: View): ServiceInterruption | undefined {
  return (
    lostGround(deployment, view) ??
    stopRequest(deployment) ??
    alarm(deployment, view) ??
    brokenCircuit(deployment, view) ??
    lostGreen(deployment, view) ??
    refused(deployment, view)
  )
}

/** What it stands on is gone or somebody else's by now. */
export function lostGround(deployment: Begun, view: View): ServiceInterruption | undefined {
  const { serviceArn, progress } = deployment
  const end = (reason: string): ServiceInterruption => ({ reason, rollback: false, isGroundLost: true })
  if (view.state.services.get(serviceArn)?.status !== 'ACTIVE')
    return end('The service was deleted during the deployment.')
  const missing = missingPart(progress.plan.routes, view.state)
  if (missing !== undefined) return end(missing)
  const foreign = isRouted(deployment) ? foreignRoute(view.state, deployment) : undefined
  if (foreign !== undefined)
    return end(`${foreign} was changed by somebody else during the deployment, which left everything as it was then.`)
  const { blueTaskSetArn } = progress.plan
  if (blueTaskSetArn !== undefined && blueOf(deployment, view) === undefined)
    return end(`The task set ${blueTaskSetArn} of the source service revision was deleted during the deployment.`)
  return undefined
}

/** Whether the deployment has set its routes yet: it does when it scales up, or reconciles. */
function isRouted({ progress }: Begun): boolean {
  return progress.awaitedRevision !== undefined
}

function stopRequest({ asked: { stop } }: Begun): ServiceInterruption | undefined {
  if (stop === undefined) return undefined
  const reason =
    stop.supersededBy === undefined
      ? 'The service deployment was stopped by a user.'
      : 'Service deployment stopped because a newer service deployment was started.'
  return { reason, rollback: stop.type === 'ROLLBACK' }
}

function alarm(deployment: Begun, { state }: View): ServiceInterruption | undefined {
  const name = alarmAgainst(state, deployment)
  const rollback = deployment.settings.alarms?.rollback === true
  return name === undefined ? undefined : { reason: `The alarm ${name} is in the state ALARM.`, rollback }
}

/** Green's tasks do not stay up. */
function brokenCircuit(deployment: Begun, view: View): ServiceInterruption | undefined {
  const { enable, rollback } = deployment.circuitBreaker
  const { failedTasks, desiredCount } = greenOf(deployment, view)?.taskSet ?? { failedTasks: 0, desiredCount: 0 }
  if (!enable || failedTasks < failureThreshold(desiredCount)) return undefined
  return { reason: 'ECS deployment circuit breaker: tasks failed to start.', rollback }
}

function lostGreen(deployment: Begun, view: View): ServiceInterruption | undefined {
  const { stage, shifted, unsteadySince = Infinity } = deployment.progress
  const green = greenOf(deployment, view)
  if (green === undefined)
    return stage === 'RECONCILE_SERVICE' || stage === 'PRE_SCALE_UP'
      ? undefined
      : serviceFailure('The task set of the target service revision was deleted.')
  // A service's first tasks have production before they are there.
  if (shifted > 0 && stage !== 'SCALE_UP' && isLost(green, view))
    return serviceFailure('The target service revision has no healthy task left.')
  if (view.now < unsteadySince + longestUnsteadyMs) return undefined
  const { healthy, taskSet } = green
  return serviceFailure(
    `Of ${taskSet.desiredCount} tasks of the target service revision only ${healthy} have been healthy for 5 minutes.`,
  )
}

function refused(deployment: Begun, view: View): ServiceInterruption | undefined {
  const reason = lastingServiceRefusal(deployment, view)
  return reason === undefined ? undefined : serviceFailure(`A listener is not in place: ${reason}`)
}

/** Why the node has not put a listener in place, once it has tried for a minute. */
export function lastingServiceRefusal(deployment: Begun, view: View): string | undefined {
  const { refusedSince = Infinity } = deployment.progress
  return view.now < refusedSince + longestRefusedMs ? undefined : refusal(awaitedAt(deployment, view.state), view)
}

/** With the times since when a listener is refused and since when green lacks tasks, as far as they are. */
export function markedService(deployment: Begun, view: View): Begun {
  const isRefused = refusal(awaitedAt(deployment, view.state), view) !== undefined
  const progress = withMarks(deployment.progress, isRefused, lacksTasks(deployment, view), view.now)
  return progress === deployment.progress ? deployment : { ...deployment, progress }
}

/** Of a green side that was complete once: until then SCALE_UP has its own limit. */
function lacksTasks(deployment: Begun, view: View): boolean {
  const { stage } = deployment.progress
  if (deployment.rollback !== undefined || stage === 'SCALE_UP') return false
  const green = greenOf(deployment, view)
  // While the node is away nobody knows their health.
  return green !== undefined && (view.nodeConnected ? green.healthy : green.running) < green.taskSet.desiredCount
}
