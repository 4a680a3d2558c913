import type { Alarm } from './alarm.ts'
import type { Certificate, CertificateAuthority } from './certificate.ts'
import type { Cluster } from './cluster.ts'
import type { Application, Deployment, DeploymentConfig, DeploymentGroup } from './code-deploy.ts'
import type { EcsService } from './ecs-service.ts'
import type { Listener, LoadBalancer } from './load-balancer.ts'
import type { Instance, Subnet, Vpc } from './network.ts'
import type { Rule } from './rule.ts'
import type { SecurityGroup } from './security-group.ts'
import type { ServiceDeployment, ServiceRevision } from './service-deployment.ts'
import type { TargetGroup } from './target-group.ts'
import type { Task } from './task.ts'
import type { TaskDefinition } from './task-definition.ts'
import type { TaskSet } from './task-set.ts'

/** The kinds of things that users ask for; each is kept under its ARN or id. */
export interface Tables {
  vpcs: Vpc
  subnets: Subnet
  securityGroups: SecurityGroup
  instances: Instance
  loadBalancers: LoadBalancer
  listeners: Listener
  rules: Rule
  targetGroups: TargetGroup
  certificates: Certificate
  /** Under `local`. */
  certificateAuthorities: CertificateAuthority
  clusters: Cluster
  taskDefinitions: TaskDefinition
  services: EcsService
  taskSets: TaskSet
  tasks: Task
  serviceDeployments: ServiceDeployment
  serviceRevisions: ServiceRevision
  /** By name; deployment groups by `APPLICATION/GROUP`. */
  applications: Application
  deploymentGroups: DeploymentGroup
  deploymentConfigs: DeploymentConfig
  /** By id. */
  deployments: Deployment
  /** By name. */
  alarms: Alarm
}

export type TableName = keyof Tables

export const tableNames: readonly TableName[] = [
  'vpcs',
  'subnets',
  'securityGroups',
  'instances',
  'loadBalancers',
  'listeners',
  'rules',
  'targetGroups',
  'certificates',
  'certificateAuthorities',
  'clusters',
  'taskDefinitions',
  'services',
  'taskSets',
  'tasks',
  'serviceDeployments',
  'serviceRevisions',
  'applications',
  'deploymentGroups',
  'deploymentConfigs',
  'deployments',
  'alarms',
]

/**
 * Everything that was asked for, at one revision. Immutable: a change is a new `State` in which each table, and each
 * record, that did not change is the same object as before.
 */
export type State = { readonly revision: number } & { readonly [K in TableName]: ReadonlyMap<string, Tables[K]> }

/** One record put in place (`value`) or taken away (no `value`). */
export type Change = {
  [K in TableName]: { readonly table: K; readonly key: string; readonly value?: Tables[K] }
}[TableName]

/** A state in which nothing was asked for yet: revision 0. */
export const emptyState: State = {
  revision: 0,
  vpcs: new Map(),
  subnets: new Map(),
  securityGroups: new Map(),
  instances: new Map(),
  loadBalancers: new Map(),
  listeners: new Map(),
  rules: new Map(),
  targetGroups: new Map(),
  certificates: new Map(),
  certificateAuthorities: new Map(),
  clusters: new Map(),
  taskDefinitions: new Map(),
  services: new Map(),
  taskSets: new Map(),
  tasks: new Map(),
  serviceDeployments: new Map(),
  serviceRevisions: new Map(),
  applications: new Map(),
  deploymentGroups: new Map(),
  deploymentConfigs: new Map(),
  deployments: new Map(),
  alarms: new Map(),
}

/** The state after `changes`, at `revision`. Tables that no change names are shared with `state`. */
export function applyChanges(state: State, revision: number, changes: readonly Change[]): State {
  const next: { revision: number } & { -readonly [K in TableName]: State[K] } = { ...state, revision }
  const copied = new Map<TableName, Map<string, unknown>>()
  for (const change of changes) {
    let table = copied.get(change.table)
    if (table === undefined) {
      table = new Map<string, unknown>(state[change.table])
      copied.set(change.table, table)
      Object.assign(next, { [change.table]: table })
    }
    if (change.value === undefined) table.delete(change.key)
    else table.set(change.key, change.value)
  }
  return next
}

/** What leads from `before` to `after`. */
export function changesBetween(before: State, after: State): readonly Change[] {
  return tableNames.flatMap(table =>
    Array.from(
      changedKeys(before[table], after[table]),
      key => ({ table, key, value: after[table].get(key) }) as Change,
    ),
  )
}

/** Under which keys `after` has another object than `before`, or no longer one. */
export function changedKeys(
  before: ReadonlyMap<string, object>,
  after: ReadonlyMap<string, object>,
): ReadonlySet<string> {
  const changed = new Set<string>()
  if (before === after) return changed
  if (before.size === after.size) {
    // One is mostly a copy of the other. To walk through both at once looks nothing up: a sixth of the time for 10,000.
    const [keys, values] = [before.keys(), before.values()]
    let isInStep = true
    for (const [key, value] of after) {
      isInStep = keys.next().value === key
      if (!isInStep) break
      if (values.next().value !== value) changed.add(key)
    }
    if (isInStep) return changed
  }
  for (const [key, value] of after) if (before.get(key) !== value) changed.add(key)
  for (const key of before.keys()) if (!after.has(key)) changed.add(key)
  return changed
}
