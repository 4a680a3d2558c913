import { isDeepStrictEqual } from 'node:util'
import type {
  CreateClusterRequest,
  CreateClusterResponse,
  DeleteClusterRequest,
  DeleteClusterResponse,
  DescribeClustersRequest,
  DescribeClustersResponse,
  ListClustersRequest,
  ListClustersResponse,
  PutClusterCapacityProvidersRequest,
  Cluster as SdkCluster,
  UpdateClusterRequest,
  UpdateClusterResponse,
  UpdateClusterSettingsRequest,
} from '@aws-sdk/client-ecs'
import type { Cluster } from '../../domain/cluster.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { clusterArnOf, findCluster, invalid, isName, makeArn, pick, tokenPage } from './resources.ts'
import { tagsIn } from './tags.ts'
import { countTasks } from './task-counts.ts'

/** What is recorded and given back only, and what AWS says where nothing was given. */
const recordedMembers = [
  'settings',
  'configuration',
  'capacityProviders',
  'defaultCapacityProviderStrategy',
  'serviceConnectDefaults',
]
const defaults: CreateClusterRequest = {
  settings: [{ name: 'containerInsights', value: 'disabled' }],
  capacityProviders: [],
  defaultCapacityProviderStrategy: [],
}

/** Asked for twice, it is created once; what the second request says must be what there is. */
export function CreateCluster(input: CreateClusterRequest, call: Call): CreateClusterResponse {
  const name = input.clusterName || 'default'
  if (!isName(name)) throw invalid('Invalid cluster name.')
  const arn = makeArn(call, `cluster/${name}`)
  const before = call.draft.state.clusters.get(arn)
  const recorded = pick(input, recordedMembers)
  if (before?.status !== 'ACTIVE')
    return { cluster: put({ arn, name, status: 'ACTIVE', recorded, tags: tagsIn(input.tags) }, call) }
  if (!isDeepStrictEqual(recorded, pick({ ...defaults, ...before.recorded }, Object.keys(recorded)))) {
    throw invalid('Arguments on this idempotent request are inconsistent with arguments used in previous request(s).')
  }
  return { cluster: describe(before, call.draft.state, inAnswers) }
}

/** What is not given stays. UpdateClusterSettings and PutClusterCapacityProviders are the same for other members. */
export function UpdateCluster(
  input: UpdateClusterRequest | UpdateClusterSettingsRequest | PutClusterCapacityProvidersRequest,
  call: Call,
): UpdateClusterResponse {
  const cluster = findCluster(call, input.cluster)
  return { cluster: put({ ...cluster, recorded: { ...cluster.recorded, ...pick(input, recordedMembers) } }, call) }
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
  return { cluster: put({ ...cluster, status: 'INACTIVE' }, call) }
}

/** What AWS's answers to changes tell beside what DescribeClusters tells unasked. */
const inAnswers = ['TAGS', 'SETTINGS', 'CONFIGURATIONS']

function put(cluster: Cluster, call: Call): SdkCluster {
  call.draft.put('clusters', cluster.arn, cluster)
  return describe(cluster, call.draft.state, inAnswers)
}

function describe(cluster: Cluster, state: State, include: readonly string[] = []): SdkCluster {
  const { running, pending } = countTasks(state, task => task.clusterArn === cluster.arn)
  const services = state.services.values().filter(each => each.clusterArn === cluster.arn && each.status === 'ACTIVE')
  const { settings, configuration, ...recorded }: CreateClusterRequest = { ...defaults, ...cluster.recorded }
  return {
    clusterArn: cluster.arn,
    clusterName: cluster.name,
    status: cluster.status,
    registeredContainerInstancesCount: 0,
    runningTasksCount: running,
    pendingTasksCount: pending,
    activeServicesCount: [...services].length,
    statistics: [],
    ...recorded,
    settings: include.includes('SETTINGS') ? settings : [],
    ...(include.includes('CONFIGURATIONS') ? { configuration } : {}),
    tags: include.includes('TAGS') ? [...cluster.tags] : [],
  }
}
