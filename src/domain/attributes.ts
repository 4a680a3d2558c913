import type { Attributes, Listener, LoadBalancer } from './load-balancer.ts'
import type { TargetGroup } from './target-group.ts'

/** Why a change of attributes is refused, as AWS says it. */
export interface AttributeRefusal {
  readonly code: 'ValidationError' | 'InvalidConfigurationRequest'
  readonly message: string
}

/** Every attribute of a load balancer with its value: what was set, else the default. */
export function loadBalancerAttributes(loadBalancer: LoadBalancer): Attributes {
  return allOf(loadBalancerTable, loadBalancer)
}

/** Every attribute that listeners of this one's protocol have. */
export function listenerAttributes(listener: Listener): Attributes {
  return allOf(listenerTable, listener)
}

/** Every attribute of a target group with its value: what was set, else the default for its protocol and target type. */
export function targetGroupAttributes(group: TargetGroup): Attributes {
  return allOf(targetGroupTable, group)
}

/** One attribute's value; throws on a key that load balancers of type network do not have. */
export function loadBalancerAttribute(loadBalancer: LoadBalancer, key: string): string {
  return attributeOf(loadBalancerTable, loadBalancer, key)
}

/** One attribute's value, the default where the listener's protocol does not have it; throws on an unknown key. */
export function listenerAttribute(listener: Listener, key: string): string {
  return attributeOf(listenerTable, listener, key)
}

/** One attribute's value; throws on a key that target groups of Network Load Balancers do not have. */
export function targetGroupAttribute(group: TargetGroup, key: string): string {
  return attributeOf(targetGroupTable, group, key)
}

/** What speaks against giving `loadBalancer` the attributes `asked`; `undefined` if nothing does. */
export function refuseLoadBalancerAttributes(
  loadBalancer: LoadBalancer,
  asked: Attributes,
): AttributeRefusal | undefined {
  const before = loadBalancerAttributes(loadBalancer)
  const after = { ...before, ...asked }
  return (
    refuseValues(asked, loadBalancerTable, loadBalancer, {
      noun: 'Load balancer',
      others: onlyApplicationLoadBalancers,
      where: "on load balancers with type 'network'",
    }) ??
    (after['access_logs.s3.enabled'] === 'true' && after['access_logs.s3.bucket'] === ''
      ? invalid("'access_logs.s3.bucket' must be specified when 'access_logs.s3.enabled' is true")
      : undefined) ??
    (Number(after[secondaryIps]) < Number(before[secondaryIps])
      ? invalid(`The value of '${secondaryIps}' cannot be decreased from ${before[secondaryIps]}`)
      : undefined)
  )
}

/** What speaks against giving `listener` the attributes `asked`; `undefined` if nothing does. */
export function refuseListenerAttributes(listener: Listener, asked: Attributes): AttributeRefusal | undefined {
  return refuseValues(asked, listenerTable, listener, {
    noun: 'Listener',
    others: onlyApplicationListeners,
    where: `on listeners with the ${listener.protocol} protocol`,
  })
}

/**
 * What speaks against giving `group` the attributes `asked`; `undefined` if nothing does. The rules between attributes
 * are judged on the values as they would be afterwards (AWS: Target group attributes, Client IP preservation,
 * Target group health; Edit target group attributes for your Network Load Balancer).
 */
export function refuseTargetGroupAttributes(group: TargetGroup, asked: Attributes): AttributeRefusal | undefined {
  const type = asked['stickiness.type']
  if (type !== undefined && type !== 'source_ip' && stickinessTypes.has(type)) {
    return invalid(`Stickiness type '${type}' is not supported for target groups with the ${group.protocol} protocol`)
  }
  const refusal = refuseValues(asked, targetGroupTable, group, {
    noun: 'Target group',
    others: onlyOtherTargetGroups,
    where: `for target groups with the ${group.protocol} protocol`,
  })
  if (refusal !== undefined) return refusal

  const after = { ...targetGroupAttributes(group), ...asked }
  if (carriesUdp(group)) {
    if (after[preserveClientIp] === 'false') {
      return invalid(`${preserveClientIp} cannot be false if the target group protocol is UDP or TCP_UDP`)
    }
    if (after[unhealthyTermination] === 'true') {
      return invalid(`${unhealthyTermination} cannot be true if the target group protocol is UDP or TCP_UDP`)
    }
  }
  if (after[unhealthyTermination] === 'true' && after[unhealthyDraining] !== '0') {
    return invalid(`${unhealthyDraining} can only be set if ${unhealthyTermination} is false`)
  }
  for (const unit of ['count', 'percentage']) {
    const dns = after[`target_group_health.dns_failover.minimum_healthy_targets.${unit}`]
    const routing = after[`target_group_health.unhealthy_state_routing.minimum_healthy_targets.${unit}`]
    if (dns !== 'off' && routing !== 'off' && Number(dns) < Number(routing)) {
      return invalid(
        `The DNS failover threshold (${unit} ${dns}) must be greater than or equal to the unhealthy state routing threshold (${routing})`,
      )
    }
  }
  return undefined
}

/** One row: an attribute of things of type `Of`. */
interface Attribute<Of> {
  readonly key: string
  readonly default: string | ((of: Of) => string)
  readonly allowed: Allowed
  /** Absent: all of them have it. */
  readonly appliesTo?: (of: Of) => boolean
}

/** Words to choose from, whole numbers in a range (or a word beside it), or any text up to a length. */
type Allowed =
  | { readonly words: readonly string[] }
  | { readonly min: number; readonly max: number; readonly or?: string }
  | { readonly length: number }

const trueOrFalse: Allowed = { words: ['true', 'false'] }
const secondaryIps = 'secondary_ips.auto_assigned.per_subnet'
const preserveClientIp = 'preserve_client_ip.enabled'
const unhealthyTermination = 'target_health_state.unhealthy.connection_termination.enabled'
const unhealthyDraining = 'target_health_state.unhealthy.draining_interval_seconds'
/** AWS's ceiling for a count of healthy targets is the quota of targets per target group. */
const targetsPerGroup = 1000

/** AWS: LoadBalancerAttribute, Network Load Balancers. */
const loadBalancerTable: readonly Attribute<LoadBalancer>[] = [
  { key: 'deletion_protection.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'load_balancing.cross_zone.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'access_logs.s3.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'access_logs.s3.bucket', default: '', allowed: { length: 1024 } },
  { key: 'access_logs.s3.prefix', default: '', allowed: { length: 1024 } },
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
  },
  { key: secondaryIps, default: '0', allowed: { min: 0, max: 7 } },
]

/** AWS: ListenerAttribute, Network Load Balancers. */
const listenerTable: readonly Attribute<Listener>[] = [
  {
    key: 'tcp.idle_timeout.seconds',
    default: '350',
    allowed: { min: 60, max: 6000 },
    appliesTo: listener => listener.protocol === 'TCP',
  },
]

/** AWS: TargetGroupAttribute, Network Load Balancers. */
const targetGroupTable: readonly Attribute<TargetGroup>[] = [
  { key: 'deregistration_delay.timeout_seconds', default: '300', allowed: { min: 0, max: 3600 } },
  {
    key: 'deregistration_delay.connection_termination.enabled',
    default: group => String(carriesUdp(group)),
    allowed: trueOrFalse,
  },
  {
    key: preserveClientIp,
    default: group => String(carriesUdp(group) || group.targetType === 'instance'),
    allowed: trueOrFalse,
  },
  { key: 'proxy_protocol_v2.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'stickiness.enabled', default: 'false', allowed: trueOrFalse },
  { key: 'stickiness.type', default: 'source_ip', allowed: { words: ['source_ip'] } },
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
  { key: unhealthyTermination, default: group => String(!carriesUdp(group)), allowed: trueOrFalse },
  { key: unhealthyDraining, default: '0', allowed: { min: 0, max: 360_000 } },
]

/** Keys that AWS knows and refuses here with another text than an unknown key's: those of the other load balancer types. */
const onlyApplicationLoadBalancers =
  /^(idle_timeout\.|client_keep_alive\.|connection_logs\.|health_check_logs\.|routing\.http|waf\.)/
const onlyApplicationListeners = /^(routing\.http\.|send_tcp_reset\.|tcp\.idle_timeout\.seconds$)/
const onlyOtherTargetGroups =
  /^(stickiness\.(lb|app)_cookie\.|load_balancing\.algorithm\.|slow_start\.|lambda\.|target_failover\.|send_tcp_reset\.)/
const stickinessTypes = new Set(['lb_cookie', 'app_cookie', 'source_ip_dest_ip', 'source_ip_dest_ip_proto'])

function carriesUdp(group: TargetGroup): boolean {
  return group.protocol !== 'TCP'
}

function allOf<Of extends { readonly attributes: Attributes }>(table: readonly Attribute<Of>[], of: Of): Attributes {
  const all: Record<string, string> = {}
  for (const row of table) if (row.appliesTo?.(of) !== false) all[row.key] = valueIn(row, of)
  return all
}

function attributeOf<Of extends { readonly attributes: Attributes }>(
  table: readonly Attribute<Of>[],
  of: Of,
  key: string,
): string {
  const row = table.find(row => row.key === key)
  if (row === undefined) throw new Error(`no attribute ${key}`)
  return valueIn(row, of)
}

function valueIn<Of extends { readonly attributes: Attributes }>(row: Attribute<Of>, of: Of): string {
  return of.attributes[row.key] ?? (typeof row.default === 'string' ? row.default : row.default(of))
}

/** Each key must exist here, and each value be allowed by itself. */
function refuseValues<Of>(
  asked: Attributes,
  table: readonly Attribute<Of>[],
  of: Of,
  words: { readonly noun: string; readonly others: RegExp; readonly where: string },
): AttributeRefusal | undefined {
  for (const [key, value] of Object.entries(asked)) {
    const row = table.find(row => row.key === key && row.appliesTo?.(of) !== false)
    if (row === undefined) {
      return words.others.test(key)
        ? invalid(`${words.noun} attribute key '${key}' is not supported ${words.where}`)
        : { code: 'ValidationError', message: `${words.noun} attribute key '${key}' is not recognized` }
    }
    const wanted = refuseValue(row.allowed, value)
    if (wanted !== undefined) {
      return { code: 'ValidationError', message: `The value of '${key}' must be ${wanted}, not '${value}'` }
    }
  }
  return undefined
}

/** What was wanted instead of `value`, in words; `undefined` if it is allowed. */
function refuseValue(allowed: Allowed, value: string): string | undefined {
  if ('words' in allowed) return allowed.words.includes(value) ? undefined : `one of [${allowed.words.join(', ')}]`
  if ('length' in allowed) return value.length <= allowed.length ? undefined : `at most ${allowed.length} characters`
  if (value === allowed.or) return undefined
  const inRange = /^\d{1,9}$/.test(value) && Number(value) >= allowed.min && Number(value) <= allowed.max
  const range = `a whole number between ${allowed.min} and ${allowed.max}`
  return inRange ? undefined : allowed.or === undefined ? range : `${range} or '${allowed.or}'`
}

function invalid(message: string): AttributeRefusal {
  return { code: 'InvalidConfigurationRequest', message }
}
