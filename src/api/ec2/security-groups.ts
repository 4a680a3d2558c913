import type {
  CreateSecurityGroupRequest,
  CreateSecurityGroupResult,
  DeleteSecurityGroupRequest,
  DeleteSecurityGroupResult,
  DescribeSecurityGroupsRequest,
  DescribeSecurityGroupsResult,
  SecurityGroup as Ec2SecurityGroup,
  IpPermission,
} from '@aws-sdk/client-ec2'
import type { SecurityGroup, SecurityGroupRule } from '../../domain/security-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { type FilterTable, filteredPage } from './filters.ts'
import { describable, ipPermissions } from './ip-permissions.ts'
import {
  chosen,
  defaultVpc,
  ec2Arn,
  findSecurityGroup,
  findSecurityGroupByName,
  findVpc,
  invalidValue,
  isTerminated,
  kinds,
} from './resources.ts'
import { tagSet, tagsFor } from './tags.ts'

/** AWS: Amazon VPC quotas, security groups per Region. */
const maxSecurityGroups = 2500

/** A new group admits nothing in and everything out. */
export function CreateSecurityGroup(input: CreateSecurityGroupRequest, call: Call): CreateSecurityGroupResult {
  const { GroupName: name = '', Description: description = '' } = input
  checkText('GroupName', name)
  checkText('GroupDescription', description)
  if (name.startsWith('sg-')) {
    throw invalidValue(`Value (${name}) for parameter GroupName is invalid. Group names may not be in the format sg-*.`)
  }
  if (name === 'default') throw invalidValue('Cannot use reserved security group name: default')
  const vpc = input.VpcId ? findVpc(call, input.VpcId) : defaultVpc(call)
  const groups = call.draft.state.securityGroups
  if (groups.values().some(group => group.vpcId === vpc.id && group.name === name)) {
    throw new ApiError('InvalidGroup.Duplicate', `The security group '${name}' already exists for VPC '${vpc.id}'`)
  }
  if (groups.size >= maxSecurityGroups) {
    throw new ApiError('SecurityGroupLimitExceeded', 'The maximum number of security groups has been reached.')
  }
  const everywhere = [{ cidrIpv4: '0.0.0.0/0' }, ...(vpc.ipv6CidrBlock ? [{ cidrIpv6: '::/0' }] : [])]
  const group: SecurityGroup = {
    id: `sg-${call.hex(17)}`,
    name,
    description,
    vpcId: vpc.id,
    rules: everywhere.map(peer => ({ id: `sgr-${call.hex(17)}`, isEgress: true, ipProtocol: '-1', peer, tags: [] })),
    tags: tagsFor(input.TagSpecifications, 'security-group'),
  }
  call.draft.put('securityGroups', group.id, group)
  return { GroupId: group.id, Tags: tagSet(group.tags), SecurityGroupArn: ec2Arn(call, 'security-group', group.id) }
}

function checkText(parameter: 'GroupName' | 'GroupDescription', text: string): void {
  const refuse = (reason: string) => invalidValue(`Value (${text}) for parameter ${parameter} is invalid. ${reason}`)
  if (/[^ -~]/.test(text)) throw refuse('Character sets beyond ASCII are not supported.')
  if (!describable.test(text)) {
    throw refuse(
      'Valid values are strings less than 256 characters from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*',
    )
  }
}

/** Refused while a load balancer or an instance has the group, or another group's rule names it. */
export function DeleteSecurityGroup(input: DeleteSecurityGroupRequest, call: Call): DeleteSecurityGroupResult {
  const group = namedGroup(input, call)
  const { id, name } = group
  if (name === 'default') {
    throw new ApiError('CannotDelete', `the specified group: "${id}" name: "${name}" cannot be deleted by a user`)
  }
  const { securityGroups, loadBalancers, instances } = call.draft.state
  const inUse =
    loadBalancers.values().some(loadBalancer => loadBalancer.securityGroups.includes(id)) ||
    instances.values().some(instance => instance.securityGroups.includes(id) && !isTerminated(instance)) ||
    securityGroups.values().some(other => other.id !== id && other.rules.some(rule => refersTo(rule, id)))
  if (inUse) throw new ApiError('DependencyViolation', `resource ${id} has a dependent object`)
  call.draft.delete('securityGroups', id)
  return { Return: true, GroupId: id }
}

function refersTo(rule: SecurityGroupRule, groupId: string): boolean {
  return 'groupId' in rule.peer && rule.peer.groupId === groupId
}

/** The group that `GroupId` names or, in the default VPC, `GroupName`. */
export function namedGroup(
  input: { readonly GroupId?: string | undefined; readonly GroupName?: string | undefined },
  call: Call,
): SecurityGroup {
  if (input.GroupId) return findSecurityGroup(call, input.GroupId)
  if (input.GroupName) return findSecurityGroupByName(call, input.GroupName)
  throw new ApiError('MissingParameter', 'The request must contain the parameter groupName or groupId')
}

const filters = (call: Call): FilterTable<Ec2SecurityGroup> => ({
  description: group => group.Description,
  'group-id': group => group.GroupId,
  'group-name': group => group.GroupName,
  'owner-id': group => group.OwnerId,
  'vpc-id': group => group.VpcId,
  ...permissionFilters(call, 'ip-permission', group => group.IpPermissions ?? []),
  ...permissionFilters(call, 'egress.ip-permission', group => group.IpPermissionsEgress ?? []),
})

function permissionFilters(
  call: Call,
  prefix: string,
  permissions: (group: Ec2SecurityGroup) => readonly IpPermission[],
): FilterTable<Ec2SecurityGroup> {
  const pairs = (group: Ec2SecurityGroup) => permissions(group).flatMap(permission => permission.UserIdGroupPairs ?? [])
  return {
    [`${prefix}.cidr`]: group =>
      permissions(group).flatMap(permission => permission.IpRanges?.map(range => range.CidrIp)),
    [`${prefix}.from-port`]: group => permissions(group).map(permission => permission.FromPort),
    [`${prefix}.group-id`]: group => pairs(group).map(pair => pair.GroupId),
    [`${prefix}.group-name`]: group =>
      pairs(group).map(pair => call.draft.state.securityGroups.get(pair.GroupId ?? '')?.name),
    [`${prefix}.ipv6-cidr`]: group =>
      permissions(group).flatMap(permission => permission.Ipv6Ranges?.map(range => range.CidrIpv6)),
    [`${prefix}.prefix-list-id`]: group =>
      permissions(group).flatMap(permission => permission.PrefixListIds?.map(list => list.PrefixListId)),
    [`${prefix}.protocol`]: group => permissions(group).map(permission => permission.IpProtocol),
    [`${prefix}.to-port`]: group => permissions(group).map(permission => permission.ToPort),
    [`${prefix}.user-id`]: group => pairs(group).map(pair => pair.UserId),
  }
}

export function DescribeSecurityGroups(input: DescribeSecurityGroupsRequest, call: Call): DescribeSecurityGroupsResult {
  const groups = new Set([
    ...(input.GroupNames ?? []).map(name => findSecurityGroupByName(call, name)),
    ...(input.GroupIds?.length || !input.GroupNames?.length
      ? chosen(kinds.securityGroups, call.draft.state.securityGroups, input.GroupIds)
      : []),
  ])
  const described = [...groups].map(group => describe(group, call))
  const { items, NextToken } = filteredPage(described, filters(call), group => group.GroupId, input)
  return { NextToken, SecurityGroups: items }
}

function describe(group: SecurityGroup, call: Call) {
  const rules = (isEgress: boolean) => group.rules.filter(rule => rule.isEgress === isEgress)
  return {
    GroupId: group.id,
    GroupName: group.name,
    Description: group.description,
    OwnerId: call.account,
    VpcId: group.vpcId,
    SecurityGroupArn: ec2Arn(call, 'security-group', group.id),
    IpPermissions: ipPermissions(rules(false), call.account),
    IpPermissionsEgress: ipPermissions(rules(true), call.account),
    Tags: tagSet(group.tags),
  } satisfies Ec2SecurityGroup
}
