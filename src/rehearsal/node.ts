import type { Clock } from '../clock.ts'
import { snapshotBuilder } from '../domain/build-snapshot.ts'
import type { Health, LinkingReason, Probe } from '../domain/health.ts'
import { probesBuilder } from '../domain/probes.ts'
import { emptySnapshot, type Snapshot } from '../domain/snapshot.ts'
import type { State } from '../domain/state.ts'
import { targetGroupOf } from '../domain/target-group.ts'
import type { Timing } from '../domain/timing.ts'
import type { Engine } from '../engine/engine.ts'
import { type AppliedReport, nodeTables } from '../feed/messages.ts'
import { consensusProbes } from '../reconcile/consensus-probes.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import type { Commit, Store } from '../store/store.ts'
import { SimulatedChecks } from './checks.ts'

const isForNode: ReadonlySet<string> = new Set(nodeTables)

interface NodeOptions {
  readonly store: Store
  readonly clock: Clock
  readonly timing: Timing
  /** Whether a connection to this address finds a service. */
  answers(address: string): boolean
}

/**
 * The node process without a process: the real loop from state to snapshot, with an engine that only keeps it. To deployments and the
 * scheduler it is what the control process's end of the feed is. What the store has when it begins has been served long since.
 */
export class SimulatedNode {
  readonly nodeConnected = true
  /** What clients meet. */
  snapshot: Snapshot = emptySnapshot
  /** Why there could be no snapshot. */
  fault: string | undefined
  readonly #checks: SimulatedChecks
  readonly #reconciler: Reconciler
  readonly #probesOf: (state: State) => ReadonlyMap<string, Probe>
  readonly #listeners = new Set<() => void>()
  #applied: AppliedReport | undefined
  /** By target group: `AppliedReport.links`. */
  #linking: ReadonlyMap<string, LinkingReason> = new Map()
  /** Up to which revision it knows all that concerns it, and the last one that did. */
  #revision: number
  #newsRevision: number

  constructor({ store, clock, timing, answers }: NodeOptions) {
    this.#checks = new SimulatedChecks(clock, answers, () => {
      this.#reconciler.health(this.#checks.health)
      this.#report()
    })
    this.#reconciler = new Reconciler({
      engine: this.#engine(),
      clock,
      timing,
      build: snapshotBuilder(),
      onApplied: applied => {
        this.#applied = applied
        this.#linking = new Map(applied.links.map(({ targetGroupArn, reason }) => [targetGroupArn, reason]))
        this.#report()
      },
      log: line => {
        this.fault ??= line
      },
    })
    const buildProbes = probesBuilder()
    this.#probesOf = state => consensusProbes(buildProbes(state), state, timing)
    const state = store.read()
    this.#revision = this.#newsRevision = state.revision
    this.#checks.adopt(this.#probesOf(state))
    this.#serve(state)
    store.watch(commit => this.#commit(commit))
  }

  applied(): AppliedReport | undefined {
    const applied = this.#applied
    if (applied === undefined || applied.revision < this.#newsRevision) return applied
    return { ...applied, revision: Math.max(applied.revision, this.#revision) }
  }

  health(key: string): Health | undefined {
    const health = this.#checks.health.get(key)
    const linking = this.#linking.get(targetGroupOf(key))
    return health === undefined || linking === undefined ? health : { ...health, linking }
  }

  onReport(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stop(): Promise<void> {
    return this.#reconciler.stop()
  }

  #commit({ state, changes }: Commit): void {
    if (changes.some(({ table }) => isForNode.has(table))) {
      // What was acknowledged stays so.
      this.#applied = this.applied()
      this.#newsRevision = state.revision
      this.#serve(state)
    }
    this.#revision = state.revision
  }

  #serve(state: State): void {
    this.#checks.update(this.#probesOf(state))
    this.#reconciler.health(this.#checks.health)
    this.#reconciler.desired(state)
  }

  #report(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  #engine(): Engine {
    return {
      apply: async snapshot => {
        this.snapshot = snapshot
        return { revision: snapshot.revision, problems: [], fallbacks: [] }
      },
      observe: async () => ({ revision: this.snapshot.revision, listeners: [], targets: [] }),
      close: async () => {},
    }
  }
}
