import type { Tag } from './tag.ts'

/** An ECS service: how many tasks of what are to run, and which target groups they are registered in. */
export interface EcsService {
  /** `arn:aws:ecs:REGION:ACCOUNT:service/CLUSTER/NAME` */
  readonly arn: string
  readonly name: string
  readonly clusterArn: string
  /** `DRAINING`: deleted, its tasks are being stopped. `INACTIVE`: none is left. */
  readonly status: 'ACTIVE' | 'DRAINING' | 'INACTIVE'
  readonly controller: 'ECS' | 'CODE_DEPLOY' | 'EXTERNAL'
  readonly desiredCount: number
  /** Absent with EXTERNAL: there only task sets have one. */
  readonly taskDefinitionArn?: string
  readonly loadBalancers: readonly ServiceLoadBalancer[]
  readonly minimumHealthyPercent: number
  readonly maximumPercent: number
  /** Of the controller ECS. */
  readonly circuitBreaker: { readonly enable: boolean; readonly rollback: boolean }
  /** For so long after a task's start its target's failed checks don't have it replaced. */
  readonly healthCheckGraceSeconds: number
  /** What is recorded and given back only: launchType, networkConfiguration, platformVersion and so on. */
  readonly recorded: Readonly<Record<string, unknown>>
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Newest first, at most 100 (AWS: DescribeServices). */
  readonly events: readonly ServiceEvent[]
  readonly tags: readonly Tag[]
}

/** A container's port that is registered in a target group. */
export interface ServiceLoadBalancer {
  readonly targetGroupArn: string
  readonly containerName: string
  readonly containerPort: number
}

export interface ServiceEvent {
  /** UUID */
  readonly id: string
  readonly createdAt: number
  readonly message: string
}

/** With `message` as the newest event. @param id a UUID */
export function withEvent(service: EcsService, id: string, now: number, message: string): EcsService {
  return { ...service, events: [{ id, createdAt: now, message }, ...service.events].slice(0, 100) }
}
