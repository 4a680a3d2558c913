import type { Action, WeightedTargetGroup } from '../domain/action.ts'
import type { HealthByTarget } from '../domain/health.ts'
import type { Listener } from '../domain/load-balancer.ts'
import type { Rule } from '../domain/rule.ts'
import { applyChanges, type Change, changedKeys, emptyState, type State } from '../domain/state.ts'
import { targetKey } from '../domain/target-group.ts'
import type { HeldSwitch } from '../feed/messages.ts'

/*
 * When what was asked for takes effect. Make before break: a listener or a rule that is pointed at target groups of which none
 * has a healthy target yet keeps its old ones while they serve, so that a switch to a group that is just coming up loses nothing.
 */

/** Milliseconds that a switch waits at most. Then it is made: what the user asked for counts, healthy or not. */
const longestHoldMs = 30_000

/** The state that is to take effect now, and what of the desired one is not in it. */
export interface Propagation {
  /** The desired state that this was made from. */
  readonly desired: State
  /** `desired`, but for the forwards of held listeners and rules; the same object where nothing is held. */
  readonly state: State
  readonly held: readonly HeldSwitch[]
  /** When time alone ends a hold, milliseconds since the epoch. */
  readonly nextAt: number | undefined
  /** By the ARN of a listener or a rule. */
  readonly holds: ReadonlyMap<string, Hold>
}

/** A listener or a rule as it is in effect instead of as it was asked for, since a switch of `since`. */
interface Hold {
  readonly effective: Listener | Rule
  readonly since: number
}

export const nothingPropagated: Propagation = {
  desired: emptyState,
  state: emptyState,
  held: [],
  nextAt: undefined,
  holds: new Map(),
}

/** The tables whose records forward. */
const forwarding = ['listeners', 'rules'] as const
type Forwarding = (typeof forwarding)[number]

/** What takes effect of `desired` at `now`, after `before`. A new listener or rule, and a listener with a new protocol, is never held. */
export function propagate(before: Propagation, desired: State, health: HealthByTarget, now: number): Propagation {
  if (before.desired === desired && before.holds.size === 0) return before
  const holds = new Map<string, Hold>()
  const held: HeldSwitch[] = []
  const changes: Change[] = []
  for (const table of forwarding) {
    for (const arn of changedKeys(before.desired[table], desired[table]).union(before.holds)) {
      const hold = holdOf(before, table, arn, desired, health, now)
      if (hold === undefined) continue
      const { effective, since } = hold
      holds.set(arn, hold)
      const which =
        'listenerArn' in effective ? { listenerArn: effective.listenerArn, ruleArn: arn } : { listenerArn: arn }
      held.push({ ...which, until: since + longestHoldMs, forward: effective.forward })
      changes.push({ table, key: arn, value: effective } as Change)
    }
  }
  const isSame =
    before.desired === desired &&
    changes.length === before.held.length &&
    changes.every(({ table, key, value }) => before.state[table].get(key) === value)
  const state = isSame
    ? before.state
    : changes.length === 0
      ? desired
      : applyChanges(desired, desired.revision, changes)
  const nextAt = held.length === 0 ? undefined : Math.min(...held.map(({ until }) => until))
  return { desired, state, held, nextAt, holds }
}

/** Why a listener or rule that was changed, or is held already, is not yet as it was asked for; `undefined` where it may be. */
function holdOf(
  before: Propagation,
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

function isOtherProtocol(a: Listener | Rule, b: Listener | Rule): boolean {
  return 'protocol' in a && 'protocol' in b && a.protocol !== b.protocol
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

function isSameForward({ forward: a }: Action, { forward: b }: Action): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((group, i) => group.targetGroupArn === b[i]?.targetGroupArn && group.weight === b[i]?.weight)
}
