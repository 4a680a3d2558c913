import { isDeepStrictEqual } from 'node:util'
import type {
  CreateLoadBalancerInput,
  CreateLoadBalancerOutput,
  DeleteLoadBalancerInput,
  DeleteLoadBalancerOutput,
  DescribeLoadBalancersInput,
  DescribeLoadBalancersOutput,
  LoadBalancerStateEnum,
  LoadBalancer as SdkLoadBalancer,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { loadBalancerAttribute } from '../../domain/attributes.ts'
import { dnsZone, type LoadBalancer } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { accountLimits, checkLimit } from './account-limits.ts'
import { isTarget } from './alb-targets.ts'
import { canonicalHostedZoneId } from './hosted-zones.ts'
import { deleteListener } from './listeners.ts'
import {
  checkLoadBalancerArn,
  checkName,
  findLoadBalancer,
  idOf,
  invalid,
  invalidConfiguration,
  listenersOf,
  makeArn,
  markedPage,
} from './resources.ts'
import { checkSecurityGroups, defaultSecurityGroups } from './security-groups.ts'
import { tagsIn } from './tags.ts'
import { checkIpAddressType, describeZones, subnetsIn, zonesOf } from './zones.ts'

/** Asked for twice with the same settings, it is created once (AWS: CreateLoadBalancer is idempotent). */
export function CreateLoadBalancer(input: CreateLoadBalancerInput, call: Call): CreateLoadBalancerOutput {
  const { state } = call.draft
  const name = checkName('Load balancer', input.Name)
  if (name.startsWith('internal-')) throw invalid("The load balancer name cannot begin with 'internal-'")
  const type = input.Type ?? 'application'
  if (type === 'gateway') {
    throw invalidConfiguration(
      "Load balancers of type 'gateway' are not offered here; specify type 'application' or 'network'",
    )
  }
  const scheme = input.Scheme ?? 'internet-facing'
  if (scheme !== 'internet-facing' && scheme !== 'internal') {
    throw new ApiError('InvalidScheme', `The scheme '${scheme}' is not valid`)
  }
  refuseOtherAddresses(input)
  const ipAddressType = checkIpAddressType(input.IpAddressType ?? 'ipv4', type)
  const subnets = subnetsIn(state, input, type)
  const vpcId = subnets[0]?.subnet.vpcId ?? ''
  const asked = checkSecurityGroups(state, vpcId, input.SecurityGroups)
  const securityGroups = asked.length === 0 && type === 'application' ? defaultSecurityGroups(state, vpcId) : asked
  const tags = tagsIn(input.Tags)

  const before = [...state.loadBalancers.values()].find(loadBalancer => loadBalancer.name === name)
  const zones = zonesOf(call, before ?? { name, zones: [] }, ipAddressType, subnets)
  const settings = { name, type, scheme, vpcId, ipAddressType, zones, securityGroups, tags } as const
  if (before !== undefined) {
    if (!isDeepStrictEqual({ ...before, ...settings }, before)) {
      throw new ApiError(
        'DuplicateLoadBalancerName',
        `A load balancer with the same name '${name}' exists, but with different settings`,
      )
    }
    return { LoadBalancers: [describe(call, before, 'active')] }
  }
  checkLimit(
    'TooManyLoadBalancers',
    [...state.loadBalancers.values()].filter(loadBalancer => loadBalancer.type === type).length + 1,
    accountLimits[`${type}-load-balancers`],
    `${type} load balancers`,
  )

  const arn = makeArn(call, `loadbalancer/${type === 'network' ? 'net' : 'app'}/${name}/${call.hex(16)}`)
  const loadBalancer: LoadBalancer = {
    arn,
    ...settings,
    dnsName: `${name}-${idOf(arn)}.${dnsZone}`,
    createdTime: call.now,
    enforceInboundRulesOnPrivateLink: 'on',
    attributes: {},
    secret: call.hex(64),
  }
  call.draft.put('loadBalancers', arn, loadBalancer)
  return { LoadBalancers: [describe(call, loadBalancer, 'provisioning')] }
}

export function DescribeLoadBalancers(input: DescribeLoadBalancersInput, call: Call): DescribeLoadBalancersOutput {
  const { items, NextMarker } = markedPage(wanted(call.draft.state, input), loadBalancer => loadBalancer.arn, input)
  return { NextMarker, LoadBalancers: items.map(loadBalancer => describe(call, loadBalancer, 'active')) }
}

/** Deletes its listeners and their rules too; its target groups stay, with their targets. One that is not there is deleted already. */
export function DeleteLoadBalancer(input: DeleteLoadBalancerInput, call: Call): DeleteLoadBalancerOutput {
  const loadBalancer = call.draft.state.loadBalancers.get(checkLoadBalancerArn(input.LoadBalancerArn))
  if (loadBalancer === undefined) return {}
  if (loadBalancerAttribute(loadBalancer, 'deletion_protection.enabled') === 'true') {
    throw new ApiError(
      'OperationNotPermitted',
      `Load balancer '${loadBalancer.arn}' cannot be deleted because deletion protection is enabled`,
    )
  }
  if (isTarget(call.draft.state, loadBalancer.arn)) {
    throw new ApiError(
      'ResourceInUse',
      `Load balancer '${loadBalancer.arn}' cannot be deleted because it is currently associated with another service`,
    )
  }
  for (const listener of listenersOf(call.draft.state, loadBalancer.arn)) deleteListener(listener.arn, call)
  call.draft.delete('loadBalancers', loadBalancer.arn)
  return {}
}

/** What would give it addresses that are not its subnets'. */
function refuseOtherAddresses(input: CreateLoadBalancerInput): void {
  const asked = input.EnablePrefixForIpv6SourceNat === 'on' ? 'EnablePrefixForIpv6SourceNat' : undefined
  const member = (['CustomerOwnedIpv4Pool', 'IpamPools'] as const).find(each => input[each] !== undefined) ?? asked
  if (member !== undefined) throw invalidConfiguration(`${member} is not offered here; leave it out`)
}

function wanted(state: State, input: DescribeLoadBalancersInput): readonly LoadBalancer[] {
  const { LoadBalancerArns: arns, Names: names } = input
  if (arns?.length && names?.length) {
    throw invalid('Load balancer names and load balancer ARNs cannot be specified at the same time')
  }
  if (arns?.length) return [...new Set(arns)].map(arn => findLoadBalancer(state, arn))
  const all = [...state.loadBalancers.values()]
  if (!names?.length) return all
  const missing = names.filter(name => all.every(loadBalancer => loadBalancer.name !== name))
  if (missing.length > 0)
    throw new ApiError('LoadBalancerNotFound', `Load balancers '[${missing.join(', ')}]' not found`)
  return all.filter(loadBalancer => names.includes(loadBalancer.name))
}

function describe(call: Call, loadBalancer: LoadBalancer, code: LoadBalancerStateEnum): SdkLoadBalancer {
  return {
    LoadBalancerArn: loadBalancer.arn,
    DNSName: loadBalancer.dnsName,
    CanonicalHostedZoneId: canonicalHostedZoneId(call.region, loadBalancer.type),
    CreatedTime: new Date(loadBalancer.createdTime),
    LoadBalancerName: loadBalancer.name,
    Scheme: loadBalancer.scheme,
    VpcId: loadBalancer.vpcId,
    State: { Code: code },
    Type: loadBalancer.type,
    AvailabilityZones: describeZones(loadBalancer),
    ...(loadBalancer.securityGroups.length > 0 && { SecurityGroups: [...loadBalancer.securityGroups] }),
    ...(loadBalancer.securityGroups.length > 0 &&
      loadBalancer.type === 'network' && {
        EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: loadBalancer.enforceInboundRulesOnPrivateLink,
      }),
    IpAddressType: loadBalancer.ipAddressType,
  }
}
