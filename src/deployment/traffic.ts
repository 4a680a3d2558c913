/** What the listeners of a deployment are told, and whether they do it. */
import type { Action, WeightedTargetGroup } from '../domain/action.ts'
import type { Deployment, DeploymentPlan, TrafficRouting } from '../domain/code-deploy.ts'
import { forwardersTo } from '../domain/listener-rules.ts'
import type { Listener } from '../domain/load-balancer.ts'
import type { Change, State } from '../domain/state.ts'
import type { View } from './view.ts'

/**
 * `share` per cent of new flows to green. The group with nothing stays in the action, as AWS does it since 2022, so that its
 * targets are checked and a move to it takes effect at once.
 */
export function forwardOf(plan: DeploymentPlan, share: number): readonly WeightedTargetGroup[] {
  return [
    { targetGroupArn: plan.blueTargetGroupArn, weight: 100 - share },
    { targetGroupArn: plan.greenTargetGroupArn, weight: share },
  ]
}

/**
 * The same for production, where UDP flows stay with blue until its targets are deregistered: a switch takes new ones only. On the
 * way back they leave green at once.
 */
export function productionForward(plan: DeploymentPlan, share: number): readonly WeightedTargetGroup[] {
  return forwardOf(plan, share).map(its => (share === 100 && its.weight === 0 ? { ...its, keepsFlows: true } : its))
}

/** The share after `shifted`, per cent. */
export function nextShare(routing: TrafficRouting, shifted: number): number {
  if (routing.type === 'AllAtOnce' || (routing.type === 'TimeBasedCanary' && shifted > 0)) return 100
  return Math.min(100, shifted + routing.percentage)
}

/** Milliseconds between one share and the next. */
export function shiftInterval(routing: TrafficRouting): number {
  return routing.type === 'AllAtOnce' ? 0 : routing.intervalMinutes * 60_000
}

/**
 * Points a listener elsewhere: all that it forwards to blue or green, by rules as by its own action, goes with one commit. One
 * that has to do with neither is pointed there itself.
 */
export function pointed(
  state: State,
  plan: DeploymentPlan,
  listenerArn: string,
  forward: readonly WeightedTargetGroup[],
): readonly Change[] {
  const listener = state.listeners.get(listenerArn)!
  const moved = forwardersOf(state, plan, listener)
  return (moved.length === 0 ? [listener] : moved).map(({ answer, ...record }): Change => {
    return 'listenerArn' in record
      ? { table: 'rules', key: record.arn, value: { ...record, forward } }
      : { table: 'listeners', key: record.arn, value: { ...record, forward } }
  })
}

function forwardersOf(state: State, plan: DeploymentPlan, listener: Listener): ReturnType<typeof forwardersTo> {
  return forwardersTo(state, listener, [plan.blueTargetGroupArn, plan.greenTargetGroupArn])
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
  const production = state.listeners.get(productionListenerArn)
  if (!isPointed(state, plan, production, forwardOf(plan, shifted))) return productionListenerArn
  if (testListenerArn === undefined) return undefined
  const test = state.listeners.get(testListenerArn)
  const testShare = step === 'Rollback' ? 0 : 100
  const isAsLeft = wasTestMoved(deployment)
    ? isPointed(state, plan, test, forwardOf(plan, testShare))
    : test !== undefined && isForward(test, testForward)
  return isAsLeft ? undefined : testListenerArn
}

function isPointed(
  state: State,
  plan: DeploymentPlan,
  listener: Listener | undefined,
  expected: readonly WeightedTargetGroup[],
): boolean {
  const moved = listener === undefined ? [] : forwardersOf(state, plan, listener)
  return moved.length > 0 && moved.every(its => isForward(its, expected))
}

function isForward({ forward }: Action, expected: readonly WeightedTargetGroup[]): boolean {
  if (forward.length !== expected.length) return false
  return expected.every(({ targetGroupArn, weight }, i) => {
    const its = forward[i]!
    return its.targetGroupArn === targetGroupArn && its.weight === weight
  })
}

/** Whether the node has done what the listeners were told last. An API's success alone never counts. */
export function isInPlace(deployment: Deployment, view: View): boolean {
  const listeners = listenersOf(deployment)
  return (
    isHeard(deployment, view) &&
    refusal(deployment, view) === undefined &&
    !view.applied!.held.some(({ listenerArn }) => listeners.includes(listenerArn))
  )
}

/** Why the node has not put a listener in place though it tried; one line of its own. */
export function refusal(deployment: Deployment, view: View): string | undefined {
  if (!isHeard(deployment, view)) return undefined
  const listeners = listenersOf(deployment)
  const problem = view.applied?.problems.find(
    ({ listenerArn, target }) => target === undefined && listeners.includes(listenerArn),
  )
  return problem?.reason
}

/** Whether the node is there and has taken in the revision that the step waits for. */
function isHeard({ progress }: Deployment, { nodeConnected, applied }: View): boolean {
  return nodeConnected && applied !== undefined && applied.revision >= (progress.awaitedRevision ?? 0)
}

function listenersOf({ progress: { plan } }: Deployment): readonly (string | undefined)[] {
  return [plan?.productionListenerArn, plan?.testListenerArn]
}
