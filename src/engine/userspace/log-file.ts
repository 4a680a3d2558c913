import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { constants, createGzip } from 'node:zlib'
import { deliver, openLogs } from './log-path.ts'

/** Text is given on when it is this long, in characters. */
const chunkLength = 65_536

/** Text that is gathered and not written yet, of all files of a process, in characters. */
export interface Backlog {
  length: number
}

/**
 * A log that is being written: compressed, below `openLogs` until it is whole. Whatever was flushed survives a kill -9 and can be
 * read, though the file then lacks its end.
 */
export class LogFile {
  readonly endsAt: number
  /** Resolves after `end`, when it is where readers look for it; rejects at once with the system's error where it can't be written. */
  readonly delivered: Promise<void>
  readonly #backlog: Backlog
  /** The fastest level: on lines that are so alike the slowest gains a tenth. */
  readonly #gzip = createGzip({ level: constants.Z_BEST_SPEED })
  #gathered = ''
  /** Its part of the backlog. */
  #held = 0
  #isFlushing = false
  #isOver = false

  /** @param path below `openLogs` */
  constructor(directory: string, path: string, endsAt: number, backlog: Backlog) {
    this.endsAt = endsAt
    this.#backlog = backlog
    // The promise tells of it.
    this.#gzip.on('error', () => {})
    this.delivered = this.#write(directory, path)
  }

  /** Adds a line, without its line break; it waits for nothing. */
  add(line: string): void {
    this.#gathered += line
    this.#gathered += '\n'
    this.#hold(line.length + 1)
    if (this.#gathered.length >= chunkLength) this.#pass()
  }

  /** Sends all that was gathered to the disk. */
  flush(): void {
    if (this.#gathered === '' || this.#isFlushing) return
    this.#pass()
    this.#isFlushing = true
    this.#gzip.flush(constants.Z_SYNC_FLUSH, () => {
      this.#isFlushing = false
    })
  }

  /** No line follows. */
  end(): void {
    this.#pass()
    this.#gzip.end()
  }

  async #write(directory: string, path: string): Promise<void> {
    try {
      const file = join(directory, openLogs, path)
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      await pipeline(this.#gzip, createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true }))
      await deliver(directory, path)
    } finally {
      this.#gzip.destroy()
      this.#hold(-this.#held)
      this.#isOver = true
    }
  }

  #pass(): void {
    const { length } = this.#gathered
    if (length === 0) return
    // All that is in a line is ASCII.
    this.#gzip.write(this.#gathered, 'latin1', () => this.#hold(-length))
    this.#gathered = ''
  }

  #hold(length: number): void {
    if (this.#isOver) return
    this.#held += length
    this.#backlog.length += length
  }
}
