import { targetGroupAttribute } from './attributes.ts'
import type { TargetGroup } from './target-group.ts'

/** What a target group's attributes say to the data plane (AWS: Target group attributes), read once per version of the group. */
export interface GroupPolicy {
  readonly crossZone: 'true' | 'false' | 'use_load_balancer_configuration'
  readonly sticky: boolean
  readonly proxyProtocol: boolean
  readonly preserveClientIp: boolean
  /** Connections end when the deregistration delay is over. */
  readonly cutAfterDelay: boolean
  /** How long TCP connections outlive their target's turning unhealthy, in milliseconds: 0 not at all, Infinity as long as they like. */
  readonly unhealthyDrainMs: number
  /** Fewer healthy targets than either make all targets serve. */
  readonly minimumHealthy: { readonly count: number; readonly percentage: number }
}

const policies = new WeakMap<TargetGroup, GroupPolicy>()

export function policyOf(group: TargetGroup): GroupPolicy {
  let policy = policies.get(group)
  if (policy === undefined) {
    policy = readPolicy(group)
    policies.set(group, policy)
  }
  return policy
}

function readPolicy(group: TargetGroup): GroupPolicy {
  const is = (key: string) => targetGroupAttribute(group, key) === 'true'
  const number = (key: string) => Number(targetGroupAttribute(group, key))
  const unhealthy = 'target_health_state.unhealthy'
  const minimum = 'target_group_health.unhealthy_state_routing.minimum_healthy_targets'
  const interval = number(`${unhealthy}.draining_interval_seconds`)
  const percentage = targetGroupAttribute(group, `${minimum}.percentage`)
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
    minimumHealthy: {
      count: number(`${minimum}.count`),
      percentage: percentage === 'off' ? 0 : Number(percentage),
    },
  }
}
