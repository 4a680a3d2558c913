import type { Reservation, RunInstancesRequest } from '@aws-sdk/client-ec2'
import { canonicalAddress, cidrContains } from '../../domain/cidr.ts'
import type { Instance, Subnet } from '../../domain/network.ts'
import { securityGroupsPerInterface } from '../../domain/security-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { describeReservation, forgetTerminated } from './instances.ts'
import { defaultVpc, findSecurityGroup, findSecurityGroupByName, findSubnet, invalidValue } from './resources.ts'
import { freeAddresses, instanceAddresses } from './subnets.ts'
import { tagsFor } from './tags.ts'

/** AWS: RunInstances, InstanceType. */
const defaultInstanceType = 'm1.small'

/** Ours: every state carries a record of each. */
const maxInstances = 10_000

/** What a launch may tag beside its instances (AWS: RunInstances, TagSpecifications): there are none of these here. */
const alsoTaggable = ['volume', 'network-interface', 'spot-instances-request', 'elastic-gpu'] as const

/**
 * Launches between `MinCount` and `MaxCount` instances, as many as the subnet has addresses for. An instance is a name for a
 * host that exists already: `PrivateIpAddress` says which, and may be any address of the subnet, a reserved one too.
 * The same `ClientToken` again launches nothing and answers what it launched then.
 */
export function RunInstances(input: RunInstancesRequest, call: Call): Reservation {
  forgetTerminated(call)
  const launched = launchedBefore(input.ClientToken, call)
  if (launched.length > 0) return describeReservation(launched, call)
  const { address, ipv6Address, ipv6Count, ...wanted } = networkOf(input)
  const subnet = subnetFor(wanted.subnetId, input.Placement?.AvailabilityZone, address, call)
  const securityGroups = groupsFor(wanted, subnet, call)
  const { min, max } = countOf(input, call)
  if (max > 1 && (address ?? ipv6Address) !== undefined) {
    const text = 'A private IP address can be given to one instance only: MaxCount must be 1.'
    throw new ApiError('InvalidParameterCombination', text)
  }
  const addresses = addressesFor(subnet, subnet.cidrBlock, address, { min, max }, call)
  const wantsIpv6 = ipv6Address !== undefined || ipv6Count > 0
  const exactly = { min: addresses.length, max: addresses.length }
  const ipv6Addresses = wantsIpv6 ? addressesFor(subnet, subnet.ipv6CidrBlock, ipv6Address, exactly, call) : []
  const launch = {
    imageId: input.ImageId ?? '',
    instanceType: input.InstanceType ?? defaultInstanceType,
    state: 'running',
    subnetId: subnet.id,
    vpcId: subnet.vpcId,
    securityGroups,
    launchTime: call.now,
    reservationId: `r-${call.hex(17)}`,
    ...(input.ClientToken && { clientToken: input.ClientToken }),
    tags: tagsFor(input.TagSpecifications, 'instance', alsoTaggable),
  } as const
  const instances = addresses.map((privateIpAddress, i): Instance => {
    const ipv6 = ipv6Addresses[i]
    return { id: `i-${call.hex(17)}`, privateIpAddress, ...(ipv6 && { ipv6Address: ipv6 }), ...launch }
  })
  for (const instance of instances) call.draft.put('instances', instance.id, instance)
  return describeReservation(instances, call)
}

function launchedBefore(clientToken: string | undefined, call: Call): Instance[] {
  if (!clientToken) return []
  const instances = call.draft.state.instances.values()
  return instances.filter(instance => instance.clientToken === clientToken).toArray()
}

/** What is told for the instance, or for its only network interface. */
function networkOf(input: RunInstancesRequest) {
  const [first, ...others] = input.NetworkInterfaces ?? []
  if (others.length > 0) {
    throw new ApiError('AttachmentLimitExceeded', 'An instance can have one network interface, not more.')
  }
  const own = [input.SubnetId, input.PrivateIpAddress, input.SecurityGroupIds?.[0], input.SecurityGroups?.[0]]
  if (first !== undefined && own.some(value => value !== undefined)) {
    const text =
      'Network interfaces and an instance-level subnet, address or group may not be specified on the same request'
    throw new ApiError('InvalidParameterCombination', text)
  }
  return {
    subnetId: first?.SubnetId ?? input.SubnetId,
    address: first?.PrivateIpAddress ?? input.PrivateIpAddress,
    ipv6Address: (first?.Ipv6Addresses ?? input.Ipv6Addresses)?.[0]?.Ipv6Address,
    ipv6Count: first?.Ipv6AddressCount ?? input.Ipv6AddressCount ?? 0,
    groupIds: first?.Groups ?? input.SecurityGroupIds ?? [],
    groupNames: input.SecurityGroups ?? [],
  }
}

/** The subnet named, or the default one of the zone named, or that which holds the address, or the first. */
function subnetFor(
  subnetId: string | undefined,
  zoneName: string | undefined,
  address: string | undefined,
  call: Call,
): Subnet {
  if (subnetId) return findSubnet(call, subnetId)
  const vpc = defaultVpc(call)
  const defaults = call.draft.state.subnets
    .values()
    .filter(subnet => subnet.vpcId === vpc.id && subnet.defaultForAz)
    .filter(subnet => !zoneName || subnet.zoneName === zoneName)
    .toArray()
    .sort((a, b) => (a.zoneName < b.zoneName ? -1 : 1))
  const subnet = defaults.find(subnet => address && cidrContains(subnet.cidrBlock, address)) ?? defaults[0]
  if (subnet === undefined) {
    const text = `No subnets found for the default VPC '${vpc.id}'. Please specify a subnet.`
    throw new ApiError('MissingInput', text)
  }
  return subnet
}

function groupsFor(
  wanted: { readonly groupIds: readonly string[]; readonly groupNames: readonly string[] },
  subnet: Subnet,
  call: Call,
): readonly string[] {
  const named = [
    ...wanted.groupIds.map(id => findSecurityGroup(call, id)),
    ...wanted.groupNames.map(name => findSecurityGroupByName(call, name)),
  ]
  const foreign = named.find(group => group.vpcId !== subnet.vpcId)
  if (foreign !== undefined) {
    const text = `Security group ${foreign.id} and subnet ${subnet.id} belong to different networks.`
    throw new ApiError('InvalidParameter', text)
  }
  const ids = new Set(named.map(group => group.id))
  if (ids.size > securityGroupsPerInterface) {
    const text = 'The maximum number of security groups per interface has been reached.'
    throw new ApiError('SecurityGroupsPerInterfaceLimitExceeded', text)
  }
  if (ids.size > 0) return [...ids]
  const groups = call.draft.state.securityGroups.values()
  const defaults = groups.filter(group => group.vpcId === subnet.vpcId && group.name === 'default')
  return defaults.map(group => group.id).toArray()
}

function countOf(input: RunInstancesRequest, call: Call): { min: number; max: number } {
  const { MinCount: min = 1, MaxCount: max = 1 } = input
  if (min > max) {
    throw invalidValue(`Value (${min}) for parameter minCount is invalid. It must not be greater than maxCount.`)
  }
  const left = maxInstances - call.draft.state.instances.size
  if (min > left) {
    const text = `You have requested more instances (${min}) than your current instance limit of ${maxInstances} allows.`
    throw new ApiError('InstanceLimitExceeded', text)
  }
  return { min, max: Math.min(max, left) }
}

/** Errors: InvalidIPAddress.InUse, InvalidParameterValue, InsufficientFreeAddressesInSubnet. */
function addressesFor(
  subnet: Subnet,
  block: string | undefined,
  given: string | undefined,
  count: { readonly min: number; readonly max: number },
  call: Call,
): readonly string[] {
  if (given === undefined) {
    const free = freeAddresses(subnet, block, count.max, call)
    if (free.length >= count.min) return free
    const text = `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`
    throw new ApiError('InsufficientFreeAddressesInSubnet', text)
  }
  const address = canonicalAddress(given)
  if (address === undefined)
    throw invalidValue(`Value (${given}) for parameter address is invalid. Invalid IP address.`)
  if (!cidrContains(block ?? '', address)) {
    throw invalidValue(`Address ${address} does not fall within the subnet's address range`)
  }
  // A load balancer may have the address of an instance: both can be this host, told apart by their ports.
  if (instanceAddresses(subnet, call).includes(address)) {
    throw new ApiError('InvalidIPAddress.InUse', `Address ${address} is in use.`)
  }
  return [address]
}
