import { loadBalancerAttribute, targetGroupAttribute } from './attributes.ts'
import { type LoadBalancer, speaksHttp } from './load-balancer.ts'
import type { SnapshotHttpGroup, Stickiness } from './snapshot-http.ts'
import type { TargetGroup } from './target-group.ts'

/** What a target group's attributes say to the data plane (AWS: Target group attributes). */
export interface GroupPolicy {
  readonly crossZone: 'true' | 'false' | 'use_load_balancer_configuration'
  /** A client address keeps its target. */
  readonly sticky: boolean
  readonly proxyProtocol: boolean
  readonly preserveClientIp: boolean
  /** Connections end when the deregistration delay is over. */
  readonly cutAfterDelay: boolean
  /**
   * How long TCP connections outlive their target's turning unhealthy, in milliseconds: 0 not at all, Infinity as long as
   * they like.
   */
  readonly unhealthyDrainMs: number
  /** Below it all targets serve, healthy or not. */
  readonly routingMinimum: Minimum
  /** Below it the zone leaves DNS. */
  readonly dnsMinimum: Minimum
  /** TLS is spoken with the targets. */
  readonly tls: boolean
  /** Of HTTP and HTTPS groups. */
  readonly http?: SnapshotHttpGroup
  readonly ofLoadBalancers: boolean
}

/** How many of the registered targets, and what percentage of them, must be healthy. 0: no matter how many. */
interface Minimum {
  readonly count: number
  readonly percentage: number
}

const policies = new WeakMap<TargetGroup, GroupPolicy>()

/** Read once per version of the group. */
export function policyOf(group: TargetGroup): GroupPolicy {
  return policies.getOrInsertComputed(group, readPolicy)
}

/**
 * Whether the group's targets of all zones serve each of `loadBalancer`'s (AWS: Cross-zone load balancing for target
 * groups).
 */
export function isCrossZone(group: TargetGroup, loadBalancer: LoadBalancer): boolean {
  const { crossZone } = policyOf(group)
  if (crossZone !== 'use_load_balancer_configuration') return crossZone === 'true'
  return (
    loadBalancer.type === 'application' ||
    loadBalancerAttribute(loadBalancer, 'load_balancing.cross_zone.enabled') === 'true'
  )
}

/** Either breach is one (AWS: Target group health). */
export function isBelow({ count, percentage }: Minimum, healthy: number, registered: number): boolean {
  return healthy < count || 100 * healthy < percentage * registered
}

function readPolicy(group: TargetGroup): GroupPolicy {
  const number = (key: string) => Number(targetGroupAttribute(group, key))
  const minimum = (action: 'unhealthy_state_routing' | 'dns_failover'): Minimum => {
    const value = (unit: string) =>
      targetGroupAttribute(group, `target_group_health.${action}.minimum_healthy_targets.${unit}`).replace('off', '0')
    return { count: Number(value('count')), percentage: Number(value('percentage')) }
  }
  const common = {
    crossZone: targetGroupAttribute(group, 'load_balancing.cross_zone.enabled') as GroupPolicy['crossZone'],
    routingMinimum: minimum('unhealthy_state_routing'),
    dnsMinimum: minimum('dns_failover'),
    tls: group.protocol === 'TLS' || group.protocol === 'HTTPS',
    ofLoadBalancers: group.targetType === 'alb',
  }
  // Requests of an unhealthy target go on; those that are not done when the deregistration delay is over end (AWS: HTTP 502).
  if (speaksHttp(group)) {
    const http = readHttp(group)
    const never = { sticky: false, proxyProtocol: false, preserveClientIp: false }
    return { ...common, ...never, cutAfterDelay: true, unhealthyDrainMs: Infinity, http }
  }
  const is = (key: string) => targetGroupAttribute(group, key) === 'true'
  const unhealthy = 'target_health_state.unhealthy'
  const interval = number(`${unhealthy}.draining_interval_seconds`)
  return {
    ...common,
    sticky: is('stickiness.enabled'),
    proxyProtocol: is('proxy_protocol_v2.enabled'),
    preserveClientIp: is('preserve_client_ip.enabled'),
    cutAfterDelay: is('deregistration_delay.connection_termination.enabled'),
    unhealthyDrainMs: is(`${unhealthy}.connection_termination.enabled`)
      ? 0
      : interval === 0
        ? Infinity
        : 1000 * interval,
  }
}

/** AWS: Target group attributes of Application Load Balancers. */
function readHttp(group: TargetGroup): SnapshotHttpGroup {
  const its = (key: string) => targetGroupAttribute(group, key)
  const stickiness = stickinessOf(its)
  return {
    targetGroupArn: group.arn,
    protocolVersion: group.protocolVersion ?? 'HTTP1',
    algorithm: its('load_balancing.algorithm.type') as SnapshotHttpGroup['algorithm'],
    anomalyMitigation: its('load_balancing.algorithm.anomaly_mitigation') === 'on',
    slowStartMs: 1000 * Number(its('slow_start.duration_seconds')),
    ...(stickiness && { stickiness }),
  }
}

function stickinessOf(its: (key: string) => string): Stickiness | undefined {
  if (its('stickiness.enabled') !== 'true') return undefined
  const isOfApplication = its('stickiness.type') === 'app_cookie'
  return {
    ...(isOfApplication && { cookieName: its('stickiness.app_cookie.cookie_name') }),
    durationSeconds: Number(its(`stickiness.${isOfApplication ? 'app' : 'lb'}_cookie.duration_seconds`)),
  }
}
