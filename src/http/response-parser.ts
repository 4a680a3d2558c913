import { ChunkedBody } from './chunked.ts'
import type { FieldLines } from './head.ts'
import type { ResponseEvents } from './parser-events.ts'
import { ResponseHeadReader } from './response-head-reader.ts'

/**
 * `idle`: no answer is expected; `waiting`: one is, and no byte of it has come; `head` also between an interim answer and the next;
 * `tunnel`: behind a 101; `bad`: nothing more is read.
 */
export type ResponsePhase = 'idle' | 'waiting' | 'head' | 'body' | 'tunnel' | 'bad'

const trailerLimits = { line: 32_768, head: 32_768 }

/** Parses the answers of one HTTP/1.1 connection to a target (RFC 9112), one for each `expect`. */
export class ResponseParser {
  readonly #events: ResponseEvents
  readonly #head = new ResponseHeadReader()
  #chunked: ChunkedBody | undefined
  #method = ''
  #asksUpgrade = false
  #left = 0
  phase: ResponsePhase = 'idle'

  constructor(events: ResponseEvents) {
    this.#events = events
  }

  /** A request with this method is sent; `asksUpgrade`: 101 may be the answer. */
  expect(method: string, asksUpgrade: boolean): void {
    this.#method = method
    this.#asksUpgrade = asksUpgrade
    this.#head.restart()
    this.phase = 'waiting'
  }

  /**
   * Parses what came, from `from` on, and tells `events`.
   * @returns the position behind what was parsed: it stops behind an answer's end, where more means that the target sends what
   * nobody asked for, and behind a 101's head, where the tunnel begins
   */
  feed(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length) {
      switch (this.phase) {
        case 'waiting':
          this.phase = 'head'
          break
        case 'head':
          at = this.#head.feed(bytes, at)
          if (this.#head.progress === 'whole') {
            if (this.#begin()) return at
          } else if (this.#head.progress === 'bad') this.#fail(this.#head.reason)
          break
        case 'body':
          at = this.#feedBody(bytes, at)
          // An owner that expects the next answer from within `onEnd` does not get it out of these bytes.
          if (!this.#isReading()) return at
          break
        case 'bad':
          return bytes.length
        default:
          return at
      }
    }
    return at
  }

  /** The target sends no more: the end of a body that is framed so, else a failure where an answer is under way. */
  finish(): void {
    if (this.phase === 'body' && this.#head.head.framing === 'close') this.#end()
    else if (this.phase === 'waiting' || this.phase === 'head' || this.phase === 'body') {
      this.#fail('the target closed the connection before its answer was whole')
    }
  }

  /** Parses nothing more. To be called from within an event too. */
  stop(): void {
    this.phase = 'bad'
    this.#chunked?.stop()
  }

  /** A head is whole. Answers whether nothing after it belongs to the answer. */
  #begin(): boolean {
    const { head } = this.#head
    if (head.status === 101 && !this.#asksUpgrade) {
      this.#fail('it switches protocols unasked')
      return false
    }
    this.#head.frame(this.#method)
    if (head.status === 101) this.phase = 'tunnel'
    else if (head.status >= 200) this.phase = 'body'
    if (head.framing === 'chunked') {
      this.#chunked ??= new ChunkedBody(this.#events, trailerLimits)
      this.#chunked.restart()
    }
    this.#left = head.contentLength
    this.#events.onHead(head)
    if (head.status === 101) return true
    if (head.status < 200) {
      this.#head.restart()
      return false
    }
    if (head.framing !== 'none' && (head.framing !== 'length' || this.#left > 0)) return false
    this.#end()
    return true
  }

  #feedBody(bytes: Buffer, at: number): number {
    switch (this.#head.head.framing) {
      case 'chunked': {
        const chunked = this.#chunked!
        const end = chunked.feed(bytes, at)
        if (chunked.isDone) this.#end(chunked.trailers)
        else if (chunked.isBad) this.#fail('its chunks are malformed')
        return end
      }
      case 'length': {
        const end = Math.min(bytes.length, at + this.#left)
        this.#left -= end - at
        this.#events.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
        if (this.#left === 0) this.#end()
        return end
      }
      default:
        this.#events.onBody(at === 0 ? bytes : bytes.subarray(at))
        return bytes.length
    }
  }

  #isReading(): boolean {
    return this.phase === 'body' || this.phase === 'bad'
  }

  #end(trailers?: FieldLines): void {
    if (this.phase !== 'body') return
    this.phase = 'idle'
    this.#events.onEnd(trailers)
  }

  #fail(reason: string): void {
    if (this.phase === 'bad') return
    this.phase = 'bad'
    this.#events.onBad(reason)
  }
}
