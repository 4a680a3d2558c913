import { loadBalancerAttribute, targetGroupAttribute } from './attributes.ts'
import type { LoadBalancer } from './load-balancer.ts'
import type { TargetGroup } from './target-group.ts'

/** What a target group's attributes say to the data plane (AWS: Target group attributes). */
export interface GroupPolicy {
  readonly crossZone: 'true' | 'false' | 'use_load_balancer_configuration'
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
  return loadBalancerAttribute(loadBalancer, 'load_balancing.cross_zone.enabled') === 'true'
}

/** Either breach is one (AWS: Target group health). */
export function isBelow({ count, percentage }: Minimum, healthy: number, registered: number): boolean {
  return healthy < count || 100 * healthy < percentage * registered
}

function readPolicy(group: TargetGroup): GroupPolicy {
  const is = (key: string) => targetGroupAttribute(group, key) === 'true'
  const number = (key: string) => Number(targetGroupAttribute(group, key))
  const unhealthy = 'target_health_state.unhealthy'
  const interval = number(`${unhealthy}.draining_interval_seconds`)
  const minimum = (action: 'unhealthy_state_routing' | 'dns_failover'): Minimum => {
    const value = (unit: string) =>
      targetGroupAttribute(group, `target_group_health.${action}.minimum_healthy_targets.${unit}`).replace('off', '0')
    return { count: Number(value('count')), percentage: Number(value('percentage')) }
  }
  return {
    crossZone: targetGroupAttribute(group, 'load_balancing.cross_zone.enabled') as GroupPolicy['crossZone'],
    sticky: is('stickiness.enabled'),
    proxyProtocol: is('proxy_protocol_v2.enabled'),
    preserveClientIp: is('preserve_client_ip.enabled'),
    cutAfterDelay: is('deregistration_delay.connection_termination.enabled'),
    unhealthyDrainMs: is(`${unhealthy}.connection_termination.enabled`)
      ? 0
      : interval === 0
        ? Infinity
        : 1000 * interval,
    routingMinimum: minimum('unhealthy_state_routing'),
    dnsMinimum: minimum('dns_failover'),
  }
}
