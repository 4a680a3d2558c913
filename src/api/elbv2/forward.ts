import type { Action as SdkAction } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Action, WeightedTargetGroup } from '../../domain/action.ts'
import { targetGroupAttribute } from '../../domain/attributes.ts'
import { type ListenerProtocol, type LoadBalancer, speaksHttp } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup, TargetGroupProtocol } from '../../domain/target-group.ts'
import { ApiError } from '../errors.ts'
import { accountLimits } from './account-limits.ts'
import type { ActionPlace } from './actions.ts'
import { findTargetGroup, invalid, invalidAction, invalidConfiguration, userOf } from './resources.ts'

/** What a forward action says: target groups with their weights, and how long a client keeps the one it was given. */
export function forwardIn(action: SdkAction, type: LoadBalancer['type']): Action {
  const stickiness = stickinessIn(action, type)
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
  const limit = accountLimits[`target-groups-per-action-on-${type}-load-balancer`]
  if (forward.length > limit) {
    throw invalidAction(`A forward action cannot have more than ${limit} target groups`)
  }
  return {
    forward: forward.map(({ TargetGroupArn = '', Weight = 1 }) => ({ targetGroupArn: TargetGroupArn, weight: Weight })),
    ...stickiness,
  }
}

function stickinessIn(action: SdkAction, type: LoadBalancer['type']): Omit<Action, 'forward'> {
  const { Enabled, DurationSeconds } = action.ForwardConfig?.TargetGroupStickinessConfig ?? {}
  if (Enabled && type === 'network') {
    throw invalidAction('Target group stickiness is not supported on listeners of Network Load Balancers')
  }
  if (DurationSeconds === undefined) {
    if (Enabled) throw invalid('A duration must be specified to enable target group stickiness')
    return {}
  }
  if (DurationSeconds < 1 || DurationSeconds > 604_800) {
    throw invalid(`The duration of target group stickiness, '${DurationSeconds}', must be between 1 and 604800 seconds`)
  }
  return Enabled ? { stickySeconds: DurationSeconds } : { disabledStickySeconds: DurationSeconds }
}

/**
 * Which target group protocols fit a listener's (AWS: Listeners for your Network Load Balancers, Target groups for your Application
 * Load Balancers).
 */
const fitting: Readonly<Record<ListenerProtocol, readonly TargetGroupProtocol[]>> = {
  TCP: ['TCP', 'TCP_UDP'],
  UDP: ['UDP', 'TCP_UDP'],
  TCP_UDP: ['TCP_UDP'],
  TLS: ['TCP', 'TLS'],
  HTTP: ['HTTP', 'HTTPS'],
  HTTPS: ['HTTP', 'HTTPS'],
}

/** Throws if a listener or a rule at this place cannot forward there. */
export function checkForward(state: State, { loadBalancer, protocol }: ActionPlace, action: Action): void {
  const groups = action.forward.map(({ targetGroupArn }) =>
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
    group => !fitting[protocol].includes(group.protocol) || (group.targetType === 'alb' && protocol !== 'TCP'),
    arns =>
      new ApiError(
        'IncompatibleProtocols',
        `The listener and the following target groups have incompatible protocols: ${arns}`,
      ),
  )
  const version = groups.find(group => (group.protocolVersion ?? 'HTTP1') !== 'HTTP1')?.protocolVersion
  if (protocol === 'HTTP' && version !== undefined) {
    throw invalidAction(
      `Listener protocol 'HTTP' is not supported with a target group with the protocol-version '${version}'`,
    )
  }
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
  if (speaksHttp({ protocol }) && needsGroupStickiness(action, groups)) throw invalidAction(groupStickinessNeeded)
}

export const groupStickinessNeeded =
  'You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups'

/** A client that is to keep its target must keep its target group (AWS: Sticky sessions, Weighted target groups). */
export function needsGroupStickiness(action: Action, groups: readonly TargetGroup[]): boolean {
  return (
    action.forward.length > 1 &&
    action.stickySeconds === undefined &&
    groups.some(group => targetGroupAttribute(group, 'stickiness.enabled') === 'true')
  )
}

/** A single target group is shown in both of the places where it can be given. */
export function describeForward({ forward, stickySeconds, disabledStickySeconds }: Action): SdkAction {
  const [first] = forward
  return {
    Type: 'forward',
    ...(forward.length === 1 && first !== undefined ? { TargetGroupArn: first.targetGroupArn } : {}),
    ForwardConfig: {
      TargetGroups: forward.map(describeTuple),
      TargetGroupStickinessConfig:
        stickySeconds !== undefined
          ? { Enabled: true, DurationSeconds: stickySeconds }
          : { Enabled: false, ...(disabledStickySeconds && { DurationSeconds: disabledStickySeconds }) },
    },
  }
}

function describeTuple({ targetGroupArn, weight }: WeightedTargetGroup) {
  return { TargetGroupArn: targetGroupArn, Weight: weight }
}
