import type { AvailabilityZone as SdkAvailabilityZone, SubnetMapping } from '@aws-sdk/client-elastic-load-balancing-v2'
import { allocateAddress, reservedAddresses } from '../../domain/addresses.ts'
import { canonicalAddress, cidrContains } from '../../domain/cidr.ts'
import type { LoadBalancer, LoadBalancerZone } from '../../domain/load-balancer.ts'
import type { Subnet } from '../../domain/network.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { invalid, invalidConfiguration } from './resources.ts'

/** What a request says about where a load balancer stands. */
interface AskedSubnets {
  readonly Subnets?: readonly string[] | undefined
  readonly SubnetMappings?: readonly SubnetMapping[] | undefined
}

/** Load balancers have IPv4 addresses, or both kinds. */
export function checkIpAddressType(
  type: string | undefined,
  loadBalancerType: LoadBalancer['type'],
): LoadBalancer['ipAddressType'] {
  if (type === 'ipv4' || type === 'dualstack') return type
  throw invalidConfiguration(
    loadBalancerType === 'application'
      ? `IP address type '${type}' is not offered here; specify 'ipv4' or 'dualstack'`
      : `IP address type '${type}' is not supported for load balancers of type 'network'`,
  )
}

/**
 * The subnets that a request names, of one VPC and one per Availability Zone, each with the addresses chosen in it; an Application
 * Load Balancer stands in two at least.
 */
export function subnetsIn(state: State, asked: AskedSubnets, type: LoadBalancer['type']): readonly AskedSubnet[] {
  if (asked.Subnets?.length && asked.SubnetMappings?.length) {
    throw invalid('Subnets and subnet mappings cannot be specified at the same time')
  }
  const mappings: readonly SubnetMapping[] =
    asked.SubnetMappings ?? (asked.Subnets ?? []).map(SubnetId => ({ SubnetId }))
  if (mappings.length === 0) throw invalid('At least one subnet must be specified')

  const subnets = mappings.map(mapping => askedSubnet(state, mapping))
  const vpcId = subnets[0]?.subnet.vpcId
  if (subnets.some(({ subnet }) => subnet.vpcId !== vpcId)) {
    throw invalidConfiguration(`All subnets must belong to the same VPC: '${vpcId}'`)
  }
  if (new Set(subnets.map(({ subnet }) => subnet.zoneName)).size < subnets.length) {
    throw invalidConfiguration('A load balancer cannot be attached to multiple subnets in the same Availability Zone')
  }
  if (type === 'application') checkForApplication(state, subnets)
  return subnets.toSorted((a, b) => (a.subnet.zoneName < b.subnet.zoneName ? -1 : 1))
}

/**
 * AWS: Availability Zones of your Application Load Balancer; its addresses are never chosen. On a host with one loopback address the
 * default VPC has one zone, which has to do.
 */
function checkForApplication(state: State, subnets: readonly AskedSubnet[]): void {
  const [first] = subnets
  const isOnlyZone =
    state.vpcs.get(first?.subnet.vpcId ?? '')?.isDefault === true &&
    state.subnets
      .values()
      .every(({ vpcId, zoneName }) => vpcId !== first?.subnet.vpcId || zoneName === first.subnet.zoneName)
  if (subnets.length < 2 && !isOnlyZone) {
    throw invalid('At least two subnets in two different Availability Zones must be specified')
  }
  if (subnets.some(({ ipv4Address, ipv6Address }) => ipv4Address !== undefined || ipv6Address !== undefined)) {
    throw invalidConfiguration("Addresses cannot be specified for load balancers of type 'application'")
  }
}

interface AskedSubnet {
  readonly subnet: Subnet
  readonly ipv4Address?: string
  readonly ipv6Address?: string
}

function askedSubnet(state: State, mapping: SubnetMapping): AskedSubnet {
  const subnet = findSubnet(state, mapping.SubnetId)
  if (mapping.AllocationId !== undefined) {
    throw new ApiError('AllocationIdNotFound', `The allocation ID '${mapping.AllocationId}' does not exist`)
  }
  const { PrivateIPv4Address, IPv6Address } = mapping
  return {
    subnet,
    ...(PrivateIPv4Address === undefined
      ? {}
      : { ipv4Address: addressIn(subnet, subnet.cidrBlock, PrivateIPv4Address) }),
    ...(IPv6Address === undefined ? {} : { ipv6Address: addressIn(subnet, subnet.ipv6CidrBlock, IPv6Address) }),
  }
}

function addressIn(subnet: Subnet, range: string | undefined, text: string): string {
  const address = canonicalAddress(text)
  if (address === undefined) throw invalid(`The IP address '${text}' is not valid`)
  if (range === undefined || !cidrContains(range, address)) {
    throw invalidConfiguration(`The IP address '${text}' is not in the address range of subnet '${subnet.id}'`)
  }
  return address
}

/**
 * The zones of a load balancer in `subnets`. A zone that it has already keeps its addresses, so that clients of the
 * others notice nothing; each new one gets addresses of its subnet, the same ones for the same name each time.
 */
export function zonesOf(
  call: Call,
  loadBalancer: Pick<LoadBalancer, 'name' | 'zones'>,
  ipAddressType: LoadBalancer['ipAddressType'],
  subnets: readonly AskedSubnet[],
): readonly LoadBalancerZone[] {
  const taken = new Set(reservedAddresses(call.draft.state))
  return subnets.map(({ subnet, ipv4Address: chosen, ipv6Address: chosenIpv6 }) => {
    const before = loadBalancer.zones.find(zone => zone.subnetId === subnet.id)
    const keep = before !== undefined && (chosen === undefined || chosen === before.ipv4Address)
    if (!keep) refuseTaken(chosen, taken, subnet, call)
    const ipv4Address = keep ? before.ipv4Address : (chosen ?? allocate(call, loadBalancer.name, subnet, 'ipv4', taken))
    const zone = {
      zoneName: subnet.zoneName,
      subnetId: subnet.id,
      ipv4Address,
      ...(chosen !== undefined || (keep && before.chosen) ? { chosen: true } : {}),
    }
    taken.add(ipv4Address)
    if (ipAddressType === 'ipv4') return zone

    if (subnet.ipv6CidrBlock === undefined) {
      throw invalidConfiguration('You must specify subnets with an associated IPv6 CIDR block')
    }
    if (chosenIpv6 !== before?.ipv6Address) refuseTaken(chosenIpv6, taken, subnet, call)
    const ipv6Address = chosenIpv6 ?? before?.ipv6Address ?? allocate(call, loadBalancer.name, subnet, 'ipv6', taken)
    taken.add(ipv6Address)
    return { ...zone, ipv6Address }
  })
}

/** Load balancers share an address, port by port, only where the host itself has it: it may have no other. */
function refuseTaken(address: string | undefined, taken: ReadonlySet<string>, subnet: Subnet, call: Call): void {
  if (address === undefined || call.host.own.includes(address)) return
  const shared = address === subnet.sharedAddress || address === subnet.sharedIpv6Address
  if (!shared && taken.has(address)) {
    throw invalidConfiguration(`The IP address '${address}' of subnet '${subnet.id}' is already in use`)
  }
}

function allocate(
  call: Call,
  name: string,
  subnet: Subnet,
  family: 'ipv4' | 'ipv6',
  taken: ReadonlySet<string>,
): string {
  const address = allocateAddress(subnet, name, family, call.host, taken)
  if (address !== undefined) return address
  if (family === 'ipv6' && call.host.ipv6Range === undefined) {
    throw invalidConfiguration(
      `This host has no IPv6 addresses for subnet '${subnet.id}': none of its interfaces is in ${subnet.ipv6CidrBlock}, and only root can give it others`,
    )
  }
  throw new ApiError(
    'InvalidSubnet',
    `Not enough IP space available in ${subnet.id}. ELB requires at least 8 free IP addresses in each subnet.`,
  )
}

export function findSubnet(state: State, id: string | undefined): Subnet {
  if (id === undefined) throw invalid('A subnet ID must be specified')
  const subnet = state.subnets.get(id)
  if (subnet === undefined) throw new ApiError('SubnetNotFound', `The subnet ID '${id}' does not exist`)
  return subnet
}

/** `AvailabilityZones` of a load balancer. A private address is shown where a subnet mapping chose it. */
export function describeZones(loadBalancer: LoadBalancer): SdkAvailabilityZone[] {
  return loadBalancer.zones.map(zone => ({
    ZoneName: zone.zoneName,
    SubnetId: zone.subnetId,
    LoadBalancerAddresses: [
      {
        IpAddress: zone.ipv4Address,
        ...(zone.chosen ? { PrivateIPv4Address: zone.ipv4Address } : {}),
        ...(zone.ipv6Address === undefined ? {} : { IPv6Address: zone.ipv6Address }),
      },
    ],
  }))
}
