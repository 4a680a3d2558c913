import type { Cancel, Clock } from '../../clock.ts'
import { emptySnapshot, type Snapshot, type SnapshotListener } from '../../domain/snapshot.ts'
import { BindProblems } from '../bind-problem.ts'
import { sumListeners, sumTargets } from '../counters.ts'
import type { Applied, Engine, ListenerCounters, Observed, Suspicion, TargetCounters } from '../engine.ts'
import { bindTcp, type TcpHandle } from '../tcp-handle.ts'
import { deliverLeftLogs } from './left-logs.ts'
import { WorkerProcess } from './worker-process.ts'

interface UserspaceOptions {
  /** Worker processes; at least one. */
  readonly workers: number
  readonly clock: Clock
  /** Most flows of one UDP listener. */
  readonly udpFlowLimit: number
  /** The data directory, for logs. */
  readonly directory: string
  /** A target refused: said at once, and not more than once a second by each worker. */
  onSuspicion(suspicion: Suspicion): void
  /** One line for the operator. */
  log(line: string): void
}

/** A worker that died sooner than this is not replaced at once: something kills them all. */
const youngMs = 1_000
const longestPauseMs = 5_000

/**
 * The data plane that needs nothing of the kernel but sockets. This process binds every TCP listener's socket and gives a
 * copy to each worker process, so that the port stays, and clients wait in its queue instead of being refused, whatever
 * happens to workers. A UDP listener belongs to one worker.
 */
export async function openUserspaceEngine(options: UserspaceOptions): Promise<Engine> {
  return new UserspaceEngine(options)
}

class UserspaceEngine implements Engine {
  readonly #options: UserspaceOptions
  readonly #workers = new Set<WorkerProcess>()
  /** Bound sockets of TCP listeners by `SnapshotListener.id`. */
  readonly #sockets = new Map<string, TcpHandle>()
  /** Which worker has which UDP listener, by `SnapshotListener.id`. */
  readonly #owners = new Map<string, WorkerProcess>()
  /** What workers that are gone had counted. */
  #pastListeners = new Map<string, ListenerCounters>()
  #pastTargets = new Map<string, TargetCounters>()
  #desired = emptySnapshot
  #revision = 0
  readonly #bindProblems = new BindProblems()
  readonly #cancelLogs: Cancel
  /** Workers that died young in a row. */
  #youngDeaths = 0
  #closed = false

  constructor(options: UserspaceOptions) {
    this.#options = options
    this.#cancelLogs = deliverLeftLogs(options)
    for (let n = 0; n < options.workers; n++) this.#startWorker()
  }

  async apply(desired: Snapshot): Promise<Applied> {
    if (this.#closed) throw new Error('the engine is closed')
    this.#desired = desired
    const codes = this.#bindSockets(desired.listeners)
    this.#assignOwners()
    for (const [listener, code] of await this.#converge()) codes.set(listener, code)
    this.#forget()
    this.#revision = desired.revision
    const problems = await this.#bindProblems.of(desired.listeners, codes)
    return { revision: desired.revision, problems, fallbacks: [] }
  }

  async observe(): Promise<Observed> {
    await Promise.all([...this.#workers].map(worker => worker.count()))
    const workers = [...this.#workers]
    const listeners = sumListeners([
      ...this.#pastListeners.values(),
      ...workers.flatMap(worker => [...worker.listeners.values()]),
    ])
    const targets = sumTargets([
      ...this.#pastTargets.values(),
      ...workers.flatMap(worker => [...worker.targets.values()]),
    ])
    const wanted = new Set(this.#desired.listeners.map(({ id }) => id))
    return {
      revision: this.#revision,
      listeners: [...listeners.values()].filter(({ listener }) => wanted.has(listener)),
      targets: [...targets.values()],
    }
  }

  async close(drainMs = 0): Promise<void> {
    this.#closed = true
    this.#cancelLogs()
    for (const socket of this.#sockets.values()) socket.close()
    this.#sockets.clear()
    const workers = [...this.#workers]
    for (const worker of workers) worker.drain(drainMs)
    const cancel = this.#options.clock.after(drainMs + 500, () => {
      for (const worker of workers) worker.kill()
    })
    await Promise.all(workers.map(worker => worker.exited))
    cancel()
  }

  /** Binds what is new. @returns the system's errors by `SnapshotListener.id` */
  #bindSockets(listeners: readonly SnapshotListener[]): Map<string, string> {
    const codes = new Map<string, string>()
    for (const { id, protocol, address, port } of listeners) {
      if (protocol !== 'TCP' || this.#sockets.has(id)) continue
      try {
        this.#sockets.set(id, bindTcp(address, port))
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        codes.set(id, code ?? message)
      }
    }
    return codes
  }

  /** Gives each UDP listener without a living owner to the worker that has the fewest. The others stay: a move ends flows. */
  #assignOwners(): void {
    const wanted = this.#desired.listeners.filter(({ protocol }) => protocol === 'UDP')
    const ids = new Set(wanted.map(({ id }) => id))
    const load = new Map([...this.#workers].map(worker => [worker, 0]))
    for (const [id, owner] of this.#owners) {
      const owned = load.get(owner)
      if (owned === undefined || !ids.has(id)) this.#owners.delete(id)
      else load.set(owner, owned + 1)
    }
    for (const { id } of wanted) {
      if (this.#owners.has(id)) continue
      // One that is only starting would be a later owner than one that runs.
      const [least] = [...load].sort(([a, m], [b, n]) => Number(b.isReady) - Number(a.isReady) || m - n)
      if (least === undefined) return
      this.#owners.set(id, least[0])
      load.set(least[0], least[1] + 1)
    }
  }

  /**
   * Has every worker serve what is desired, those included that take the place of others meanwhile.
   * @returns what could not be set up: the system's errors by `SnapshotListener.id`
   */
  async #converge(): Promise<Map<string, string>> {
    for (let round = 0; round < 5; round++) {
      const told = new Set(this.#workers)
      const failures = await Promise.all(
        [...told].map(worker => worker.configure(this.#shareOf(worker), this.#desired.groups, this.#sockets)),
      )
      const isComplete = told.size > 0 && told.symmetricDifference(this.#workers).size === 0
      if (isComplete) return new Map(failures.flat().map(({ listener, code }) => [listener, code]))
    }
    return new Map(this.#desired.listeners.map(({ id }) => [id, 'worker processes keep dying; the log says how']))
  }

  #shareOf(worker: WorkerProcess): readonly SnapshotListener[] {
    return this.#desired.listeners.filter(({ id, protocol }) =>
      protocol === 'TCP' ? this.#sockets.has(id) : this.#owners.get(id) === worker,
    )
  }

  /** Lets go of what is no longer desired, once no worker serves it. */
  #forget(): void {
    const listeners = new Set(this.#desired.listeners.map(({ id }) => id))
    for (const [id, socket] of this.#sockets) {
      if (listeners.has(id)) continue
      socket.close()
      this.#sockets.delete(id)
    }
    const targets = new Set(this.#desired.groups.flatMap(group => group.targets.map(({ key }) => key)))
    for (const id of this.#pastListeners.keys()) if (!listeners.has(id)) this.#pastListeners.delete(id)
    for (const key of this.#pastTargets.keys()) if (!targets.has(key)) this.#pastTargets.delete(key)
  }

  #startWorker(): void {
    const { clock, udpFlowLimit, directory, onSuspicion, log } = this.#options
    this.#workers.add(
      new WorkerProcess({ clock, udpFlowLimit, directory, onSuspicion, log, onExit: worker => this.#onExit(worker) }),
    )
  }

  #onExit(worker: WorkerProcess): void {
    this.#workers.delete(worker)
    const { listeners, targets } = worker
    this.#pastListeners = sumListeners([...this.#pastListeners.values(), ...[...listeners.values()].map(ended)])
    this.#pastTargets = sumTargets([...this.#pastTargets.values(), ...[...targets.values()].map(ended)])
    if (this.#closed) return
    const { clock, log } = this.#options
    this.#youngDeaths = clock.monotonic() - worker.startedAt < youngMs ? this.#youngDeaths + 1 : 0
    const pauseMs = this.#youngDeaths === 0 ? 0 : Math.min(50 * 2 ** this.#youngDeaths, longestPauseMs)
    log(`worker ${worker.pid} ended (${worker.end}); its connections are lost, and another takes its place`)
    // Its UDP listeners go to workers that run, before there is one that would be slower.
    this.#assignOwners()
    if (pauseMs === 0) this.#replace()
    else clock.after(pauseMs, () => this.#replace())
  }

  #replace(): void {
    if (this.#closed) return
    this.#startWorker()
    this.#assignOwners()
    this.#converge().then(
      codes => {
        for (const [listener, code] of codes) this.#options.log(`${listener}: ${code}`)
      },
      error => this.#options.log(`worker processes: ${error instanceof Error ? error.stack : error}`),
    )
  }
}

function ended<C extends { readonly activeFlows: number }>(counters: C): C {
  return { ...counters, activeFlows: 0 }
}
