/** What the listeners of a CodeDeploy deployment are told, whether they do it, and how the tasks on both sides are. */
import type { Deployment, DeploymentPlan, TrafficRouting } from '../../domain/code-deploy.ts'
import { movedBehind } from '../../domain/listener-rules.ts'
import type { Change, State } from '../../domain/state.ts'
import { isAwsTimed, type Timing } from '../../domain/timing.ts'
import { type Side, sideOf } from '../side.ts'
import { type Awaited, forwardOf, fullyShifted, groupsOf, isForward, isPointed, pointed } from '../traffic.ts'
import type { View } from '../view.ts'

/** The share after `shifted`, per cent. */
export function nextShare(routing: TrafficRouting, shifted: number): number {
  if (routing.type === 'AllAtOnce' || (routing.type === 'TimeBasedCanary' && shifted > 0)) return fullyShifted
  return Math.min(fullyShifted, shifted + routing.percentage)
}

/** Milliseconds between one share and the next. */
export function shiftInterval(routing: TrafficRouting): number {
  return routing.type === 'AllAtOnce' ? 0 : routing.intervalMinutes * 60_000
}

/**
 * What becomes of the group with nothing: it stays where production was set up to name both, else it is left out while AWS's time
 * passes, and `added` at no weight without.
 */
export function idleGroup(state: State, plan: DeploymentPlan, timing: Timing): Pick<DeploymentPlan, 'alone' | 'adds'> {
  const listener = state.listeners.get(plan.productionListenerArn)!
  const groups = groupsOf(plan)
  const namesBoth = movedBehind(state, listener.arn, groups).some(({ forward }) =>
    groups.every(arn => forward.some(({ targetGroupArn, added }) => targetGroupArn === arn && !added)),
  )
  if (namesBoth) return {}
  const type = state.loadBalancers.get(listener.loadBalancerArn)?.type
  return type !== undefined && isAwsTimed(timing, type) ? { alone: true } : { adds: true }
}

/** Both listeners with everything on blue. The test listener stays where it is, if it was not moved. */
export function allOnBlue(state: State, { progress, ...deployment }: Deployment): readonly Change[] {
  const plan = progress.plan!
  const forward = forwardOf(plan, 0)
  const { testListenerArn } = plan
  const isTestMoved = testListenerArn !== undefined && wasTestMoved(deployment)
  return [
    ...(progress.shifted === 0 ? [] : pointed(state, plan, plan.productionListenerArn, forward)),
    ...(isTestMoved ? pointed(state, plan, testListenerArn, forward) : []),
  ]
}

function wasTestMoved({ events }: Pick<Deployment, 'events'>): boolean {
  return events.some(({ name, startedAt }) => name === 'AllowTestTraffic' && startedAt !== undefined)
}

/**
 * Which listener is not as this deployment left it: somebody else changed or deleted it. `undefined`: both are.
 */
export function foreignListener(state: State, deployment: Deployment): string | undefined {
  const { plan, shifted, step } = deployment.progress
  if (plan === undefined) return undefined
  const { productionListenerArn, testListenerArn, testForward = [] } = plan
  if (!isPointed(state, plan, productionListenerArn, forwardOf(plan, shifted))) return productionListenerArn
  if (testListenerArn === undefined) return undefined
  const test = state.listeners.get(testListenerArn)
  const testShare = step === 'Rollback' ? 0 : fullyShifted
  const isAsLeft = wasTestMoved(deployment)
    ? isPointed(state, plan, testListenerArn, forwardOf(plan, testShare))
    : test !== undefined && isForward(test, testForward)
  return isAsLeft ? undefined : testListenerArn
}

/** What the node is to have in place of a deployment. */
export function awaitedOf({ progress: { plan, awaitedRevision } }: Deployment): Awaited {
  const listenerArns = [plan?.productionListenerArn, plan?.testListenerArn].filter(arn => arn !== undefined)
  return { awaitedRevision, listenerArns }
}

/** `undefined` where the task set is gone or going. */
export function blueSide(plan: DeploymentPlan, view: View): Side | undefined {
  return sideOf(plan.blueTaskSetArn, [plan.blueTargetGroupArn], view)
}

/** `undefined` where the task set is gone or going. */
export function greenSide(plan: DeploymentPlan, view: View): Side | undefined {
  return sideOf(plan.greenTaskSetArn, [plan.greenTargetGroupArn], view)
}
