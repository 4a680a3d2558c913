import type { Tag } from './tag.ts'

/**
 * A task: what is wanted of it (`desiredStatus`, by the API and the scheduler) and what the runtime says of it (the rest). One that
 * stopped stays for an hour, so that people can see why.
 */
export interface Task {
  /** `arn:aws:ecs:REGION:ACCOUNT:task/CLUSTER/32-HEX` */
  readonly arn: string
  readonly clusterArn: string
  readonly taskDefinitionArn: string
  /** `service:NAME`, or `family:FAMILY` for one of RunTask's. */
  readonly group: string
  /** The task set or rolling deployment that it belongs to. */
  readonly taskSetArn?: string
  readonly startedBy?: string
  /** Which RunTask with a client token asked for it: `TOKEN DIGEST`. */
  readonly request?: string
  readonly desiredStatus: 'RUNNING' | 'STOPPED'
  readonly lastStatus: 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'DEACTIVATING' | 'STOPPING' | 'STOPPED'
  readonly healthStatus: 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY'
  /** Where it is reached: from when it is `RUNNING`. */
  readonly address?: string
  /** Host port by container port; the same number where the task has an address of its own. */
  readonly ports?: Readonly<Record<number, number>>
  /** What RunTask's containerOverrides say for the first container. */
  readonly overrides?: { readonly command?: readonly string[]; readonly environment?: Readonly<Record<string, string>> }
  /** Milliseconds since the epoch, as all of these. */
  readonly createdAt: number
  readonly startedAt?: number
  /** Asked to stop. While its targets drain it is `DEACTIVATING`, and goes on serving. */
  readonly stoppingAt?: number
  /**
   * Its registrations are over. The node has ended what went to it when it has acknowledged `revision`; `since` is when that was
   * heard.
   */
  readonly released?: { readonly revision: number; readonly since?: number }
  readonly stoppedAt?: number
  /** AWS: TaskStopCode */
  readonly stopCode?: 'TaskFailedToStart' | 'EssentialContainerExited' | 'UserInitiated' | 'ServiceSchedulerInitiated'
  readonly stoppedReason?: string
  readonly exitCode?: number
  readonly recorded: Readonly<Record<string, unknown>>
  readonly tags: readonly Tag[]
}

/** The 32 hex digits at the end of a task's ARN, which name it everywhere. */
export function taskId({ arn }: Pick<Task, 'arn'>): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}
