import type { Cancel, Clock } from '../clock.ts'
import type { Health } from '../domain/health.ts'
import { applyChanges, type Change, type State } from '../domain/state.ts'
import { type Ids, randomIds } from '../ids.ts'
import { commit } from '../store/commit.ts'
import type { Store } from '../store/store.ts'
import type { TaskEvent, TaskRuntime } from './runtime.ts'
import { schedule } from './schedule.ts'
import { endedChanges, pendingChanges, TaskRunner, taskChanges, tasksById } from './task-runner.ts'

/** Time is looked at this often at least, since the wall clock may be set. */
const longestWaitMs = 60_000

const retryMs = 1_000

interface SchedulerOptions {
  readonly store: Store
  readonly clock: Clock
  /** The node's word on a target (`targetKey`). */
  health(key: string): Health | undefined
  /** Whether the node has acknowledged this revision of the state, or a later one. */
  hasApplied(revision: number): boolean
  /** Calls `listener` whenever one of these two may answer something else. The answer stops it. */
  onReport(listener: () => void): () => void
  /** Opens what runs tasks; without it tasks stay `PROVISIONING`. */
  readonly openRuntime?: (onEvent: (event: TaskEvent) => void) => TaskRuntime | Promise<TaskRuntime>
  readonly ids?: Ids
  log(line: string): void
}

/** Keeps services' tasks as the state asks for them. */
export interface Scheduler {
  /** What a task wrote, the newest `bytes` at most; `undefined`: nothing is known of it. @param id its 32 hex digits */
  logs(id: string, bytes: number): Promise<Buffer | undefined>
  /** Lets the tasks go on without it; the next one adopts them. */
  leave(): Promise<void>
  /** Ends all tasks. */
  close(): Promise<void>
}

/** Opens the runtime and has it take over what runs already, then schedules at each commit, each report and each due time. */
export async function openScheduler(options: SchedulerOptions): Promise<Scheduler> {
  const loop = new SchedulingLoop(options)
  await loop.open()
  return loop
}

class SchedulingLoop implements Scheduler {
  readonly #options: SchedulerOptions
  #runtime: TaskRuntime | undefined
  #runner: TaskRunner | undefined
  #unwatch: readonly (() => void)[] = []
  #cancel: Cancel = () => {}
  #isDue = false
  #isClosed = false
  #passes: Promise<void> | undefined
  #saidNone = false

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  async open(): Promise<void> {
    const { store, onReport, openRuntime } = this.#options
    if (openRuntime === undefined) {
      await commit(store, state => endedChanges(state, 'Sluice was started without --tasks', this.#options.clock.now()))
    } else {
      this.#runtime = await openRuntime(event => this.#hear(event))
      this.#runner = new TaskRunner(this.#runtime)
      await this.#runner.adopt(store.read())
    }
    const wake = () => this.#wake()
    this.#unwatch = [store.watch(wake), onReport(wake)]
    this.#wake()
  }

  async logs(id: string, bytes: number): Promise<Buffer | undefined> {
    return this.#runtime?.logs(id, bytes)
  }

  async leave(): Promise<void> {
    await this.#stop()
    await this.#runtime?.leave()
  }

  async close(): Promise<void> {
    await this.#stop()
    await this.#runtime?.close()
    if (this.#runtime === undefined) return
    const { store, clock } = this.#options
    await commit(store, state => endedChanges(state, 'Sluice was stopped', clock.now()))
  }

  async #stop(): Promise<void> {
    this.#isClosed = true
    for (const unwatch of this.#unwatch) unwatch()
    await this.#passes
    this.#cancel()
  }

  #hear(event: TaskEvent): void {
    this.#runner?.hear(event)
    this.#wake()
  }

  /** All that wakes it in one turn is one pass, and passes don't overlap. */
  #wake(): void {
    this.#isDue = true
    if (this.#isClosed || this.#passes !== undefined || this.#unwatch.length === 0) return
    this.#passes = this.#run()
  }

  async #run(): Promise<void> {
    while (this.#isDue && !this.#isClosed) {
      await Promise.resolve()
      this.#isDue = false
      this.#cancel()
      try {
        const nextAt = await this.#pass()
        const { clock } = this.#options
        this.#cancel = clock.after(Math.min(Math.max(0, nextAt - clock.now()), longestWaitMs), () => this.#wake())
      } catch (error) {
        this.#options.log(`tasks are not scheduled, tried again in a second: ${(error as Error).message}`)
        this.#cancel = this.#options.clock.after(retryMs, () => this.#wake())
      }
    }
    this.#passes = undefined
  }

  /** One commit of all there is to do now; then the runtime is told. Answers when time alone asks for another. */
  async #pass(): Promise<number> {
    const { store, clock, health, hasApplied, ids = randomIds, log } = this.#options
    const runner = this.#runner
    let heard = 0
    let nextAt = Infinity
    let lines: readonly string[] = []
    const state = await commit(store, state => {
      const now = clock.now()
      const events = runner?.events ?? []
      heard = events.length
      lines = events.flatMap(event => lineOf(state, event))
      const toldOf = new Steps(state).add(taskChanges(state, events, now))
      const planned = schedule(toldOf.state, {
        health,
        hasApplied,
        now,
        newTaskArn: clusterArn => `${clusterArn.replace(':cluster/', ':task/')}/${ids.hex(32)}`,
        uuid: () => ids.uuid(),
      })
      nextAt = planned.nextAt
      toldOf.add(planned.changes)
      if (runner !== undefined) toldOf.add(pendingChanges(toldOf.state))
      return toldOf.changes
    })
    runner?.forget(heard)
    for (const line of lines) log(line)
    runner?.align(state)
    if (runner === undefined) this.#sayNone(state)
    return nextAt
  }

  #sayNone(state: State): void {
    if (this.#saidNone || ![...state.tasks.values()].some(({ lastStatus }) => lastStatus === 'PROVISIONING')) return
    this.#saidNone = true
    this.#options.log('tasks are asked for and none is run: start Sluice with --tasks process or --tasks docker')
  }
}

/** Changes on top of changes, as one list. */
class Steps {
  state: State
  readonly changes: Change[] = []

  constructor(state: State) {
    this.state = state
  }

  add(changes: readonly Change[]): this {
    this.changes.push(...changes)
    this.state = applyChanges(this.state, this.state.revision, changes)
    return this
  }
}

/** For the operator: a task that ended though nobody had asked it to. */
function lineOf(state: State, event: TaskEvent): readonly string[] {
  if (event.kind !== 'stopped') return []
  const task = tasksById(state.tasks).get(event.id)
  if (task === undefined || task.desiredStatus === 'STOPPED') return []
  const what = event.failedToStart ? 'did not start' : 'ended'
  return [`task ${event.id} of ${task.group} ${what}: ${event.reason} (sluice task logs ${event.id})`]
}
