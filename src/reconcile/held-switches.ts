import type { WeightedTargetGroup } from '../domain/action.ts'
import type { HealthByTarget } from '../domain/health.ts'
import type { State } from '../domain/state.ts'
import { targetKey } from '../domain/target-group.ts'
import { type Forwarder, type Forwarding, isOtherProtocol, isSameForward } from './forwarders.ts'

/*
 * Make before break: a listener or a rule that is pointed at target groups of which none has a healthy target yet keeps its old ones
 * while they serve, so that a switch to a group that is just coming up loses nothing.
 */

/** Milliseconds that a switch waits at most. Then it is made: what the user asked for counts, healthy or not. */
export const longestHoldMs = 30_000

/** A listener or a rule as it is in effect instead of as it was asked for, since a switch of `since`. */
export interface Hold {
  readonly effective: Forwarder
  readonly since: number
}

/**
 * Why a listener or rule that was changed, or is held already, is not yet as it was asked for; `undefined` where it may be. A new
 * one, and a listener with a new protocol, is never held.
 */
export function holdOf(
  before: { readonly desired: State; readonly holds: ReadonlyMap<string, Hold> },
  table: Forwarding,
  arn: string,
  desired: State,
  health: HealthByTarget,
  now: number,
): Hold | undefined {
  const wanted = desired[table].get(arn)
  const wantedBefore = before.desired[table].get(arn)
  if (wanted === undefined || wantedBefore === undefined || isOtherProtocol(wantedBefore, wanted)) return undefined
  const hold = before.holds.get(arn)
  const inEffect = hold?.effective ?? wantedBefore
  const old = inEffect.forward
  if (isSameForward(inEffect, wanted)) return undefined
  const since = hold !== undefined && isSameForward(wantedBefore, wanted) ? hold.since : now
  const isHeld =
    now < since + longestHoldMs &&
    wanted.answer === undefined &&
    !serves(wanted.forward, desired, health) &&
    serves(old, desired, health) &&
    old.every(({ targetGroupArn }) => desired.targetGroups.has(targetGroupArn))
  if (!isHeld) return undefined
  return { effective: wantedBefore === wanted ? inEffect : { ...wanted, forward: old }, since }
}

/** Whether new flows find a healthy target behind `forward`. */
function serves(forward: readonly WeightedTargetGroup[], state: State, health: HealthByTarget): boolean {
  return forward.some(({ targetGroupArn, weight }) => {
    if (weight === 0) return false
    const targets = state.targetGroups.get(targetGroupArn)?.targets ?? []
    return targets.some(target => {
      const verdict = health.get(targetKey(targetGroupArn, target))?.verdict
      return target.deregistration === undefined && verdict === 'healthy'
    })
  })
}
