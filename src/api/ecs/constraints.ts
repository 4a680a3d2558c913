import type { Constraint, Constraints } from '../call.ts'

const launchType: Constraint = { enum: ['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'] }
const pageSize: Constraint = { min: 1, max: 100 }
const count: Constraint = { min: 0 }
const tags: Constraint = { enum: ['TAGS'] }
const propagateTags: Constraint = { enum: ['TASK_DEFINITION', 'SERVICE', 'NONE'] }
const hookStages: Constraint = {
  enum: [
    'RECONCILE_SERVICE',
    'PRE_SCALE_UP',
    'POST_SCALE_UP',
    'TEST_TRAFFIC_SHIFT',
    'POST_TEST_TRAFFIC_SHIFT',
    'PRE_PRODUCTION_TRAFFIC_SHIFT',
    'PRODUCTION_TRAFFIC_SHIFT',
    'POST_PRODUCTION_TRAFFIC_SHIFT',
  ],
}
const hookAction: Constraint = { enum: ['ROLLBACK', 'CONTINUE'] }
const aDayOfMinutes: Constraint = { min: 0, max: 1440 }
const compatibility: Constraint = { enum: ['EC2', 'FARGATE', 'EXTERNAL', 'MANAGED_INSTANCES'] }

/** AWS: ECS idempotency. */
const token = (max: number): Constraint => ({ max, pattern: /^[!-~]*$/ })

/** What the service model of ECS says of members beside their types. */
export const constraints: Constraints = {
  'CanaryConfiguration.canaryBakeTimeInMinutes': aDayOfMinutes,
  'CapacityProviderStrategyItem.base': { min: 0, max: 100_000 },
  'CapacityProviderStrategyItem.weight': { min: 0, max: 1000 },
  'ClusterSetting.name': { enum: ['containerInsights'] },
  'ClusterSetting.value': { enum: ['disabled', 'enabled', 'enhanced'] },
  'ContinueServiceDeploymentRequest.action': hookAction,
  'CreateServiceRequest.clientToken': token(36),
  'CreateServiceRequest.desiredCount': count,
  'CreateServiceRequest.healthCheckGracePeriodSeconds': count,
  'CreateServiceRequest.launchType': launchType,
  'CreateServiceRequest.propagateTags': propagateTags,
  'CreateServiceRequest.schedulingStrategy': { enum: ['REPLICA', 'DAEMON'] },
  'CreateTaskSetRequest.clientToken': token(36),
  'CreateTaskSetRequest.launchType': launchType,
  'AwsVpcConfiguration.assignPublicIp': { enum: ['ENABLED', 'DISABLED'] },
  'AwsVpcConfiguration.securityGroups': { max: 5 },
  'AwsVpcConfiguration.subnets': { max: 16 },
  'DeploymentConfiguration.bakeTimeInMinutes': aDayOfMinutes,
  'DeploymentConfiguration.maximumPercent': count,
  'DeploymentConfiguration.minimumHealthyPercent': count,
  'DeploymentConfiguration.strategy': { enum: ['ROLLING', 'BLUE_GREEN', 'LINEAR', 'CANARY'] },
  'DeploymentController.type': { enum: ['ECS', 'CODE_DEPLOY', 'EXTERNAL'] },
  'DeploymentLifecycleHook.lifecycleStages': hookStages,
  'DeploymentLifecycleHookTimeoutConfiguration.action': hookAction,
  'DeploymentLifecycleHookTimeoutConfiguration.timeoutInMinutes': { min: 1, max: 20_160 },
  'DescribeClustersRequest.include': { enum: ['ATTACHMENTS', 'CONFIGURATIONS', 'SETTINGS', 'STATISTICS', 'TAGS'] },
  'DescribeServicesRequest.include': tags,
  'DescribeTaskDefinitionRequest.include': tags,
  'DescribeTaskSetsRequest.include': tags,
  'DescribeTasksRequest.include': tags,
  'LinearConfiguration.stepBakeTimeInMinutes': aDayOfMinutes,
  'ListClustersRequest.maxResults': pageSize,
  'ListServiceDeploymentsRequest.maxResults': pageSize,
  'ListServiceDeploymentsRequest.status': {
    enum: [
      'PENDING',
      'SUCCESSFUL',
      'STOPPED',
      'STOP_REQUESTED',
      'IN_PROGRESS',
      'ROLLBACK_REQUESTED',
      'ROLLBACK_IN_PROGRESS',
      'ROLLBACK_SUCCESSFUL',
      'ROLLBACK_FAILED',
    ],
  },
  'ListServicesRequest.launchType': launchType,
  'ListServicesRequest.maxResults': pageSize,
  'ListServicesRequest.schedulingStrategy': { enum: ['REPLICA', 'DAEMON'] },
  'ListTaskDefinitionFamiliesRequest.maxResults': pageSize,
  'ListTaskDefinitionFamiliesRequest.status': { enum: ['ACTIVE', 'INACTIVE', 'ALL'] },
  'ListTaskDefinitionsRequest.maxResults': pageSize,
  'ListTaskDefinitionsRequest.sort': { enum: ['ASC', 'DESC'] },
  'ListTaskDefinitionsRequest.status': { enum: ['ACTIVE', 'INACTIVE', 'DELETE_IN_PROGRESS'] },
  'ListTasksRequest.desiredStatus': { enum: ['RUNNING', 'PENDING', 'STOPPED'] },
  'ListTasksRequest.launchType': launchType,
  'ListTasksRequest.maxResults': pageSize,
  'PortMapping.protocol': { enum: ['tcp', 'udp'] },
  'RegisterTaskDefinitionRequest.networkMode': { enum: ['bridge', 'host', 'awsvpc', 'none'] },
  'RegisterTaskDefinitionRequest.requiresCompatibilities': compatibility,
  'RunTaskRequest.clientToken': token(64),
  'RunTaskRequest.launchType': launchType,
  'RunTaskRequest.propagateTags': propagateTags,
  'Scale.unit': { enum: ['PERCENT'] },
  'Scale.value': { min: 0, max: 100 },
  'StopServiceDeploymentRequest.stopType': { enum: ['ABORT', 'ROLLBACK'] },
  'Tag.key': { min: 1, max: 128 },
  'Tag.value': { max: 256 },
  'UpdateServiceRequest.desiredCount': count,
  'UpdateServiceRequest.healthCheckGracePeriodSeconds': count,
  'UpdateServiceRequest.propagateTags': propagateTags,
}
