/** Tasks as containers of this host's Docker, which keeps them when we end, and finds them again by their labels. */
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { Clock } from '../../clock.ts'
import type { RuntimeOptions, TaskEvent, TaskRuntime, TaskSpec } from '../runtime.ts'
import { containerName, creationOf, type Inspection, labels, observe, pullOf } from './container.ts'
import { bytesIn, DockerApi, DockerAway, DockerError, dockerSocket, objectsIn } from './engine-api.ts'
import { Link } from './link.ts'
import { newestOutput } from './log-frames.ts'
import { PastLogs } from './past-logs.ts'

export interface DockerRuntimeOptions extends RuntimeOptions {
  readonly clock: Clock
  /** Where Docker listens, instead of DOCKER_HOST or Docker's usual place. */
  readonly socketPath?: string
}

/**
 * Tasks as containers `sluice-ID` at Docker's default bridge, where each has an address of its own, with the task's environment, HOST
 * (0.0.0.0), PORT (its first port) and PORT_8080 for each port. An image that is not there is pulled, without a registry's password.
 *
 * That nobody listens at Docker's socket is no error: tasks that are started wait for a minute, as while dockerd is upgraded, and then
 * fail with that reason; it is tried until somebody listens.
 *
 * @throws Error with one line for the operator: DOCKER_HOST is no socket of this host
 */
export function openDockerRuntime(options: DockerRuntimeOptions): TaskRuntime {
  return new DockerRuntime(options)
}

/** What is kept of a stopped task's output. */
const pastLogBytes = 1_048_576
/** For so long a task that is to start waits for a Docker that does not answer. */
const startPatienceMs = 60_000
/** Between what Docker refuses and the next try. */
const refusedMs = 5_000

/** A task that has not been told as stopped. */
interface Held {
  readonly spec: TaskSpec
  /** One step at a time, so that what is told of it is in order. */
  work: Promise<void>
  /** Aborted: it is to stop. */
  readonly stop: AbortController
  /** Until its container has been started: whether it waits for a Docker that is away, or fails. */
  toStart?: 'patiently' | 'now'
  toldRunning: boolean
  toldHealth?: 'HEALTHY' | 'UNHEALTHY'
}

/** Whatever happens is but a reason to look at the container again: what is told comes from its inspection. */
class DockerRuntime implements TaskRuntime {
  readonly #options: DockerRuntimeOptions
  readonly #api: DockerApi
  readonly #pastLogs: PastLogs
  readonly #dataDirHash: string
  readonly #held = new Map<string, Held>()
  /** Containers that nobody knows any more, being ended. */
  readonly #ending = new Map<string, Promise<void>>()
  /** What the operator has been told that Docker refuses. */
  readonly #refusals = new Set<string>()
  #link: Link | undefined

  constructor(options: DockerRuntimeOptions) {
    this.#options = options
    this.#api = new DockerApi(options.socketPath ?? dockerSocket(process.env.DOCKER_HOST), options.clock)
    this.#pastLogs = new PastLogs(options)
    // Sluices in containers may share this Docker, and have the same name for their directories.
    this.#dataDirHash = createHash('sha256').update(`${hostname()} ${options.dataDir}`).digest('hex').slice(0, 16)
  }

  async adopt(known: readonly TaskSpec[]): Promise<void> {
    for (const spec of known) this.#hold(spec)
    this.#link = new Link({
      api: this.#api,
      clock: this.#options.clock,
      // Not by the directory's label: what is known was perhaps made when this host had another name.
      filters: { type: ['container'], event: ['die', 'destroy', 'health_status'], label: [labels.task] },
      onOpen: () => this.#lookAround(),
      onEvent: ({ [labels.task]: id = '' }) => this.#lookAt(id),
      log: this.#options.log,
    })
    await this.#link.tried
    await this.#stepsDone()
  }

  start(spec: TaskSpec): void {
    if (this.#held.has(spec.id)) return
    const held = this.#hold(spec)
    held.toStart = 'patiently'
    this.#options.clock.after(startPatienceMs, () => {
      if (held.toStart === undefined) return
      held.toStart = 'now'
      this.#lookAt(spec.id)
    })
    this.#lookAt(spec.id)
  }

  stop(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) this.#tell({ id, kind: 'stopped', failedToStart: false, reason: 'was not there' })
    else if (!held.stop.signal.aborted) {
      held.stop.abort()
      this.#lookAt(id)
    }
  }

  /** Rejects with what is wrong if Docker is to be asked and cannot be. */
  async logs(id: string, bytes: number): Promise<Buffer | undefined> {
    // Anything else could be a path to somewhere else.
    if (!/^[0-9a-f]{32}$/.test(id)) return undefined
    const past = () => this.#pastLogs.read(id, bytes)
    // Between the first two its output may have been kept, and the container removed.
    return (await past()) ?? (await this.#output(id, bytes)) ?? (await past())
  }

  async leave(): Promise<void> {
    const done = [this.#stepsDone(), ...this.#ending.values()]
    this.#held.clear()
    this.#link?.close()
    this.#api.close()
    await Promise.all(done)
  }

  async close(): Promise<void> {
    for (const id of this.#held.keys()) this.stop(id)
    await this.#stepsDone()
    await Promise.all(this.#ending.values())
    const left = [...this.#held.keys()].map(containerName)
    if (left.length > 0) this.#options.log(`not stopped, for Docker does not answer: ${left.join(', ')}`)
    await this.leave()
  }

  #hold(spec: TaskSpec): Held {
    const held: Held = { spec, work: Promise.resolve(), stop: new AbortController(), toldRunning: false }
    this.#held.set(spec.id, held)
    return held
  }

  #then(held: Held, step: () => Promise<void>): void {
    const { id } = held.spec
    held.work = held.work.then(async () => {
      if (this.#held.get(id) === held) await step().catch(error => this.#again(error, () => this.#lookAt(id)))
    })
  }

  /** What failed because Docker does not answer is done again when it does, and what Docker refuses a little later. */
  #again(error: unknown, step: () => void): void {
    if (error instanceof DockerAway) this.#link?.renew(error)
    else if (error instanceof DockerError) {
      if (!this.#refusals.has(error.message)) this.#options.log(`Docker refuses (${error.message}); it is tried again`)
      this.#refusals.add(error.message)
      this.#options.clock.after(refusedMs, step)
    } else throw error
  }

  async #stepsDone(): Promise<void> {
    await Promise.all([...this.#held.values()].map(({ work }) => work))
  }

  /** All tasks as they are now; whatever else has this data directory's label goes. */
  async #lookAround(): Promise<void> {
    this.#refusals.clear()
    const filters = JSON.stringify({ label: [`${labels.dataDir}=${this.#dataDirHash}`] })
    const list = await this.#api.call('GET', '/containers/json', { query: { all: true, filters } })
    for (const { Labels } of JSON.parse(list) as { Labels: Record<string, string> }[]) {
      const id = Labels[labels.task] ?? ''
      if (!this.#held.has(id)) this.#end(id)
    }
    for (const id of this.#held.keys()) this.#lookAt(id)
  }

  #lookAt(id: string): void {
    const held = this.#held.get(id)
    if (held === undefined) return
    this.#then(held, () => {
      if (held.toStart !== undefined) return this.#start(held)
      return held.stop.signal.aborted ? this.#stop(held) : this.#look(held)
    })
  }

  async #start(held: Held): Promise<void> {
    const { id } = held.spec
    try {
      await this.#create(held)
      held.stop.signal.throwIfAborted()
      await during('CannotStartContainerError', this.#api.call('POST', `/containers/${containerName(id)}/start`))
    } catch (error) {
      const isAsked = held.stop.signal.aborted
      if (error instanceof DockerAway && !isAsked && held.toStart === 'patiently') throw error
      const reason = isAsked ? 'stopped before it ran' : (error as Error).message
      return this.#stopped(held, { failedToStart: !isAsked, reason })
    }
    delete held.toStart
    await this.#look(held)
  }

  async #create({ spec, stop: { signal } }: Held): Promise<void> {
    const query = { name: containerName(spec.id) }
    const body = creationOf(spec, this.#dataDirHash)
    const create = () =>
      during('CannotCreateContainerError', this.#api.call('POST', '/containers/create', { query, body }))
    signal.throwIfAborted()
    try {
      await create()
    } catch (error) {
      // Made by an earlier try, of which Docker's answer did not arrive.
      if (hasStatus(error, 409)) return
      if (!hasStatus(error, 404)) throw error
      await during(`CannotPullContainerError: ${spec.image}`, this.#pull(spec.image, signal))
      await create()
    }
  }

  async #pull(image: string, signal: AbortSignal): Promise<void> {
    const answer = await this.#api.open('POST', '/images/create', { query: pullOf(image), signal })
    // The answer begins with 200 and says in its last line what went wrong.
    for await (const progress of objectsIn(answer)) {
      const { error } = progress as { error?: string }
      if (error !== undefined) throw new DockerError(500, error)
    }
  }

  async #look(held: Held): Promise<void> {
    const { spec } = held
    const found = await this.#api.call('GET', `/containers/${containerName(spec.id)}/json`).catch(unlessNotFound)
    const seen = observe(spec, found === undefined ? undefined : (JSON.parse(found) as Inspection))
    if (seen.kind === 'stopped') return this.#stopped(held, seen)
    const { place, startedAt, health } = seen
    if (!held.toldRunning) this.#tell({ id: spec.id, kind: 'running', place, startedAt })
    held.toldRunning = true
    if (health === undefined || health === held.toldHealth) return
    held.toldHealth = health
    this.#tell({ id: spec.id, kind: 'health', health })
  }

  /** Docker answers when it has stopped, killed after its StopTimeout if need be; one that has stopped already is no error. */
  async #stop(held: Held): Promise<void> {
    const { id, stopTimeoutMs: waitsMs } = held.spec
    await this.#api.call('POST', `/containers/${containerName(id)}/stop`, { waitsMs }).catch(unlessNotFound)
    await this.#look(held)
  }

  #stopped({ spec: { id } }: Held, how: { failedToStart: boolean; reason: string; exitCode?: number }): void {
    // Let go of in the meantime.
    if (!this.#held.delete(id)) return
    this.#end(id)
    const { failedToStart, reason, exitCode } = how
    this.#tell({ id, kind: 'stopped', failedToStart, reason, ...(exitCode !== undefined && { exitCode }) })
  }

  /** Stops a container that is not held, or no more, keeps what it wrote, and removes it. */
  #end(id: string): void {
    if (this.#ending.has(id)) return
    const path = `/containers/${containerName(id)}`
    const end = async () => {
      await this.#api.call('POST', `${path}/stop`)
      const output = await this.#output(id, pastLogBytes)
      if (output !== undefined) await this.#pastLogs.keep(id, output)
      await this.#api.call('DELETE', path, { query: { force: true, v: true } })
    }
    const ended = end()
      .catch(error => !hasStatus(error, 404) && this.#again(error, () => this.#end(id)))
      .then(() => void this.#ending.delete(id))
    this.#ending.set(id, ended)
  }

  /** `undefined`: there is no container, or Docker has no log of it. */
  async #output(id: string, bytes: number): Promise<Buffer | undefined> {
    try {
      // A line has a byte at least, so no more lines are needed.
      const query = { stdout: true, stderr: true, tail: bytes }
      const answer = await this.#api.open('GET', `/containers/${containerName(id)}/logs`, { query })
      return await newestOutput(bytesIn(answer), bytes)
    } catch (error) {
      if (error instanceof DockerError) return undefined
      throw error
    }
  }

  #tell(event: TaskEvent): void {
    this.#options.onEvent(event)
  }
}

/** Says in AWS's word what failed. */
async function during(what: string, call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (error instanceof DockerError) throw new DockerError(error.status, `${what}: ${error.message}`)
    throw error
  }
}

function hasStatus(error: unknown, status: 404 | 409): boolean {
  return error instanceof DockerError && error.status === status
}

function unlessNotFound(error: unknown): undefined {
  if (!hasStatus(error, 404)) throw error
}
