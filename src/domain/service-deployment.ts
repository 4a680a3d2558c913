/** ECS's own deployments (AWS: ServiceDeployment, ServiceRevision), of services with the controller ECS. Times: ms since the epoch. */
import type { EcsService, ServiceLoadBalancer } from './ecs-service.ts'
import type { State } from './state.ts'
import type { TaskSet } from './task-set.ts'

export type DeploymentStrategy = 'ROLLING' | 'BLUE_GREEN' | 'LINEAR' | 'CANARY'

/** How a service deploys (AWS: DeploymentConfiguration), with AWS's defaults filled in. */
export interface DeploymentSettings {
  readonly strategy: DeploymentStrategy
  /** Both revisions run so long after the shift, minutes. Not of ROLLING. */
  readonly bakeMinutes: number
  /** Of LINEAR: each step's share, per cent, and how long it stays. Of CANARY: the first share, and how long it stays. */
  readonly step?: { readonly percent: number; readonly bakeMinutes: number }
  readonly hooks: readonly LifecycleHook[]
  /** With `rollback`, an alarm in ALARM takes the deployment back; without, it fails it. Absent: none are watched. */
  readonly alarms?: { readonly names: readonly string[]; readonly enable: boolean; readonly rollback: boolean }
}

/** In order, as they are reported. `PRE_PRODUCTION_TRAFFIC_SHIFT` is a stage for hooks alone, before each step of the shift. */
export const lifecycleStages = [
  'RECONCILE_SERVICE',
  'PRE_SCALE_UP',
  'SCALE_UP',
  'POST_SCALE_UP',
  'TEST_TRAFFIC_SHIFT',
  'POST_TEST_TRAFFIC_SHIFT',
  'PRODUCTION_TRAFFIC_SHIFT',
  'POST_PRODUCTION_TRAFFIC_SHIFT',
  'BAKE_TIME',
  'CLEAN_UP',
] as const
export type LifecycleStage = (typeof lifecycleStages)[number]
export type HookStage = Exclude<LifecycleStage, 'SCALE_UP' | 'BAKE_TIME' | 'CLEAN_UP'> | 'PRE_PRODUCTION_TRAFFIC_SHIFT'

/** AWS: DeploymentLifecycleHook. */
export interface LifecycleHook {
  readonly targetType: 'AWS_LAMBDA' | 'PAUSE'
  /** Of AWS_LAMBDA: the function's ARN or name, which `--hook` maps to what is called. */
  readonly hookTargetArn?: string
  readonly roleArn?: string
  readonly stages: readonly HookStage[]
  /** JSON, passed to the function. */
  readonly details?: unknown
  /** AWS's default: 1440 minutes, then ROLLBACK. */
  readonly timeout: { readonly minutes: number; readonly action: 'CONTINUE' | 'ROLLBACK' }
}

/** One run of a hook at a stage (AWS: ServiceDeploymentLifecycleHookDetail). */
export interface LifecycleHookRun {
  /** What ContinueServiceDeployment names: `ecs-pause-` or `ecs-lambda-` and 43 letters, digits, `-` and `_` (AWS: hookId). */
  readonly id: string
  /** Its place in the settings' `hooks`. */
  readonly hook: number
  readonly stage: HookStage
  readonly status: 'AWAITING_ACTION' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT'
  readonly startedAt: number
  readonly expiresAt: number
  readonly endedAt?: number
  /** An AWS_LAMBDA that said IN_PROGRESS is called again then. */
  readonly callBackAt?: number
  /** What the function said last as `hookDetails`: it is given that at its next call. */
  readonly details?: unknown
  /** Why it failed. */
  readonly reason?: string
}

/** What a service ran, or is to run, from one moment on (AWS: ServiceRevision). A task set runs one: the one of its id's digits. */
export interface ServiceRevision {
  /** `arn:aws:ecs:REGION:ACCOUNT:service-revision/CLUSTER/SERVICE/DIGITS` */
  readonly arn: string
  readonly serviceArn: string
  readonly clusterArn: string
  readonly taskDefinitionArn: string
  readonly loadBalancers: readonly ServiceLoadBalancer[]
  readonly recorded: Readonly<Record<string, unknown>>
  readonly createdAt: number
}

/**
 * One deployment of a service, by whichever strategy. It is made as PENDING; `src/deployment/` moves it from there and writes its
 * status, of ROLLING by what the scheduler makes of the task set of its target revision.
 */
export interface ServiceDeployment {
  /** `arn:aws:ecs:REGION:ACCOUNT:service-deployment/CLUSTER/SERVICE/ID`, an id of 21 letters, digits, `-` and `_`. */
  readonly arn: string
  readonly serviceArn: string
  readonly clusterArn: string
  /** As the service had them when it began. */
  readonly settings: DeploymentSettings
  readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean }
  readonly sourceRevisionArns: readonly string[]
  readonly targetRevisionArn: string
  readonly status:
    | 'PENDING'
    | 'SUCCESSFUL'
    | 'STOPPED'
    | 'STOP_REQUESTED'
    | 'IN_PROGRESS'
    | 'ROLLBACK_REQUESTED'
    | 'ROLLBACK_IN_PROGRESS'
    | 'ROLLBACK_SUCCESSFUL'
    | 'ROLLBACK_FAILED'
  readonly statusReason?: string
  readonly createdAt: number
  readonly startedAt?: number
  readonly finishedAt?: number
  readonly stoppedAt?: number
  readonly updatedAt: number
  /** One of its alarms was in ALARM when it began: none is watched, so that a cure can be deployed (AWS: deployment alarms). */
  readonly alarmsIgnored?: true
  /** Newest last. */
  readonly hookRuns: readonly LifecycleHookRun[]
  /** Where it stands: `src/deployment/`. Not of ROLLING. */
  readonly progress?: ServiceDeploymentProgress
  readonly rollback?: { readonly reason: string; readonly startedAt: number; readonly revisionArn: string }
  /**
   * What callers have asked for since it began. `supersededBy`: a newer deployment of the service waits until this one has brought its
   * traffic back and is `STOPPED`; the service's own record is the newer one's and stays as it is.
   */
  readonly asked: {
    readonly stop?: { readonly type: 'ROLLBACK' | 'ABORT'; readonly at: number; readonly supersededBy?: string }
  }
}

export interface ServiceDeploymentProgress {
  readonly stage: LifecycleStage
  /** What of the stage goes on: hooks before a step of the shift, the stage's own work, its hooks, or the time after a step. */
  readonly phase: 'before' | 'work' | 'hooks' | 'bake'
  /** When the phase began. */
  readonly since: number
  /** Fixed when it starts. */
  readonly plan?: ShiftPlan
  /** The store's revision at which a listener or rule was set last; nothing goes on before the node has it in place. */
  readonly awaitedRevision?: number
  /** Share of production and of test traffic on green, per cent, as they were set last; and when production was. */
  readonly shifted: number
  readonly shiftedAt?: number
  readonly testShifted: number
  readonly refusedSince?: number
  readonly unsteadySince?: number
  /** Why it goes back, once it does. */
  readonly verdict?: { readonly status: 'STOPPED' | 'ROLLBACK_SUCCESSFUL' | 'ROLLBACK_FAILED'; readonly reason: string }
}

/** What a deployment that shifts traffic works with. */
export interface ShiftPlan {
  /** Absent: the service's first deployment, which replaces nothing. */
  readonly blueTaskSetArn?: string
  readonly greenTaskSetArn: string
  /** One for each load balancer of the service that says where its traffic comes in; none: there is nothing to shift. */
  readonly routes: readonly ShiftRoute[]
}

/** Where traffic comes in, ARNs of listeners or rules (a default rule's is its listener's own action), and what it is shifted between. */
export interface ShiftRoute {
  readonly production: string
  readonly test?: string
  readonly blueTargetGroupArn: string
  readonly greenTargetGroupArn: string
}

/** The alarm that speaks against a deployment; `undefined`: none, or none is watched. */
export function alarmAgainst(
  { alarms }: Pick<State, 'alarms'>,
  { settings, alarmsIgnored }: Pick<ServiceDeployment, 'settings' | 'alarmsIgnored'>,
): string | undefined {
  if (!settings.alarms?.enable || alarmsIgnored) return undefined
  return settings.alarms.names.find(name => alarms.get(name)?.state === 'ALARM')
}

const finalStatuses: ReadonlySet<ServiceDeployment['status']> = new Set([
  'SUCCESSFUL',
  'STOPPED',
  'ROLLBACK_SUCCESSFUL',
  'ROLLBACK_FAILED',
])

export function isFinal({ status }: Pick<ServiceDeployment, 'status'>): boolean {
  return finalStatuses.has(status)
}

/** What of all traffic the other side has, per cent. Shares are in steps of 0.1, which are no binary fractions: 100 - 99.9 is not 0.1. */
export function restOf(share: number): number {
  return Number((100 - share).toFixed(1))
}

/** A service's deployments, newest first. */
export function serviceDeploymentsOf(
  state: Pick<State, 'serviceDeployments'>,
  serviceArn: string,
): readonly ServiceDeployment[] {
  return [...state.serviceDeployments.values()]
    .filter(deployment => deployment.serviceArn === serviceArn)
    .reverse()
    .sort((a, b) => b.createdAt - a.createdAt)
}

/** The ARN of the revision that a task set runs. */
export function revisionArnOf({ arn }: Pick<TaskSet, 'arn'>): string {
  return arn.replace(':task-set/', ':service-revision/').replace('/ecs-svc/', '/')
}

/** The ARN of the task set that runs a revision. */
export function taskSetArnOf(revisionArn: string): string {
  return revisionArn.replace(':service-revision/', ':task-set/').replace(/\/(\d+)$/, '/ecs-svc/$1')
}

/** What `newTaskSet` is to be given as `hex`, so that the set gets this revision's digits. */
export function taskSetHexOf(revisionArn: string): string {
  return BigInt(revisionArn.slice(revisionArn.lastIndexOf('/') + 1))
    .toString(16)
    .padStart(16, '0')
}

/** What a service is to run by now, as the revision of `taskSet`. */
export function revisionOf(service: EcsService, taskSet: TaskSet, now: number): ServiceRevision {
  return {
    arn: revisionArnOf(taskSet),
    serviceArn: service.arn,
    clusterArn: service.clusterArn,
    taskDefinitionArn: taskSet.taskDefinitionArn,
    loadBalancers: service.loadBalancers,
    recorded: taskSet.recorded,
    createdAt: now,
  }
}
