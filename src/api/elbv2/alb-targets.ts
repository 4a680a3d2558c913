/** Application Load Balancers as targets of Network Load Balancers (AWS: Application Load Balancers as targets). */
import type { Listener } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup } from '../../domain/target-group.ts'
import { ApiError } from '../errors.ts'
import { checkLimit } from './account-limits.ts'
import { invalid, listenersOf } from './resources.ts'
import type { TargetId } from './target-ids.ts'

/** AWS: an Application Load Balancer can be the target of two target groups. */
const groupsPerLoadBalancer = 2

/** Throws if an Application Load Balancer cannot be a target of this group on this port. */
export function checkAlbTarget(state: State, group: TargetGroup, { id: arn, port }: TargetId): void {
  const loadBalancer = state.loadBalancers.get(arn)
  if (loadBalancer?.type !== 'application') {
    throw new ApiError('InvalidTarget', `The following targets are not valid Application Load Balancers: '${arn}'`)
  }
  if (loadBalancer.vpcId !== group.vpcId) {
    throw new ApiError(
      'InvalidTarget',
      `The following targets are not in the target group VPC '${group.vpcId}': '${arn}'`,
    )
  }
  if (!listenersOf(state, arn).some(listener => listener.port === port)) {
    throw invalid(
      'If the target type is ALB, the target must have at least one listener that matches the target group port or any specified port overrides',
    )
  }
  const others = groupsOf(state, arn).filter(each => each.arn !== group.arn)
  checkLimit(
    'TooManyRegistrationsForTargetId',
    others.length + 1,
    groupsPerLoadBalancer,
    'target groups per Application Load Balancer as target',
  )
}

/** Whether an Application Load Balancer is registered somewhere. One that drains is not. */
export function isTarget(state: State, loadBalancerArn: string): boolean {
  return groupsOf(state, loadBalancerArn).length > 0
}

/** Throws ResourceInUse if a Network Load Balancer reaches its target by this listener's port. */
export function refuseTargetPort(state: State, { loadBalancerArn: arn, port }: Listener): void {
  if (!groupsOf(state, arn).some(group => group.targets.some(target => target.id === arn && target.port === port)))
    return
  throw new ApiError(
    'ResourceInUse',
    `Listener port '${port}' is in use by registered target '${arn}' and cannot be removed.`,
  )
}

function groupsOf(state: State, loadBalancerArn: string): readonly TargetGroup[] {
  return [...state.targetGroups.values()].filter(
    ({ targetType, targets }) =>
      targetType === 'alb' && targets.some(({ id, deregistration }) => id === loadBalancerArn && !deregistration),
  )
}
