import { isDeepStrictEqual } from 'node:util'
import type {
  CreateTargetGroupInput,
  CreateTargetGroupOutput,
  DeleteTargetGroupInput,
  DeleteTargetGroupOutput,
  DescribeTargetGroupsInput,
  DescribeTargetGroupsOutput,
  ModifyTargetGroupInput,
  ModifyTargetGroupOutput,
  TargetGroup as SdkTargetGroup,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { speaksHttp } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup } from '../../domain/target-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { accountLimits, checkLimit } from './account-limits.ts'
import { healthCheckOf } from './health-checks.ts'
import {
  checkName,
  checkTargetGroupArn,
  findLoadBalancer,
  findTargetGroup,
  invalid,
  invalidConfiguration,
  makeArn,
  markedPage,
  userOf,
} from './resources.ts'
import { tagsIn } from './tags.ts'

/** Asked for twice with the same settings, it is created once (AWS: CreateTargetGroup is idempotent). */
export function CreateTargetGroup(input: CreateTargetGroupInput, call: Call): CreateTargetGroupOutput {
  const { state } = call.draft
  const settings = settingsIn(input, state)
  const before = [...state.targetGroups.values()].find(group => group.name === settings.name)
  if (before !== undefined) {
    if (!isDeepStrictEqual({ ...before, ...settings }, before)) {
      throw new ApiError(
        'DuplicateTargetGroupName',
        `A target group with the same name '${settings.name}' exists, but with different settings`,
      )
    }
    return { TargetGroups: [describe(before, state)] }
  }
  checkLimit('TooManyTargetGroups', state.targetGroups.size + 1, accountLimits['target-groups'], 'target groups')
  const group: TargetGroup = {
    arn: makeArn(call, `targetgroup/${settings.name}/${call.hex(16)}`),
    ...settings,
    attributes: {},
    targets: [],
  }
  call.draft.put('targetGroups', group.arn, group)
  return { TargetGroups: [describe(group, state)] }
}

export function DescribeTargetGroups(input: DescribeTargetGroupsInput, call: Call): DescribeTargetGroupsOutput {
  const { state } = call.draft
  const { items, NextMarker } = markedPage(wanted(state, input), group => group.arn, input)
  return { NextMarker, TargetGroups: items.map(group => describe(group, state)) }
}

/** Changes the health check, the one thing that can be changed; what is not given stays. */
export function ModifyTargetGroup(input: ModifyTargetGroupInput, call: Call): ModifyTargetGroupOutput {
  const group = findTargetGroup(call.draft.state, input.TargetGroupArn)
  const changed = { ...group, healthCheck: healthCheckOf(input, group, group.healthCheck) }
  call.draft.put('targetGroups', group.arn, changed)
  return { TargetGroups: [describe(changed, call.draft.state)] }
}

/** One that is not there is deleted already. */
export function DeleteTargetGroup(input: DeleteTargetGroupInput, call: Call): DeleteTargetGroupOutput {
  const arn = checkTargetGroupArn(input.TargetGroupArn)
  if (userOf(call.draft.state, arn) !== undefined) {
    throw new ApiError('ResourceInUse', `Target group '${arn}' is currently in use by a listener or a rule`)
  }
  call.draft.delete('targetGroups', arn)
  return {}
}

type Settings = Omit<TargetGroup, 'arn' | 'attributes' | 'targets'>

function settingsIn(input: CreateTargetGroupInput, state: State): Settings {
  const name = checkName('Target group', input.Name)
  const targetType = input.TargetType ?? 'instance'
  if (targetType === 'lambda') {
    throw invalidConfiguration(
      "Target groups with target type 'lambda' are not offered here yet; specify 'instance', 'ip' or 'alb'",
    )
  }
  const protocol = checkProtocol(input.Protocol, targetType)
  const protocolVersion = checkProtocolVersion(input.ProtocolVersion, protocol)
  if (input.TargetControlPort !== undefined) {
    throw speaksHttp({ protocol })
      ? invalidConfiguration('A target control port is not offered here yet; leave it out')
      : invalid(`A target control port cannot be specified for target groups with the ${protocol} protocol`)
  }
  if (input.Port === undefined) throw invalid('A port must be specified')
  if (input.VpcId === undefined) throw invalid('A VPC ID must be specified')
  if (!state.vpcs.has(input.VpcId)) throw invalid(`The VPC ID '${input.VpcId}' is not found`)
  const ipAddressType = input.IpAddressType ?? 'ipv4'
  if (ipAddressType === 'ipv6' && targetType !== 'ip') {
    throw invalidConfiguration(
      `IP address type 'ipv6' is not supported for target groups with target type '${targetType}'`,
    )
  }
  const kind = { protocol, targetType, ...(protocolVersion === undefined ? {} : { protocolVersion }) }
  return {
    name,
    ...kind,
    port: input.Port,
    vpcId: input.VpcId,
    ipAddressType,
    healthCheck: healthCheckOf(input, kind),
    tags: tagsIn(input.Tags),
  }
}

const protocols: readonly TargetGroup['protocol'][] = ['HTTP', 'HTTPS', 'TCP', 'TLS', 'UDP', 'TCP_UDP']

function checkProtocol(asked: string | undefined, targetType: TargetGroup['targetType']): TargetGroup['protocol'] {
  if (asked === undefined) throw invalid('A protocol must be specified')
  const protocol = protocols.find(each => each === asked)
  if (protocol === undefined) {
    throw invalidConfiguration(
      `Target groups with the ${asked} protocol are not offered here; specify one of '${protocols.join(', ')}'`,
    )
  }
  if (targetType === 'alb' && protocol !== 'TCP') {
    throw invalidConfiguration(`Protocol '${protocol}' is not supported for target groups with target type 'alb'`)
  }
  return protocol
}

function checkProtocolVersion(
  asked: string | undefined,
  protocol: TargetGroup['protocol'],
): TargetGroup['protocolVersion'] {
  if (!speaksHttp({ protocol })) {
    if (!asked) return undefined
    throw invalid(`A protocol version cannot be specified for target groups with the ${protocol} protocol`)
  }
  // Terraform's provider says '' for none.
  const version = asked || 'HTTP1'
  if (version === 'HTTP1' || version === 'HTTP2' || version === 'GRPC') return version
  throw invalid(`Protocol version '${version}' must be one of 'GRPC, HTTP1, HTTP2'`)
}

function wanted(state: State, input: DescribeTargetGroupsInput): readonly TargetGroup[] {
  const { LoadBalancerArn: loadBalancerArn, TargetGroupArns: arns, Names: names } = input
  if ([loadBalancerArn, arns?.length, names?.length].filter(Boolean).length > 1) {
    throw invalid('Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time')
  }
  if (arns?.length) return [...new Set(arns)].map(arn => findTargetGroup(state, arn))
  const all = [...state.targetGroups.values()]
  if (loadBalancerArn !== undefined) {
    const { arn } = findLoadBalancer(state, loadBalancerArn)
    return all.filter(group => userOf(state, group.arn) === arn)
  }
  if (!names?.length) return all
  if (names.some(name => all.every(group => group.name !== name))) {
    throw new ApiError('TargetGroupNotFound', 'One or more target groups not found')
  }
  return all.filter(group => names.includes(group.name))
}

function describe(group: TargetGroup, state: State): SdkTargetGroup {
  const { healthCheck } = group
  const user = userOf(state, group.arn)
  return {
    TargetGroupArn: group.arn,
    TargetGroupName: group.name,
    Protocol: group.protocol,
    Port: group.port,
    VpcId: group.vpcId,
    HealthCheckProtocol: healthCheck.protocol,
    HealthCheckPort: healthCheck.port,
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: healthCheck.intervalSeconds,
    HealthCheckTimeoutSeconds: healthCheck.timeoutSeconds,
    HealthyThresholdCount: healthCheck.healthyThresholdCount,
    UnhealthyThresholdCount: healthCheck.unhealthyThresholdCount,
    ...(healthCheck.protocol === 'TCP'
      ? {}
      : {
          HealthCheckPath: healthCheck.path,
          Matcher:
            group.protocolVersion === 'GRPC' ? { GrpcCode: healthCheck.matcher } : { HttpCode: healthCheck.matcher },
        }),
    LoadBalancerArns: user === undefined ? [] : [user],
    TargetType: group.targetType,
    ...(group.protocolVersion === undefined ? {} : { ProtocolVersion: group.protocolVersion }),
    IpAddressType: group.ipAddressType,
  }
}
