import type { Tag } from './tag.ts'

/** An ECS cluster: a name that services and tasks are grouped under. */
export interface Cluster {
  /** `arn:aws:ecs:REGION:ACCOUNT:cluster/NAME` */
  readonly arn: string
  readonly name: string
  /** A deleted one stays, `INACTIVE`, so that what named it can still be described. */
  readonly status: 'ACTIVE' | 'INACTIVE'
  /** What is recorded and given back only: settings, configuration, capacityProviders and so on. */
  readonly recorded?: Readonly<Record<string, unknown>>
  readonly tags: readonly Tag[]
}
