import { targetGroupsOf } from '../../domain/listener-rules.ts'
import { registrationsAt } from '../../domain/registrations.ts'
import { targetZone } from '../../domain/target-health.ts'
import type { Call } from '../call.ts'
import { accountLimits, checkLimit } from './account-limits.ts'
import { listenersOf } from './resources.ts'

/**
 * Throws TooManyTargets if the groups that a load balancer forwards to have more targets, in all or in a zone, than it may serve,
 * TooManyUniqueTargetGroupsPerLoadBalancer if it forwards to too many groups.
 */
export function checkLoadBalancerLimits(call: Call, loadBalancerArn: string | undefined): void {
  const { state } = call.draft
  const loadBalancer = loadBalancerArn === undefined ? undefined : state.loadBalancers.get(loadBalancerArn)
  if (loadBalancer === undefined) return
  const { arn, type } = loadBalancer
  const groups = new Set(listenersOf(state, arn).flatMap(listener => [...targetGroupsOf(state, listener).keys()]))
  if (type === 'application') {
    checkLimit(
      'TooManyUniqueTargetGroupsPerLoadBalancer',
      groups.size,
      accountLimits['target-groups-per-application-load-balancer'],
      'target groups per application load balancer',
    )
  }
  let count = 0
  const inZone = new Map<string | undefined, number>()
  for (const groupArn of groups) {
    const group = state.targetGroups.get(groupArn)
    if (group === undefined) continue
    for (const target of registrationsAt(group, call.now)) {
      count++
      const zone = targetZone(state, group, target)
      inZone.set(zone, (inZone.get(zone) ?? 0) + 1)
    }
  }
  checkLimit(
    'TooManyTargets',
    count,
    accountLimits[`targets-per-${type}-load-balancer`],
    `targets per ${type} load balancer`,
  )
  if (type === 'application') return
  // These belong to no zone.
  inZone.delete('all')
  inZone.delete(undefined)
  checkLimit(
    'TooManyTargets',
    Math.max(0, ...inZone.values()),
    accountLimits['targets-per-availability-zone-per-network-load-balancer'],
    'targets per Availability Zone per network load balancer',
  )
}
