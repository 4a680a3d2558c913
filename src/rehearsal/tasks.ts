import type { Clock } from '../clock.ts'
import type { State } from '../domain/state.ts'
import { taskId } from '../domain/task.ts'
import type { Place, TaskEvent, TaskRuntime, TaskSpec } from '../tasks/runtime.ts'
import type { Chance } from './chance.ts'

/** What AWS Fargate takes until a task runs, milliseconds: to find a host, attach its network, pull an image, start it. */
const [shortestStartMs, longestStartMs] = [58_000, 62_000]
const stopMs = 1_000

interface SimulatedTask {
  readonly spec: TaskSpec
  readonly place: Place
  readonly startedAt: number
}

/**
 * Tasks that are nothing but records: they start as Fargate's do, serve as soon as they run, and pass their container's own check
 * at its first run, one interval after their start.
 */
export class SimulatedTasks implements TaskRuntime {
  readonly #clock: Clock
  readonly #chance: Chance
  readonly #onEvent: (event: TaskEvent) => void
  readonly #tasks = new Map<string, SimulatedTask>()
  /** Where the tasks of `state` are that run already. */
  readonly #places: ReadonlyMap<string, Place>
  readonly #taken: Set<string>
  readonly #ended = new Set<string>()
  #count = 0

  constructor(clock: Clock, chance: Chance, state: State, onEvent: (event: TaskEvent) => void) {
    this.#clock = clock
    this.#chance = chance
    this.#onEvent = onEvent
    this.#places = placesIn(state)
    this.#taken = new Set(this.#places.values().map(({ address }) => address))
  }

  /** Whether a connection to this address finds a service: always, but where a task has ended. */
  answers(address: string): boolean {
    return !this.#ended.has(address)
  }

  async adopt(known: readonly TaskSpec[]): Promise<void> {
    for (const spec of known) {
      const place = this.#places.get(spec.id)
      if (place === undefined) this.start(spec)
      else this.#run({ spec, place, startedAt: this.#clock.now() })
    }
  }

  start(spec: TaskSpec): void {
    const place = {
      address: this.#address(),
      ports: Object.fromEntries(spec.ports.map(({ containerPort }) => [containerPort, containerPort])),
    }
    const ms = this.#chance.between(shortestStartMs, longestStartMs)
    const task = { spec, place, startedAt: this.#clock.now() + ms }
    this.#tasks.set(spec.id, task)
    this.#clock.after(ms, () => this.#tasks.has(spec.id) && this.#run(task))
  }

  stop(id: string): void {
    const task = this.#tasks.get(id)
    if (task !== undefined) this.#ended.add(task.place.address)
    this.#tasks.delete(id)
    this.#clock.after(stopMs, () =>
      this.#onEvent({ id, kind: 'stopped', failedToStart: false, reason: 'exited with 0', exitCode: 0 }),
    )
  }

  async logs(): Promise<undefined> {}
  async leave(): Promise<void> {}
  async close(): Promise<void> {}

  #run(task: SimulatedTask): void {
    const { spec, place, startedAt } = task
    const { id, healthCheck } = spec
    this.#tasks.set(id, task)
    this.#onEvent({ id, kind: 'running', place, startedAt })
    if (healthCheck === undefined) return
    this.#clock.after(1000 * healthCheck.intervalSeconds, () => {
      if (this.#tasks.has(id)) this.#onEvent({ id, kind: 'health', health: 'HEALTHY' })
    })
  }

  /** Of 100.64.0.0/10 (RFC 6598), which target groups take. */
  #address(): string {
    for (;;) {
      const number = this.#count++
      const address = `100.${64 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
      if (!this.#taken.has(address)) return address
    }
  }
}

function placesIn({ tasks }: State): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>()
  for (const task of tasks.values()) {
    const { address, ports, lastStatus } = task
    if (lastStatus === 'RUNNING' && address !== undefined && ports !== undefined)
      places.set(taskId(task), { address, ports })
  }
  return places
}
