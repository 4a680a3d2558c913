import type { Instance } from '../../domain/network.ts'
import type { SecurityGroup } from '../../domain/security-group.ts'
import type { Tables } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'

/** What EC2 calls the resources of a kind, in ids and in errors. */
interface Kind {
  readonly prefix: string
  readonly malformed: string
  readonly notFound: string
  readonly notFoundText: (id: string) => string
}

export const kinds = {
  vpcs: kind('vpc', 'InvalidVpcID', 'vpc ID'),
  subnets: kind('subnet', 'InvalidSubnetID', 'subnet ID'),
  instances: kind('i', 'InvalidInstanceID', 'instance ID'),
  networkInterfaces: kind('eni', 'InvalidNetworkInterfaceID', 'networkInterface ID'),
  securityGroups: { ...kind('sg', 'InvalidGroup', 'security group'), malformed: 'InvalidGroupId.Malformed' },
  securityGroupRules: kind('sgr', 'InvalidSecurityGroupRuleId', 'security group rule ID'),
} as const satisfies Record<string, Kind>

function kind(prefix: string, code: string, noun: string): Kind {
  return {
    prefix,
    malformed: `${code}.Malformed`,
    notFound: `${code}.NotFound`,
    notFoundText: id => `The ${noun} '${id}' does not exist`,
  }
}

/** The entry of `table` under `id`, or the kind's `...Malformed` or `...NotFound` error. */
export function lookUp<T>(kind: Kind, table: ReadonlyMap<string, T>, id: string): T {
  if (!isId(kind, id)) throw new ApiError(kind.malformed, malformedText(kind, id))
  const found = table.get(id)
  if (found === undefined) throw notFound(kind, id)
  return found
}

export function notFound(kind: Kind, id: string): ApiError {
  return new ApiError(kind.notFound, kind.notFoundText(id))
}

export function isId(kind: Kind, id: string): boolean {
  return id.startsWith(`${kind.prefix}-`) && /^[0-9a-f]{1,17}$/.test(id.slice(kind.prefix.length + 1))
}

function malformedText(kind: Kind, id: string): string {
  if (kind === kinds.securityGroups) return `The security group ID '${id}' is malformed`
  return `Invalid id: "${id}" (expecting "${kind.prefix}-...")`
}

export function findVpc(call: Call, id: string): Tables['vpcs'] {
  return lookUp(kinds.vpcs, call.draft.state.vpcs, id)
}

export function findSubnet(call: Call, id: string): Tables['subnets'] {
  return lookUp(kinds.subnets, call.draft.state.subnets, id)
}

export function findSecurityGroup(call: Call, id: string): SecurityGroup {
  return lookUp(kinds.securityGroups, call.draft.state.securityGroups, id)
}

export function defaultVpc(call: Call): Tables['vpcs'] {
  const vpc = call.draft.state.vpcs.values().find(vpc => vpc.isDefault)
  if (vpc === undefined) throw new ApiError('VPCIdNotSpecified', 'No default VPC for this user')
  return vpc
}

/** The group of that name in the default VPC: only there names stand for groups (AWS: GroupName parameters). */
export function findSecurityGroupByName(call: Call, name: string): SecurityGroup {
  const vpc = defaultVpc(call)
  const group = call.draft.state.securityGroups.values().find(group => group.vpcId === vpc.id && group.name === name)
  if (group === undefined) {
    const text = `The security group '${name}' does not exist in default VPC '${vpc.id}'`
    throw new ApiError('InvalidGroup.NotFound', text)
  }
  return group
}

/** `given`, the id list of a Describe action, looked up one by one; without one, everything there is. */
export function chosen<T>(kind: Kind, table: ReadonlyMap<string, T>, given: readonly string[] | undefined): T[] {
  return given === undefined || given.length === 0
    ? [...table.values()]
    : [...new Set(given)].map(id => lookUp(kind, table, id))
}

/** A terminated instance has no address and no security group any more, and holds nothing back. */
export function isTerminated(instance: Instance): boolean {
  return instance.state === 'terminated'
}

/** A resource's ARN: `arn:aws:ec2:REGION:ACCOUNT:TYPE/ID`. */
export function ec2Arn(call: Call, type: string, id: string): string {
  return `arn:aws:ec2:${call.region}:${call.account}:${type}/${id}`
}

export function invalidValue(text: string): ApiError {
  return new ApiError('InvalidParameterValue', text)
}

export function missing(parameter: string): ApiError {
  return new ApiError('MissingParameter', `The request must contain the parameter ${parameter}`)
}
