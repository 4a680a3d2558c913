import type {
  CreateSubnetRequest,
  CreateSubnetResult,
  DeleteSubnetRequest,
  DescribeSubnetsRequest,
  DescribeSubnetsResult,
  Subnet as Ec2Subnet,
} from '@aws-sdk/client-ec2'
import { addressCount, cidrContains, cidrsOverlap, nthAddress, parseCidr } from '../../domain/cidr.ts'
import { zoneAddresses } from '../../domain/load-balancer.ts'
import type { Subnet } from '../../domain/network.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { availabilityZones, zoneIdOf } from './availability-zones.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import { chosen, ec2Arn, findSubnet, findVpc, invalidValue, isTerminated, kinds, missing } from './resources.ts'
import { tagSet, tagsFor } from './tags.ts'
import { associationId, cidrBlock } from './vpcs.ts'

export function CreateSubnet(input: CreateSubnetRequest, call: Call): CreateSubnetResult {
  const vpc = findVpc(call, input.VpcId ?? '')
  if (!input.CidrBlock) throw missing('cidrBlock')
  const subnet: Subnet = {
    id: `subnet-${call.hex(17)}`,
    vpcId: vpc.id,
    zoneName: zoneOf(input, call),
    cidrBlock: blockWithin(vpc.cidrBlock, input.CidrBlock, 'ipv4'),
    ...(input.Ipv6CidrBlock && { ipv6CidrBlock: blockWithin(vpc.ipv6CidrBlock, input.Ipv6CidrBlock, 'ipv6') }),
    defaultForAz: false,
    tags: tagsFor(input.TagSpecifications, 'subnet'),
  }
  for (const other of call.draft.state.subnets.values()) {
    if (other.vpcId !== vpc.id) continue
    refuseOverlap(subnet.cidrBlock, other.cidrBlock)
    refuseOverlap(subnet.ipv6CidrBlock, other.ipv6CidrBlock)
  }
  call.draft.put('subnets', subnet.id, subnet)
  return { Subnet: describe(subnet, call) }
}

function blockWithin(vpcBlock: string | undefined, text: string, family: 'ipv4' | 'ipv6'): string {
  const block = cidrBlock(text, family, 'InvalidSubnet.Range')
  if (vpcBlock === undefined || !cidrContains(vpcBlock, block)) {
    throw new ApiError('InvalidSubnet.Range', `The CIDR '${text}' is invalid.`)
  }
  return block
}

function refuseOverlap(block: string | undefined, other: string | undefined): void {
  if (block !== undefined && other !== undefined && cidrsOverlap(block, other)) {
    throw new ApiError('InvalidSubnet.Conflict', `The CIDR '${block}' conflicts with another subnet`)
  }
}

function zoneOf({ AvailabilityZone: name, AvailabilityZoneId: id }: CreateSubnetRequest, call: Call): string {
  const zones = availabilityZones(call.region)
  const zone = zones.find(zone => (name ?? zone.zoneName) === zone.zoneName && (id ?? zone.zoneId) === zone.zoneId)
  if (zone !== undefined) return zone.zoneName
  const [given, parameter, known] = name
    ? [name, 'availabilityZone', zones.map(zone => zone.zoneName)]
    : [id, 'availabilityZoneId', zones.map(zone => zone.zoneId)]
  throw invalidValue(
    `Value (${given}) for parameter ${parameter} is invalid. Subnets can currently only be created in the following availability zones: ${known.join(', ')}.`,
  )
}

const filters: FilterTable<Ec2Subnet> = {
  'availability-zone': subnet => subnet.AvailabilityZone,
  availabilityZone: subnet => subnet.AvailabilityZone,
  'availability-zone-id': subnet => subnet.AvailabilityZoneId,
  availabilityZoneId: subnet => subnet.AvailabilityZoneId,
  'available-ip-address-count': subnet => subnet.AvailableIpAddressCount,
  cidr: subnet => subnet.CidrBlock,
  'cidr-block': subnet => subnet.CidrBlock,
  cidrBlock: subnet => subnet.CidrBlock,
  'default-for-az': subnet => subnet.DefaultForAz,
  defaultForAz: subnet => subnet.DefaultForAz,
  'ipv6-cidr-block-association.association-id': subnet =>
    subnet.Ipv6CidrBlockAssociationSet?.map(block => block.AssociationId),
  'ipv6-cidr-block-association.ipv6-cidr-block': subnet =>
    subnet.Ipv6CidrBlockAssociationSet?.map(block => block.Ipv6CidrBlock),
  'ipv6-cidr-block-association.state': subnet =>
    subnet.Ipv6CidrBlockAssociationSet?.map(block => block.Ipv6CidrBlockState?.State),
  'ipv6-native': subnet => subnet.Ipv6Native,
  'map-public-ip-on-launch': subnet => subnet.MapPublicIpOnLaunch,
  'owner-id': subnet => subnet.OwnerId,
  state: subnet => subnet.State,
  'subnet-arn': subnet => subnet.SubnetArn,
  'subnet-id': subnet => subnet.SubnetId,
  'vpc-id': subnet => subnet.VpcId,
}

export function DescribeSubnets(input: DescribeSubnetsRequest, call: Call): DescribeSubnetsResult {
  const subnets = chosen(kinds.subnets, call.draft.state.subnets, input.SubnetIds).map(subnet => describe(subnet, call))
  const { items, NextToken } = filteredPage(subnets, filters, subnet => subnet.SubnetId, input)
  return { NextToken, Subnets: items }
}

/** Refused while an instance or a load balancer has an address of it. */
export function DeleteSubnet(input: DeleteSubnetRequest, call: Call): void {
  const { id } = findSubnet(call, input.SubnetId ?? '')
  const { instances, loadBalancers } = call.draft.state
  if (
    instances.values().some(instance => instance.subnetId === id && !isTerminated(instance)) ||
    loadBalancers.values().some(loadBalancer => loadBalancer.zones.some(zone => zone.subnetId === id))
  ) {
    throw new ApiError('DependencyViolation', `The subnet '${id}' has dependencies and cannot be deleted.`)
  }
  call.draft.delete('subnets', id)
}

/** Of each subnet, the first four addresses and the last one are kept back (AWS: Subnet sizing). */
const [reservedFirst, reservedLast] = [4, 1]

/** How many more addresses the subnet has for instances and load balancers. */
function availableCount(subnet: Subnet, call: Call): number {
  const cidr = parseCidr(subnet.cidrBlock)
  if (cidr === undefined) return 0
  const used = new Set([...instanceAddresses(subnet, call), ...loadBalancerAddresses(subnet, call)])
  const usedIpv4 = [...used].filter(address => !address.includes(':')).length
  return Math.max(0, addressCount(cidr) - reservedFirst - reservedLast - usedIpv4)
}

/** The first `count` addresses of the subnet's block that nobody has; fewer where there are not so many. */
export function freeAddresses(subnet: Subnet, block: string | undefined, count: number, call: Call): string[] {
  const cidr = parseCidr(block ?? '')
  if (cidr === undefined) return []
  const used = new Set([...instanceAddresses(subnet, call), ...loadBalancerAddresses(subnet, call)])
  const free: string[] = []
  for (let n = reservedFirst; n < addressCount(cidr) - reservedLast && free.length < count; n++) {
    const address = nthAddress(cidr, n)
    if (address !== undefined && !used.has(address)) free.push(address)
  }
  return free
}

/** Addresses, of both families, of the subnet's instances. */
export function instanceAddresses(subnet: Subnet, call: Call): string[] {
  const instances = call.draft.state.instances.values()
  return instances
    .filter(instance => instance.subnetId === subnet.id && !isTerminated(instance))
    .flatMap(({ privateIpAddress, ipv6Address }) => [privateIpAddress, ...(ipv6Address ? [ipv6Address] : [])])
    .toArray()
}

function loadBalancerAddresses(subnet: Subnet, call: Call): string[] {
  const zones = call.draft.state.loadBalancers.values().flatMap(loadBalancer => loadBalancer.zones)
  return zones
    .filter(zone => zone.subnetId === subnet.id)
    .flatMap(zoneAddresses)
    .toArray()
}

function describe(subnet: Subnet, call: Call) {
  const { id, ipv6CidrBlock } = subnet
  return {
    SubnetId: id,
    SubnetArn: ec2Arn(call, 'subnet', id),
    VpcId: subnet.vpcId,
    State: 'available',
    OwnerId: call.account,
    AvailabilityZone: subnet.zoneName,
    AvailabilityZoneId: zoneIdOf(subnet.zoneName, call.region),
    CidrBlock: subnet.cidrBlock,
    Ipv6CidrBlockAssociationSet: ipv6CidrBlock
      ? [
          {
            AssociationId: associationId(id, 'subnet-cidr-assoc', ipv6CidrBlock),
            Ipv6CidrBlock: ipv6CidrBlock,
            Ipv6CidrBlockState: { State: 'associated' },
          },
        ]
      : [],
    AvailableIpAddressCount: availableCount(subnet, call),
    DefaultForAz: subnet.defaultForAz,
    MapPublicIpOnLaunch: false,
    AssignIpv6AddressOnCreation: false,
    MapCustomerOwnedIpOnLaunch: false,
    EnableDns64: false,
    Ipv6Native: false,
    PrivateDnsNameOptionsOnLaunch: {
      HostnameType: 'ip-name',
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    Tags: tagSet(subnet.tags),
  } satisfies Ec2Subnet
}
