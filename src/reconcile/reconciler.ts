import { isDeepStrictEqual } from 'node:util'
import type { Cancel, Clock } from '../clock.ts'
import type { HealthByTarget } from '../domain/health.ts'
import type { Snapshot } from '../domain/snapshot.ts'
import type { State } from '../domain/state.ts'
import type { Timing } from '../domain/timing.ts'
import type { Applied, Engine, Problem } from '../engine/engine.ts'
import type { AppliedReport } from '../feed/messages.ts'
import { certificateProblems } from './certificate-problems.ts'
import { nothingPropagated, propagate } from './propagation.ts'

const shortestBackOffMs = 250
const longestBackOffMs = 5_000
/** A wall clock that is set back, or a time beyond what a timer can count, costs at most a wait of this length. */
const longestWaitMs = 3_600_000

interface ReconcilerOptions {
  readonly engine: Engine
  readonly clock: Clock
  readonly timing: Timing
  /** Decides what the engine is to do. It answers the same snapshot object where nothing changed. */
  build(
    state: State,
    health: HealthByTarget,
    now: number,
  ): { readonly snapshot: Snapshot; readonly nextAt: number | undefined }
  /** Called after the first `apply`, and whenever something in the report is different from the last. */
  onApplied(report: AppliedReport): void
  log(line: string): void
}

/**
 * The one loop: makes the engine equal to what is desired. Wake-ups of one turn are one run, runs do not overlap, and each
 * works on the newest state and health. Where something is not in place it tries again, less and less often.
 */
export class Reconciler {
  readonly #options: ReconcilerOptions
  #state: State | undefined
  #health: HealthByTarget = new Map()
  #propagation = nothingPropagated
  /** What monotonic time began at, milliseconds since the epoch: a wall clock that is set keeps no switch waiting. */
  readonly #epoch: number

  #isDue = false
  #isStopped = false
  #running: Promise<void> | undefined
  #cancelWait: Cancel = () => {}

  /** The snapshot of the last `apply`; it is not applied again but to try again what failed. */
  #tried: Snapshot | undefined
  #applied: Applied = { revision: 0, problems: [], fallbacks: [] }
  #reported: AppliedReport | undefined
  /** After a bug's error nothing is done before it is time to try again, lest each wake-up log it. */
  #hasFailed = false
  /** Monotonic milliseconds. */
  #retryAt = Infinity
  #backOffMs = shortestBackOffMs

  constructor(options: ReconcilerOptions) {
    this.#options = options
    this.#epoch = options.clock.now() - options.clock.monotonic()
  }

  /** What the engine is to serve from now on. Nothing is applied before the first call. */
  desired(state: State): void {
    if (state === this.#state) return
    this.#state = state
    this.#wake()
  }

  health(health: HealthByTarget): void {
    this.#health = health
    this.#wake()
  }

  /** Has the engine look again at what it was told last: what it can do may have changed, or how what it did turned out. */
  again(): void {
    if (this.#tried === undefined) return
    this.#retryAt = Math.min(this.#retryAt, this.#options.clock.monotonic())
    this.#wake()
  }

  /** Resolves when the engine is no longer being worked on; it is left as it is. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelWait()
    await this.#running
  }

  #wake(): void {
    this.#isDue = true
    if (!this.#isStopped) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    // Whoever woke it may have more to say in this turn.
    await Promise.resolve()
    while (this.#isDue && !this.#isStopped && this.#state !== undefined) {
      this.#isDue = false
      this.#cancelWait()
      await this.#reconcile(this.#state)
    }
    this.#running = undefined
  }

  async #reconcile(state: State): Promise<void> {
    const { clock, build, log, timing } = this.#options
    const isRetryDue = clock.monotonic() >= this.#retryAt
    let nextAt: number | undefined
    if (!this.#hasFailed || isRetryDue) {
      try {
        const now = clock.now()
        const steady = Math.floor(this.#epoch + clock.monotonic())
        this.#propagation = propagate(this.#propagation, state, this.#health, steady, timing)
        const built = build(this.#propagation.state, this.#health, now)
        nextAt = Math.min(built.nextAt ?? Infinity, now + (this.#propagation.nextAt ?? Infinity) - steady)
        if (built.snapshot !== this.#tried || isRetryDue) await this.#apply(built.snapshot)
        this.#hasFailed = false
        this.#report(certificateProblems(this.#propagation.state, built.snapshot))
      } catch (error) {
        this.#hasFailed = true
        this.#tried = undefined
        log(`reconcile: ${error instanceof Error ? error.stack : error}; again in ${this.#backOffMs} ms`)
        this.#backOff()
      }
    }
    this.#sleep(nextAt ?? Infinity)
  }

  async #apply(snapshot: Snapshot): Promise<void> {
    const isNew = snapshot !== this.#tried
    this.#tried = snapshot
    this.#applied = await this.#options.engine.apply(snapshot)
    const isClean = this.#applied.problems.length === 0
    if (isNew || isClean) this.#backOffMs = shortestBackOffMs
    this.#retryAt = Infinity
    if (!isClean) this.#backOff()
  }

  #backOff(): void {
    this.#retryAt = this.#options.clock.monotonic() + this.#backOffMs
    this.#backOffMs = Math.min(2 * this.#backOffMs, longestBackOffMs)
  }

  /** `more`: what no engine can know. */
  #report(more: readonly Problem[]): void {
    const problems = [...this.#applied.problems, ...more]
    const { held, delayed, links } = this.#propagation
    const report: AppliedReport = { kind: 'applied', ...this.#applied, problems, held, delayed, links }
    if (isDeepStrictEqual(report, this.#reported)) return
    this.#reported = report
    this.#options.onApplied(report)
  }

  /** `nextAt`: milliseconds since the epoch. */
  #sleep(nextAt: number): void {
    const { clock } = this.#options
    const ms = Math.min(nextAt - clock.now(), this.#retryAt - clock.monotonic())
    if (ms === Infinity || this.#isStopped) return
    this.#cancelWait = clock.after(Math.min(Math.max(ms, 1), longestWaitMs), () => this.#wake())
  }
}
