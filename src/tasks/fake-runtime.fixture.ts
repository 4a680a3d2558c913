import type { Clock } from '../clock.ts'
import type { Place, RuntimeOptions, TaskEvent, TaskRuntime, TaskSpec } from './runtime.ts'

/** A task of a `FakeHost`: it runs from when it was told to be running. */
export interface FakeTask {
  readonly spec: TaskSpec
  readonly place: Place
  readonly startedAt: number
  isRunning: boolean
  isStopping: boolean
  output: string
}

/**
 * Tasks that are nothing but records, each with an address of its own, in order of their starts. They live on when a runtime
 * leaves, and end by `exit` or when they are stopped, with code 0; with DEAF=1 in their environment only by the stop timeout.
 */
export class FakeHost {
  readonly tasks = new Map<string, FakeTask>()
  /** How long a start and a stop take; 0: told in the same turn. */
  startMs = 0
  stopMs = 0
  /** Why a task fails to start; `undefined`: it does not. */
  refuse: (spec: TaskSpec) => string | undefined = () => undefined
  readonly #clock: Clock
  readonly #ended = new Map<string, string>()
  #tell: ((event: TaskEvent) => void) | undefined
  #started = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** One at a time: what happens while none is open is told to nobody. */
  open({ onEvent }: Pick<RuntimeOptions, 'onEvent'>): TaskRuntime {
    this.#tell = onEvent
    const leave = async () => {
      this.#tell = undefined
    }
    return {
      adopt: async known => this.#adopt(known),
      start: spec => this.#start(spec),
      stop: id => this.#stop(id),
      logs: async (id, bytes) => {
        const output = this.tasks.get(id)?.output ?? this.#ended.get(id)
        return output === undefined ? undefined : Buffer.from(output).subarray(-bytes)
      },
      leave,
      close: async () => {
        for (const id of [...this.tasks.keys()]) this.exit(id, 0)
        await leave()
      },
    }
  }

  /** Those that run, oldest first. */
  running(): readonly FakeTask[] {
    return [...this.tasks.values()].filter(({ isRunning }) => isRunning)
  }

  /** The task ends: by itself, or by a signal, which is 128 more than its number. */
  exit(id: string, exitCode: number): void {
    const task = this.tasks.get(id)
    if (task === undefined) return
    this.tasks.delete(id)
    this.#ended.set(id, task.output)
    const reason = exitCode === 137 ? 'killed by SIGKILL' : `exited with ${exitCode}`
    this.#tell?.({ id, kind: 'stopped', failedToStart: false, reason, exitCode })
  }

  /** What a health check of a running task's own says. */
  health(id: string, health: 'HEALTHY' | 'UNHEALTHY'): void {
    if (this.tasks.get(id)?.isRunning) this.#tell?.({ id, kind: 'health', health })
  }

  #adopt(known: readonly TaskSpec[]): void {
    for (const id of [...this.tasks.keys()]) if (!known.some(spec => spec.id === id)) this.tasks.delete(id)
    for (const { id } of known) {
      const task = this.tasks.get(id)
      if (task?.isRunning) this.#tell?.({ id, kind: 'running', place: task.place, startedAt: task.startedAt })
      else this.#isGone(id, 'ended while nobody watched')
    }
  }

  #start(spec: TaskSpec): void {
    if (this.tasks.has(spec.id)) return
    const reason = this.refuse(spec)
    if (reason !== undefined) {
      this.#tell?.({ id: spec.id, kind: 'stopped', failedToStart: true, reason })
      return
    }
    const number = this.#started++
    const task: FakeTask = {
      spec,
      place: {
        address: `10.200.${number >> 8}.${number & 255}`,
        ports: Object.fromEntries(spec.ports.map(({ containerPort }) => [containerPort, containerPort])),
      },
      startedAt: this.#clock.now() + this.startMs,
      isRunning: false,
      isStopping: false,
      output: '',
    }
    this.tasks.set(spec.id, task)
    this.#after(this.startMs, () => {
      // Its owner may have left meanwhile; it runs all the same.
      if (this.tasks.get(spec.id) !== task || task.isStopping) return
      task.isRunning = true
      this.#tell?.({ id: spec.id, kind: 'running', place: task.place, startedAt: task.startedAt })
    })
  }

  #stop(id: string): void {
    const task = this.tasks.get(id)
    if (task?.isStopping) return
    if (task !== undefined) task.isStopping = true
    if (task === undefined) this.#isGone(id, 'was not there')
    else if (task.spec.environment.DEAF === undefined) this.#after(this.stopMs, () => this.exit(id, 0))
    else this.#after(task.spec.stopTimeoutMs, () => this.exit(id, 137))
  }

  #isGone(id: string, reason: string): void {
    this.tasks.delete(id)
    this.#tell?.({ id, kind: 'stopped', failedToStart: false, reason })
  }

  #after(ms: number, task: () => void): void {
    if (ms === 0) task()
    else this.#clock.after(ms, task)
  }
}
