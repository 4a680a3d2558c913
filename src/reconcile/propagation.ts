import type { HealthByTarget } from '../domain/health.ts'
import { applyChanges, type Change, changedKeys, emptyState, type State } from '../domain/state.ts'
import type { Timing } from '../domain/timing.ts'
import type { GroupLink, HeldSwitch } from '../feed/messages.ts'
import { forwarding, placeOf } from './forwarders.ts'
import { type Hold, holdOf, longestHoldMs } from './held-switches.ts'
import { atOnce, effectOf, isTimed, type Linkage, linkageOf } from './linkage.ts'

/*
 * When what was asked for takes effect: at once, but for switches that would lose something (`held-switches.ts`); and for load
 * balancers under AWS's timing as late as it would there, whatever is lost (`linkage.ts`).
 */

/** The state that is to take effect now, and what of the desired one is not in it. */
export interface Propagation {
  /** The desired state that this was made from. */
  readonly desired: State
  /** `desired`, but for what is held or delayed; the same object where nothing is. */
  readonly state: State
  /** How many records of `state` are not as `desired` has them. */
  readonly different: number
  readonly held: readonly HeldSwitch[]
  readonly delayed: readonly HeldSwitch[]
  readonly links: readonly GroupLink[]
  /** When time alone changes any of it, milliseconds since the epoch. */
  readonly nextAt: number | undefined
  /** By the ARN of a listener or a rule. */
  readonly holds: ReadonlyMap<string, Hold>
  /** Absent before the first call, and where no load balancer takes AWS's time. */
  readonly linkage?: Linkage
}

export const nothingPropagated: Propagation = {
  desired: emptyState,
  state: emptyState,
  different: 0,
  held: [],
  delayed: [],
  links: [],
  nextAt: undefined,
  holds: new Map(),
}

/**
 * What takes effect of `desired` at `now`, after `before`. Under AWS's timing all that the first call finds counts as linked long ago: a
 * node that starts again takes it over.
 */
export function propagate(
  before: Propagation,
  desired: State,
  health: HealthByTarget,
  now: number,
  timing: Timing,
): Propagation {
  const isSameDesired = before.desired === desired
  if (isSameDesired && before.holds.size === 0 && now < (before.nextAt ?? Infinity)) return before
  const holds = new Map<string, Hold>()
  const held: HeldSwitch[] = []
  const changes: Change[] = []
  for (const table of forwarding) {
    for (const arn of changedKeys(before.desired[table], desired[table]).union(before.holds)) {
      const wanted = desired[table].get(arn)
      const hold =
        wanted === undefined || isTimed(desired, wanted, timing)
          ? undefined
          : holdOf(before, table, arn, desired, health, now)
      if (hold === undefined) continue
      const { effective, since } = hold
      holds.set(arn, hold)
      held.push({ ...placeOf(effective), until: since + longestHoldMs, forward: effective.forward })
      changes.push({ table, key: arn, value: effective } as Change)
    }
  }
  const linkage = linkageOf(before, desired, now, timing)
  const effect = linkage === undefined ? atOnce : effectOf(linkage, before, desired, now, changes)
  const isSame =
    isSameDesired &&
    changes.length === before.different &&
    changes.every(({ table, key, value }) => before.state[table].get(key) === value)
  const state = isSame
    ? before.state
    : changes.length === 0
      ? desired
      : applyChanges(desired, desired.revision, changes)
  const nextAt = held.reduce((soonest, { until }) => Math.min(soonest, until), effect.nextAt)
  const { delayed, links } = effect
  return {
    ...{ desired, state, held, delayed, links, holds, different: changes.length },
    nextAt: nextAt === Infinity ? undefined : nextAt,
    ...(linkage && { linkage }),
  }
}
