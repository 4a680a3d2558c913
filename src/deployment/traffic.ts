/** What the listeners of a deployment are told, and whether they do it. */
import type { Action, WeightedTargetGroup } from '../domain/action.ts'
import type { Deployment, DeploymentPlan, TrafficRouting } from '../domain/code-deploy.ts'
import { forwardersTo, routeOf } from '../domain/listener-rules.ts'
import type { Listener } from '../domain/load-balancer.ts'
import type { Rule } from '../domain/rule.ts'
import type { Change, State } from '../domain/state.ts'
import { isAwsTimed, type Timing } from '../domain/timing.ts'
import type { View } from './view.ts'

/** The target groups of a deployment. */
export type Pair = Pick<DeploymentPlan, 'blueTargetGroupArn' | 'greenTargetGroupArn' | 'alone' | 'adds'>

/** What the node is to have in place: these listeners as they were set with this revision of the store. */
export interface Awaited {
  readonly awaitedRevision?: number | undefined
  readonly listenerArns: readonly string[]
}

/**
 * `share` per cent of new flows to green, in steps of 0.1: a weight is 999 at most. The group with nothing stays in the action, as AWS does it since 2022, so that its
 * targets are checked and a move to it takes effect at once; but for a plan that wants each `alone`.
 */
export function forwardOf(plan: Pair, share: number): readonly WeightedTargetGroup[] {
  const [whole, weight] = Number.isInteger(share) ? [100, share] : [1000, Math.round(10 * share)]
  const both = [
    { targetGroupArn: plan.blueTargetGroupArn, weight: whole - weight },
    { targetGroupArn: plan.greenTargetGroupArn, weight },
  ]
  if (plan.alone) return both.filter(({ weight }) => weight > 0)
  return plan.adds ? both.map(its => (its.weight === 0 ? { ...its, added: true } : its)) : both
}

/**
 * The same for production, where UDP flows stay with blue until its targets are deregistered: a switch takes new ones only. On the
 * way back they leave green at once.
 */
export function productionForward(plan: Pair, share: number): readonly WeightedTargetGroup[] {
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
 * Points a route elsewhere. Behind a listener's ARN, all that it forwards to blue or green, by rules as by its own action, goes with
 * one commit, and one that has to do with neither is pointed there itself. A rule's ARN is that rule alone.
 */
export function pointed(
  state: State,
  plan: Pair,
  routeArn: string,
  forward: readonly WeightedTargetGroup[],
): readonly Change[] {
  const route = routeOf(state, routeArn)!
  const moved = movedAt(state, plan, route, routeArn)
  return (moved.length === 0 ? [route] : moved).map(({ answer, ...record }): Change => {
    return 'listenerArn' in record
      ? { table: 'rules', key: record.arn, value: { ...record, forward } }
      : { table: 'listeners', key: record.arn, value: { ...record, forward } }
  })
}

/**
 * What becomes of the group with nothing: it stays where production was set up to name both, else it is left out while AWS's time
 * passes, and `added` at no weight without.
 */
export function idleGroup(state: State, plan: DeploymentPlan, timing: Timing): Pick<DeploymentPlan, 'alone' | 'adds'> {
  const listener = state.listeners.get(plan.productionListenerArn)!
  const groups = [plan.blueTargetGroupArn, plan.greenTargetGroupArn]
  const namesBoth = forwardersOf(state, plan, listener).some(({ forward }) =>
    groups.every(arn => forward.some(({ targetGroupArn, added }) => targetGroupArn === arn && !added)),
  )
  if (namesBoth) return {}
  const type = state.loadBalancers.get(listener.loadBalancerArn)?.type
  return type !== undefined && isAwsTimed(timing, type) ? { alone: true } : { adds: true }
}

/** What goes together behind a route's ARN, which leads to this record. */
function movedAt(state: State, plan: Pair, route: Rule | Listener, routeArn: string): readonly (Rule | Listener)[] {
  return 'listenerArn' in route || route.arn !== routeArn ? [route] : forwardersOf(state, plan, route)
}

function forwardersOf(state: State, plan: Pair, listener: Listener): ReturnType<typeof forwardersTo> {
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
  if (!isPointed(state, plan, productionListenerArn, forwardOf(plan, shifted))) return productionListenerArn
  if (testListenerArn === undefined) return undefined
  const test = state.listeners.get(testListenerArn)
  const testShare = step === 'Rollback' ? 0 : 100
  const isAsLeft = wasTestMoved(deployment)
    ? isPointed(state, plan, testListenerArn, forwardOf(plan, testShare))
    : test !== undefined && isForward(test, testForward)
  return isAsLeft ? undefined : testListenerArn
}

/** Whether all that goes together behind the route forwards so. */
export function isPointed(
  state: State,
  plan: Pair,
  routeArn: string,
  expected: readonly WeightedTargetGroup[],
): boolean {
  const route = routeOf(state, routeArn)
  const moved = route === undefined ? [] : movedAt(state, plan, route, routeArn)
  return moved.length > 0 && moved.every(its => isForward(its, expected))
}

function isForward({ forward }: Action, expected: readonly WeightedTargetGroup[]): boolean {
  if (forward.length !== expected.length) return false
  return expected.every(({ targetGroupArn, weight }, i) => {
    const its = forward[i]!
    return its.targetGroupArn === targetGroupArn && its.weight === weight
  })
}

/** What the node is to have in place of a deployment. */
export function awaitedOf({ progress: { plan, awaitedRevision } }: Deployment): Awaited {
  const listenerArns = [plan?.productionListenerArn, plan?.testListenerArn].filter(arn => arn !== undefined)
  return { awaitedRevision, listenerArns }
}

/** Whether the node has done what the listeners were told last. An API's success alone never counts. */
export function isInPlace(awaited: Awaited, view: View): boolean {
  return (
    isHeard(awaited, view) &&
    refusal(awaited, view) === undefined &&
    !view.applied!.held.some(({ listenerArn }) => awaited.listenerArns.includes(listenerArn))
  )
}

/** Why the node has not put a listener in place though it tried; one line of its own. */
export function refusal(awaited: Awaited, view: View): string | undefined {
  if (!isHeard(awaited, view)) return undefined
  const problem = view.applied?.problems.find(
    ({ listenerArn, target }) => target === undefined && awaited.listenerArns.includes(listenerArn),
  )
  return problem?.reason
}

/** Whether the node is there and has taken in the revision that the step waits for. */
function isHeard({ awaitedRevision = 0 }: Awaited, { nodeConnected, applied }: View): boolean {
  return nodeConnected && applied !== undefined && applied.revision >= awaitedRevision
}
