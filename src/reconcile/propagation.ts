import type { HealthByTarget } from '../domain/health.ts'
import type { Listener, WeightedTargetGroup } from '../domain/load-balancer.ts'
import { applyChanges, type Change, changedKeys, emptyState, type State } from '../domain/state.ts'
import { targetKey } from '../domain/target-group.ts'
import type { HeldSwitch } from '../feed/messages.ts'

/*
 * When what was asked for takes effect. Make before break: a listener that is pointed at target groups of which none has a
 * healthy target yet keeps its old ones while they serve, so that a switch to a group that is just coming up loses nothing.
 */

/** Milliseconds that a switch waits at most. Then it is made: what the user asked for counts, healthy or not. */
const longestHoldMs = 30_000

/** The state that is to take effect now, and what of the desired one is not in it. */
export interface Propagation {
  /** The desired state that this was made from. */
  readonly desired: State
  /** `desired`, but for the forwards of held listeners; the same object where nothing is held. */
  readonly state: State
  readonly held: readonly HeldSwitch[]
  /** When time alone ends a hold, milliseconds since the epoch. */
  readonly nextAt: number | undefined
  /** By listener ARN. */
  readonly holds: ReadonlyMap<string, Hold>
}

/** A listener as it is in effect instead of as it was asked for, since a switch of `since`. */
interface Hold {
  readonly effective: Listener
  readonly since: number
}

export const nothingPropagated: Propagation = {
  desired: emptyState,
  state: emptyState,
  held: [],
  nextAt: undefined,
  holds: new Map(),
}

/** What takes effect of `desired` at `now`, after `before`. A new listener, and one with a new protocol, is never held. */
export function propagate(before: Propagation, desired: State, health: HealthByTarget, now: number): Propagation {
  if (before.desired === desired && before.holds.size === 0) return before
  const holds = new Map<string, Hold>()
  const held: HeldSwitch[] = []
  const changes: Change[] = []
  for (const arn of changedKeys(before.desired.listeners, desired.listeners).union(before.holds)) {
    const hold = holdOf(before, arn, desired, health, now)
    if (hold === undefined) continue
    const { effective, since } = hold
    holds.set(arn, hold)
    held.push({ listenerArn: arn, until: since + longestHoldMs, forward: effective.forward })
    changes.push({ table: 'listeners', key: arn, value: effective })
  }
  const isSame =
    before.desired === desired &&
    changes.length === before.held.length &&
    changes.every(({ key, value }) => before.state.listeners.get(key) === value)
  const state = isSame
    ? before.state
    : changes.length === 0
      ? desired
      : applyChanges(desired, desired.revision, changes)
  const nextAt = held.length === 0 ? undefined : Math.min(...held.map(({ until }) => until))
  return { desired, state, held, nextAt, holds }
}

/** Why a listener that was changed, or is held already, is not yet as it was asked for; `undefined` where it may be. */
function holdOf(
  before: Propagation,
  arn: string,
  desired: State,
  health: HealthByTarget,
  now: number,
): Hold | undefined {
  const wanted = desired.listeners.get(arn)
  const wantedBefore = before.desired.listeners.get(arn)
  if (wanted === undefined || wantedBefore?.protocol !== wanted.protocol) return undefined
  const hold = before.holds.get(arn)
  const inEffect = hold?.effective ?? wantedBefore
  const old = inEffect.forward
  if (isSameForward(old, wanted.forward)) return undefined
  const since = hold !== undefined && isSameForward(wantedBefore.forward, wanted.forward) ? hold.since : now
  const isHeld =
    now < since + longestHoldMs &&
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

function isSameForward(a: readonly WeightedTargetGroup[], b: readonly WeightedTargetGroup[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((group, i) => group.targetGroupArn === b[i]?.targetGroupArn && group.weight === b[i]?.weight)
}
