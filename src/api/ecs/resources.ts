import type { Cluster } from '../../domain/cluster.ts'
import type { EcsService } from '../../domain/ecs-service.ts'
import type { Task } from '../../domain/task.ts'
import type { TaskDefinition } from '../../domain/task-definition.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'

/** ARNs of ECS: how they are made, and what they and the names beside them stand for (AWS: Service Authorization Reference). */
export function makeArn(call: Call, resource: string): string {
  return `arn:aws:ecs:${call.region}:${call.account}:${resource}`
}

/** The ARN of a cluster that is given by its name or ARN, or not at all: `default`. */
export function clusterArnOf(call: Call, cluster: string | undefined): string {
  return cluster?.startsWith('arn:') ? cluster : makeArn(call, `cluster/${cluster || 'default'}`)
}

/** Throws ClusterNotFoundException if it is not there or was deleted. */
export function findCluster(call: Call, cluster: string | undefined): Cluster {
  const found = call.draft.state.clusters.get(clusterArnOf(call, cluster))
  if (found === undefined) throw new ApiError('ClusterNotFoundException', 'Cluster not found.')
  if (found.status !== 'ACTIVE') throw new ApiError('ClusterNotFoundException', 'The referenced cluster was inactive.')
  return found
}

/** The same for what starts tasks: the cluster `default` is there when it is first needed. */
export function clusterToUse(call: Call, cluster: string | undefined): Cluster {
  const arn = clusterArnOf(call, cluster)
  if (arn === clusterArnOf(call, undefined) && !call.draft.state.clusters.has(arn)) {
    call.draft.put('clusters', arn, { arn, name: 'default', status: 'ACTIVE', tags: [] })
  }
  return findCluster(call, cluster)
}

/**
 * The ARN of a service or task of `cluster` that is given by its name or ARN, of which older ones lack the cluster. Throws
 * InvalidParameterException for one of another cluster.
 */
export function arnIn(call: Call, cluster: Cluster, kind: 'service' | 'task', name: string): string {
  const parts = name.split('/')
  if (parts.length !== 3) return makeArn(call, `${kind}/${cluster.name}/${parts.at(-1)}`)
  if (parts[1] === cluster.name) return name
  throw invalid(`Invalid identifier: Identifier is for cluster ${parts[1]}. Your cluster is ${cluster.name}`)
}

/** `undefined`: there is none in `cluster`. One that was deleted is found. */
export function serviceIn(call: Call, cluster: Cluster, service: string): EcsService | undefined {
  return call.draft.state.services.get(arnIn(call, cluster, 'service', service))
}

/** Throws ServiceNotFoundException if it is not there or all of it is gone. */
export function findService(call: Call, cluster: string | undefined, service: string | undefined): EcsService {
  const found = serviceIn(call, findCluster(call, cluster), service ?? '')
  if (found === undefined || found.status === 'INACTIVE') {
    throw new ApiError('ServiceNotFoundException', 'Service not found.')
  }
  return found
}

/** Throws ServiceNotFoundException or ServiceNotActiveException. */
export function findActiveService(call: Call, cluster: string | undefined, service: string | undefined): EcsService {
  const found = serviceIn(call, findCluster(call, cluster), service ?? '')
  if (found === undefined) throw new ApiError('ServiceNotFoundException', 'Service not found.')
  if (found.status !== 'ACTIVE') throw new ApiError('ServiceNotActiveException', 'Service was not ACTIVE.')
  return found
}

/** `undefined`: there is none in `cluster`. */
export function taskIn(call: Call, cluster: Cluster, task: string): Task | undefined {
  return call.draft.state.tasks.get(arnIn(call, cluster, 'task', task))
}

/** What `FAMILY:REVISION`, an ARN, or `FAMILY` (its newest active revision) names. */
export function taskDefinitionNamed(call: Call, name: string): TaskDefinition | undefined {
  const definitions = call.draft.state.taskDefinitions
  const short = name.slice(name.lastIndexOf('/') + 1)
  if (short.includes(':')) return definitions.get(makeArn(call, `task-definition/${short}`))
  return [...definitions.values()]
    .filter(definition => definition.family === short && definition.status === 'ACTIVE')
    .reduce<TaskDefinition | undefined>((a, b) => (a !== undefined && a.revision > b.revision ? a : b), undefined)
}

/** For what starts tasks; throws `code` where it is not there or no longer to be used. */
export function findActiveTaskDefinition(
  call: Call,
  name: string,
  code: 'ClientException' | 'InvalidParameterException' = 'ClientException',
): TaskDefinition {
  const found = taskDefinitionNamed(call, name)
  if (found === undefined) throw new ApiError(code, 'TaskDefinition not found.')
  if (found.status !== 'ACTIVE') throw new ApiError(code, 'TaskDefinition is inactive')
  return found
}

/** Names of clusters, services and families: at most 255 letters, digits, hyphens and underscores (AWS: CreateService). */
export function isName(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,255}$/.test(name)
}

/** A parameter that cannot be. */
export function invalid(message: string): ApiError {
  return new ApiError('InvalidParameterException', message)
}

/** The page that a List action is asked for; `size` is AWS's own where none is given. */
export function tokenPage<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  input: { readonly nextToken?: string | undefined; readonly maxResults?: number | undefined },
  size = 100,
): { items: Item[]; nextToken: string | undefined } {
  const page = pageOf(items, keyOf, { size: input.maxResults ?? size, token: input.nextToken }, () =>
    invalid('Invalid token'),
  )
  return { items: page.items, nextToken: page.next }
}

/** The members of `values` that are named and there. */
export function pick(values: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => names.includes(name) && value !== undefined),
  )
}
