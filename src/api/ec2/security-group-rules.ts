import type {
  AuthorizeSecurityGroupEgressRequest,
  AuthorizeSecurityGroupIngressRequest,
  AuthorizeSecurityGroupIngressResult,
  DescribeSecurityGroupRulesRequest,
  DescribeSecurityGroupRulesResult,
  SecurityGroupRule as Ec2Rule,
  ModifySecurityGroupRulesRequest,
  ModifySecurityGroupRulesResult,
  RevokeSecurityGroupIngressRequest,
  RevokeSecurityGroupIngressResult,
  SecurityGroupRuleRequest,
  UpdateSecurityGroupRuleDescriptionsIngressRequest,
  UpdateSecurityGroupRuleDescriptionsIngressResult,
} from '@aws-sdk/client-ec2'
import type { SecurityGroup, SecurityGroupPeer, SecurityGroupRule } from '../../domain/security-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import {
  describedAs,
  ipPermissions,
  permissionKey,
  permissionsOf,
  permissionText,
  portRange,
  referencedGroup,
  ruleCidr,
  unknownPrefixList,
} from './ip-permissions.ts'
import { chosen, ec2Arn, invalidValue, kinds, lookUp, missing } from './resources.ts'
import { namedGroup } from './security-groups.ts'
import { tagSet, tagsFor } from './tags.ts'

/** Per group and direction, for IPv4 and IPv6 each (AWS: Amazon VPC quotas, rules per security group). */
const maxRules = 60

export const AuthorizeSecurityGroupIngress = (input: AuthorizeSecurityGroupIngressRequest, call: Call) =>
  authorize(input, call, false)

export const AuthorizeSecurityGroupEgress = (input: AuthorizeSecurityGroupEgressRequest, call: Call) =>
  authorize(input, call, true)

/** Adds all the rules asked for, or none. */
function authorize(
  input: AuthorizeSecurityGroupIngressRequest,
  call: Call,
  isEgress: boolean,
): AuthorizeSecurityGroupIngressResult {
  const group = namedGroup(input, call)
  const permissions = permissionsOf(input, group, isEgress, call)
  const tags = tagsFor(input.TagSpecifications, 'security-group-rule')
  const added = permissions.map(permission => ({ ...permission, id: `sgr-${call.hex(17)}`, tags }))
  keep(call, group, [...group.rules, ...added])
  return { Return: true, SecurityGroupRules: added.map(rule => describe(rule, group, call)) }
}

/** Stores the group with these rules, once they are all different and within the limits. */
function keep(call: Call, group: SecurityGroup, rules: readonly SecurityGroupRule[]): void {
  const seen = new Set<string>()
  for (const rule of rules) {
    const key = permissionKey(rule)
    if (seen.has(key)) {
      const text = `the specified rule "${permissionText(rule)}" already exists`
      throw new ApiError('InvalidPermission.Duplicate', text)
    }
    seen.add(key)
  }
  for (const isEgress of [false, true]) {
    const peers = rules.filter(rule => rule.isEgress === isEgress).map(rule => rule.peer)
    const ipv4 = peers.filter(peer => !('cidrIpv6' in peer)).length
    const ipv6 = peers.filter(peer => !('cidrIpv4' in peer)).length
    if (ipv4 > maxRules || ipv6 > maxRules) {
      const text = 'The maximum number of rules per security group has been reached.'
      throw new ApiError('RulesPerSecurityGroupLimitExceeded', text)
    }
  }
  call.draft.put('securityGroups', group.id, { ...group, rules })
}

export const RevokeSecurityGroupIngress = (input: RevokeSecurityGroupIngressRequest, call: Call) =>
  revoke(input, call, false)

export const RevokeSecurityGroupEgress = (input: RevokeSecurityGroupIngressRequest, call: Call) =>
  revoke(input, call, true)

/** Rules that the group does not have are reported back in the default VPC; elsewhere they refuse the whole call. */
function revoke(
  input: RevokeSecurityGroupIngressRequest,
  call: Call,
  isEgress: boolean,
): RevokeSecurityGroupIngressResult {
  const group = namedGroup(input, call)
  if (input.SecurityGroupRuleIds?.length) {
    if (input.IpPermissions?.length) {
      const text = 'Only one of ipPermissions and securityGroupRuleIds can be specified.'
      throw new ApiError('InvalidParameterCombination', text)
    }
    const gone = new Set(input.SecurityGroupRuleIds.map(id => ruleOf(group, id, isEgress)))
    return remove(call, group, gone)
  }
  const permissions = permissionsOf(input, group, isEgress, call)
  const rules = new Map(group.rules.map(rule => [permissionKey(rule), rule]))
  const unknown = permissions.filter(permission => !rules.has(permissionKey(permission)))
  if (unknown.length > 0 && !call.draft.state.vpcs.get(group.vpcId)?.isDefault) throw unknownPermission()
  const gone = permissions.flatMap(permission => rules.get(permissionKey(permission)) ?? [])
  return { ...remove(call, group, new Set(gone)), UnknownIpPermissions: ipPermissions(unknown, call.account) }
}

function unknownPermission(): ApiError {
  const text = 'The specified rule does not exist in this security group'
  return new ApiError('InvalidPermission.NotFound', text)
}

function remove(
  call: Call,
  group: SecurityGroup,
  gone: ReadonlySet<SecurityGroupRule>,
): RevokeSecurityGroupIngressResult {
  if (gone.size > 0) {
    call.draft.put('securityGroups', group.id, { ...group, rules: group.rules.filter(rule => !gone.has(rule)) })
  }
  const revoked = [...gone].map(rule => {
    const { SecurityGroupRuleId, GroupId, IsEgress, IpProtocol, FromPort, ToPort, CidrIpv4, CidrIpv6, Description } =
      describe(rule, group, call)
    const ReferencedGroupId = 'groupId' in rule.peer ? rule.peer.groupId : undefined
    return {
      SecurityGroupRuleId,
      GroupId,
      IsEgress,
      IpProtocol,
      FromPort,
      ToPort,
      CidrIpv4,
      CidrIpv6,
      ReferencedGroupId,
      Description,
    }
  })
  return { Return: true, RevokedSecurityGroupRules: revoked, UnknownIpPermissions: [] }
}

function ruleOf(group: SecurityGroup, id: string, isEgress?: boolean): SecurityGroupRule {
  const rules = group.rules.filter(rule => isEgress === undefined || rule.isEgress === isEgress)
  return lookUp(kinds.securityGroupRules, new Map(rules.map(rule => [rule.id, rule])), id)
}

/** Each rule keeps its id, its direction, its tags and the kind of its peer. */
export function ModifySecurityGroupRules(
  input: ModifySecurityGroupRulesRequest,
  call: Call,
): ModifySecurityGroupRulesResult {
  const group = namedGroup(input, call)
  const modified = new Map<string, SecurityGroupRule>()
  for (const { SecurityGroupRuleId: id = '', SecurityGroupRule: request } of input.SecurityGroupRules ?? []) {
    const { isEgress, peer, tags } = ruleOf(group, id)
    if (modified.has(id)) throw invalidValue(`Security group rule '${id}' was specified multiple times.`)
    if (request === undefined) throw missing('securityGroupRule')
    const { IpProtocol, FromPort, ToPort, Description } = request
    const wanted = peerOf(request, group, call)
    if (Object.keys(wanted)[0] !== Object.keys(peer)[0]) {
      throw invalidValue(`The type of the source or destination of rule '${id}' cannot be changed.`)
    }
    const ports = portRange(IpProtocol, FromPort, ToPort)
    modified.set(id, { id, isEgress, ...ports, peer: wanted, ...describedAs(Description), tags })
  }
  keep(
    call,
    group,
    group.rules.map(rule => modified.get(rule.id) ?? rule),
  )
  return { Return: true }
}

function peerOf(request: SecurityGroupRuleRequest, group: SecurityGroup, call: Call): SecurityGroupPeer {
  const { CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupId } = request
  const given = [CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupId].filter(peer => peer !== undefined)
  if (given.length !== 1) {
    throw invalidValue('You must specify exactly one of CidrIpv4, CidrIpv6, PrefixListId and ReferencedGroupId.')
  }
  if (CidrIpv4 !== undefined) return { cidrIpv4: ruleCidr(CidrIpv4, 'ipv4') }
  if (CidrIpv6 !== undefined) return { cidrIpv6: ruleCidr(CidrIpv6, 'ipv6') }
  if (PrefixListId !== undefined) throw unknownPrefixList(PrefixListId)
  return { groupId: referencedGroup({ GroupId: ReferencedGroupId }, group, call) }
}

export const UpdateSecurityGroupRuleDescriptionsIngress = (
  input: UpdateSecurityGroupRuleDescriptionsIngressRequest,
  call: Call,
) => updateDescriptions(input, call, false)

export const UpdateSecurityGroupRuleDescriptionsEgress = (
  input: UpdateSecurityGroupRuleDescriptionsIngressRequest,
  call: Call,
) => updateDescriptions(input, call, true)

function updateDescriptions(
  input: UpdateSecurityGroupRuleDescriptionsIngressRequest,
  call: Call,
  isEgress: boolean,
): UpdateSecurityGroupRuleDescriptionsIngressResult {
  const group = namedGroup(input, call)
  const descriptions = new Map<string, { description?: string }>()
  for (const { SecurityGroupRuleId: id = '', Description } of input.SecurityGroupRuleDescriptions ?? []) {
    descriptions.set(ruleOf(group, id, isEgress).id, describedAs(Description))
  }
  if (descriptions.size === 0) {
    const rules = new Map(group.rules.map(rule => [permissionKey(rule), rule]))
    for (const permission of permissionsOf(input, group, isEgress, call)) {
      const rule = rules.get(permissionKey(permission))
      if (rule === undefined) throw unknownPermission()
      descriptions.set(rule.id, describedAs(permission.description))
    }
  }
  const rules = group.rules.map(rule => {
    const described = descriptions.get(rule.id)
    if (described === undefined) return rule
    const { description, ...rest } = rule
    return { ...rest, ...described }
  })
  call.draft.put('securityGroups', group.id, { ...group, rules })
  return { Return: true }
}

const filters: FilterTable<Ec2Rule> = {
  'group-id': rule => rule.GroupId,
  'security-group-rule-id': rule => rule.SecurityGroupRuleId,
}

export function DescribeSecurityGroupRules(
  input: DescribeSecurityGroupRulesRequest,
  call: Call,
): DescribeSecurityGroupRulesResult {
  const described = new Map(
    call.draft.state.securityGroups
      .values()
      .flatMap(group => group.rules.map(rule => [rule.id, describe(rule, group, call)] as const)),
  )
  const rules = chosen(kinds.securityGroupRules, described, input.SecurityGroupRuleIds)
  const { items, NextToken } = filteredPage(rules, filters, rule => rule.SecurityGroupRuleId, input)
  return { NextToken, SecurityGroupRules: items }
}

/** A rule without ports shows them as -1 here (DescribeSecurityGroups leaves them out). */
function describe(rule: SecurityGroupRule, group: SecurityGroup, call: Call) {
  const { id, peer } = rule
  return {
    SecurityGroupRuleId: id,
    SecurityGroupRuleArn: ec2Arn(call, 'security-group-rule', id),
    GroupId: group.id,
    GroupOwnerId: call.account,
    IsEgress: rule.isEgress,
    IpProtocol: rule.ipProtocol,
    FromPort: rule.fromPort ?? -1,
    ToPort: rule.toPort ?? -1,
    CidrIpv4: 'cidrIpv4' in peer ? peer.cidrIpv4 : undefined,
    CidrIpv6: 'cidrIpv6' in peer ? peer.cidrIpv6 : undefined,
    ReferencedGroupInfo:
      'groupId' in peer ? { GroupId: peer.groupId, UserId: call.account, VpcId: group.vpcId } : undefined,
    Description: rule.description,
    Tags: tagSet(rule.tags),
  } satisfies Ec2Rule
}
