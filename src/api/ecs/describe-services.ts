import type { DescribeServicesRequest, DescribeServicesResponse, Service as SdkService } from '@aws-sdk/client-ecs'
import type { EcsService } from '../../domain/ecs-service.ts'
import { revisionArnOf, serviceDeploymentsOf } from '../../domain/service-deployment.ts'
import type { State } from '../../domain/state.ts'
import { taskSetsOf } from '../../domain/task-set.ts'
import type { Call } from '../call.ts'
import { describeSettings } from './deployment-settings.ts'
import { describeDeployments } from './describe-deployments.ts'
import { countRevision } from './describe-service-deployment.ts'
import { describeTaskSet } from './describe-task-sets.ts'
import { describeLoadBalancer } from './load-balancers.ts'
import { arnIn, findCluster, invalid, pick, serviceIn } from './resources.ts'
import { placementMembers } from './service-settings.ts'
import { countTasks } from './task-counts.ts'

export function DescribeServices(input: DescribeServicesRequest, call: Call): DescribeServicesResponse {
  const names = input.services ?? []
  if (names.length === 0) throw invalid('Services cannot be empty.')
  if (names.length > 10) throw invalid('Services cannot have more than 10 elements.')
  const cluster = findCluster(call, input.cluster)
  const found = names.map(name => serviceIn(call, cluster, name))
  return {
    services: found
      .filter(service => service !== undefined)
      .map(service => describeService(service, call.draft.state, input.include?.includes('TAGS') === true)),
    failures: names
      .filter((_, index) => found[index] === undefined)
      .map(name => ({ arn: arnIn(call, cluster, 'service', name), reason: 'MISSING' })),
  }
}

/**
 * A service as the API shows it, with counts of its tasks: `deployments` with the controller ECS, and `taskSets` with the others,
 * where the primary one says what the service runs (AWS: UpdateServicePrimaryTaskSet).
 */
export function describeService(service: EcsService, state: State, withTags = true): SdkService {
  const taskSets = taskSetsOf(state, service.arn)
  const arns = new Set(taskSets.map(taskSet => taskSet.arn))
  const { running, pending } = countTasks(state, task => arns.has(task.taskSetArn ?? ''))
  const isOurs = service.controller === 'ECS'
  const primary = isOurs ? undefined : taskSets.find(taskSet => taskSet.status === 'PRIMARY')
  return {
    placementConstraints: [],
    placementStrategy: [],
    enableECSManagedTags: false,
    enableExecuteCommand: false,
    propagateTags: 'NONE',
    serviceRegistries: [],
    ...service.recorded,
    ...(primary && pick(primary.recorded, placementMembers)),
    serviceArn: service.arn,
    serviceName: service.name,
    clusterArn: service.clusterArn,
    status: service.status,
    desiredCount: service.desiredCount,
    runningCount: running,
    pendingCount: pending,
    taskDefinition: primary?.taskDefinitionArn ?? service.taskDefinitionArn,
    loadBalancers: (primary ?? service).loadBalancers.map(describeLoadBalancer),
    deploymentConfiguration: isOurs
      ? describeSettings(service.deployment, service)
      : { minimumHealthyPercent: service.minimumHealthyPercent, maximumPercent: service.maximumPercent },
    deploymentController: { type: service.controller },
    schedulingStrategy: 'REPLICA',
    healthCheckGracePeriodSeconds: service.healthCheckGraceSeconds,
    createdAt: new Date(service.createdAt),
    createdBy: service.arn.replace(/^arn:aws:ecs:[^:]*:(\d+):.*/, 'arn:aws:iam::$1:root'),
    events: service.events.map(event => ({ ...event, createdAt: new Date(event.createdAt) })),
    deployments: isOurs ? describeDeployments(service, taskSets, state) : [],
    ...(isOurs ? currentsOf(service, state) : { taskSets: taskSets.map(taskSet => describeTaskSet(taskSet, state)) }),
    ...(withTags ? { tags: [...service.tags] } : {}),
  }
}

/** Its newest deployment, and the revisions that it runs. */
function currentsOf(
  service: EcsService,
  state: State,
): Pick<SdkService, 'currentServiceDeployment' | 'currentServiceRevisions'> {
  return {
    currentServiceDeployment: serviceDeploymentsOf(state, service.arn)[0]?.arn,
    currentServiceRevisions: taskSetsOf(state, service.arn).map(taskSet =>
      countRevision(revisionArnOf(taskSet), state),
    ),
  }
}
