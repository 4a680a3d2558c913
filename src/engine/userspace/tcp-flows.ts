import type { SnapshotGroup } from '../../domain/snapshot.ts'
import type { TargetCounters } from '../engine.ts'

/** What ends when its target is cut. */
interface Cuttable {
  cut(targetKey: string, groupId: string, isGone: (groupId: string) => boolean): void
}

/** What one target has had of this process. */
interface TargetTally {
  newFlows: number
  activeFlows: number
  bytesIn: number
  bytesOut: number
  /** Connections that are established to it, or trying. */
  readonly connections: Set<Cuttable>
}

/** All TCP connections of one process by target, whichever listeners they came through. */
export class TcpFlows {
  readonly #tallies = new Map<string, TargetTally>()
  /** Most connections at once, each of which costs two file descriptors. */
  readonly limit: number
  active = 0

  constructor(limit: number) {
    this.limit = limit
  }

  of(targetKey: string): TargetTally {
    let tally = this.#tallies.get(targetKey)
    if (tally === undefined) {
      tally = { newFlows: 0, activeFlows: 0, bytesIn: 0, bytesOut: 0, connections: new Set() }
      this.#tallies.set(targetKey, tally)
    }
    return tally
  }

  /**
   * Ends what was opened through this group to those of its targets that are cut. The same target may serve on in another
   * view of its target group: a UDP flow may have found it dead, or another zone fails open.
   *
   * @param isGone of a group that no listener has any more: a view of the same target group stands for it, as when zones are
   *   joined
   */
  cut({ id, targets }: SnapshotGroup, isGone: (groupId: string) => boolean): void {
    for (const { key, mode } of targets) {
      if (mode !== 'cut') continue
      for (const connection of [...(this.#tallies.get(key)?.connections ?? [])]) connection.cut(key, id, isGone)
    }
  }

  /** Forgets the counters of targets that are not among `keys`, once their last connection has ended. */
  retain(keys: ReadonlySet<string>): void {
    for (const [key, { connections }] of this.#tallies)
      if (connections.size === 0 && !keys.has(key)) this.#tallies.delete(key)
  }

  counters(): readonly TargetCounters[] {
    const counters: TargetCounters[] = []
    for (const [target, { newFlows, activeFlows, bytesIn, bytesOut }] of this.#tallies)
      if (newFlows > 0) counters.push({ target, newFlows, activeFlows, bytesIn, bytesOut })
    return counters
  }
}
