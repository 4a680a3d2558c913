import type { Attributes } from './load-balancer.ts'
import type { Tag } from './tag.ts'

export type TargetGroupProtocol = 'TCP' | 'UDP' | 'TCP_UDP' | 'TLS' | 'HTTP' | 'HTTPS'

export interface TargetGroup {
  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/NAME/ID` */
  readonly arn: string
  readonly name: string
  readonly protocol: TargetGroupProtocol
  readonly port: number
  readonly vpcId: string
  /** HTTP and HTTPS only. Groups of HTTP2 and GRPC are kept, and answered 464 (AWS: HTTP 464). */
  readonly protocolVersion?: 'HTTP1' | 'HTTP2' | 'GRPC'
  /** `alb`: its one target's id is the ARN of an Application Load Balancer, and its port one of that one's listeners. */
  readonly targetType: 'instance' | 'ip' | 'alb'
  readonly ipAddressType: 'ipv4' | 'ipv6'
  readonly healthCheck: HealthCheck
  /** Only what was set; `attributes.ts` knows the defaults. */
  readonly attributes: Attributes
  /** When slow start was switched on last, milliseconds since the epoch: what was healthy before does not ramp. */
  readonly slowStartSetAt?: number
  readonly targets: readonly Target[]
  readonly tags: readonly Tag[]
}

/** How a group's targets are checked (AWS: CreateTargetGroup's HealthCheck... members). */
export interface HealthCheck {
  readonly protocol: 'TCP' | 'HTTP' | 'HTTPS'
  /** A port number as a string, or `traffic-port`. */
  readonly port: string
  /** HTTP and HTTPS only. */
  readonly path: string
  readonly intervalSeconds: number
  readonly timeoutSeconds: number
  readonly healthyThresholdCount: number
  readonly unhealthyThresholdCount: number
  /** HTTP and HTTPS only: `200-399`, `200,202`. */
  readonly matcher: string
}

/** A registration: what RegisterTargets was given, until DeregisterTargets and the delay after it are over. */
export interface Target {
  /** An instance id, an IP address or a load balancer's ARN, by the group's target type. */
  readonly id: string
  readonly port: number
  /** As given: a zone, `all`, or absent (then the subnet that holds the address says it). */
  readonly availabilityZone?: string
  /**
   * When it was registered, milliseconds since the epoch: tells it from an earlier registration of the same id and port, whose
   * health is not its own. Absent in what version 0.1 wrote.
   */
  readonly registeredAt?: number
  /** Present while it drains: no new flows; established ones until `until`, milliseconds since the epoch (the delay's end). */
  readonly deregistration?: { readonly until: number }
}

/** Names a registration of one group everywhere: in health, in reports, in counters. A later one of the same target is named alike. */
export function targetKey(targetGroupArn: string, target: Pick<Target, 'id' | 'port'>): string {
  return `${targetGroupArn} ${target.id} ${target.port}`
}

/** The ARN in a `targetKey`. */
export function targetGroupOf(targetKey: string): string {
  return targetKey.slice(0, targetKey.indexOf(' '))
}
