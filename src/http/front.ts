import type { SnapshotListener } from '../domain/snapshot.ts'
import type { LogSink } from './access-log.ts'
import type { ClientConnection } from './client-connection.ts'
import { httpDate } from './http-date.ts'
import { type Site, siteOf } from './site.ts'
import { ListenerTally } from './tally.ts'
import type { Targets } from './targets.ts'
import { TraceIds } from './trace-id.ts'
import type { Timing } from './wire.ts'

/** Connections are looked after this often, ms; what is idle lives for at most this much longer. */
export const sweepMs = 500

/** How far a process is behind with its work, ms. */
export interface Load {
  readonly lagMs: number
}

/**
 * Behind by this much, new connections are refused; by that much, requests on established ones too. What would be answered too
 * late for anyone to wait takes the time of what would not.
 */
export const mostLagMs = { connection: 250, request: 1_000 } as const

interface FrontOptions {
  /** With `http`. */
  readonly listener: SnapshotListener
  readonly targets: Targets
  readonly load: Load
  readonly log: LogSink
  /** A client's connection is gone. */
  onClosed(): void
}

/** An HTTP or HTTPS listener in one process, apart from its socket: its site, its clients, its counts. */
export class Front {
  readonly tally = new ListenerTally()
  readonly targets: Targets
  readonly timing: Timing
  readonly load: Load
  readonly log: LogSink
  readonly traceIds = new TraceIds()
  site: Site
  isDraining = false
  /** Milliseconds since the epoch, as of the last sweep: exact enough for cookies, slow start and dates, and costs nothing. */
  now: number
  /** Monotonic ms of the next sweep, when what happens now has happened. */
  nextTick: number
  /** `now` as the Date field has it. */
  date: string
  readonly #clients = new Set<ClientConnection>()

  readonly #onClosed: () => void

  constructor({ listener, targets, load, log, onClosed }: FrontOptions) {
    this.#onClosed = onClosed
    this.site = siteOf(listener, undefined)
    this.targets = targets
    this.timing = targets.timing
    this.load = load
    this.log = log
    this.now = this.timing.now()
    this.nextTick = this.timing.monotonic() + sweepMs
    this.date = httpDate(this.now)
  }

  /** Goes on with the next snapshot's listener; requests under way keep what they began with. */
  update(listener: SnapshotListener): void {
    this.site = siteOf(listener, this.site)
  }

  /** Ends what has had its time; call it every `sweepMs`. */
  sweep(): void {
    const now = this.timing.monotonic()
    this.now = this.timing.now()
    this.nextTick = now + sweepMs
    this.date = httpDate(this.now)
    for (const client of this.#clients) client.sweep(now)
  }

  /** No more requests on any connection; those under way are answered. */
  drain(): void {
    this.isDraining = true
    for (const client of this.#clients) client.drain()
  }

  /** Resets every client. */
  close(): void {
    for (const client of this.#clients) client.end()
  }

  add(client: ClientConnection): void {
    this.#clients.add(client)
    this.tally.newConnections++
    this.tally.activeConnections++
  }

  remove(client: ClientConnection): void {
    if (!this.#clients.delete(client)) return
    this.tally.activeConnections--
    this.#onClosed()
  }
}
