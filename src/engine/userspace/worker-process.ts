import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Cancel, Clock } from '../../clock.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import type { ListenerCounters, Suspicion, TargetCounters } from '../engine.ts'
import type { TcpHandle } from '../tcp-handle.ts'
import type { FromWorker, ListenFailure, ToWorker } from './messages.ts'

const script = fileURLToPath(new URL('worker.ts', import.meta.url))

/** A worker that has not answered for this long is stuck, and is replaced. */
const stuckMs = 10_000
/** Counters older than this are good enough for `observe` where a worker is busy. */
const countMs = 500

interface WorkerProcessOptions {
  readonly clock: Clock
  readonly udpFlowLimit: number
  /** The data directory, for logs. */
  readonly directory: string
  onSuspicion(suspicion: Suspicion): void
  log(line: string): void
  /** It is gone, for whatever reason. */
  onExit(worker: WorkerProcess): void
}

/**
 * One worker process as the engine sees it: what it has been told, and what it last counted.
 *
 * It is a plain child process: `node:cluster` would close a listening socket with its last worker, and after a failed bind it
 * files the same socket under another key for old workers than for new ones, who then find the port taken by their siblings.
 */
export class WorkerProcess {
  readonly startedAt: number
  /** Its last totals, by listener id and by target key. */
  readonly listeners = new Map<string, ListenerCounters>()
  readonly targets = new Map<string, TargetCounters>()
  readonly exited: Promise<void>
  /** How it ended, `SIGKILL` or `exit code 1`, once it has. */
  end: string | undefined
  /** Serves what it was told at least once. */
  isReady = false
  readonly #child: ChildProcess
  readonly #options: WorkerProcessOptions
  /** What it serves, or is about to. */
  readonly #toldListeners = new Map<string, SnapshotListener>()
  readonly #toldGroups = new Map<string, SnapshotGroup>()
  /** Who waits for which answer; `undefined` is the answer of a worker that is gone. */
  readonly #waiting = new Map<number, (answer: FromWorker | undefined) => void>()
  #seq = 0
  #configured: Promise<readonly ListenFailure[]> = Promise.resolve([])

  constructor(options: WorkerProcessOptions) {
    this.#options = options
    this.startedAt = options.clock.monotonic()
    // Its output is ours; its input is nothing, so that it never waits for a terminal.
    this.#child = fork(script, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    this.#child.on('message', (message: FromWorker) => this.#onMessage(message))
    this.#child.on('error', error => options.log(`worker ${this.pid}: ${error.message}`))
    this.exited = new Promise(resolve => {
      this.#child.once('exit', (code, signal) => {
        this.end = signal ?? `exit code ${code}`
        for (const answer of this.#waiting.values()) answer(undefined)
        this.#waiting.clear()
        options.onExit(this)
        resolve()
      })
    })
    this.#send({ kind: 'start', udpFlowLimit: options.udpFlowLimit, directory: options.directory })
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  /**
   * Makes the worker serve exactly these, telling it only what is new. `sockets` has the bound socket of every TCP listener.
   * @returns what it could not set up; it is told of those again next time
   */
  configure(
    listeners: readonly SnapshotListener[],
    groups: readonly SnapshotGroup[],
    sockets: ReadonlyMap<string, TcpHandle>,
  ): Promise<readonly ListenFailure[]> {
    this.#configured = this.#configured.then(() => this.#configure(listeners, groups, sockets))
    return this.#configured
  }

  /** Brings `listeners` and `targets` up to date. A worker that is too busy to answer at once keeps its last ones. */
  async count(): Promise<void> {
    await this.#ask(seq => this.#send({ kind: 'count', seq }), countMs)
  }

  /** Stops accepting; exits when its last connection has ended, or after `ms`. */
  drain(ms: number): void {
    this.#send({ kind: 'drain', ms })
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  async #configure(
    listeners: readonly SnapshotListener[],
    groups: readonly SnapshotGroup[],
    sockets: ReadonlyMap<string, TcpHandle>,
  ): Promise<readonly ListenFailure[]> {
    const changedListeners = listeners.filter(listener => this.#toldListeners.get(listener.id) !== listener)
    const changedGroups = groups.filter(group => this.#toldGroups.get(group.id) !== group)
    const goneListeners = missing(this.#toldListeners, listeners)
    const goneGroups = missing(this.#toldGroups, groups)
    if (changedListeners.length + changedGroups.length + goneListeners.length + goneGroups.length === 0) return []
    for (const { id, protocol, http } of changedListeners)
      if (protocol === 'TCP' && this.#isNew(id, http)) this.#send({ kind: 'socket', listener: id }, sockets.get(id))
    for (const listener of changedListeners) this.#toldListeners.set(listener.id, listener)
    for (const group of changedGroups) this.#toldGroups.set(group.id, group)
    for (const id of goneListeners) {
      this.#toldListeners.delete(id)
      this.listeners.delete(id)
    }
    for (const id of goneGroups) this.#toldGroups.delete(id)
    const answer = await this.#ask(
      seq =>
        this.#send({
          kind: 'configure',
          seq,
          listeners: changedListeners,
          groups: changedGroups,
          goneListeners,
          goneGroups,
        }),
      stuckMs,
    )
    if (answer?.kind !== 'configured') {
      // Whether it is stuck or gone already: what it was told is not in place, and its successor is told everything.
      if (this.end === undefined) this.#options.log(`worker ${this.pid} does not answer and is replaced`)
      this.kill()
      await this.exited
      return []
    }
    this.isReady = true
    for (const { listener } of answer.failures) this.#toldListeners.delete(listener)
    return answer.failures
  }

  /** Whether the worker needs the socket: it does not have the listener, or another kind of listener had its port. */
  #isNew(id: string, http: SnapshotListener['http']): boolean {
    const told = this.#toldListeners.get(id)
    return told === undefined || (told.http === undefined) !== (http === undefined)
  }

  /** `undefined`: no answer within `ms`, or the worker is gone. */
  #ask(question: (seq: number) => void, ms: number): Promise<FromWorker | undefined> {
    if (this.end !== undefined) return Promise.resolve(undefined)
    const seq = ++this.#seq
    return new Promise(resolve => {
      const cancel: Cancel = this.#options.clock.after(ms, () => answer(undefined))
      const answer = (message: FromWorker | undefined) => {
        cancel()
        this.#waiting.delete(seq)
        resolve(message)
      }
      this.#waiting.set(seq, answer)
      question(seq)
    })
  }

  #onMessage(message: FromWorker): void {
    switch (message.kind) {
      case 'configured':
        this.#waiting.get(message.seq)?.(message)
        return
      case 'counters':
        if (message.seq !== undefined) {
          this.listeners.clear()
          this.targets.clear()
        }
        for (const one of message.listeners) this.listeners.set(one.listener, one)
        for (const one of message.targets) this.targets.set(one.target, one)
        if (message.seq !== undefined) this.#waiting.get(message.seq)?.(message)
        return
      case 'suspicion':
        this.#options.onSuspicion(message.suspicion)
        return
      case 'log':
        this.#options.log(message.line)
    }
  }

  #send(message: ToWorker, handle?: TcpHandle): void {
    // A channel that breaks means an exit that is noticed as such.
    if (this.#child.connected) this.#child.send(message, handle as never, {}, () => {})
  }
}

function missing(told: ReadonlyMap<string, unknown>, wanted: readonly { readonly id: string }[]): readonly string[] {
  const ids = new Set(wanted.map(({ id }) => id))
  return [...told.keys()].filter(id => !ids.has(id))
}
