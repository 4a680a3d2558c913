import { addressIn, type Cidr, parseCidr } from './cidr.ts'
import { policyOf } from './group-policy.ts'
import type { Health } from './health.ts'
import { type LoadBalancer, speaksHttp, transportsOf } from './load-balancer.ts'
import { memoByTables } from './memo.ts'
import type { Subnet } from './network.ts'
import { listenerEndpoints, referencesTo } from './references.ts'
import type { State } from './state.ts'
import type { Target, TargetGroup } from './target-group.ts'

/** What DescribeTargetHealth says of a target (AWS: TargetHealth). A healthy one has neither reason nor description. */
interface TargetHealth {
  readonly State: 'initial' | 'healthy' | 'unhealthy' | 'unhealthy.draining' | 'unused' | 'draining'
  readonly Reason?: keyof typeof descriptions
  readonly Description?: string
}

const descriptions = {
  'Elb.RegistrationInProgress': 'Target registration is in progress',
  'Elb.InitialHealthChecking': 'Initial health checks in progress',
  'Target.FailedHealthChecks': 'Health checks failed',
  /** With the codes behind it, `: [502]`. */
  'Target.ResponseCodeMismatch': 'Health checks failed with these codes',
  'Target.Timeout': 'Request timed out',
  'Target.NotRegistered': 'Target is not registered to the target group',
  'Target.NotInUse': 'Target group is not configured to receive traffic from the load balancer',
  'Target.InvalidState': 'Target is in an invalid state',
  'Target.IpUnusable': 'The IP address cannot be used as a target, as it is in use by a load balancer',
  'Target.DeregistrationInProgress': 'Target deregistration is in progress',
} as const

/**
 * A registered target's state, reason and description (AWS: Health checks for Network Load Balancer target groups, and for
 * Application Load Balancers; Target health status and reason codes).
 *
 * @param health the node's last word on the target; `undefined` until it has heard of it
 * @param now milliseconds since the epoch
 */
export function targetHealth(
  state: State,
  group: TargetGroup,
  target: Target,
  health: Health | undefined,
  now: number,
): TargetHealth {
  if (target.deregistration !== undefined) {
    return target.deregistration.until > now
      ? say('draining', 'Target.DeregistrationInProgress')
      : say('unused', 'Target.NotRegistered')
  }
  if (!isInUse(state, group)) return say('unused', 'Target.NotInUse')
  if (!isZoneEnabled(state, group, target)) {
    const description = 'Target is in an Availability Zone that is not enabled for the load balancer'
    return say('unused', 'Target.NotInUse', description)
  }
  const impediment = impedimentOf(state, group, target)
  if (impediment !== undefined) return impediment
  const own = ownHealth(target, health)
  if (own === undefined) return say('initial', 'Elb.RegistrationInProgress')
  if (own.linking !== undefined) return say('initial', own.linking)
  if (own.verdict === 'initial') return say('initial', 'Elb.InitialHealthChecking')
  if (own.verdict === 'healthy') return { State: 'healthy' }
  const { unhealthyDrainMs } = policyOf(group)
  const draining = unhealthyDrainMs !== Infinity && own.since + unhealthyDrainMs > now
  if (speaksHttp(group)) return sayWhy(own)
  return say(draining ? 'unhealthy.draining' : 'unhealthy', 'Target.FailedHealthChecks')
}

/** Of an unhealthy target of an Application Load Balancer, whose checks tell failures apart. */
function sayWhy({ results }: Health): TargetHealth {
  const { status, timedOut } = results.findLast(({ ok }) => !ok) ?? {}
  if (timedOut) return say('unhealthy', 'Target.Timeout')
  if (status === undefined) return say('unhealthy', 'Target.FailedHealthChecks')
  return say('unhealthy', 'Target.ResponseCodeMismatch', `${descriptions['Target.ResponseCodeMismatch']}: [${status}]`)
}

/** What is known of this very registration: nothing, where the node's word is about an earlier one of the same id and port. */
export function ownHealth(target: Target, known: Health | undefined): Health | undefined {
  return known?.registeredAt === target.registeredAt ? known : undefined
}

function say(
  state: TargetHealth['State'],
  reason: keyof typeof descriptions,
  description: string = descriptions[reason],
): TargetHealth {
  return { State: state, Reason: reason, Description: description }
}

/** Whether an action of a listener or rule names the group. One of weight 0 counts. */
export function isInUse(state: State, group: TargetGroup): boolean {
  return referencesTo(state, group.arn).length > 0
}

/**
 * Why a registered target can get no traffic and no health checks, whatever its health: its instance does not run, or its
 * address and port are a load balancer's own, where it is not registered as one. `undefined`: nothing is in the way.
 */
export function impedimentOf(state: State, group: TargetGroup, target: Target): TargetHealth | undefined {
  if (group.targetType === 'instance') {
    const instance = state.instances.get(target.id)?.state ?? 'terminated'
    if (instance !== 'running') return say('unused', 'Target.InvalidState', `Target is in the ${instance} state`)
  }
  const address = targetAddress(state, group, target)
  if (address === undefined) return say('unused', 'Target.InvalidState')
  const endpoints = listenerEndpoints(state)
  const isTaken = (transport: string) => endpoints.has(`${transport} ${address} ${target.port}`)
  if (group.targetType !== 'alb' && transportsOf(group.protocol).some(isTaken))
    return say('unused', 'Target.IpUnusable')
  return undefined
}

/**
 * Where the target is reached, in the group's address family: `undefined` for an instance that has no such address, or that
 * nobody remembers. A load balancer is reached at its node in `zone`, or else in its first one.
 */
export function targetAddress(state: State, group: TargetGroup, target: Target, zone?: string): string | undefined {
  if (group.targetType === 'ip') return target.id
  if (group.targetType === 'alb') {
    const zones = state.loadBalancers.get(target.id)?.zones
    const node = zones?.find(({ zoneName }) => zoneName === zone) ?? zones?.[0]
    return group.ipAddressType === 'ipv6' ? node?.ipv6Address : node?.ipv4Address
  }
  const instance = state.instances.get(target.id)
  return group.ipAddressType === 'ipv6' ? instance?.ipv6Address : instance?.privateIpAddress
}

/**
 * The target's Availability Zone: as registered (a name, or `all`), else that of its instance, else that of the VPC's
 * subnet that holds its address. `undefined` for an address outside all subnets, and for a load balancer, which belong to no
 * zone and serve them all.
 */
export function targetZone(state: State, group: TargetGroup, target: Target): string | undefined {
  if (target.availabilityZone !== undefined) return target.availabilityZone
  if (group.targetType === 'alb') return undefined
  if (group.targetType === 'instance') {
    const instance = state.instances.get(target.id)
    return instance && state.subnets.get(instance.subnetId)?.zoneName
  }
  for (const { subnet, ranges } of subnetRanges(state.subnets)) {
    if (subnet.vpcId === group.vpcId && ranges.some(range => addressIn(range, target.id))) return subnet.zoneName
  }
  return undefined
}

function isZoneEnabled(state: State, group: TargetGroup, target: Target): boolean {
  const zone = targetZone(state, group, target)
  return zone === undefined || zone === 'all' || enabledZones(state, group).has(zone)
}

/** The zones of the load balancer that uses the group; there is at most one (AWS: TargetGroupAssociationLimit). */
export function enabledZones(state: State, group: TargetGroup): ReadonlySet<string> {
  const loadBalancer = referencesTo(state, group.arn)[0]?.loadBalancer
  if (loadBalancer === undefined) return noZones
  return zonesOf.getOrInsertComputed(loadBalancer, ({ zones }) => new Set(zones.map(({ zoneName }) => zoneName)))
}

const noZones: ReadonlySet<string> = new Set()
const zonesOf = new WeakMap<LoadBalancer, ReadonlySet<string>>()

const subnetRanges = memoByTables((subnets: State['subnets']): readonly { subnet: Subnet; ranges: readonly Cidr[] }[] =>
  [...subnets.values()].map(subnet => ({
    subnet,
    ranges: [subnet.cidrBlock, subnet.ipv6CidrBlock ?? ''].map(parseCidr).filter(range => range !== undefined),
  })),
)
