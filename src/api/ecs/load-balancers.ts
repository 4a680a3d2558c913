import type { LoadBalancer as SdkLoadBalancer } from '@aws-sdk/client-ecs'
import type { ServiceLoadBalancer } from '../../domain/ecs-service.ts'
import { referencesTo } from '../../domain/references.ts'
import type { State } from '../../domain/state.ts'
import type { TaskDefinition } from '../../domain/task-definition.ts'
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
  return (loadBalancers ?? []).map(({ targetGroupArn, loadBalancerName, containerName = '', containerPort = 0 }) => {
    if (loadBalancerName !== undefined) {
      throw invalid(
        'Classic Load Balancers are not offered here; specify a targetGroupArn instead of a loadBalancerName.',
      )
    }
    if (targetGroupArn === undefined) throw invalid('Target group ARN cannot be blank.')
    checkTargetGroup(targetGroupArn, state)
    const loadBalancer = { targetGroupArn, containerName, containerPort }
    checkContainers([loadBalancer], definition)
    return loadBalancer
  })
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

function checkTargetGroup(arn: string, state: State): void {
  const group = state.targetGroups.get(arn)
  if (group === undefined) throw invalid(`The target group ${arn} does not exist.`)
  // A task is registered by its address here, whatever its network mode.
  if (group.targetType !== 'ip') {
    throw invalid(
      `The provided target group ${arn} has target type ${group.targetType}, which is incompatible with tasks, which have addresses of their own here; specify a target group of type ip.`,
    )
  }
  if (referencesTo(state, arn).length === 0) {
    throw invalid(`The target group with targetGroupArn ${arn} does not have an associated load balancer.`)
  }
}
