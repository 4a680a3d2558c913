import type {
  CreateVpcRequest,
  CreateVpcResult,
  DeleteVpcRequest,
  DescribeVpcAttributeRequest,
  DescribeVpcAttributeResult,
  DescribeVpcsRequest,
  DescribeVpcsResult,
  Vpc as Ec2Vpc,
} from '@aws-sdk/client-ec2'
import { type AddressFamily, formatCidr, parseCidr } from '../../domain/cidr.ts'
import { defaultSecurityGroup } from '../../domain/default-network.ts'
import { fixedHex } from '../../domain/fixed-hex.ts'
import type { Vpc } from '../../domain/network.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import { chosen, findVpc, invalidValue, isTerminated, kinds } from './resources.ts'
import { tagSet, tagsFor } from './tags.ts'

/** A new VPC comes with its default security group. Ranges of VPCs may overlap. */
export function CreateVpc(input: CreateVpcRequest, call: Call): CreateVpcResult {
  if (!input.CidrBlock) {
    throw new ApiError('MissingParameter', `Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.`)
  }
  if (input.Ipv6CidrBlock && input.AmazonProvidedIpv6CidrBlock) {
    const text = 'Only one of AmazonProvidedIpv6CidrBlock and Ipv6CidrBlock can be specified.'
    throw new ApiError('InvalidParameterCombination', text)
  }
  const id = `vpc-${call.hex(17)}`
  const ipv6CidrBlock = input.AmazonProvidedIpv6CidrBlock
    ? uniqueLocalRange(id)
    : input.Ipv6CidrBlock && cidrBlock(input.Ipv6CidrBlock, 'ipv6', 'InvalidVpc.Range')
  const vpc: Vpc = {
    id,
    cidrBlock: cidrBlock(input.CidrBlock, 'ipv4', 'InvalidVpc.Range'),
    ...(ipv6CidrBlock && { ipv6CidrBlock }),
    isDefault: false,
    tags: tagsFor(input.TagSpecifications, 'vpc'),
  }
  const group = defaultSecurityGroup(id, {
    groupId: `sg-${call.hex(17)}`,
    inboundRuleId: `sgr-${call.hex(17)}`,
    outboundRuleIds: Array.from({ length: ipv6CidrBlock ? 2 : 1 }, () => `sgr-${call.hex(17)}`),
  })
  call.draft.put('vpcs', id, vpc)
  call.draft.put('securityGroups', group.id, group)
  return { Vpc: describe(vpc, call) }
}

/**
 * The canonical spelling of a block that a VPC or subnet may have: IPv4 /16 to /28, IPv6 /44 to /64 in steps of 4
 * (AWS: VPC and subnet CIDR blocks). Another size is the error `rangeCode`.
 */
export function cidrBlock(text: string, family: AddressFamily, rangeCode: string): string {
  const cidr = parseCidr(text)
  if (cidr?.family !== family) {
    const parameter = family === 'ipv4' ? 'cidrBlock' : 'ipv6CidrBlock'
    throw invalidValue(`Value (${text}) for parameter ${parameter} is invalid. This is not a valid CIDR block.`)
  }
  const { prefixLength } = cidr
  const fits =
    family === 'ipv4'
      ? prefixLength >= 16 && prefixLength <= 28
      : prefixLength >= 44 && prefixLength <= 64 && prefixLength % 4 === 0
  if (!fits) throw new ApiError(rangeCode, `The CIDR '${text}' is invalid.`)
  return formatCidr(cidr)
}

/** What Amazon would assign from its own addresses: a /56 of the unique local ones (RFC 4193), fixed by the VPC's id. */
function uniqueLocalRange(vpcId: string): string {
  const groups = `fd${fixedHex(vpcId, 12)}00`.match(/.{4}/g) ?? []
  return cidrBlock(`${groups.join(':')}::/56`, 'ipv6', 'InvalidVpc.Range')
}

const filters: FilterTable<Ec2Vpc> = {
  cidr: vpc => vpc.CidrBlock,
  'cidr-block': vpc => vpc.CidrBlock,
  'cidr-block-association.association-id': vpc => vpc.CidrBlockAssociationSet?.map(block => block.AssociationId),
  'cidr-block-association.cidr-block': vpc => vpc.CidrBlockAssociationSet?.map(block => block.CidrBlock),
  'cidr-block-association.state': vpc => vpc.CidrBlockAssociationSet?.map(block => block.CidrBlockState?.State),
  'dhcp-options-id': vpc => vpc.DhcpOptionsId,
  'ipv6-cidr-block-association.association-id': vpc =>
    vpc.Ipv6CidrBlockAssociationSet?.map(block => block.AssociationId),
  'ipv6-cidr-block-association.ipv6-cidr-block': vpc =>
    vpc.Ipv6CidrBlockAssociationSet?.map(block => block.Ipv6CidrBlock),
  'ipv6-cidr-block-association.state': vpc =>
    vpc.Ipv6CidrBlockAssociationSet?.map(block => block.Ipv6CidrBlockState?.State),
  'is-default': vpc => vpc.IsDefault,
  isDefault: vpc => vpc.IsDefault,
  'owner-id': vpc => vpc.OwnerId,
  state: vpc => vpc.State,
  'vpc-id': vpc => vpc.VpcId,
}

export function DescribeVpcs(input: DescribeVpcsRequest, call: Call): DescribeVpcsResult {
  const vpcs = chosen(kinds.vpcs, call.draft.state.vpcs, input.VpcIds).map(vpc => describe(vpc, call))
  const { items, NextToken } = filteredPage(vpcs, filters, vpc => vpc.VpcId, input)
  return { NextToken, Vpcs: items }
}

/** What a VPC has from the start and keeps: nothing here changes it (AWS: DNS attributes for your VPC). */
export function DescribeVpcAttribute(input: DescribeVpcAttributeRequest, call: Call): DescribeVpcAttributeResult {
  const { id: VpcId, isDefault } = findVpc(call, input.VpcId ?? '')
  switch (input.Attribute) {
    case 'enableDnsHostnames':
      return { VpcId, EnableDnsHostnames: { Value: isDefault } }
    case 'enableDnsSupport':
      return { VpcId, EnableDnsSupport: { Value: true } }
    case 'enableNetworkAddressUsageMetrics':
      return { VpcId, EnableNetworkAddressUsageMetrics: { Value: false } }
    default:
      throw invalidValue(`Value (${input.Attribute}) for parameter attribute is invalid. Unknown attribute.`)
  }
}

/** Refused while anything but the default security group lives in it. */
export function DeleteVpc(input: DeleteVpcRequest, call: Call): void {
  const { id } = findVpc(call, input.VpcId ?? '')
  const { subnets, securityGroups, instances, loadBalancers } = call.draft.state
  const inIt = (resource: { readonly vpcId: string }) => resource.vpcId === id
  if (
    subnets.values().some(inIt) ||
    loadBalancers.values().some(inIt) ||
    instances.values().some(instance => inIt(instance) && !isTerminated(instance)) ||
    securityGroups.values().some(group => inIt(group) && group.name !== 'default')
  ) {
    throw new ApiError('DependencyViolation', `The vpc '${id}' has dependencies and cannot be deleted.`)
  }
  for (const group of securityGroups.values().filter(inIt)) call.draft.delete('securityGroups', group.id)
  call.draft.delete('vpcs', id)
}

/** Names a block's association with its VPC or subnet, which nobody stores. */
export function associationId(id: string, prefix: string, block = ''): string {
  return `${prefix}-${fixedHex(`${id} ${block}`, 17)}`
}

function describe(vpc: Vpc, call: Call) {
  const { id, cidrBlock, ipv6CidrBlock } = vpc
  return {
    VpcId: id,
    State: 'available',
    CidrBlock: cidrBlock,
    CidrBlockAssociationSet: [
      {
        AssociationId: associationId(id, 'vpc-cidr-assoc'),
        CidrBlock: cidrBlock,
        CidrBlockState: { State: 'associated' },
      },
    ],
    Ipv6CidrBlockAssociationSet: ipv6CidrBlock
      ? [
          {
            AssociationId: associationId(id, 'vpc-cidr-assoc', ipv6CidrBlock),
            Ipv6CidrBlock: ipv6CidrBlock,
            Ipv6CidrBlockState: { State: 'associated' },
            NetworkBorderGroup: call.region,
            Ipv6Pool: 'Amazon',
          },
        ]
      : [],
    DhcpOptionsId: 'default',
    InstanceTenancy: 'default',
    IsDefault: vpc.isDefault,
    OwnerId: call.account,
    Tags: tagSet(vpc.tags),
  } satisfies Ec2Vpc
}
