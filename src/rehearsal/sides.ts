import type { Action } from '../domain/action.ts'
import { coloursOf } from '../domain/colours.ts'
import { forwardersTo, routeOf as recordOf } from '../domain/listener-rules.ts'
import type { RoutedGroup, SnapshotListener } from '../domain/snapshot.ts'
import type { State } from '../domain/state.ts'
import { taskSetsOf } from '../domain/task-set.ts'

/** What is deployed: a CodeDeploy deployment group (its key in the state), or an ECS service that shifts traffic by itself (its ARN). */
export type Subject =
  | { readonly kind: 'deployment group'; readonly key: string }
  | { readonly kind: 'service'; readonly arn: string }

/** Where traffic comes from, and both groups that it may go to, as things are before a deployment. */
export interface Sides {
  readonly blue: string
  readonly green: string
  /** Production's first. */
  readonly routes: readonly Route[]
}

/** A listener or a rule that a deployment moves. */
export interface Route {
  readonly role: 'production' | 'test'
  readonly port: number
  readonly listenerArn: string
  /** Absent: whatever the listener forwards to blue or green, and where that is nothing, its own action. */
  readonly ruleArn?: string
}

/** Throws what stands against a deployment, in AWS's words (`Impossible`), where there is something. */
export function sidesOf(state: State, subject: Subject): Sides {
  if (subject.kind === 'deployment group') {
    const group = state.deploymentGroups.get(subject.key)!
    const { blueGroup, greenGroup } = coloursOf(state, group)
    const { productionListenerArn, testListenerArn } = group
    return {
      blue: blueGroup.arn,
      green: greenGroup.arn,
      routes: [
        routeOf(state, 'production', productionListenerArn),
        ...(testListenerArn === undefined ? [] : [routeOf(state, 'test', testListenerArn)]),
      ],
    }
  }
  const { loadBalancers } = taskSetsOf(state, subject.arn).find(({ status }) => status === 'PRIMARY')!
  const { targetGroupArn, advanced } = loadBalancers.find(({ advanced }) => advanced !== undefined)!
  const { alternateTargetGroupArn, productionListenerRule, testListenerRule } = advanced!
  return {
    blue: targetGroupArn,
    green: alternateTargetGroupArn,
    routes: [
      routeOf(state, 'production', productionListenerRule),
      ...(testListenerRule === undefined ? [] : [routeOf(state, 'test', testListenerRule)]),
    ],
  }
}

/** @param arn a listener's, a rule's, or a listener's default rule's */
function routeOf(state: State, role: Route['role'], arn: string): Route {
  const record = recordOf(state, arn)!
  const isRule = 'listenerArn' in record
  const listenerArn = isRule ? record.listenerArn : record.arn
  const { port } = state.listeners.get(listenerArn)!
  return { role, port, listenerArn, ...(isRule && { ruleArn: arn }) }
}

/** What the route is told to do. */
export function actionOf(state: State, { blue, green }: Sides, { listenerArn, ruleArn }: Route): Action {
  const listener = state.listeners.get(listenerArn)!
  if (ruleArn !== undefined) return state.rules.get(ruleArn)!
  return forwardersTo(state, listener, [blue, green])[0] ?? listener
}

/** Where the route's flows or requests go in a snapshot's listener, which may not be what it was told last. */
export function routedIn(
  listener: SnapshotListener,
  state: State,
  sides: Sides,
  { ruleArn }: Route,
): readonly RoutedGroup[] {
  const { http, route } = listener
  if (http === undefined) return route
  const wanted = ruleArn === undefined ? undefined : state.rules.get(ruleArn)?.priority
  const isOfPair = ({ group }: RoutedGroup) => [sides.blue, sides.green].some(arn => group.startsWith(`${arn} `))
  const rule =
    wanted === undefined
      ? http.rules.find(({ action }) => action.forward.some(isOfPair))
      : http.rules.find(({ priority }) => priority === wanted)
  return (rule ?? http.rules.at(-1))?.action.forward ?? []
}
