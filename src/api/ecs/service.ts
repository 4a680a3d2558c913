import type { Service } from '../call.ts'
import { CreateCluster, DeleteCluster, DescribeClusters, ListClusters, UpdateCluster } from './clusters.ts'
import { constraints } from './constraints.ts'
import { DescribeServices } from './describe-services.ts'
import { DescribeTaskSets } from './describe-task-sets.ts'
import { DescribeTasks } from './describe-tasks.ts'
import {
  ContinueServiceDeployment,
  DescribeServiceDeployments,
  ListServiceDeployments,
  StopServiceDeployment,
} from './service-deployments.ts'
import { DescribeServiceRevisions } from './service-revisions.ts'
import { CreateService, DeleteService, ListServices } from './services.ts'
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts'
import {
  DeregisterTaskDefinition,
  DescribeTaskDefinition,
  ListTaskDefinitionFamilies,
  ListTaskDefinitions,
  RegisterTaskDefinition,
} from './task-definitions.ts'
import { CreateTaskSet, DeleteTaskSet, UpdateServicePrimaryTaskSet, UpdateTaskSet } from './task-sets.ts'
import { ListTasks, RunTask, StopTask } from './tasks.ts'
import { UpdateService } from './update-service.ts'

const actions = {
  ContinueServiceDeployment,
  CreateCluster,
  CreateService,
  CreateTaskSet,
  DeleteCluster,
  DeleteService,
  DeleteTaskSet,
  DeregisterTaskDefinition,
  DescribeClusters,
  DescribeServiceDeployments,
  DescribeServiceRevisions,
  DescribeServices,
  DescribeTaskDefinition,
  DescribeTaskSets,
  DescribeTasks,
  ListClusters,
  ListServiceDeployments,
  ListServices,
  ListTagsForResource,
  ListTaskDefinitionFamilies,
  ListTaskDefinitions,
  ListTasks,
  PutClusterCapacityProviders: UpdateCluster,
  RegisterTaskDefinition,
  RunTask,
  StopServiceDeployment,
  StopTask,
  TagResource,
  UntagResource,
  UpdateCluster,
  UpdateClusterSettings: UpdateCluster,
  UpdateService,
  UpdateServicePrimaryTaskSet,
  UpdateTaskSet,
}

/** Elastic Container Service: clusters, task definitions, services, task sets and tasks. */
export const ecs: Service = {
  signingName: 'ecs',
  version: '2014-11-13',
  protocol: 'json',
  targetPrefix: 'AmazonEC2ContainerServiceV20141113',
  actionNames: Object.keys(actions),
  load: async () => ({ schemas: await import('@aws-sdk/client-ecs'), actions, constraints }),
}
