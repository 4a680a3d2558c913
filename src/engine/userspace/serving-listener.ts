import type { Choice } from '../../domain/choice.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import type { ListenerCounters, TargetCounters } from '../engine.ts'

/** A listener at work in one process, whatever its protocol. */
export interface ServingListener {
  /** Goes on with the next snapshot; `groups` by `SnapshotGroup.id`, at least those of the listener's route. */
  update(listener: SnapshotListener, choice: Choice, groups: ReadonlyMap<string, SnapshotGroup>): void
  /** Totals, and those of the targets that it counts by itself. */
  counters(): { readonly listener: ListenerCounters; readonly targets: readonly TargetCounters[] }
  /** Gives the port back. Connections go on; flows, which have no end to wait for, don't. */
  stopAccepting(): void
  /** Gives the port back and ends everything. */
  close(): void
}
