import { scanField } from './field-scan.ts'
import type { FieldLines } from './head.ts'

/** How long a head's parts may be, bytes; of a line without its CRLF, of the head without the empty line at its end. */
export interface HeadLimits {
  readonly line: number
  readonly head: number
}

/** `more`: bytes are missing; `whole`: the head is read; `bad`: it was refused, and nothing more of it is read. */
export type Progress = 'more' | 'whole' | 'bad'

const nothing = Buffer.alloc(0)

/**
 * Reads a block of lines ended by CRLF, up to and with an empty one, whatever pieces it comes in: heads and trailer sections. It
 * reads where the bytes lie if they came in one piece, else a copy, which `limits` bound. A line is judged once it is whole, so that
 * the pieces make no difference; nobody waits for a line's end that is beyond a limit.
 */
export abstract class HeadReader {
  protected readonly lines: FieldLines
  readonly #limits: HeadLimits
  readonly #hasStart: boolean
  /** What of the block came before, if it did not come at once. */
  #kept = nothing
  #keptLength = 0
  /** Positions in the block: where the line at hand begins, and up to where no LF was found in it. */
  #lineAt = 0
  #searched = 0
  progress: Progress = 'more'

  /** @param hasStart the block begins with a line that is no field */
  constructor(lines: FieldLines, limits: HeadLimits, hasStart: boolean) {
    this.lines = lines
    this.#limits = limits
    this.#hasStart = hasStart
  }

  /** Reads the first line if it is of the usual form: answers where the next line begins, else -1. */
  protected abstract scanStart(bytes: Buffer, begin: number, end: number): number
  /** Reads a first line that is not, its LF at `lineFeed`. Answers false where it is refused. */
  protected abstract judgeStart(bytes: Buffer, begin: number, lineFeed: number): boolean
  /** Reads field `i`, which is in good order. Answers false where the block is refused for it. */
  protected abstract readField(bytes: Buffer, begin: number, i: number): boolean
  /** As `judgeStart`, of a field line that is not in good order. */
  protected abstract judgeLine(bytes: Buffer, begin: number, at: number, lineFeed: number): boolean
  /** All lines are read, up to the empty one at `end`. Answers false where the block is refused. */
  protected abstract finish(bytes: Buffer, begin: number, end: number): boolean
  /** A line, or the block, is longer than it may be. */
  protected abstract refuseSize(bytes: Buffer, begin: number, isStart: boolean): void

  /** Makes ready for the next block. */
  restart(): void {
    this.#kept = nothing
    this.#keptLength = 0
    this.#lineAt = 0
    this.#searched = 0
    this.progress = 'more'
    this.lines.clear()
  }

  /** Reads on; answers where in `fed` the block ended, or its length. `progress` says how far it came. */
  feed(fed: Buffer, from: number): number {
    if (this.#keptLength === 0) {
      const end = this.#read(fed, from, fed.length)
      if (this.progress === 'more') this.#keep(fed, from)
      return end
    }
    const before = this.#keptLength
    this.#keep(fed, from)
    const end = from + this.#read(this.#kept, 0, this.#keptLength) - before
    if (this.progress !== 'more') this.#kept = nothing
    return end
  }

  /** Keeps no more than shows that a limit is passed. */
  #keep(fed: Buffer, from: number): void {
    const added = Math.min(fed.length - from, this.#limits.head + 4 - this.#keptLength)
    const length = this.#keptLength + added
    if (length > this.#kept.length) {
      const room = Buffer.allocUnsafeSlow(Math.max(1024, 2 * this.#kept.length, length))
      this.#kept.copy(room, 0, 0, this.#keptLength)
      this.#kept = room
    }
    fed.copy(this.#kept, this.#keptLength, from, from + added)
    this.#keptLength = length
  }

  #read(bytes: Buffer, begin: number, end: number): number {
    let at = begin + this.#lineAt
    if (this.#searched > this.#lineAt) {
      const found = bytes.indexOf(10, begin + this.#searched)
      if (found === -1 || found >= end) return this.#wait(bytes, begin, at, end)
    }
    while (true) {
      if ((at > begin || !this.#hasStart) && at + 1 < end && bytes[at] === 13 && bytes[at + 1] === 10) {
        this.progress = this.finish(bytes, begin, at) ? 'whole' : 'bad'
        return at + 2
      }
      const isStart = this.#hasStart && at === begin
      let next = isStart ? this.scanStart(bytes, begin, end) : scanField(this.lines, bytes, begin, at, end)
      const isUsual = next !== -1
      if (!isUsual) {
        const lineFeed = bytes.indexOf(10, at)
        if (lineFeed === -1 || lineFeed >= end) return this.#wait(bytes, begin, at, end)
        next = lineFeed + 1
      }
      if (this.#isTooLong(begin, at, next)) return this.#refuseSize(bytes, begin, at, end)
      if (!this.#readLine(bytes, begin, at, next, isUsual)) return this.#refuse(end)
      at = next
    }
  }

  #readLine(bytes: Buffer, begin: number, at: number, next: number, isUsual: boolean): boolean {
    if (this.#hasStart && at === begin) return isUsual || this.judgeStart(bytes, begin, next - 1)
    if (isUsual) return this.readField(bytes, begin, this.lines.count - 1)
    return this.judgeLine(bytes, begin, at, next - 1)
  }

  #isTooLong(begin: number, at: number, next: number): boolean {
    return next - at - 2 > this.#limits.line || next - begin > this.#limits.head
  }

  /** The line at `at` is not whole yet. */
  #wait(bytes: Buffer, begin: number, at: number, end: number): number {
    const mayBeLast = end - at === 1 && bytes[at] === 13
    if (!mayBeLast && end > at && this.#isTooLong(begin, at, end + 1)) return this.#refuseSize(bytes, begin, at, end)
    this.#lineAt = at - begin
    this.#searched = end - begin
    return end
  }

  #refuseSize(bytes: Buffer, begin: number, at: number, end: number): number {
    this.refuseSize(bytes, begin, this.#hasStart && at === begin)
    return this.#refuse(end)
  }

  #refuse(end: number): number {
    this.progress = 'bad'
    return end
  }
}
