import type { Deployment, DeploymentPlan } from '../../domain/code-deploy.ts'
import { coloursOf, Impossible, listenerOf } from '../../domain/colours.ts'
import type { Change } from '../../domain/state.ts'
import { newTaskSet } from '../../domain/task-set.ts'
import { forwardOf, pointed } from '../traffic.ts'
import type { View } from '../view.ts'
import { idleGroup } from './traffic.ts'

/** Its group's key in the state. */
export function groupKeyOf({ applicationName, deploymentGroupName }: Deployment): string {
  return `${applicationName}/${deploymentGroupName}`
}

/**
 * What the deployment is going to work with, and its first changes: the green task set, and the production listener with green's
 * group in it at no weight, unless each is to be `alone`.
 *
 * Throws `Impossible`, though CreateDeployment looked: things may have changed since.
 */
export function planOf(deployment: Deployment, view: View): { plan: DeploymentPlan; changes: readonly Change[] } {
  const { state } = view
  const group = state.deploymentGroups.get(groupKeyOf(deployment))!
  const { service, blue, blueGroup, greenGroup } = coloursOf(state, group)
  const { taskDefinitionArn, containerName, containerPort, platformVersion, networkConfiguration } = deployment.appSpec
  if (!state.taskDefinitions.has(taskDefinitionArn))
    throw new Impossible('INVALID_REVISION', `The task definition ${taskDefinitionArn} does not exist.`)

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
  const given: DeploymentPlan = {
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
  const plan: DeploymentPlan = { ...given, ...idleGroup(state, given, view.timing) }
  const changes: Change[] = [
    { table: 'taskSets', key: green.arn, value: green },
    ...pointed(state, plan, productionListenerArn, forwardOf(plan, 0)),
  ]
  return { plan, changes }
}
