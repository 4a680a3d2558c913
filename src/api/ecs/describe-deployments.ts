import type { DeploymentRolloutState, Deployment as SdkDeployment } from '@aws-sdk/client-ecs'
import { type EcsService, rolls } from '../../domain/ecs-service.ts'
import { isFinal, type ServiceDeployment, serviceDeploymentsOf, taskSetArnOf } from '../../domain/service-deployment.ts'
import type { State } from '../../domain/state.ts'
import type { TaskSet } from '../../domain/task-set.ts'
import { pick } from './resources.ts'
import { placementMembers } from './service-settings.ts'
import { countTasks } from './task-counts.ts'

/**
 * The `deployments` of a service with the controller ECS, one for each task set. The primary one is the most recent (AWS: Deployment),
 * so where traffic is shifted it is the one that is on its way, also while it waits for its task set: who asked for it must find it.
 *
 * @param taskSets the service's, newest first
 */
export function describeDeployments(service: EcsService, taskSets: readonly TaskSet[], state: State): SdkDeployment[] {
  if (rolls(service)) return taskSets.map(taskSet => describeDeployment(taskSet, state))
  const deployments = serviceDeploymentsOf(state, service.arn)
  const underWay = deployments.find(its => !isFinal(its) && its.rollback === undefined)
  const green = underWay && taskSetArnOf(underWay.targetRevisionArn)
  const described = taskSets.map((taskSet): SdkDeployment => {
    const deployment = deployments.find(its => taskSetArnOf(its.targetRevisionArn) === taskSet.arn)
    return {
      ...describeDeployment(taskSet, state),
      status: (green === undefined ? taskSet.status === 'PRIMARY' : taskSet.arn === green) ? 'PRIMARY' : 'ACTIVE',
      ...(deployment && { rolloutState: rolloutStateOf(deployment), rolloutStateReason: deployment.statusReason }),
    }
  })
  return green === undefined || taskSets.some(({ arn }) => arn === green)
    ? described
    : [describeComing(service, underWay!, state), ...described]
}

function describeDeployment(deployment: TaskSet, state: State): SdkDeployment {
  const { running, pending } = countTasks(state, task => task.taskSetArn === deployment.arn)
  return {
    ...pick(deployment.recorded, placementMembers),
    id: deployment.id,
    // AWS knows no draining ones here: what was replaced is ACTIVE until its last task is gone.
    status: deployment.status === 'DRAINING' ? 'ACTIVE' : deployment.status,
    taskDefinition: deployment.taskDefinitionArn,
    desiredCount: deployment.desiredCount,
    pendingCount: pending,
    runningCount: running,
    failedTasks: deployment.failedTasks,
    createdAt: new Date(deployment.createdAt),
    updatedAt: new Date(deployment.updatedAt),
    ...pick(deployment, ['rolloutState', 'rolloutStateReason']),
  }
}

/** One that has no task set yet. */
function describeComing(service: EcsService, deployment: ServiceDeployment, state: State): SdkDeployment {
  const revision = state.serviceRevisions.get(deployment.targetRevisionArn)
  return {
    ...pick(revision?.recorded ?? {}, placementMembers),
    id: `ecs-svc/${deployment.targetRevisionArn.split('/').at(-1)}`,
    status: 'PRIMARY',
    taskDefinition: revision?.taskDefinitionArn,
    desiredCount: service.desiredCount,
    pendingCount: 0,
    runningCount: 0,
    failedTasks: 0,
    createdAt: new Date(deployment.createdAt),
    updatedAt: new Date(deployment.updatedAt),
    rolloutState: 'IN_PROGRESS',
  }
}

function rolloutStateOf(deployment: ServiceDeployment): DeploymentRolloutState {
  if (deployment.status === 'SUCCESSFUL') return 'COMPLETED'
  return isFinal(deployment) || deployment.rollback !== undefined ? 'FAILED' : 'IN_PROGRESS'
}
