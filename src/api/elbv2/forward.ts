import type { Action } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { ListenerProtocol, LoadBalancer, WeightedTargetGroup } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup, TargetGroupProtocol } from '../../domain/target-group.ts'
import { ApiError } from '../errors.ts'
import { accountLimits } from './account-limits.ts'
import { findTargetGroup, invalid, invalidConfiguration, userOf } from './resources.ts'

/** The target groups that a listener's default actions forward to, with their weights; throws for any other action. */
export function forwardIn(actions: readonly Action[] | undefined): readonly WeightedTargetGroup[] {
  const [action, ...more] = actions ?? []
  if (action === undefined) throw invalid('A default action must be specified')
  if (more.length > 0)
    throw new ApiError('TooManyActions', 'A listener of a Network Load Balancer has exactly one action')
  if (action.Type !== 'forward') {
    throw new ApiError(
      'InvalidLoadBalancerAction',
      `Action type '${action.Type}' is not supported on listeners of Network Load Balancers; it must be 'forward'`,
    )
  }
  if (action.ForwardConfig?.TargetGroupStickinessConfig?.Enabled) {
    throw new ApiError(
      'InvalidLoadBalancerAction',
      'Target group stickiness is not supported on listeners of Network Load Balancers',
    )
  }
  const tuples = action.ForwardConfig?.TargetGroups ?? []
  const single = action.TargetGroupArn
  if (single !== undefined && tuples.some(tuple => tuple.TargetGroupArn !== single)) {
    throw invalid('If both TargetGroupArn and ForwardConfig are specified, they must name the same single target group')
  }
  const forward = tuples.length === 0 && single !== undefined ? [{ TargetGroupArn: single, Weight: 1 }] : tuples
  if (forward.length === 0) throw invalid('A target group ARN must be specified for a forward action')
  if (forward.length > 1 && forward.some(tuple => tuple.Weight === undefined)) {
    throw invalid('A weight must be specified for each target group of a forward action with several')
  }
  if (new Set(forward.map(tuple => tuple.TargetGroupArn)).size < forward.length) {
    throw invalid('A target group cannot be specified more than once in a forward action')
  }
  if (forward.length > accountLimits['target-groups-per-action-on-network-load-balancer']) {
    throw new ApiError(
      'InvalidLoadBalancerAction',
      `A forward action cannot have more than ${accountLimits['target-groups-per-action-on-network-load-balancer']} target groups`,
    )
  }
  return forward.map(({ TargetGroupArn = '', Weight = 1 }) => ({ targetGroupArn: TargetGroupArn, weight: Weight }))
}

/** Which target group protocols fit a listener's (AWS: Listeners for your Network Load Balancers). */
const fitting: Readonly<Record<ListenerProtocol, readonly TargetGroupProtocol[]>> = {
  TCP: ['TCP', 'TCP_UDP'],
  UDP: ['UDP', 'TCP_UDP'],
  TCP_UDP: ['TCP_UDP'],
}

/** Throws if a listener of `loadBalancer` with this protocol cannot forward there. */
export function checkForward(
  state: State,
  loadBalancer: LoadBalancer,
  protocol: ListenerProtocol,
  forward: readonly WeightedTargetGroup[],
): void {
  const groups = forward.map(({ targetGroupArn }) =>
    findTargetGroup(state, targetGroupArn, arn => `Target group '${arn}' not found`),
  )
  const refuse = (bad: (group: TargetGroup) => boolean, error: (arns: string) => ApiError) => {
    const arns = groups.filter(bad).map(group => group.arn)
    if (arns.length > 0) throw error(arns.join(', '))
  }
  refuse(
    group => group.vpcId !== loadBalancer.vpcId,
    arns =>
      invalidConfiguration(
        `The following target groups are in a different VPC than load balancer ${loadBalancer.arn}: ${arns}`,
      ),
  )
  refuse(
    group => !fitting[protocol].includes(group.protocol),
    arns =>
      new ApiError(
        'IncompatibleProtocols',
        `The listener and the following target groups have incompatible protocols: ${arns}`,
      ),
  )
  refuse(
    group => group.ipAddressType === 'ipv6' && loadBalancer.ipAddressType !== 'dualstack',
    arns =>
      invalidConfiguration(
        `The following target groups have IP address type 'ipv6' and can only be associated with dualstack load balancers: ${arns}`,
      ),
  )
  refuse(
    group => (userOf(state, group.arn) ?? loadBalancer.arn) !== loadBalancer.arn,
    arns =>
      new ApiError(
        'TargetGroupAssociationLimit',
        `The following target groups cannot be associated with more than one load balancer: ${arns}`,
      ),
  )
}

/** `DefaultActions` of a listener. A single target group is shown in both of the places where it can be given. */
export function describeForward(forward: readonly WeightedTargetGroup[]): Action[] {
  const [first] = forward
  return [
    {
      Type: 'forward',
      ...(forward.length === 1 && first !== undefined ? { TargetGroupArn: first.targetGroupArn } : {}),
      ForwardConfig: {
        TargetGroups: forward.map(({ targetGroupArn, weight }) => ({ TargetGroupArn: targetGroupArn, Weight: weight })),
        TargetGroupStickinessConfig: { Enabled: false },
      },
    },
  ]
}
