import type { EcsService, ServiceLoadBalancer } from './ecs-service.ts'
import type { Change, State } from './state.ts'
import type { Tag } from './tag.ts'

/**
 * Tasks of one service that run one task definition: a task set of the controllers CODE_DEPLOY and EXTERNAL, or a deployment of the
 * controller ECS, whose ids look the same (`ecs-svc/1234567890123456789`).
 */
export interface TaskSet {
  /** `arn:aws:ecs:REGION:ACCOUNT:task-set/CLUSTER/SERVICE/ecs-svc/DIGITS` */
  readonly arn: string
  /** `ecs-svc/DIGITS` */
  readonly id: string
  readonly serviceArn: string
  readonly clusterArn: string
  readonly taskDefinitionArn: string
  /** `PRIMARY` serves production. `ACTIVE`: beside it. `DRAINING`: deleted, its tasks are being stopped; then it is gone. */
  readonly status: 'PRIMARY' | 'ACTIVE' | 'DRAINING'
  readonly loadBalancers: readonly ServiceLoadBalancer[]
  /** Of the service's desired count; with the controller ECS always 100 for the newest. */
  readonly scalePercent: number
  /** How many tasks it is to have: with task sets the scale's share, rounded up; with the controller ECS what the rolling update says. */
  readonly desiredCount: number
  readonly externalId?: string
  readonly startedBy?: string
  /** Which CreateTaskSet with a client token asked for it: `TOKEN DIGEST`. */
  readonly request?: string
  readonly recorded: Readonly<Record<string, unknown>>
  /** All of its tasks run and are healthy where a load balancer looks, and it was told so by an event. */
  readonly stabilityStatus: 'STEADY_STATE' | 'STABILIZING'
  readonly stabilityStatusAt: number
  /** Of the controller ECS. */
  readonly rolloutState?: 'IN_PROGRESS' | 'COMPLETED' | 'FAILED'
  readonly rolloutStateReason?: string
  /** Tasks that ended by themselves or were given up as unhealthy, since its last success; the circuit breaker's and the back-off's count. */
  readonly failedTasks: number
  /** No task is started before this, milliseconds since the epoch: back-off after tasks that ended. */
  readonly startNotBefore?: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly tags: readonly Tag[]
}

/** What whoever makes a task set says of it; the rest follows from its service. */
export type TaskSetSettings = Pick<TaskSet, 'taskDefinitionArn' | 'status'> &
  Partial<
    Pick<
      TaskSet,
      | 'loadBalancers'
      | 'scalePercent'
      | 'externalId'
      | 'startedBy'
      | 'request'
      | 'recorded'
      | 'rolloutState'
      | 'rolloutStateReason'
      | 'tags'
    >
  >

/**
 * A task set of `service` that has no tasks yet: with the service's load balancers and what it recorded, and at full scale where
 * `settings` say nothing.
 *
 * @param hex 16 random hex digits, of which its id is made
 * @param now milliseconds since the epoch
 */
export function newTaskSet(service: EcsService, hex: string, now: number, settings: TaskSetSettings): TaskSet {
  // AWS's ids are 63 bits in decimal, 19 digits.
  const id = `ecs-svc/${BigInt.asUintN(63, BigInt(`0x${hex}`))
    .toString()
    .padStart(19, '0')}`
  const scalePercent = settings.scalePercent ?? 100
  return {
    arn: `${service.arn.replace(':service/', ':task-set/')}/${id}`,
    id,
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    loadBalancers: service.loadBalancers,
    recorded: service.recorded,
    stabilityStatus: 'STABILIZING',
    stabilityStatusAt: now,
    failedTasks: 0,
    createdAt: now,
    updatedAt: now,
    tags: [],
    ...settings,
    scalePercent,
    desiredCount: scaledCount(service.desiredCount, scalePercent),
  }
}

/** A task set's share of its service's desired count, rounded up (AWS: computedDesiredCount). */
export function scaledCount(desiredCount: number, scalePercent: number): number {
  // 16.1 % of 1,000 is 161.00000000000003 in binary.
  return Math.ceil(Number(((desiredCount * scalePercent) / 100).toFixed(6)))
}

/** The task sets of a service, newest first; those being drained too. */
export function taskSetsOf(state: Pick<State, 'taskSets'>, serviceArn: string): readonly TaskSet[] {
  return [...state.taskSets.values()]
    .filter(taskSet => taskSet.serviceArn === serviceArn)
    .reverse()
    .sort((a, b) => b.createdAt - a.createdAt)
}

/** With another share of another desired count; whether its tasks are steady is to be found out again where their number changes. */
export function rescaled(taskSet: TaskSet, desiredCount: number, scalePercent: number, now: number): TaskSet {
  const scaled = scaledCount(desiredCount, scalePercent)
  if (scaled === taskSet.desiredCount && scalePercent === taskSet.scalePercent) return taskSet
  return {
    ...taskSet,
    scalePercent,
    desiredCount: scaled,
    updatedAt: now,
    ...(scaled === taskSet.desiredCount ? {} : { stabilityStatus: 'STABILIZING', stabilityStatusAt: now }),
  }
}

/**
 * Makes a task set its service's primary one; the former one stays beside it. A service of the controller CODE_DEPLOY takes over
 * what it runs (AWS: UpdateServicePrimaryTaskSet).
 */
export function madePrimary(
  state: Pick<State, 'taskSets'>,
  service: EcsService,
  primary: TaskSet,
  now: number,
): readonly Change[] {
  if (primary.status === 'PRIMARY') return []
  const { taskDefinitionArn, loadBalancers } = primary
  const former = taskSetsOf(state, service.arn).filter(({ status }) => status === 'PRIMARY')
  const changes = [
    ...former.map(its => put({ ...its, status: 'ACTIVE', updatedAt: now })),
    put({ ...primary, status: 'PRIMARY', updatedAt: now }),
  ]
  if (service.controller !== 'CODE_DEPLOY') return changes
  return [...changes, { table: 'services', key: service.arn, value: { ...service, taskDefinitionArn, loadBalancers } }]
}

/** Deletes a task set: its targets drain, then its tasks stop, then it is gone (AWS: DeleteTaskSet with force). */
export function drained(taskSet: TaskSet, now: number): Change {
  return put({ ...rescaled(taskSet, 0, 0, now), status: 'DRAINING', updatedAt: now })
}

function put(value: TaskSet): Change {
  return { table: 'taskSets', key: value.arn, value }
}
