import type { TargetDescription } from '@aws-sdk/client-elastic-load-balancing-v2'
import { localRange } from '../../domain/addresses.ts'
import { addressFamily, canonicalAddress, cidrContains } from '../../domain/cidr.ts'
import type { Subnet } from '../../domain/network.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup } from '../../domain/target-group.ts'
import { ApiError } from '../errors.ts'
import { checkLoadBalancerArn, invalid } from './resources.ts'

/**
 * Addresses outside the group's VPC that may be targets: private ones (AWS: Register targets by IP address) and, because
 * hosts and load balancers have them here, loopback, `localRange` and IPv6 unique local ones.
 */
const outsideRanges = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '127.0.0.0/8',
  localRange,
  '::1/128',
  'fc00::/7',
]

/** Which registration a request means. */
export interface TargetId {
  readonly id: string
  readonly port: number
}

/**
 * The id in its canonical form, with the group's port where the request says none. Throws ValidationError for what can be
 * no target of this group's type.
 */
export function targetIdOf(group: TargetGroup, asked: TargetDescription): TargetId {
  if (asked.QuicServerId !== undefined) {
    throw invalid(`A QUIC server ID cannot be specified for target groups with the ${group.protocol} protocol`)
  }
  return { id: checkId(group, asked.Id ?? ''), port: asked.Port ?? group.port }
}

function checkId(group: TargetGroup, id: string): string {
  if (group.targetType === 'instance') {
    if (/^i-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)) return id
    throw invalid(`Instance ID '${id}' is not valid`)
  }
  if (group.targetType === 'alb') return checkLoadBalancerArn(id)
  const address = canonicalAddress(id)
  if (address !== undefined && addressFamily(address) === group.ipAddressType) return address
  throw invalid(`The IP address '${id}' is not a valid ${group.ipAddressType === 'ipv4' ? 'IPv4' : 'IPv6'} address`)
}

/**
 * Throws InvalidTarget if instances among `ids` are unknown, not running, or in another VPC than the group, naming all
 * that are.
 */
export function checkInstances(state: State, group: TargetGroup, ids: readonly string[]): void {
  const refuse = (bad: (id: string) => boolean, text: (list: string) => string) => {
    const list = ids.filter(bad)
    if (list.length > 0) throw new ApiError('InvalidTarget', text(list.map(id => `'${id}'`).join(', ')))
  }
  refuse(
    id => !state.instances.has(id),
    list => `The following targets are not valid instances: ${list}`,
  )
  refuse(
    id => state.instances.get(id)?.vpcId !== group.vpcId,
    list => `The following targets are not in the target group VPC '${group.vpcId}': ${list}`,
  )
  refuse(
    id => state.instances.get(id)?.state !== 'running',
    list => `The following targets are not in a running state and cannot be registered: ${list}`,
  )
}

/**
 * The rules between a target's address and its Availability Zone: within the VPC the subnet decides; outside, the request
 * must, and only private addresses are possible (AWS: TargetDescription).
 */
export function checkAddress(state: State, group: TargetGroup, address: string, zone: string | undefined): void {
  const subnets = [...state.subnets.values()].filter(subnet => subnet.vpcId === group.vpcId)
  const subnet = subnets.find(subnet => holds(subnet, address))
  if (subnet !== undefined) {
    if (zone !== undefined && zone !== subnet.zoneName) {
      throw invalid(
        `The IP address '${address}' is within the VPC, and cannot have its Availability Zone overridden to '${zone}' from '${subnet.zoneName}'`,
      )
    }
    return
  }
  const vpc = state.vpcs.get(group.vpcId)
  const ranges = [...outsideRanges, vpc?.cidrBlock, vpc?.ipv6CidrBlock]
  if (!ranges.some(range => range !== undefined && cidrContains(range, address))) {
    throw invalid(
      `The IP address '${address}' is not valid: it must be in the VPC '${group.vpcId}' or a private address, one of ${outsideRanges.join(', ')}`,
    )
  }
  if (zone === undefined) {
    // AWS's text, which would puzzle where only the subnet is missing.
    const isNear = [vpc?.cidrBlock, vpc?.ipv6CidrBlock].some(range => range && cidrContains(range, address))
    const reason = isNear ? 'it is in no subnet of the VPC' : 'it is not in the VPC'
    throw invalid(`The Availability Zone is required for IP address '${address}' because ${reason}`)
  }
  if (zone !== 'all' && !subnets.some(subnet => subnet.zoneName === zone)) {
    throw invalid(
      `You must specify a valid Availability Zone or select 'all' for all enabled Availability zones, since the IP address '${address}' is outside the VPC`,
    )
  }
}

function holds(subnet: Subnet, address: string): boolean {
  return [subnet.cidrBlock, subnet.ipv6CidrBlock].some(range => range !== undefined && cidrContains(range, address))
}
