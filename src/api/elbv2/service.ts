import type { LoadedService, Service } from '../call.ts'

/** Elastic Load Balancing version 2, as far as Network Load Balancers need it. */
export const elbv2: Service = {
  signingName: 'elasticloadbalancing',
  version: '2015-12-01',
  protocol: 'query',
  xmlNamespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
  actionNames: [
    'AddTags',
    'CreateListener',
    'CreateLoadBalancer',
    'CreateTargetGroup',
    'DeleteListener',
    'DeleteLoadBalancer',
    'DeleteTargetGroup',
    'DeregisterTargets',
    'DescribeAccountLimits',
    'DescribeListenerAttributes',
    'DescribeListeners',
    'DescribeLoadBalancerAttributes',
    'DescribeLoadBalancers',
    'DescribeTags',
    'DescribeTargetGroupAttributes',
    'DescribeTargetGroups',
    'DescribeTargetHealth',
    'ModifyListener',
    'ModifyListenerAttributes',
    'ModifyLoadBalancerAttributes',
    'ModifyTargetGroup',
    'ModifyTargetGroupAttributes',
    'RegisterTargets',
    'RemoveTags',
    'SetIpAddressType',
    'SetSecurityGroups',
    'SetSubnets',
  ],
  async load(): Promise<LoadedService> {
    const [schemas, { actions }, { constraints }] = await Promise.all([
      import('@aws-sdk/client-elastic-load-balancing-v2'),
      import('./actions.ts'),
      import('./constraints.ts'),
    ])
    return { schemas, actions, constraints }
  },
}
