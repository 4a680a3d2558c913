/** What the listeners of a deployment are told, and whether they do it. */
import type { Action, WeightedTargetGroup } from '../domain/action.ts'
import type { DeploymentPlan } from '../domain/code-deploy.ts'
import { movedBehind, routeOf } from '../domain/listener-rules.ts'
import type { Change, State } from '../domain/state.ts'
import type { View } from './view.ts'

/** The target groups of a deployment. */
export type Pair = Pick<DeploymentPlan, 'blueTargetGroupArn' | 'greenTargetGroupArn' | 'alone' | 'adds'>

/** Per cent. */
export const fullyShifted = 100

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
  const moved = movedBehind(state, routeArn, groupsOf(plan))
  return (moved.length === 0 ? [routeOf(state, routeArn)!] : moved).map(({ answer, ...record }): Change => {
    return 'listenerArn' in record
      ? { table: 'rules', key: record.arn, value: { ...record, forward } }
      : { table: 'listeners', key: record.arn, value: { ...record, forward } }
  })
}

export function groupsOf({ blueTargetGroupArn, greenTargetGroupArn }: Pair): readonly string[] {
  return [blueTargetGroupArn, greenTargetGroupArn]
}

/** Whether all that goes together behind the route forwards so. */
export function isPointed(
  state: State,
  plan: Pair,
  routeArn: string,
  expected: readonly WeightedTargetGroup[],
): boolean {
  const moved = movedBehind(state, routeArn, groupsOf(plan))
  return moved.length > 0 && moved.every(its => isForward(its, expected))
}

/** Whether an action forwards so, by the same groups in the same order. */
export function isForward({ forward }: Action, expected: readonly WeightedTargetGroup[]): boolean {
  if (forward.length !== expected.length) return false
  return expected.every(({ targetGroupArn, weight }, i) => {
    const its = forward[i]!
    return its.targetGroupArn === targetGroupArn && its.weight === weight
  })
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
