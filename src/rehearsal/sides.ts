import type { Action } from '../domain/action.ts'
import { coloursOf, Impossible } from '../domain/colours.ts'
import { movedBehind, routeOf as recordOf } from '../domain/listener-rules.ts'
import type { RoutedGroup, SnapshotListener } from '../domain/snapshot.ts'
import type { State } from '../domain/state.ts'
import { type TaskSet, taskSetsOf } from '../domain/task-set.ts'

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
  /** As the deployment names it: a listener's (whatever that forwards to blue or green), a rule's, or a default rule's. */
  readonly arn: string
}

/** Throws what stands against a deployment, in AWS's words (`Impossible`), where there is something. */
export function sidesOf(state: State, subject: Subject): Sides {
  if (subject.kind === 'deployment group') {
    const group = state.deploymentGroups.get(subject.key)!
    const { blue, blueGroup, greenGroup } = coloursOf(state, group)
    checkWanted(blue)
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
  const blue = taskSetsOf(state, subject.arn).find(({ status }) => status === 'PRIMARY')
  const balancer = blue?.loadBalancers.find(({ advanced }) => advanced !== undefined)
  if (blue === undefined || balancer?.advanced === undefined)
    throw new Impossible('INVALID_ECS_SERVICE', 'It has no tasks behind its load balancer yet.')
  checkWanted(blue)
  const { targetGroupArn, advanced } = balancer
  const { alternateTargetGroupArn, productionListenerRule, testListenerRule } = advanced
  for (const arn of [targetGroupArn, alternateTargetGroupArn]) {
    if (!state.targetGroups.has(arn))
      throw new Impossible('ELASTIC_LOAD_BALANCING_INVALID', `The target group ${arn} does not exist.`)
  }
  return {
    blue: targetGroupArn,
    green: alternateTargetGroupArn,
    routes: [
      routeOf(state, 'production', productionListenerRule),
      ...(testListenerRule === undefined ? [] : [routeOf(state, 'test', testListenerRule)]),
    ],
  }
}

/** Where nobody is meant to answer, nothing can be seen. */
function checkWanted({ desiredCount, serviceArn }: TaskSet): void {
  if (desiredCount > 0) return
  const [, cluster, service] = serviceArn.split('/')
  const command = `aws ecs update-service --cluster ${cluster} --service ${service} --desired-count 1`
  throw new Impossible('INVALID_ECS_SERVICE', `Its service is to have no tasks: give it one first (${command}).`)
}

function routeOf(state: State, role: Route['role'], arn: string): Route {
  const record = recordOf(state, arn)
  if (record === undefined)
    throw new Impossible('ELASTIC_LOAD_BALANCING_INVALID', `The ${role} listener or rule ${arn} does not exist.`)
  const listenerArn = 'listenerArn' in record ? record.listenerArn : record.arn
  const { port } = state.listeners.get(listenerArn)!
  return { role, port, listenerArn, arn }
}

/** What the route is told to do. */
export function actionOf(state: State, { blue, green }: Sides, { arn }: Route): Action {
  return movedBehind(state, arn, [blue, green])[0] ?? recordOf(state, arn)!
}

/** Where the route's flows or requests go in a snapshot's listener, which may not be what it was told last. */
export function routedIn(
  { http, route: flows }: SnapshotListener,
  state: State,
  sides: Sides,
  route: Route,
): readonly RoutedGroup[] {
  if (http === undefined) return flows
  const action = actionOf(state, sides, route)
  const rule = 'priority' in action ? http.rules.find(({ priority }) => priority === action.priority) : undefined
  return (rule ?? http.rules.at(-1))?.action.forward ?? []
}
