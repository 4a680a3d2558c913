import { randomInt } from 'node:crypto'
import type { Cancel, Clock } from '../../clock.ts'
import type { LogPlace } from '../../domain/snapshot-http.ts'
import type { AccessLogEntry, ConnectionLogEntry, LogSink } from '../../http/access-log.ts'
import { accessLogLine, connectionLogLine } from '../../http/access-log-line.ts'
import { type Backlog, LogFile } from './log-file.ts'
import { intervalEnd, type LogKind, openLogPath } from './log-path.ts'

/** Characters that wait for the disk, at most: one that stands still costs entries, not memory. */
const longestBacklog = 16 * 1024 * 1024
/** Where a file can't be written, none is begun for this long. */
const pauseMs = 60_000
/** Lost entries are told this often. */
const tellMs = 60_000

interface LogFilesOptions {
  /** The data directory. */
  readonly directory: string
  readonly clock: Clock
  /** One line for the operator. */
  log(line: string): void
}

/**
 * The access and connection logs of one process: for each place and node a file of its own, from its first entry to the end of the
 * five minutes, flushed every second. Where the disk is full or slow entries are lost, and the operator is told.
 */
export class LogFiles implements LogSink {
  readonly #options: LogFilesOptions
  readonly #files = new Map<string, LogFile>()
  /** Of files that are not delivered yet; they never reject. */
  readonly #deliveries = new Set<Promise<void>>()
  readonly #backlog: Backlog = { length: 0 }
  readonly #cancels: readonly Cancel[]
  #pausedUntil = Number.NEGATIVE_INFINITY
  #lost = 0
  /** What went wrong last, until something goes well. */
  #told = ''

  constructor(options: LogFilesOptions) {
    this.#options = options
    const { clock } = options
    this.#cancels = [clock.every(1_000, () => this.#flush()), clock.every(tellMs, () => this.#tellLost())]
  }

  access(place: LogPlace, node: string, entry: AccessLogEntry): void {
    this.#fileOf('access', place, node, entry.time)?.add(accessLogLine(entry))
  }

  connection(place: LogPlace, node: string, entry: ConnectionLogEntry): void {
    this.#fileOf('connection', place, node, entry.time)?.add(connectionLogLine(entry))
  }

  /** Delivers what there is. */
  async close(): Promise<void> {
    for (const cancel of this.#cancels) cancel()
    for (const [key, file] of this.#files) this.#end(key, file)
    await Promise.all(this.#deliveries)
    this.#tellLost()
  }

  /** `undefined`: the entry is lost. */
  #fileOf(kind: LogKind, place: LogPlace, node: string, time: number): LogFile | undefined {
    const { bucket, prefix, loadBalancer } = place
    const key = `${kind} ${node} ${loadBalancer} ${bucket}/${prefix}`
    const known = this.#files.get(key)
    if (known !== undefined && time >= known.endsAt) this.#end(key, known)
    const file =
      this.#backlog.length >= longestBacklog
        ? undefined
        : (this.#files.get(key) ?? this.#begin(kind, place, node, time, key))
    if (file === undefined) this.#lost++
    return file
  }

  #begin(kind: LogKind, place: LogPlace, node: string, time: number, key: string): LogFile | undefined {
    const { directory, clock } = this.#options
    if (clock.monotonic() < this.#pausedUntil) return undefined
    const endsAt = intervalEnd(time)
    const random = randomInt(36 ** 8)
      .toString(36)
      .padStart(8, '0')
    const file = new LogFile(directory, openLogPath(kind, place, node, endsAt, random), endsAt, this.#backlog)
    const delivery = file.delivered.then(
      () => {
        this.#told = ''
      },
      error => this.#fail(key, file, error),
    )
    this.#files.set(key, file)
    this.#deliveries.add(delivery)
    void delivery.then(() => this.#deliveries.delete(delivery))
    return file
  }

  #end(key: string, file: LogFile): void {
    this.#files.delete(key)
    file.end()
  }

  #fail(key: string, file: LogFile, { message }: Error): void {
    if (this.#files.get(key) === file) this.#files.delete(key)
    this.#pausedUntil = this.#options.clock.monotonic() + pauseMs
    if (message === this.#told) return
    this.#told = message
    this.#options.log(
      `access and connection logs can't be written (${message}): make room, or give this user the right to; tried again every minute, ` +
        'and entries are lost until then',
    )
  }

  #flush(): void {
    const now = this.#options.clock.now()
    for (const [key, file] of this.#files) {
      if (now >= file.endsAt) this.#end(key, file)
      else file.flush()
    }
  }

  #tellLost(): void {
    if (this.#lost > 0)
      this.#options.log(`lost ${this.#lost} entries of access and connection logs: the disk is too slow, or full`)
    this.#lost = 0
  }
}
