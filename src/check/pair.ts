import type { DeploymentGroup, TrafficRouting } from '../domain/code-deploy.ts'
import { deploymentConfigOf } from '../domain/deployment-configs.ts'
import { type EcsService, type ServiceLoadBalancer, servicePath, shifts } from '../domain/ecs-service.ts'
import { movedBehind, routeOf } from '../domain/listener-rules.ts'
import type { Listener, LoadBalancer } from '../domain/load-balancer.ts'
import type { Rule } from '../domain/rule.ts'
import type { DeploymentSettings } from '../domain/service-deployment.ts'
import type { State } from '../domain/state.ts'
import type { TargetGroup } from '../domain/target-group.ts'

/** Two target groups that deployments move traffic between: a deployment group's of CodeDeploy, or an ECS service's. */
export type Pair = {
  /** `deployment group shop/web`, `service default/web` */
  readonly subject: string
  readonly groups: readonly [TargetGroup, TargetGroup]
  readonly loadBalancer: LoadBalancer
  readonly production: Route
  readonly test?: Route
  readonly routing: TrafficRouting
} & (
  | { readonly deployer: 'CodeDeploy'; readonly group: DeploymentGroup }
  | { readonly deployer: 'ECS'; readonly service: EcsService; readonly settings: DeploymentSettings }
)

/** Where a kind of traffic comes in, and what of that deployments change. */
export interface Route {
  readonly listener: Listener
  /** Whose actions: the listener's own, its rules', or both. */
  readonly moved: readonly (Listener | Rule)[]
}

type Routes = Pick<Pair, 'groups' | 'loadBalancer' | 'production' | 'test'>

/** All pairs of which every part is there; who lacks one is `hinderedDeployments`' matter. */
export function pairsOf(state: State): readonly Pair[] {
  return [...codeDeployPairs(state), ...servicePairs(state)]
}

/** Of a CodeDeploy group, in words. */
export function subjectOf({ applicationName, name }: DeploymentGroup): string {
  return `deployment group ${applicationName}/${name}`
}

/** Of an ECS service, in words. */
export function subjectOfService(service: EcsService): string {
  return `service ${servicePath(service)}`
}

/** The services that run and shift traffic themselves, each with its places in target groups' pairs. */
export function shiftingServices(state: State) {
  return [...state.services.values()].flatMap(service => {
    const { deployment, status } = service
    if (status !== 'ACTIVE' || !shifts(service) || deployment === undefined) return []
    return [{ service, settings: deployment }]
  })
}

/** The routes and the target groups of a service's place in a pair, `undefined` where one is missing. */
export function routesOf(state: State, { targetGroupArn, advanced }: ServiceLoadBalancer): Routes | undefined {
  if (advanced === undefined) return undefined
  const groups = [targetGroupArn, advanced.alternateTargetGroupArn].map(arn => state.targetGroups.get(arn))
  const { productionListenerRule, testListenerRule } = advanced
  return joined(state, groups, [productionListenerRule, testListenerRule])
}

function* codeDeployPairs(state: State): Generator<Pair> {
  for (const group of state.deploymentGroups.values()) {
    const groups = group.targetGroupPair.map(name => state.targetGroups.values().find(its => its.name === name))
    const routes = joined(state, groups, [group.productionListenerArn, group.testListenerArn])
    const routing = deploymentConfigOf(state, group.deploymentConfigName)?.routing
    if (routes === undefined || routing === undefined) continue
    yield { ...routes, subject: subjectOf(group), routing, deployer: 'CodeDeploy', group }
  }
}

function* servicePairs(state: State): Generator<Pair> {
  for (const { service, settings } of shiftingServices(state)) {
    for (const place of service.loadBalancers) {
      const routes = routesOf(state, place)
      if (routes === undefined) continue
      const subject = subjectOfService(service)
      yield { ...routes, subject, routing: routingOf(settings), deployer: 'ECS', service, settings }
    }
  }
}

function routingOf({ strategy, step }: DeploymentSettings): TrafficRouting {
  if (step === undefined || strategy === 'BLUE_GREEN') return { type: 'AllAtOnce' }
  const { percent: percentage, bakeMinutes: intervalMinutes } = step
  return { type: strategy === 'CANARY' ? 'TimeBasedCanary' : 'TimeBasedLinear', percentage, intervalMinutes }
}

/** @param arns of the production and, where there is one, the test route */
function joined(
  state: State,
  [first, second]: readonly (TargetGroup | undefined)[],
  arns: readonly (string | undefined)[],
): Routes | undefined {
  if (first === undefined || second === undefined) return undefined
  const groups = [first, second] as const
  const [production, test] = arns.map(arn => (arn === undefined ? undefined : routeBehind(state, groups, arn)))
  const loadBalancer = production && state.loadBalancers.get(production.listener.loadBalancerArn)
  if (production === undefined || loadBalancer === undefined) return undefined
  return { groups, loadBalancer, production, ...(test && { test }) }
}

/** @param arn a listener's, a rule's, or a default rule's */
function routeBehind(state: State, groups: readonly TargetGroup[], arn: string): Route | undefined {
  const record = routeOf(state, arn)
  if (record === undefined) return undefined
  const listener = 'listenerArn' in record ? state.listeners.get(record.listenerArn) : record
  const arns = groups.map(group => group.arn)
  const moved = movedBehind(state, arn, arns)
  return listener && { listener, moved: moved.length === 0 ? [record] : moved }
}
