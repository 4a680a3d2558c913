import { groupViewsBuilder } from './group-views.ts'
import { guardsBuilder } from './guards.ts'
import type { HealthByTarget } from './health.ts'
import { listenerPartsBuilder } from './listener-parts.ts'
import { sameItems } from './memo.ts'
import { emptySnapshot, type Snapshot } from './snapshot.ts'
import type { State } from './state.ts'

interface Built {
  readonly snapshot: Snapshot
  /**
   * When time alone changes it, milliseconds since the epoch: a deregistration delay, a draining interval or a suspicion
   * ends.
   */
  readonly nextAt: number | undefined
}

/**
 * Makes a builder of snapshots: everything that the engines are to do, decided from what was asked for, how the targets
 * are, and the time (milliseconds since the epoch). The builder remembers its last answer: a listener, a group or a target
 * that did not change is the same object again, and if nothing changed, so is the snapshot. It takes time for what changed
 * since the last call, whatever else there is.
 */
export function snapshotBuilder(): (state: State, health: HealthByTarget, now: number) => Built {
  const partsOf = listenerPartsBuilder()
  const viewsOf = groupViewsBuilder()
  const guardsOf = guardsBuilder()
  let last = emptySnapshot

  return (state, health, now) => {
    const parts = partsOf(state)
    const listeners = parts.flatMap(part => part.listeners)
    const { groups, nextAt } = viewsOf(
      state,
      parts.map(part => part.routed),
      health,
      now,
    )
    const guards = guardsOf(state, listeners)
    const isSame = sameItems(last.listeners, listeners) && last.guards === guards
    const areGroupsSame = sameItems(last.groups, groups)
    if (!isSame || !areGroupsSame || last.revision !== state.revision)
      last = { revision: state.revision, listeners, groups: areGroupsSame ? last.groups : groups, guards }
    return { snapshot: last, nextAt: nextAt === Infinity ? undefined : nextAt }
  }
}
