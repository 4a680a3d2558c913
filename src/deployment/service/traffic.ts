/** What the routes of a service deployment are told, whether they do it, and how the tasks on both sides are. */
import { routeOf } from '../../domain/listener-rules.ts'
import type { ServiceDeployment, ServiceDeploymentProgress, ShiftPlan } from '../../domain/service-deployment.ts'
import type { Change, State } from '../../domain/state.ts'
import { shiftAllowanceMs } from '../../domain/timing.ts'
import { type Side, sideOf } from '../side.ts'
import { type Awaited, forwardOf, isPointed, pointed, productionForward } from '../traffic.ts'
import type { View } from '../view.ts'

/** A deployment that has begun. */
export type Begun = ServiceDeployment & { readonly progress: ServiceDeploymentProgress & { readonly plan: ShiftPlan } }

/** `share` per cent of production to green, on all routes in one commit. */
export function productionAt(state: State, { routes }: ShiftPlan, share: number): readonly Change[] {
  return routes.flatMap(its => pointed(state, its, its.production, productionForward(its, share)))
}

/** `share` per cent of test traffic to green. */
export function testAt(state: State, { routes }: ShiftPlan, share: number): readonly Change[] {
  return routes.flatMap(its => (its.test === undefined ? [] : pointed(state, its, its.test, forwardOf(its, share))))
}

/**
 * Which route is not as the deployment left it: somebody else changed or deleted it. `undefined`: all are. Test traffic that was not
 * moved is anybody's.
 */
export function foreignRoute(state: State, { progress: { plan, shifted, testShifted } }: Begun): string | undefined {
  for (const its of plan.routes) {
    if (!isPointed(state, its, its.production, forwardOf(its, shifted))) return its.production
    if (its.test === undefined || testShifted === 0) continue
    if (!isPointed(state, its, its.test, forwardOf(its, testShifted))) return its.test
  }
  return undefined
}

/** What the node is to have in place of it. */
export function awaitedAt({ progress: { plan, awaitedRevision } }: Begun, state: State): Awaited {
  const arns = plan.routes.flatMap(({ production, test }) => [production, ...(test === undefined ? [] : [test])])
  const records = arns.map(arn => routeOf(state, arn)).filter(route => route !== undefined)
  return {
    awaitedRevision,
    listenerArns: records.map(record => ('listenerArn' in record ? record.listenerArn : record.arn)),
  }
}

/** How long a shift is waited for beyond what the node says, milliseconds (AWS: ten minutes behind a Network Load Balancer). */
export function allowanceMs(deployment: Begun, { state, timing }: View): number {
  const types = awaitedAt(deployment, state).listenerArns.map(arn => {
    const listener = state.listeners.get(arn)
    return state.loadBalancers.get(listener?.loadBalancerArn ?? '')?.type
  })
  return Math.max(0, ...types.filter(type => type !== undefined).map(type => shiftAllowanceMs(timing, type)))
}

/** `undefined` where the task set is gone or going, or there was none. */
export function blueOf({ progress: { plan } }: Begun, view: View): Side | undefined {
  return plan.blueTaskSetArn === undefined ? undefined : ownSide(plan.blueTaskSetArn, view)
}

/** `undefined` where the task set is gone or going, or is not there yet. */
export function greenOf({ progress: { plan } }: Begun, view: View): Side | undefined {
  return ownSide(plan.greenTaskSetArn, view)
}

/** Judged by all groups that the task set registers in, also those of load balancers that are not shifted. */
function ownSide(taskSetArn: string, view: View): Side | undefined {
  const { loadBalancers = [] } = view.state.taskSets.get(taskSetArn) ?? {}
  const groups = loadBalancers.map(({ targetGroupArn }) => targetGroupArn)
  return sideOf(taskSetArn, groups, view)
}
