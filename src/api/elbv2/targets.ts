import type {
  DeregisterTargetsInput,
  DeregisterTargetsOutput,
  DescribeTargetHealthInput,
  DescribeTargetHealthOutput,
  RegisterTargetsInput,
  RegisterTargetsOutput,
  TargetDescription,
  TargetHealthDescription,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { targetGroupAttribute } from '../../domain/attributes.ts'
import { isOver, registrationsAt } from '../../domain/registrations.ts'
import { type Target, type TargetGroup, targetKey } from '../../domain/target-group.ts'
import { targetHealth, targetZone } from '../../domain/target-health.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { checkLimit, targetsPerTargetGroup } from './account-limits.ts'
import { checkAlbTarget } from './alb-targets.ts'
import { checkLoadBalancerLimits } from './load-balancer-limits.ts'
import { findTargetGroup, invalid, userOf } from './resources.ts'
import { checkAddress, checkInstances, type TargetId, targetIdOf } from './target-ids.ts'

/** Registering again is harmless; a target that drains is registered anew. */
export function RegisterTargets(input: RegisterTargetsInput, call: Call): RegisterTargetsOutput {
  const group = findTargetGroup(call.draft.state, input.TargetGroupArn)
  const asked = targetsIn(input.Targets).map(target => ({
    ...targetIdOf(group, target),
    availabilityZone: target.AvailabilityZone,
  }))
  const { state } = call.draft
  if (group.targetType === 'ip') {
    for (const target of asked) checkAddress(state, group, target.id, target.availabilityZone)
  } else {
    if (asked.some(target => target.availabilityZone !== undefined)) {
      throw invalid(
        `You cannot specify an Availability Zone for targets of target groups with target type '${group.targetType}'`,
      )
    }
    if (group.targetType === 'alb') for (const target of asked) checkAlbTarget(state, group, target)
    else checkInstances(state, group, [...new Set(asked.map(target => target.id))])
  }

  const targets = new Map(group.targets.map(target => [targetKey(group.arn, target), target]))
  let changed = false
  for (const { id, port, availabilityZone } of asked) {
    const key = targetKey(group.arn, { id, port })
    const before = targets.get(key)
    const current = before?.deregistration === undefined ? before : undefined
    if (current !== undefined && current.availabilityZone === availabilityZone) continue
    changed = true
    targets.set(key, {
      id,
      port,
      registeredAt: current?.registeredAt ?? call.now,
      ...(availabilityZone === undefined ? {} : { availabilityZone }),
    })
  }
  if (!changed) return {}
  const written = { ...group, targets: [...targets.values()] }
  const registered = registrationsAt(written, call.now)
  if (group.targetType === 'alb') {
    const count = registered.filter(target => target.deregistration === undefined).length
    checkLimit('TooManyTargets', count, 1, "target per target group with target type 'alb'")
  }
  checkLimit('TooManyTargets', registered.length, targetsPerTargetGroup, 'targets per target group')
  call.draft.put('targetGroups', group.arn, written)
  checkLoadBalancerLimits(call, userOf(call.draft.state, group.arn))
  return {}
}

/**
 * Lets targets drain for the group's deregistration delay. Id and port must be those of the registration; what is not
 * registered is deregistered already.
 */
export function DeregisterTargets(input: DeregisterTargetsInput, call: Call): DeregisterTargetsOutput {
  const group = findTargetGroup(call.draft.state, input.TargetGroupArn)
  const keys = new Set(targetsIn(input.Targets).map(target => targetKey(group.arn, targetIdOf(group, target))))
  const delayMs = 1000 * Number(targetGroupAttribute(group, 'deregistration_delay.timeout_seconds'))
  const deregistration = { until: call.now + delayMs }
  const leaves = (target: Target) => !target.deregistration && keys.has(targetKey(group.arn, target))
  if (!group.targets.some(leaves)) return {}
  const targets = group.targets.map(target => (leaves(target) ? { ...target, deregistration } : target))
  call.draft.put('targetGroups', group.arn, { ...group, targets })
  return {}
}

/** States, reasons and descriptions as of now: of all registrations, or of those asked for, registered or not. */
export function DescribeTargetHealth(input: DescribeTargetHealthInput, call: Call): DescribeTargetHealthOutput {
  const group = findTargetGroup(call.draft.state, input.TargetGroupArn)
  const registered = registrationsAt(group, call.now)
  const targets = input.Targets?.length
    ? input.Targets.flatMap(asked => {
        const wanted = knownId(group, asked)
        const found = registered.filter(
          target => target.id === wanted.id && (asked.Port === undefined || target.port === asked.Port),
        )
        return found.length > 0 ? found : [neverRegistered(wanted, call.now)]
      })
    : registered
  return { TargetHealthDescriptions: targets.map(target => describe(group, target, call)) }
}

function targetsIn(targets: readonly TargetDescription[] | undefined): readonly TargetDescription[] {
  if (!targets?.length) throw invalid('At least one target must be specified')
  return targets
}

/** AWS calls it InvalidTarget when health is asked of what can be no target. */
function knownId(group: TargetGroup, asked: TargetDescription): TargetId {
  try {
    return targetIdOf(group, asked)
  } catch (error) {
    throw error instanceof ApiError ? new ApiError('InvalidTarget', error.message) : error
  }
}

function describe(group: TargetGroup, target: Target, call: Call): TargetHealthDescription {
  const { state } = call.draft
  const zone = group.targetType === 'ip' && !isOver(target, call.now) ? targetZone(state, group, target) : undefined
  return {
    Target: { Id: target.id, Port: target.port, ...(zone === undefined ? {} : { AvailabilityZone: zone }) },
    HealthCheckPort: group.healthCheck.port === 'traffic-port' ? String(target.port) : group.healthCheck.port,
    TargetHealth: targetHealth(state, group, target, call.health(targetKey(group.arn, target)), call.now),
  }
}

/** What is not registered is described as a registration that is over. */
function neverRegistered(target: TargetId, now: number): Target {
  return { ...target, deregistration: { until: now } }
}
