import type { LoadBalancer as SdkLoadBalancer } from '@aws-sdk/client-ecs'
import { type EcsService, type ServiceLoadBalancer, shifts } from '../../domain/ecs-service.ts'
import { referencesTo } from '../../domain/references.ts'
import type { State } from '../../domain/state.ts'
import type { TaskDefinition } from '../../domain/task-definition.ts'
import { advancedIn } from './advanced-configuration.ts'
import { invalid } from './resources.ts'

/**
 * The load balancers of a service or task set that runs `definition`. Throws InvalidParameterException unless each target group
 * is there and in use by a listener, and each container has its port.
 */
export function loadBalancersIn(
  loadBalancers: readonly SdkLoadBalancer[] | undefined,
  definition: TaskDefinition,
  state: State,
): readonly ServiceLoadBalancer[] {
  refuseMixture(loadBalancers ?? [])
  return (loadBalancers ?? []).map(({ targetGroupArn, loadBalancerName, advancedConfiguration, ...its }) => {
    if (loadBalancerName !== undefined) {
      throw invalid(
        'Classic Load Balancers are not offered here; specify a targetGroupArn instead of a loadBalancerName.',
      )
    }
    if (targetGroupArn === undefined) throw invalid('Target group ARN cannot be blank.')
    checkTargetGroup(targetGroupArn, state)
    if (referencesTo(state, targetGroupArn).length === 0) {
      throw invalid(`The target group with targetGroupArn ${targetGroupArn} does not have an associated load balancer.`)
    }
    const { containerName = '', containerPort = 0 } = its
    const loadBalancer = { targetGroupArn, containerName, containerPort }
    checkContainers([loadBalancer], definition)
    if (advancedConfiguration === undefined) return loadBalancer
    const advanced = advancedIn(advancedConfiguration, targetGroupArn, state)
    checkTargetGroup(advanced.alternateTargetGroupArn, state)
    return { ...loadBalancer, advanced }
  })
}

/**
 * Throws InvalidParameterException unless each load balancer says how its traffic is shifted, where the strategy shifts it, and no two
 * services have their tasks in the same target groups, of which one shifts: it would move the other one's traffic too.
 */
export function checkShiftable(service: EcsService, state: State): void {
  if (shifts(service) && service.loadBalancers.some(({ advanced }) => advanced === undefined)) {
    throw invalid(
      'advancedConfiguration field is required for all loadBalancers when using a non-ROLLING deployment strategy',
    )
  }
  const groups = targetGroupsOf(service)
  for (const other of state.services.values()) {
    if (other.arn === service.arn || other.status === 'INACTIVE' || !(shifts(service) || shifts(other))) continue
    const shared = targetGroupsOf(other).find(arn => groups.includes(arn))
    if (shared !== undefined) {
      throw invalid(
        `The target group ${shared} is used by the service ${other.name}. Specify one of this service's own.`,
      )
    }
  }
}

function targetGroupsOf({ loadBalancers }: EcsService): readonly string[] {
  return loadBalancers.flatMap(({ targetGroupArn, advanced }) => [
    targetGroupArn,
    ...(advanced ? [advanced.alternateTargetGroupArn] : []),
  ])
}

/** Throws InvalidParameterException unless `definition` has the containers and ports that `loadBalancers` name, and runs them. */
export function checkContainers(loadBalancers: readonly ServiceLoadBalancer[], definition: TaskDefinition): void {
  for (const { containerName, containerPort } of loadBalancers) {
    const container = definition.containers.find(each => each.name === containerName)
    if (container === undefined) throw invalid(`The container ${containerName} does not exist in the task definition.`)
    if (container.portMappings.every(mapping => mapping.containerPort !== containerPort)) {
      throw invalid(`The container ${containerName} did not have a container port ${containerPort} defined.`)
    }
    if (container !== definition.containers[0]) {
      throw invalid(
        `The container ${containerName} would not run: of a task definition only the first container runs here. Put it first.`,
      )
    }
  }
}

export function describeLoadBalancer({ advanced, ...its }: ServiceLoadBalancer): SdkLoadBalancer {
  return { ...its, ...(advanced && { advancedConfiguration: { ...advanced } }) }
}

/** What concerns the list as a whole (AWS: Troubleshooting Amazon ECS blue/green deployments). */
function refuseMixture(loadBalancers: readonly SdkLoadBalancer[]): void {
  const classic = loadBalancers.filter(({ loadBalancerName }) => loadBalancerName !== undefined)
  if (classic.some(({ targetGroupArn }) => targetGroupArn !== undefined) || !isAllOrNone(classic, loadBalancers)) {
    throw invalid(
      'All loadBalancers must be strictly either ELBv1 (defining loadBalancerName) or ELBv2 (defining targetGroupArn)',
    )
  }
  if (classic.some(({ advancedConfiguration }) => advancedConfiguration !== undefined)) {
    throw invalid('advancedConfiguration field is not allowed with ELBv1 loadBalancers')
  }
  const advanced = loadBalancers.filter(({ advancedConfiguration }) => advancedConfiguration !== undefined)
  if (!isAllOrNone(advanced, loadBalancers)) {
    throw invalid('Either all or none of the provided loadBalancers must have advancedConfiguration defined')
  }
  if (advanced.length === 0) return
  const groups = advanced.flatMap(({ targetGroupArn, advancedConfiguration }) => [
    targetGroupArn,
    advancedConfiguration?.alternateTargetGroupArn,
  ])
  const twice = groups.find((arn, index) => arn !== undefined && groups.indexOf(arn) !== index)
  if (twice !== undefined) throw invalid(`Duplicate targetGroupArn found: ${twice}`)
}

function isAllOrNone(some: readonly unknown[], all: readonly unknown[]): boolean {
  return some.length === 0 || some.length === all.length
}

function checkTargetGroup(arn: string, state: State): void {
  const group = state.targetGroups.get(arn)
  if (group === undefined) throw invalid(`The target group ${arn} does not exist.`)
  // A task is registered by its address here, whatever its network mode.
  if (group.targetType !== 'ip') {
    throw invalid(
      `The provided target group ${arn} has target type ${group.targetType}, which is incompatible with tasks, which have addresses of their own here; specify a target group of type ip.`,
    )
  }
}
