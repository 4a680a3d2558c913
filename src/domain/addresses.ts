import { type AddressFamily, addressCount, addressIn, isLoopback, nthAddress, parseCidr } from './cidr.ts'
import { jhash, slotOf } from './jhash.ts'
import { zoneAddresses } from './load-balancer.ts'
import type { Subnet } from './network.ts'
import type { State } from './state.ts'

/** Addresses that belong to no network card (RFC 2544), for subnets that are nowhere on this host's interfaces. */
export const localRange = '198.18.0.0/15'
/** The same for IPv6: unique local addresses (RFC 4193). */
export const localIpv6Range = 'fd53:4c55::/32'
/** Instead of both where this process may not add a route: loopback addresses, which only this host reaches. */
export const loopbackRange = '127.64.0.0/10'

/** All of it is this host, on Linux. */
export const loopback = '127.0.0.0/8'

const cardless = [localRange, localIpv6Range].map(range => parseCidr(range)!)

/**
 * Whether an address of this host's own is one that no network card of its has. Only of these are an instance's security groups
 * enforced where packets enter this host: the default group of an instance that is this host itself would bar its operator's
 * ssh. On AWS nobody balances from within an instance, so there is nothing to follow.
 */
export function isOnNoCard(address: string): boolean {
  return isLoopback(address) || cardless.some(range => addressIn(range, address))
}

/** What this host can give to load balancers. */
export interface HostAddresses {
  /** Addresses of its interfaces, of both families, without prefix length. */
  readonly own: readonly string[]
  /** IPv4 range for subnets that are nowhere on its interfaces: `localRange`, or `loopbackRange` without privileges. */
  readonly range: string
  /** The same for IPv6: `localIpv6Range`; absent without privileges. */
  readonly ipv6Range?: string
}

/**
 * The address that a load balancer of this name gets in this subnet: the one that a default subnet's load balancers share,
 * port by port; else, where the host itself has addresses in the subnet's range, one of those (the first, shared likewise,
 * when all are taken); else one of the host's range that depends on subnet and name only, so that it is the same each time
 * unless it is taken.
 *
 * @returns `undefined` where the subnet has no addresses of that family, or none is free
 */
export function allocateAddress(
  subnet: Subnet,
  loadBalancerName: string,
  family: AddressFamily,
  host: HostAddresses,
  taken: ReadonlySet<string>,
): string | undefined {
  const shared = family === 'ipv4' ? subnet.sharedAddress : subnet.sharedIpv6Address
  if (shared !== undefined) return shared
  const block = parseCidr((family === 'ipv4' ? subnet.cidrBlock : subnet.ipv6CidrBlock) ?? '')
  if (block === undefined) return undefined
  const own = host.own.filter(address => addressIn(block, address))
  if (own.length > 0) return own.find(address => !taken.has(address)) ?? own[0]
  const range = parseCidr((family === 'ipv4' ? host.range : host.ipv6Range) ?? '')
  if (range === undefined) return undefined
  // The first and the last address of a range mean the network and everybody in it. 2^20 are more than one host can serve.
  const usable = Math.min(addressCount(range) - 2, 2 ** 20)
  const name = new TextEncoder().encode(`${subnet.zoneName} ${subnet.cidrBlock} ${loadBalancerName}`)
  const start = slotOf(jhash(name, name.length, 0), usable)
  for (let i = 0; i < usable; i++) {
    const address = nthAddress(range, 1 + ((start + i) % usable))
    if (address !== undefined && !taken.has(address)) return address
  }
  return undefined
}

/** Every address that somebody has: load balancers, instances that exist, targets. */
export function reservedAddresses(state: State): ReadonlySet<string> {
  const reserved = new Set<string>()
  for (const { zones } of state.loadBalancers.values())
    for (const address of zones.flatMap(zoneAddresses)) reserved.add(address)
  for (const instance of state.instances.values()) {
    if (instance.state === 'terminated') continue
    reserved.add(instance.privateIpAddress)
    if (instance.ipv6Address !== undefined) reserved.add(instance.ipv6Address)
  }
  for (const group of state.targetGroups.values())
    if (group.targetType === 'ip') for (const { id } of group.targets) reserved.add(id)
  return reserved
}
