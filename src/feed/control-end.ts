import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import type { Health, LinkingReason } from '../domain/health.ts'
import type { Change } from '../domain/state.ts'
import { targetGroupOf } from '../domain/target-group.ts'
import type { Commit, Store } from '../store/store.ts'
import { Channel } from './channel.ts'
import { type AppliedReport, type CountersReport, type Instruction, nodeTables, type Report } from './messages.ts'
import { parseReport } from './parse.ts'
import { wholeState } from './whole-state.ts'

const isForNode: ReadonlySet<string> = new Set(nodeTables)

const nothingApplied: AppliedReport = {
  kind: 'applied',
  revision: 0,
  problems: [],
  fallbacks: [],
  held: [],
  delayed: [],
  links: [],
}

/** Changes kept for a node that is slow to take them; past that it gets the whole state, which is bounded by itself. */
const mostChanges = 1_000
const longestCountMs = 1_000

/** The control process's end of the feed: tells the node what is desired, and knows what the node has said last. */
export interface ControlEnd {
  /** The node is there, and has said since it came how all targets are. */
  readonly nodeConnected: boolean
  /** The node's last word on a target (`targetKey`); it stays when the node goes away. */
  health(key: string): Health | undefined
  /** What the node has in place, as it said last; nothing once one has connected that has not said it yet. */
  applied(): AppliedReport | undefined
  /** What the node's data plane had counted when it was last asked. */
  counters(): CountersReport | undefined
  /** Asks the node what its data plane has counted by now. Resolves with the answer, or without one after a second. */
  count(): Promise<void>
  /** Calls `listener` with each report, after it was taken in. The answer stops it. */
  onReport(listener: (report: Report) => void): () => void
  /**
   * Resolves when the node's engine has acknowledged `revision` or a later one, at once if it has already; one that has nothing
   * for the node, as soon as all before it is. Rejects with `signal`'s reason when it aborts, and when this end closes.
   */
  waitApplied(revision: number, signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface ControlEndOptions {
  /** The socket's path (`feedPath`). Whoever holds the store's lock owns it: one that is left over is replaced. */
  readonly path: string
  readonly store: Store
  readonly clock: Clock
  log?(line: string): void
}

/** Listens for the node, for this user only (mode 0600). Rejects where the socket can't be made. */
export async function openControlEnd(options: ControlEndOptions): Promise<ControlEnd> {
  const end = new SocketControlEnd(options)
  await end.listen(options.path)
  return end
}

class SocketControlEnd implements ControlEnd {
  readonly #store: Store
  readonly #clock: Clock
  readonly #log: (line: string) => void
  readonly #server: Server
  readonly #unwatch: () => void
  readonly #listeners = new Set<(report: Report) => void>()
  readonly #closing = new AbortController()
  #channel: Channel<Report> | undefined
  #hasSpoken = false
  /** What the node has not been given yet: everything, or changes. */
  #wholeDue = false
  #changes: Change[] = []
  /** Of what it has been given or is in `#changes`: up to which revision that is all, and the last one that had any of it. */
  #revision = 0
  #newsRevision = 0
  #countDue = false
  #counting: Promise<void> | undefined

  #health = new Map<string, Health>()
  #applied: AppliedReport | undefined
  /** By target group: `AppliedReport.links`, which stays like health when the node goes away. */
  #linking: ReadonlyMap<string, LinkingReason> = new Map()
  #counters: CountersReport | undefined

  constructor({ store, clock, log = console.error }: ControlEndOptions) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    this.#server = createServer(socket => this.#connect(socket))
    this.#unwatch = store.watch(commit => this.#commit(commit))
  }

  async listen(path: string): Promise<void> {
    try {
      rmSync(path, { force: true })
      // The socket is made within this call; to change its mode later would leave a moment for others.
      const mask = process.umask(0o177)
      this.#server.listen(path)
      process.umask(mask)
      await once(this.#server, 'listening')
    } catch (error) {
      this.#unwatch()
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`cannot listen on ${path} (${reason}): make its directory writable for this user`)
    }
    this.#server.on('error', error => this.#log(`feed: the node cannot connect: ${error.message}`))
  }

  get nodeConnected(): boolean {
    return this.#channel !== undefined && this.#hasSpoken
  }

  health(key: string): Health | undefined {
    const health = this.#health.get(key)
    const linking = this.#linking.get(targetGroupOf(key))
    return health === undefined || linking === undefined ? health : { ...health, linking }
  }

  applied(): AppliedReport | undefined {
    const applied = this.#applied
    if (applied === undefined || applied.revision < this.#newsRevision) return applied
    return { ...applied, revision: Math.max(applied.revision, this.#revision) }
  }

  counters(): CountersReport | undefined {
    return this.#counters
  }

  count(): Promise<void> {
    if (this.#channel === undefined) return Promise.resolve()
    this.#counting ??= new Promise<void>(resolve => {
      const end = () => {
        cancel()
        stop()
        this.#counting = undefined
        resolve()
      }
      const cancel = this.#clock.after(longestCountMs, end)
      const stop = this.onReport(report => report.kind === 'counters' && end())
      this.#countDue = true
      this.#channel?.wake()
    })
    return this.#counting
  }

  onReport(listener: (report: Report) => void): () => void {
    const own = (report: Report) => listener(report)
    this.#listeners.add(own)
    return () => this.#listeners.delete(own)
  }

  waitApplied(revision: number, signal?: AbortSignal): Promise<void> {
    const given = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal])
    return new Promise((resolve, reject) => {
      const isApplied = () => (this.applied()?.revision ?? -1) >= revision
      if (given.aborted) return reject(given.reason)
      if (isApplied()) return resolve()
      const stop = () => {
        for (const each of stops) each()
        given.removeEventListener('abort', giveUp)
      }
      const giveUp = () => {
        stop()
        reject(given.reason)
      }
      const look = () => {
        if (!isApplied()) return
        stop()
        resolve()
      }
      const stops = [this.onReport(look), this.#store.watch(look)]
      given.addEventListener('abort', giveUp, { once: true })
    })
  }

  async close(): Promise<void> {
    this.#unwatch()
    this.#closing.abort(new Error('the feed is closed'))
    this.#channel?.close('this end closed it')
    if (!this.#server.listening) return
    await new Promise(resolve => this.#server.close(resolve))
  }

  #connect(socket: Socket): void {
    // The node that comes last is the one that lives: an older connection is one that has not noticed its end yet.
    this.#channel?.close('the node connected anew')
    const channel: Channel<Report> = new Channel(socket, this.#clock, {
      parse: parseReport,
      receive: report => this.#receive(report),
      next: () => (this.#channel === channel ? this.#next() : undefined),
      closed: reason => {
        if (this.#channel === channel) this.#channel = undefined
        if (!this.#closing.signal.aborted) this.#log(`feed: the node's connection ended: ${reason}`)
      },
    })
    this.#channel = channel
    this.#hasSpoken = false
    // It may be another one, which has less in place, or nothing.
    this.#applied = undefined
    this.#wholeDue = true
    channel.wake()
  }

  #commit({ state, changes }: Commit): void {
    // What is in the whole state that was sent, or is to be sent, needs no saying again.
    if (this.#channel === undefined || this.#wholeDue || state.revision <= this.#revision) return
    const news = changes.filter(({ table }) => isForNode.has(table))
    if (news.length > 0) {
      // What was acknowledged stays so.
      this.#applied = this.applied()
      this.#newsRevision = state.revision
      this.#changes.push(...news)
    }
    this.#revision = state.revision
    if (this.#changes.length > mostChanges) this.#wholeDue = true
    this.#channel.wake()
  }

  #next(): Instruction | undefined {
    const changes = this.#changes
    if (!this.#wholeDue && changes.length === 0) {
      if (!this.#countDue) return undefined
      this.#countDue = false
      return { kind: 'count' }
    }
    this.#changes = []
    if (!this.#wholeDue) return { kind: 'changes', revision: this.#revision, changes }
    const state = this.#store.read()
    this.#wholeDue = false
    this.#revision = this.#newsRevision = state.revision
    return wholeState(state)
  }

  #receive(report: Report): void {
    if (report.kind === 'applied') {
      this.#applied = { ...(this.#applied ?? nothingApplied), ...report }
      this.#linking = new Map(this.#applied.links.map(({ targetGroupArn, reason }) => [targetGroupArn, reason]))
    } else if (report.kind === 'counters') this.#counters = report
    else {
      if (report.whole) {
        this.#health = new Map()
        this.#hasSpoken = true
      }
      for (const [key, health] of report.health) {
        if (health === null) this.#health.delete(key)
        else this.#health.set(key, health)
      }
    }
    for (const listener of [...this.#listeners]) listener(report)
  }
}
