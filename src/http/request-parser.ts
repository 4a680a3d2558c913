import { ChunkedBody } from './chunked.ts'
import { type DesyncMode, severe } from './classify.ts'
import type { FieldLines } from './head.ts'
import type { Refusal, RequestEvents } from './parser-events.ts'
import { RequestHeadReader } from './request-head-reader.ts'

/** `idle`: no byte of a request has come; `refused`: nothing more is read. */
export type RequestPhase = 'idle' | 'head' | 'body' | 'refused'

/** AWS: Quotas; a trailer section counts as a header of its own. */
const trailerLimits = { line: 16_384, head: 65_536 }

/**
 * Parses the requests of one HTTP/1.1 connection (RFC 9112), one after the other. What is not refused has one reading: how a body is
 * framed is decided here, and field lines that another might read in another way are marked so that they are not sent on.
 */
export class RequestParser {
  readonly #events: RequestEvents
  readonly #head: RequestHeadReader
  /** Most requests have none. */
  #chunked: ChunkedBody | undefined
  /** Bytes of the body still to come; with `length` framing. */
  #left = 0
  /** Of the empty line that may come before a request (RFC 9112 section 2.2): 1 once its CR was there, 2 when it is past. */
  #emptyLine = 0
  phase: RequestPhase = 'idle'

  constructor(events: RequestEvents, options: { readonly desyncMode: DesyncMode }) {
    this.#events = events
    this.#head = new RequestHeadReader(options.desyncMode)
  }

  /**
   * Parses what came, from `from` on, and tells `events`. It stops behind a request's end, so that the caller feeds the rest once
   * the answer is out.
   * @returns the position behind what was parsed; what is before it need not be kept
   */
  feed(bytes: Buffer, from: number): number {
    let at = from
    while (at < bytes.length) {
      switch (this.phase) {
        case 'idle':
          at = this.#skipEmptyLine(bytes, at)
          break
        case 'head':
          at = this.#head.feed(bytes, at)
          if (this.#head.progress === 'whole' && this.#begin()) return at
          if (this.#head.progress === 'bad') this.#tell(this.#head.refusal!)
          break
        case 'body': {
          at =
            this.#head.head.framing === 'chunked'
              ? this.#feedChunked(this.#chunked!, bytes, at)
              : this.#feedLength(bytes, at)
          if ((this.phase as RequestPhase) === 'idle') return at
          break
        }
        case 'refused':
          return bytes.length
      }
    }
    return at
  }

  /** Parses nothing more: the connection is to be closed. To be called from within an event too. */
  stop(): void {
    this.phase = 'refused'
    this.#chunked?.stop()
  }

  #skipEmptyLine(bytes: Buffer, at: number): number {
    const c = bytes[at]
    if (this.#emptyLine === 0 && c === 13) {
      this.#emptyLine = 1
      return at + 1
    }
    if (this.#emptyLine === 1 && c === 10) {
      this.#emptyLine = 2
      return at + 1
    }
    if (this.#emptyLine === 1) {
      this.#tell({ status: 400, verdict: severe.badMethod, requestLine: '' })
      return bytes.length
    }
    this.#head.restart()
    this.phase = 'head'
    return at
  }

  /** A head is whole. Answers whether the request is too. */
  #begin(): boolean {
    const { head } = this.#head
    this.phase = 'body'
    if (head.framing === 'chunked') {
      this.#chunked ??= new ChunkedBody(this.#events, trailerLimits)
      this.#chunked.restart()
    }
    this.#left = head.contentLength
    this.#events.onHead(head)
    if (head.framing === 'chunked' || this.#left > 0) return false
    this.#end()
    return true
  }

  #feedLength(bytes: Buffer, at: number): number {
    const end = Math.min(bytes.length, at + this.#left)
    this.#left -= end - at
    this.#events.onBody(at === 0 && end === bytes.length ? bytes : bytes.subarray(at, end))
    if (this.#left === 0) this.#end()
    return end
  }

  #feedChunked(chunked: ChunkedBody, bytes: Buffer, at: number): number {
    const end = chunked.feed(bytes, at)
    if (chunked.isDone) this.#end(chunked.trailers)
    else if (chunked.isBad && this.phase !== 'refused') {
      const { head } = this.#head
      const requestLine = head.text.slice(0, head.text.indexOf('\r'))
      this.#tell({ status: 400, verdict: head.verdict, requestLine })
    }
    return end
  }

  #end(trailers?: FieldLines): void {
    if (this.phase === 'refused') return
    this.phase = 'idle'
    this.#emptyLine = 0
    this.#events.onEnd(trailers)
  }

  #tell(refusal: Refusal): void {
    this.phase = 'refused'
    this.#events.onRefused(refusal)
  }
}
