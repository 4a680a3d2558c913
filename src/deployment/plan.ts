import type { Deployment, DeploymentGroup, DeploymentPlan } from '../domain/code-deploy.ts'
import type { EcsService } from '../domain/ecs-service.ts'
import { referencesTo } from '../domain/references.ts'
import type { Change, State } from '../domain/state.ts'
import type { TargetGroup } from '../domain/target-group.ts'
import { newTaskSet, type TaskSet } from '../domain/task-set.ts'
import { forwardOf, pointed } from './traffic.ts'
import type { View } from './view.ts'

/** Why a deployment can't be done as things are (AWS: ErrorCode and a message). */
export class Impossible extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Its group's key in the state. */
export function groupKeyOf({ applicationName, deploymentGroupName }: Deployment): string {
  return `${applicationName}/${deploymentGroupName}`
}

/**
 * What the deployment is going to work with, and its first changes: the green task set, and the production listener with green's
 * group in it at no weight, so that the node checks green's targets before anything is sent there.
 *
 * Throws `Impossible`: blue's group must be where the production listener points, and green's must be free.
 */
export function planOf(deployment: Deployment, view: View): { plan: DeploymentPlan; changes: readonly Change[] } {
  const { state } = view
  const group = state.deploymentGroups.get(groupKeyOf(deployment))!
  const service = serviceOf(state, group)
  const blue = [...state.taskSets.values()].find(set => set.serviceArn === service.arn && set.status === 'PRIMARY')
  if (blue === undefined)
    throw new Impossible('INVALID_ECS_SERVICE', `The ECS service ${service.name} does not have a primary task set.`)
  const { taskDefinitionArn, containerName, containerPort, platformVersion, networkConfiguration } = deployment.appSpec
  if (!state.taskDefinitions.has(taskDefinitionArn))
    throw new Impossible('INVALID_REVISION', `The task definition ${taskDefinitionArn} does not exist.`)

  const [blueGroup, greenGroup] = coloursOf(state, group, blue)
  const green = newTaskSet(service, view.hex(16), view.now, {
    taskDefinitionArn,
    status: 'ACTIVE',
    loadBalancers: [{ targetGroupArn: greenGroup.arn, containerName, containerPort }],
    externalId: deployment.id,
    startedBy: 'CODE_DEPLOY',
    recorded: {
      ...blue.recorded,
      ...(platformVersion !== undefined && { platformVersion }),
      ...(networkConfiguration !== undefined && { networkConfiguration }),
    },
  })
  const { productionListenerArn, testListenerArn } = group
  const plan: DeploymentPlan = {
    serviceArn: service.arn,
    productionListenerArn,
    blueTaskSetArn: blue.arn,
    greenTaskSetArn: green.arn,
    blueTargetGroupArn: blueGroup.arn,
    greenTargetGroupArn: greenGroup.arn,
    ...(testListenerArn !== undefined && {
      testListenerArn,
      testForward: listenerOf(state, testListenerArn).forward,
    }),
  }
  const changes: Change[] = [
    { table: 'taskSets', key: green.arn, value: green },
    pointed(state, productionListenerArn, forwardOf(plan, 0)),
  ]
  return { plan, changes }
}

function serviceOf(state: State, { clusterName, serviceName }: DeploymentGroup): EcsService {
  const service = state.services.values().find(({ arn }) => arn.endsWith(`:service/${clusterName}/${serviceName}`))
  if (service?.status !== 'ACTIVE' || service.controller !== 'CODE_DEPLOY')
    throw new Impossible(
      'INVALID_ECS_SERVICE',
      `The ECS service ${serviceName} in cluster ${clusterName} is not active, or its deployment controller is not CODE_DEPLOY.`,
    )
  return service
}

/** Blue's target group, which is that of the primary task set, and the other one of the pair. */
function coloursOf(state: State, group: DeploymentGroup, blue: TaskSet): readonly [TargetGroup, TargetGroup] {
  const pair = group.targetGroupPair.map(name => {
    const found = state.targetGroups.values().find(its => its.name === name)
    return found ?? invalid(`The target group ${name} does not exist.`)
  })
  const blueGroup = pair.find(({ arn }) => blue.loadBalancers.some(({ targetGroupArn }) => targetGroupArn === arn))
  const greenGroup = pair.find(its => its !== blueGroup)
  if (blueGroup === undefined || greenGroup === undefined)
    return invalid('The primary task set is in neither of the target groups of the deployment group.')

  const production = listenerOf(state, group.productionListenerArn)
  const { arn, forward } = production
  const isOnBlue = forward.some(({ targetGroupArn, weight }) => targetGroupArn === blueGroup.arn && weight > 0)
  const isElsewhere = forward.some(
    ({ targetGroupArn, weight }) =>
      targetGroupArn !== blueGroup.arn && (targetGroupArn !== greenGroup.arn || weight > 0),
  )
  if (!isOnBlue || isElsewhere)
    return invalid(
      `The primary task set's target group ${blueGroup.name} must be all that listener ${arn} forwards to.`,
    )
  const { loadBalancerArn } = production
  if (referencesTo(state, greenGroup.arn).some(({ loadBalancer }) => loadBalancer.arn !== loadBalancerArn))
    return invalid(`The target group ${greenGroup.name} belongs to another load balancer.`)

  const squatter = state.taskSets
    .values()
    .find(
      set =>
        set.status !== 'DRAINING' && set.loadBalancers.some(({ targetGroupArn }) => targetGroupArn === greenGroup.arn),
    )
  if (squatter !== undefined)
    throw new Impossible(
      'INVALID_ECS_SERVICE',
      `The target group ${greenGroup.name} still holds the tasks of task set ${squatter.id}: delete it first (DeleteTaskSet with force).`,
    )
  return [blueGroup, greenGroup]
}

function listenerOf(state: State, arn: string) {
  return state.listeners.get(arn) ?? invalid(`The listener ${arn} does not exist.`)
}

function invalid(message: string): never {
  throw new Impossible('ELASTIC_LOAD_BALANCING_INVALID', message)
}
