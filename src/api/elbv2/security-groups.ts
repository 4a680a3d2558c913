import type { SetSecurityGroupsInput, SetSecurityGroupsOutput } from '@aws-sdk/client-elastic-load-balancing-v2'
import { securityGroupsPerInterface } from '../../domain/security-group.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { findLoadBalancer, invalid, invalidConfiguration } from './resources.ts'

/** Replaces the groups. A Network Load Balancer that was created without any can never have some. */
export function SetSecurityGroups(input: SetSecurityGroupsInput, call: Call): SetSecurityGroupsOutput {
  const loadBalancer = findLoadBalancer(call.draft.state, input.LoadBalancerArn)
  if (loadBalancer.securityGroups.length === 0 && loadBalancer.type === 'network') {
    throw invalidConfiguration(
      'You cannot set security groups on a Network Load Balancer which was created without any security groups.',
    )
  }
  const asked = input.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic
  if (asked !== undefined && loadBalancer.type === 'application') {
    throw invalidConfiguration(
      "EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic cannot be specified for load balancers of type 'application'",
    )
  }
  const securityGroups = checkSecurityGroups(call.draft.state, loadBalancer.vpcId, input.SecurityGroups)
  if (securityGroups.length === 0) throw invalid('At least one security group must be specified')
  const enforced = asked ?? loadBalancer.enforceInboundRulesOnPrivateLink
  call.draft.put('loadBalancers', loadBalancer.arn, {
    ...loadBalancer,
    securityGroups,
    enforceInboundRulesOnPrivateLink: enforced,
  })
  return {
    SecurityGroupIds: [...securityGroups],
    ...(loadBalancer.type === 'network' && { EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: enforced }),
  }
}

/** What an Application Load Balancer has that was created without security groups: the default one of its VPC. */
export function defaultSecurityGroups(state: State, vpcId: string): readonly string[] {
  const group = state.securityGroups.values().find(group => group.vpcId === vpcId && group.name === 'default')
  return group === undefined ? [] : [group.id]
}

/** The ids, each once and in order; throws if one is of no security group of this VPC, or if they are too many. */
export function checkSecurityGroups(
  state: State,
  vpcId: string,
  ids: readonly string[] | undefined,
): readonly string[] {
  const unique = [...new Set(ids)].sort()
  if (unique.some(id => state.securityGroups.get(id)?.vpcId !== vpcId)) {
    throw invalidConfiguration('One or more security groups are invalid')
  }
  if (unique.length > securityGroupsPerInterface) {
    throw invalidConfiguration(`A load balancer cannot have more than ${securityGroupsPerInterface} security groups`)
  }
  return unique
}
