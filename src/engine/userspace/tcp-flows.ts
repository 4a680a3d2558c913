import type { Clock } from '../../clock.ts'
import type { Suspicion, TargetCounters } from '../engine.ts'

/** What ends when its target is cut. */
export interface Cuttable {
  cut(targetKey: string): void
}

/** What one target has had of this process. */
export interface TargetTally {
  newFlows: number
  activeFlows: number
  bytesIn: number
  bytesOut: number
  /** Connections that are established to it, or trying. */
  readonly connections: Set<Cuttable>
}

/** For so long a target that refused a connection gets no new ones; by then a snapshot says more about it. */
const suspectMs = 1_000

/** All TCP connections of one process by target, whichever listeners they came through. */
export class TcpFlows {
  readonly #clock: Clock
  readonly #onSuspicion: (suspicion: Suspicion) => void
  readonly #tallies = new Map<string, TargetTally>()
  /** Targets that refused, and the monotonic time until which they are avoided. */
  readonly #suspects = new Map<string, number>()
  /** Most connections at once, each of which costs two file descriptors. */
  readonly limit: number
  active = 0

  constructor(options: { readonly clock: Clock; readonly limit: number; onSuspicion(suspicion: Suspicion): void }) {
    this.#clock = options.clock
    this.#onSuspicion = options.onSuspicion
    this.limit = options.limit
  }

  of(targetKey: string): TargetTally {
    let tally = this.#tallies.get(targetKey)
    if (tally === undefined) {
      tally = { newFlows: 0, activeFlows: 0, bytesIn: 0, bytesOut: 0, connections: new Set() }
      this.#tallies.set(targetKey, tally)
    }
    return tally
  }

  /** Ends every connection to this target. */
  cut(targetKey: string): void {
    const connections = this.#tallies.get(targetKey)?.connections ?? []
    for (const connection of [...connections]) connection.cut(targetKey)
  }

  /** Told once for each second in which the target refuses, not for each connection. */
  suspect(targetKey: string, reason: string): void {
    if (this.isSuspect(targetKey)) return
    this.#suspects.set(targetKey, this.#clock.monotonic() + suspectMs)
    this.#onSuspicion({ target: targetKey, reason })
  }

  get hasSuspects(): boolean {
    return this.#suspects.size > 0
  }

  isSuspect(targetKey: string): boolean {
    const until = this.#suspects.get(targetKey)
    if (until === undefined) return false
    if (until > this.#clock.monotonic()) return true
    this.#suspects.delete(targetKey)
    return false
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
