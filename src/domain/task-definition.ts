import type { Tag } from './tag.ts'

/** One revision of a family. It never changes but for its status. */
export interface TaskDefinition {
  /** `arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION` */
  readonly arn: string
  readonly family: string
  readonly revision: number
  /** `INACTIVE`: running services go on with it, and nothing new may name it. */
  readonly status: 'ACTIVE' | 'INACTIVE'
  /** The first is the one that runs; what the others ask for is recorded. */
  readonly containers: readonly ContainerDefinition[]
  /** RegisterTaskDefinition's input without the tags, which DescribeTaskDefinition gives back. */
  readonly registered: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly registeredAt: number
  readonly deregisteredAt?: number
  readonly tags: readonly Tag[]
}

/** What a runtime needs of a container definition (AWS: ContainerDefinition). */
export interface ContainerDefinition {
  readonly name: string
  readonly image: string
  readonly entryPoint: readonly string[]
  readonly command: readonly string[]
  readonly workingDirectory?: string
  readonly environment: Readonly<Record<string, string>>
  /** What of its environment is kept elsewhere on AWS and is only recorded here: `secrets`, `environmentFiles`. */
  readonly withheld?: readonly string[]
  readonly portMappings: readonly { readonly containerPort: number; readonly protocol: 'tcp' | 'udp' }[]
  /** Between SIGTERM and SIGKILL; 30 s where nothing is said. */
  readonly stopTimeoutMs: number
  /** Docker's own check, `["CMD-SHELL", "..."]`; seconds as AWS has them. */
  readonly healthCheck?: {
    readonly command: readonly string[]
    readonly intervalSeconds: number
    readonly timeoutSeconds: number
    readonly retries: number
    readonly startPeriodSeconds: number
  }
}
