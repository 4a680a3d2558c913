import type {
  CreateClusterRequest,
  CreateClusterResponse,
  DeleteClusterRequest,
  DeleteClusterResponse,
  DescribeClustersRequest,
  DescribeClustersResponse,
  ListClustersRequest,
  ListClustersResponse,
  Cluster as SdkCluster,
} from '@aws-sdk/client-ecs'
import type { Cluster } from '../../domain/cluster.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { clusterArnOf, findCluster, invalid, isName, makeArn, tokenPage } from './resources.ts'
import { tagsIn } from './tags.ts'
import { countTasks } from './task-counts.ts'

/** Asked for twice, it is created once. */
export function CreateCluster(input: CreateClusterRequest, call: Call): CreateClusterResponse {
  const name = input.clusterName || 'default'
  if (!isName(name)) throw invalid('Invalid cluster name.')
  const arn = makeArn(call, `cluster/${name}`)
  const before = call.draft.state.clusters.get(arn)
  const cluster: Cluster =
    before?.status === 'ACTIVE' ? before : { arn, name, status: 'ACTIVE', tags: tagsIn(input.tags) }
  if (cluster !== before) call.draft.put('clusters', arn, cluster)
  return { cluster: describe(cluster, call.draft.state, ['TAGS', 'SETTINGS']) }
}

export function DescribeClusters(input: DescribeClustersRequest, call: Call): DescribeClustersResponse {
  const { state } = call.draft
  const arns = (input.clusters?.length ? input.clusters : [undefined]).map(cluster => clusterArnOf(call, cluster))
  return {
    clusters: arns
      .flatMap(arn => state.clusters.get(arn) ?? [])
      .map(cluster => describe(cluster, state, input.include)),
    failures: arns.filter(arn => !state.clusters.has(arn)).map(arn => ({ arn, reason: 'MISSING' })),
  }
}

export function ListClusters(input: ListClustersRequest, call: Call): ListClustersResponse {
  const active = [...call.draft.state.clusters.values()].filter(cluster => cluster.status === 'ACTIVE')
  const { items, nextToken } = tokenPage(active, cluster => cluster.arn, input)
  return { clusterArns: items.map(cluster => cluster.arn), nextToken }
}

export function DeleteCluster(input: DeleteClusterRequest, call: Call): DeleteClusterResponse {
  const { state } = call.draft
  const cluster = findCluster(call, input.cluster)
  if (state.services.values().some(each => each.clusterArn === cluster.arn && each.status !== 'INACTIVE')) {
    throw new ApiError('ClusterContainsServicesException', 'The Cluster cannot be deleted while Services are active.')
  }
  if (state.tasks.values().some(each => each.clusterArn === cluster.arn && each.lastStatus !== 'STOPPED')) {
    throw new ApiError('ClusterContainsTasksException', 'The Cluster cannot be deleted while Tasks are active.')
  }
  const deleted: Cluster = { ...cluster, status: 'INACTIVE' }
  call.draft.put('clusters', cluster.arn, deleted)
  return { cluster: describe(deleted, call.draft.state, []) }
}

function describe(cluster: Cluster, state: State, include: readonly string[] = []): SdkCluster {
  const { running, pending } = countTasks(state, task => task.clusterArn === cluster.arn)
  const services = state.services.values().filter(each => each.clusterArn === cluster.arn && each.status === 'ACTIVE')
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: running,
    pendingTasksCount: pending,
    activeServicesCount: [...services].length,
    statistics: [],
    tags: include.includes('TAGS') ? [...cluster.tags] : [],
    settings: include.includes('SETTINGS') ? [{ name: 'containerInsights', value: 'disabled' }] : [],
    capacityProviders: [],
    defaultCapacityProviderStrategy: [],
  }
}
