import type { DeploymentSettings } from './service-deployment.ts'
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
  /** Of the controller ECS; absent: ROLLING, with no alarms. */
  readonly deployment?: DeploymentSettings
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
  /** For the strategies BLUE_GREEN, LINEAR and CANARY (AWS: AdvancedConfiguration). */
  readonly advanced?: {
    /** The other one of the pair; which of the two is blue follows from the task sets. */
    readonly alternateTargetGroupArn: string
    /** Behind an Application Load Balancer a rule's ARN (a listener's default rule has one too), behind a Network Load Balancer a listener's. */
    readonly productionListenerRule: string
    readonly testListenerRule?: string
    readonly roleArn?: string
  }
}

/** Whether a service's tasks are replaced by a rolling update: with the controller ECS, unless its strategy shifts traffic. */
export function rolls({ controller, deployment }: Pick<EcsService, 'controller' | 'deployment'>): boolean {
  return controller === 'ECS' && (deployment === undefined || deployment.strategy === 'ROLLING')
}

/** Whether a service's traffic is shifted by ECS's own deployments: with the controller ECS, by each strategy but ROLLING. */
export function shifts(service: Pick<EcsService, 'controller' | 'deployment'>): boolean {
  return service.controller === 'ECS' && !rolls(service)
}

/** `CLUSTER/NAME`, as the service's ARN has it. */
export function servicePath({ arn }: Pick<EcsService, 'arn'>): string {
  return arn.slice(arn.indexOf(':service/') + ':service/'.length)
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

/** After so many failed tasks in a row the circuit breaker gives a deployment up (AWS: How Amazon ECS deployment circuit breaker works). */
export function failureThreshold(desiredCount: number): number {
  return Math.min(200, Math.max(3, Math.ceil(desiredCount / 2)))
}
