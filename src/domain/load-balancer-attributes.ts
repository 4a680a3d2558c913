import { type Attribute, trueOrFalse } from './attribute-table.ts'
import type { LoadBalancer } from './load-balancer.ts'

const application = (loadBalancer: LoadBalancer) => loadBalancer.type === 'application'
const network = (loadBalancer: LoadBalancer) => loadBalancer.type === 'network'

/** The number of addresses that AWS adds to each subnet. */
export const secondaryIps = 'secondary_ips.auto_assigned.per_subnet'

/** The three kinds of logs, each with three attributes. */
export const logKinds = ['access_logs', 'connection_logs', 'health_check_logs'] as const

/** AWS: LoadBalancerAttribute. */
export const loadBalancerTable: readonly Attribute<LoadBalancer>[] = [
  { key: 'deletion_protection.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'load_balancing.cross_zone.enabled', default: 'false', allowed: trueOrFalse, appliesTo: network },
  {
    key: 'load_balancing.cross_zone.enabled',
    default: 'true',
    // It cannot be switched off (AWS: Cross-zone load balancing).
    allowed: { words: ['true'] },
    appliesTo: application,
  },
  ...logKinds.flatMap((kind): Attribute<LoadBalancer>[] => {
    const its = kind === 'access_logs' ? {} : { appliesTo: application }
    return [
      { key: `${kind}.s3.enabled`, default: 'false', allowed: trueOrFalse, ...its },
      { key: `${kind}.s3.bucket`, default: '', allowed: { length: 1024 }, ...its },
      { key: `${kind}.s3.prefix`, default: '', allowed: { length: 1024 }, ...its },
    ]
  }),
  {
    key: 'ipv6.deny_all_igw_traffic',
    default: loadBalancer => String(loadBalancer.scheme === 'internal'),
    allowed: trueOrFalse,
  },
  { key: 'zonal_shift.config.enabled', default: 'false', allowed: trueOrFalse },
  {
    key: 'dns_record.client_routing_policy',
    default: 'any_availability_zone',
    allowed: {
      words: ['availability_zone_affinity', 'partial_availability_zone_affinity', 'any_availability_zone'],
    },
    appliesTo: network,
  },
  { key: secondaryIps, default: '0', allowed: { min: 0, max: 7 }, appliesTo: network },
  { key: 'idle_timeout.timeout_seconds', default: '60', allowed: { min: 1, max: 4000 }, appliesTo: application },
  { key: 'client_keep_alive.seconds', default: '3600', allowed: { min: 60, max: 604_800 }, appliesTo: application },
  {
    key: 'routing.http.desync_mitigation_mode',
    default: 'defensive',
    allowed: { words: ['monitor', 'defensive', 'strictest'] },
    appliesTo: application,
  },
  {
    key: 'routing.http.xff_header_processing.mode',
    default: 'append',
    allowed: { words: ['append', 'preserve', 'remove'] },
    appliesTo: application,
  },
  ...[
    'routing.http.drop_invalid_header_fields.enabled',
    'routing.http.preserve_host_header.enabled',
    'routing.http.x_amzn_tls_version_and_cipher_suite.enabled',
    'routing.http.xff_client_port.enabled',
    'waf.fail_open.enabled',
  ].map(key => ({ key, default: 'false', allowed: trueOrFalse, appliesTo: application })),
  { key: 'routing.http2.enabled', default: 'true', allowed: trueOrFalse, appliesTo: application },
]
