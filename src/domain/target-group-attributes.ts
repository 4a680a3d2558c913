import { type Attribute, trueOrFalse } from './attribute-table.ts'
import { speaksHttp } from './load-balancer.ts'
import type { TargetGroup } from './target-group.ts'

export const preserveClientIp = 'preserve_client_ip.enabled'
export const unhealthyTermination = 'target_health_state.unhealthy.connection_termination.enabled'
export const unhealthyDraining = 'target_health_state.unhealthy.draining_interval_seconds'
export const slowStart = 'slow_start.duration_seconds'
export const algorithm = 'load_balancing.algorithm.type'
export const anomalyMitigation = 'load_balancing.algorithm.anomaly_mitigation'

/** AWS's ceiling for a count of healthy targets is the quota of targets per target group. */
const targetsPerGroup = 1000
const week = 604_800

export function carriesUdp(group: Pick<TargetGroup, 'protocol'>): boolean {
  return group.protocol === 'UDP' || group.protocol === 'TCP_UDP'
}

const ofNetwork = (group: TargetGroup) => !speaksHttp(group)

/** AWS: TargetGroupAttribute. */
export const targetGroupTable: readonly Attribute<TargetGroup>[] = [
  { key: 'deregistration_delay.timeout_seconds', default: '300', allowed: { min: 0, max: 3600 } },
  {
    key: 'deregistration_delay.connection_termination.enabled',
    default: group => String(carriesUdp(group)),
    allowed: trueOrFalse,
    appliesTo: ofNetwork,
  },
  {
    key: preserveClientIp,
    // AWS: Client IP preservation.
    default: group => String(carriesUdp(group) || (group.targetType !== 'ip' && ofNetwork(group))),
    allowed: trueOrFalse,
    appliesTo: ofNetwork,
  },
  { key: 'proxy_protocol_v2.enabled', default: 'false', allowed: trueOrFalse, appliesTo: ofNetwork },
  { key: 'stickiness.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'stickiness.type', default: 'source_ip', allowed: { words: ['source_ip'] }, appliesTo: ofNetwork },
  {
    key: 'stickiness.type',
    default: 'lb_cookie',
    allowed: { words: ['lb_cookie', 'app_cookie'] },
    appliesTo: speaksHttp,
  },
  {
    key: 'stickiness.lb_cookie.duration_seconds',
    default: '86400',
    allowed: { min: 1, max: week },
    appliesTo: speaksHttp,
  },
  {
    key: 'stickiness.app_cookie.duration_seconds',
    default: '86400',
    allowed: { min: 1, max: week },
    appliesTo: speaksHttp,
  },
  {
    key: 'stickiness.app_cookie.cookie_name',
    default: '',
    allowed: {
      length: 256,
      // RFC 6265 4.1.1: a token. AWS keeps its own names for itself.
      form: {
        pattern: /^(?!AWSALB)[!#$%&'*+.^_`|~0-9A-Za-z-]*$/,
        words: "a cookie name that does not begin with 'AWSALB'",
      },
    },
    appliesTo: speaksHttp,
  },
  {
    key: algorithm,
    default: 'round_robin',
    allowed: { words: ['round_robin', 'least_outstanding_requests', 'weighted_random'] },
    appliesTo: speaksHttp,
  },
  { key: anomalyMitigation, default: 'off', allowed: { words: ['on', 'off'] }, appliesTo: speaksHttp },
  { key: slowStart, default: '0', allowed: { min: 30, max: 900, or: '0' }, appliesTo: speaksHttp },
  {
    key: 'load_balancing.cross_zone.enabled',
    default: 'use_load_balancer_configuration',
    allowed: { words: ['true', 'false', 'use_load_balancer_configuration'] },
  },
  {
    key: 'target_group_health.dns_failover.minimum_healthy_targets.count',
    default: '1',
    allowed: { min: 1, max: targetsPerGroup, or: 'off' },
  },
  {
    key: 'target_group_health.dns_failover.minimum_healthy_targets.percentage',
    default: 'off',
    allowed: { min: 1, max: 100, or: 'off' },
  },
  {
    key: 'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count',
    default: '1',
    allowed: { min: 1, max: targetsPerGroup },
  },
  {
    key: 'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage',
    default: 'off',
    allowed: { min: 1, max: 100, or: 'off' },
  },
  {
    key: unhealthyTermination,
    default: group => String(!carriesUdp(group)),
    allowed: trueOrFalse,
    appliesTo: ofNetwork,
  },
  { key: unhealthyDraining, default: '0', allowed: { min: 0, max: 360_000 }, appliesTo: ofNetwork },
]
