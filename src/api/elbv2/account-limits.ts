import type { DescribeAccountLimitsInput, DescribeAccountLimitsOutput } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { markedPage } from './resources.ts'

/**
 * AWS's default quotas of a Region, by the names that DescribeAccountLimits gives them (AWS: Quotas for your load
 * balancers).
 */
export const accountLimits = {
  'application-load-balancers': 50,
  'condition-values-per-alb-rule': 5,
  'condition-wildcards-per-alb-rule': 6,
  'gateway-load-balancers': 100,
  'gateway-load-balancers-per-vpc': 100,
  'geneve-target-groups': 100,
  'listeners-per-application-load-balancer': 50,
  'listeners-per-network-load-balancer': 50,
  'network-load-balancers': 50,
  'rules-per-application-load-balancer': 100,
  'target-groups': 3000,
  'target-groups-per-action-on-application-load-balancer': 5,
  'target-groups-per-action-on-network-load-balancer': 5,
  'target-groups-per-application-load-balancer': 100,
  'targets-per-application-load-balancer': 1000,
  'targets-per-availability-zone-per-gateway-load-balancer': 300,
  'targets-per-availability-zone-per-network-load-balancer': 500,
  'targets-per-network-load-balancer': 3000,
} as const

/** AWS: at most 1,000 targets in a target group; a quota that DescribeAccountLimits does not list. */
export const targetsPerTargetGroup = 1000

export function DescribeAccountLimits(input: DescribeAccountLimitsInput, _call: Call): DescribeAccountLimitsOutput {
  const { items, NextMarker } = markedPage(Object.entries(accountLimits), ([name]) => name, input)
  return { NextMarker, Limits: items.map(([Name, max]) => ({ Name, Max: String(max) })) }
}

/** Throws `code` if `count` things of a kind are more than `limit`. */
export function checkLimit(code: string, count: number, limit: number, what: string): void {
  if (count > limit) throw new ApiError(code, `You cannot have more than ${limit} ${what}`)
}
