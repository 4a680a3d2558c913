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
import { CreateListener, DeleteListener, DescribeListeners, ModifyListener } from './listeners.ts'
import { CreateLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancers } from './load-balancers.ts'
import { SetSecurityGroups } from './security-groups.ts'
import { SetIpAddressType, SetSubnets } from './subnets.ts'
import { AddTags, DescribeTags, RemoveTags } from './tags.ts'
import { CreateTargetGroup, DeleteTargetGroup, DescribeTargetGroups, ModifyTargetGroup } from './target-groups.ts'
import { DeregisterTargets, DescribeTargetHealth, RegisterTargets } from './targets.ts'

const actions = {
  AddTags,
  CreateListener,
  CreateLoadBalancer,
  CreateTargetGroup,
  DeleteListener,
  DeleteLoadBalancer,
  DeleteTargetGroup,
  DeregisterTargets,
  DescribeAccountLimits,
  DescribeListenerAttributes,
  DescribeListeners,
  DescribeLoadBalancerAttributes,
  DescribeLoadBalancers,
  DescribeTags,
  DescribeTargetGroupAttributes,
  DescribeTargetGroups,
  DescribeTargetHealth,
  ModifyListener,
  ModifyListenerAttributes,
  ModifyLoadBalancerAttributes,
  ModifyTargetGroup,
  ModifyTargetGroupAttributes,
  RegisterTargets,
  RemoveTags,
  SetIpAddressType,
  SetSecurityGroups,
  SetSubnets,
}

/** Elastic Load Balancing version 2, as far as Network Load Balancers need it. */
export const elbv2: Service = {
  signingName: 'elasticloadbalancing',
  version: '2015-12-01',
  protocol: 'query',
  xmlNamespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  actionNames: Object.keys(actions),
  load: async () => ({ schemas: await import('@aws-sdk/client-elastic-load-balancing-v2'), actions, constraints }),
}
