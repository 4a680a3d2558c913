import type { Service } from '../call.ts'
import { DescribeAccountLimits } from './account-limits.ts'
import {
  DescribeListenerAttributes,
  DescribeLoadBalancerAttributes,
  DescribeTargetGroupAttributes,
  ModifyListenerAttributes,
  ModifyLoadBalancerAttributes,
  ModifyTargetGroupAttributes,
} from './attributes.ts'
import { constraints } from './constraints.ts'
import {
  AddListenerCertificates,
  DescribeListenerCertificates,
  RemoveListenerCertificates,
} from './listener-certificates.ts'
import { CreateListener, DeleteListener, DescribeListeners, ModifyListener } from './listeners.ts'
import { CreateLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancers } from './load-balancers.ts'
import { SetRulePriorities } from './rule-priorities.ts'
import { CreateRule, DeleteRule, DescribeRules, ModifyRule } from './rules.ts'
import { SetSecurityGroups } from './security-groups.ts'
import { DescribeSSLPolicies } from './ssl-policies.ts'
import { SetIpAddressType, SetSubnets } from './subnets.ts'
import { AddTags, DescribeTags, RemoveTags } from './tags.ts'
import { CreateTargetGroup, DeleteTargetGroup, DescribeTargetGroups, ModifyTargetGroup } from './target-groups.ts'
import { DeregisterTargets, DescribeTargetHealth, RegisterTargets } from './targets.ts'

const actions = {
  AddListenerCertificates,
  AddTags,
  CreateListener,
  CreateLoadBalancer,
  CreateRule,
  CreateTargetGroup,
  DeleteListener,
  DeleteLoadBalancer,
  DeleteRule,
  DeleteTargetGroup,
  DeregisterTargets,
  DescribeAccountLimits,
  DescribeListenerAttributes,
  DescribeListenerCertificates,
  DescribeListeners,
  DescribeLoadBalancerAttributes,
  DescribeLoadBalancers,
  DescribeRules,
  DescribeSSLPolicies,
  DescribeTags,
  DescribeTargetGroupAttributes,
  DescribeTargetGroups,
  DescribeTargetHealth,
  ModifyListener,
  ModifyListenerAttributes,
  ModifyLoadBalancerAttributes,
  ModifyRule,
  ModifyTargetGroup,
  ModifyTargetGroupAttributes,
  RegisterTargets,
  RemoveListenerCertificates,
  RemoveTags,
  SetIpAddressType,
  SetRulePriorities,
  SetSecurityGroups,
  SetSubnets,
}

/** Elastic Load Balancing version 2, for Network and Application Load Balancers. */
export const elbv2: Service = {
  signingName: 'elasticloadbalancing',
  version: '2015-12-01',
  protocol: 'query',
  xmlNamespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  actionNames: Object.keys(actions),
  load: async () => ({ schemas: await import('@aws-sdk/client-elastic-load-balancing-v2'), actions, constraints }),
}
