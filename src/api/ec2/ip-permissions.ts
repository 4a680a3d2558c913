import type { IpPermission, UserIdGroupPair } from '@aws-sdk/client-ec2'
import { formatCidr, parseCidr } from '../../domain/cidr.ts'
import type { SecurityGroup, SecurityGroupPeer, SecurityGroupRule } from '../../domain/security-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findSecurityGroup, invalidValue, missing } from './resources.ts'

/** What a rule admits: all of it but its id and tags. Two of the same are a duplicate. */
type Permission = Omit<SecurityGroupRule, 'id' | 'tags'>

/** Security group rules and names: letters, digits, spaces and these (AWS: CreateSecurityGroup). */
export const describable = /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{0,255}$/

/**
 * The rules that a request asks for, one per peer, CIDRs canonical, in the order given. `flat` are the parameters from before
 * `IpPermissions`, which stand for one permission.
 * Errors: InvalidParameterValue, MissingParameter, InvalidGroup.NotFound.
 */
export function permissionsOf(
  input: FlatPermission & { readonly IpPermissions?: readonly IpPermission[] | undefined },
  group: SecurityGroup,
  isEgress: boolean,
  call: Call,
): Permission[] {
  const given = [...(input.IpPermissions ?? []), ...flatPermissions(input)]
  if (given.length === 0) throw missing('ipPermissions')
  const permissions = given.flatMap(permission => {
    const ports = portRange(permission.IpProtocol, permission.FromPort, permission.ToPort)
    const peers = peersOf(permission, group, call)
    return peers.map(({ peer, description }) => ({ isEgress, ...ports, peer, ...describedAs(description) }))
  })
  const keys = new Set(permissions.map(permissionKey))
  if (keys.size < permissions.length) throw invalidValue('The same permission must not appear multiple times')
  return permissions
}

interface FlatPermission {
  readonly IpProtocol?: string | undefined
  readonly FromPort?: number | undefined
  readonly ToPort?: number | undefined
  readonly CidrIp?: string | undefined
  readonly SourceSecurityGroupName?: string | undefined
  readonly SourceSecurityGroupOwnerId?: string | undefined
}

/** A source group without a protocol stands for full TCP, UDP and ICMP access (AWS: AuthorizeSecurityGroupIngress). */
function flatPermissions(input: FlatPermission): IpPermission[] {
  const { IpProtocol, FromPort, ToPort, CidrIp, SourceSecurityGroupName } = input
  if (SourceSecurityGroupName !== undefined) {
    const pair = { GroupName: SourceSecurityGroupName, UserId: input.SourceSecurityGroupOwnerId }
    if (IpProtocol !== undefined) return [{ IpProtocol, FromPort, ToPort, UserIdGroupPairs: [pair] }]
    return ['tcp', 'udp', 'icmp'].map(protocol => ({
      IpProtocol: protocol,
      FromPort: protocol === 'icmp' ? -1 : 0,
      ToPort: protocol === 'icmp' ? -1 : 65_535,
      UserIdGroupPairs: [pair],
    }))
  }
  if (CidrIp === undefined && IpProtocol === undefined) return []
  return [{ IpProtocol, FromPort, ToPort, ...(CidrIp !== undefined && { IpRanges: [{ CidrIp }] }) }]
}

/** Protocol and ports as a rule keeps them (AWS: IpPermission). */
export function portRange(
  protocol: string | undefined,
  from: number | undefined,
  to: number | undefined,
): Pick<SecurityGroupRule, 'ipProtocol' | 'fromPort' | 'toPort'> {
  const ipProtocol = protocolName(protocol)
  switch (ipProtocol) {
    case 'tcp':
    case 'udp':
      if (from === undefined || to === undefined || (from === -1 && to === -1)) {
        throw invalidValue('Must specify both from and to ports with TCP/UDP.')
      }
      if (from < 0 || to > 65_535 || from > to) throw invalidValue(`Invalid TCP/UDP port range (${from}:${to})`)
      return { ipProtocol, fromPort: from, toPort: to }
    case 'icmp':
    case 'icmpv6': {
      const [type, code] = [from ?? -1, to ?? -1]
      if (type < -1 || type > 255) throw invalidValue(`ICMP type (${type}) is invalid.`)
      if (code < -1 || code > 255 || (type === -1 && code !== -1)) {
        throw invalidValue(`ICMP code (${code}) is invalid for ICMP type (${type}).`)
      }
      return { ipProtocol, fromPort: type, toPort: code }
    }
    default:
      return { ipProtocol }
  }
}

const protocolNames: ReadonlyMap<string, string> = new Map([
  ['all', '-1'],
  ['1', 'icmp'],
  ['6', 'tcp'],
  ['17', 'udp'],
  ['58', 'icmpv6'],
])

function protocolName(given: string | undefined): string {
  if (given === undefined || given === '') {
    throw invalidValue(`Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.`)
  }
  const name = protocolNames.get(given.toLowerCase()) ?? given.toLowerCase()
  const known = /^(-1|tcp|udp|icmp|icmpv6)$/.test(name) || (/^(0|[1-9]\d{0,2})$/.test(name) && Number(name) <= 255)
  if (!known) throw invalidValue(`Invalid value '${given}' for IP protocol. Unknown protocol.`)
  return name
}

function peersOf(permission: IpPermission, group: SecurityGroup, call: Call) {
  const unknownList = permission.PrefixListIds?.[0]
  if (unknownList !== undefined) throw unknownPrefixList(unknownList.PrefixListId)
  const peers: { peer: SecurityGroupPeer; description: string | undefined }[] = [
    ...(permission.IpRanges ?? []).map(range => ({
      peer: { cidrIpv4: ruleCidr(range.CidrIp, 'ipv4') },
      description: range.Description,
    })),
    ...(permission.Ipv6Ranges ?? []).map(range => ({
      peer: { cidrIpv6: ruleCidr(range.CidrIpv6, 'ipv6') },
      description: range.Description,
    })),
    ...(permission.UserIdGroupPairs ?? []).map(pair => ({
      peer: { groupId: referencedGroup(pair, group, call) },
      description: pair.Description,
    })),
  ]
  if (peers.length === 0) throw new ApiError('MissingParameter', 'Source group ID missing.')
  return peers
}

/** There are no prefix lists here, so none that a rule names exists. */
export function unknownPrefixList(id: string | undefined): ApiError {
  return new ApiError('InvalidPrefixListID.NotFound', `The prefix list ID '${id}' does not exist`)
}

export function ruleCidr(text: string | undefined, family: 'ipv4' | 'ipv6'): string {
  const cidr = parseCidr(text ?? '')
  if (cidr?.family !== family) throw invalidValue(`CIDR block ${text} is malformed`)
  return formatCidr(cidr)
}

/** The id of a group that may be named in a rule of `group`: one of its own VPC. */
export function referencedGroup(pair: UserIdGroupPair, group: SecurityGroup, call: Call): string {
  const { GroupId: id, GroupName: name, UserId: owner } = pair
  const groups = call.draft.state.securityGroups
  const named =
    id !== undefined
      ? findSecurityGroup(call, id)
      : groups.values().find(other => other.vpcId === group.vpcId && other.name === name)
  if (named === undefined || (owner !== undefined && owner !== call.account)) {
    throw new ApiError('InvalidGroup.NotFound', `The security group '${id ?? name}' does not exist`)
  }
  if (named.vpcId !== group.vpcId) {
    throw new ApiError('InvalidGroup.NotFound', 'You have specified two resources that belong to different networks.')
  }
  return named.id
}

/** `{ description }`, checked, or nothing for an empty one. */
export function describedAs(description: string | undefined): { description?: string } {
  if (description === undefined || description === '') return {}
  if (!describable.test(description)) {
    throw invalidValue(
      'Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*',
    )
  }
  return { description }
}

/** The same text for permissions that admit the same; descriptions do not count. */
export function permissionKey(permission: Permission): string {
  return `${permission.isEgress} ${portsKey(permission)} ${peerText(permission.peer)}`
}

function portsKey({ ipProtocol, fromPort, toPort }: Permission): string {
  return `${ipProtocol} ${fromPort} ${toPort}`
}

function peerText(peer: SecurityGroupPeer): string {
  if ('cidrIpv4' in peer) return peer.cidrIpv4
  return 'cidrIpv6' in peer ? peer.cidrIpv6 : peer.groupId
}

/** As AWS names a rule in errors: `peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW`. */
export function permissionText(permission: Permission): string {
  const { ipProtocol, fromPort, toPort } = permission
  const protocol = ipProtocol === '-1' ? 'ALL' : ipProtocol.toUpperCase()
  const ports = ipProtocol.startsWith('icmp')
    ? `, type: ${orAll(fromPort)}, code: ${orAll(toPort)}`
    : fromPort === undefined
      ? ''
      : `, from port: ${fromPort}, to port: ${toPort}`
  return `peer: ${peerText(permission.peer)}, ${protocol}${ports}, ALLOW`
}

function orAll(number: number | undefined): string {
  return number === undefined || number === -1 ? 'ALL' : String(number)
}

/** Rules as DescribeSecurityGroups shows them: those of the same protocol and ports are one, with several peers. */
export function ipPermissions(permissions: readonly Permission[], account: string): IpPermission[] {
  const merged = Map.groupBy(permissions, portsKey)
  return [...merged.values()].map(same => ({
    IpProtocol: same[0]?.ipProtocol,
    FromPort: same[0]?.fromPort,
    ToPort: same[0]?.toPort,
    IpRanges: same.flatMap(({ peer, description }) =>
      'cidrIpv4' in peer ? [{ CidrIp: peer.cidrIpv4, Description: description }] : [],
    ),
    Ipv6Ranges: same.flatMap(({ peer, description }) =>
      'cidrIpv6' in peer ? [{ CidrIpv6: peer.cidrIpv6, Description: description }] : [],
    ),
    UserIdGroupPairs: same.flatMap(({ peer, description }) =>
      'groupId' in peer ? [{ GroupId: peer.groupId, UserId: account, Description: description }] : [],
    ),
    PrefixListIds: [],
  }))
}
