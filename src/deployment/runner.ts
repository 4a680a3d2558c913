import type { Cancel, Clock } from '../clock.ts'
import type { Health } from '../domain/health.ts'
import type { Change, State } from '../domain/state.ts'
import type { Timing } from '../domain/timing.ts'
import { type Ids, randomIds } from '../ids.ts'
import { RevisionConflict, type Store } from '../store/store.ts'
import { codeDeployCourse } from './code-deploy/course.ts'
import type { Course } from './course.ts'
import type { CallHook, HookAnswer } from './hooks.ts'
import { serviceCourse } from './service/course.ts'
import type { Applied, HookCall, View } from './view.ts'

/** Milliseconds until it is tried again when the store can't be written. */
const retryMs = 1_000

/** Time is looked at this often at least, since the wall clock may be set, and timers stand still while the machine sleeps. */
const longestWaitMs = 60_000

const courses: readonly Course[] = [codeDeployCourse, serviceCourse]

/** A hook that is to be under way, and whose deployment waits for it. */
interface WantedHook {
  readonly course: Course
  readonly call: HookCall
}

/** What the node says, as `ControlEnd` has it. */
export interface NodeReports {
  readonly nodeConnected: boolean
  applied(): Applied | undefined
  /** By `targetKey`. */
  health(key: string): Health | undefined
  /** Calls `listener` after each report. The answer stops it. */
  onReport(listener: () => void): () => void
}

interface DeploymentsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly feed: NodeReports
  readonly hooks: CallHook
  readonly timing: Timing
  readonly ids?: Ids
  log(line: string): void
}

export interface Deployments {
  /** Lets go of all deployments, which go on where they are when they are opened again. Ends hooks that run. */
  close(): Promise<void>
}

/**
 * Moves all deployments that the store has: whenever something was committed or reported, or time has come, each one takes its
 * next step. A hook that was under way when this process ended is called again, with the same execution id.
 */
export function openDeployments(options: DeploymentsOptions): Deployments {
  return new Runner(options)
}

class Runner implements Deployments {
  readonly #store: Store
  readonly #clock: Clock
  readonly #feed: NodeReports
  readonly #callHook: CallHook
  readonly #timing: Timing
  readonly #ids: Ids
  readonly #log: (line: string) => void
  readonly #stops: readonly (() => void)[]
  /** By execution id: hooks that were called by this process, also those that will answer by the API. */
  readonly #hooks = new Map<string, AbortController>()
  #cancelTimer: Cancel = () => {}
  #isDue = false
  #running: Promise<void> | undefined
  #isClosed = false

  constructor({ store, clock, feed, hooks, timing, ids = randomIds, log }: DeploymentsOptions) {
    this.#store = store
    this.#clock = clock
    this.#feed = feed
    this.#callHook = hooks
    this.#timing = timing
    this.#ids = ids
    this.#log = log
    this.#stops = [store.watch(() => this.#wake()), feed.onReport(() => this.#wake())]
    this.#wake()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const stop of this.#stops) stop()
    this.#cancelTimer()
    for (const hook of this.#hooks.values()) hook.abort()
    await this.#running
  }

  /** Several in one turn are one pass, and passes do not overlap. */
  #wake(): void {
    this.#isDue = true
    this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    await Promise.resolve()
    try {
      while (this.#isDue && !this.#isClosed) {
        this.#isDue = false
        await this.#pass()
      }
    } catch (error) {
      this.#log(`cannot go on with deployments (${error instanceof Error ? error.message : error}); trying again`)
      this.#wakeAt(this.#clock.now() + retryMs)
    } finally {
      this.#running = undefined
    }
    if (this.#isDue && !this.#isClosed) this.#wake()
  }

  /** One step of each deployment at most: what it commits wakes the next pass. */
  async #pass(): Promise<void> {
    const hooks: WantedHook[] = []
    let wakeAt = Infinity
    const state = this.#store.read()
    for (const [course, key] of courses.flatMap(course =>
      course.unfinished(state).map(key => [course, key] as const),
    )) {
      const move = await this.#move(course, key)
      // Whatever was committed, by this or by others, has woken the next pass, which sees what is to be waited for.
      if (move === undefined || move.changes.length > 0) continue
      hooks.push(...(move.hooks ?? []).map(call => ({ course, call })))
      wakeAt = Math.min(wakeAt, move.wakeAt ?? Infinity)
    }
    if (this.#isDue || this.#isClosed) return
    this.#wakeAt(wakeAt)
    this.#setHooks(hooks)
  }

  async #move(course: Course, key: string) {
    const view = this.#view()
    const move = course.advance(key, view)
    if (!(await this.#commit(view.state, move.changes))) return undefined
    const line = move.changes.length > 0 ? course.told(key, view.state, this.#store.read()) : undefined
    if (line !== undefined) this.#log(line)
    return move
  }

  /** False where somebody else committed first: the commit has woken another pass. */
  async #commit({ revision }: State, changes: readonly Change[]): Promise<boolean> {
    if (changes.length === 0) return true
    try {
      await this.#store.transact(revision, changes)
      return true
    } catch (error) {
      if (error instanceof RevisionConflict) return false
      throw error
    }
  }

  #view(): View {
    return {
      state: this.#store.read(),
      now: this.#clock.now(),
      nodeConnected: this.#feed.nodeConnected,
      applied: this.#feed.applied(),
      health: key => this.#feed.health(key),
      timing: this.#timing,
      hex: length => this.#ids.hex(length),
      uuid: () => this.#ids.uuid(),
    }
  }

  #wakeAt(time: number): void {
    this.#cancelTimer()
    if (time === Infinity) return
    const ms = Math.min(Math.max(0, time - this.#clock.now()), longestWaitMs)
    this.#cancelTimer = this.#clock.after(ms, () => this.#wake())
  }

  /** Calls the hooks that are new, and ends those that nobody waits for any longer. */
  #setHooks(wanted: readonly WantedHook[]): void {
    const ids = new Set(wanted.map(({ call }) => call.executionId))
    for (const [id, hook] of this.#hooks) {
      if (ids.has(id)) continue
      hook.abort()
      this.#hooks.delete(id)
    }
    for (const { course, call } of wanted) {
      if (this.#hooks.has(call.executionId)) continue
      const hook = new AbortController()
      this.#hooks.set(call.executionId, hook)
      this.#callHook(call, hook.signal)
        .then(async answer => {
          if (hook.signal.aborted) return
          await this.#take(course, call, answer)
          if (answer?.callBack === undefined) return
          this.#hooks.delete(call.executionId)
          this.#wake()
        })
        .catch(error => {
          this.#log(
            `deployment ${call.deploymentId}: the answer of its hook is lost (${error.message}); calling it again`,
          )
          this.#hooks.delete(call.executionId)
          this.#wakeAt(this.#clock.now() + retryMs)
        })
    }
  }

  /** Keeps what a hook said, unless it has said something by the API already. */
  async #take(course: Course, call: HookCall, answer: HookAnswer): Promise<void> {
    if (answer === undefined) return
    for (let isKept = false; !isKept && !this.#isClosed; ) {
      const state = this.#store.read()
      isKept = await this.#commit(state, course.answered(call, answer, state, this.#clock.now()))
    }
  }
}
