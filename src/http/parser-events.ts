import type { FieldLines, RequestHead, ResponseHead, Verdict } from './head.ts'

/** What a parser of requests tells, in the bytes' order, from within `feed`. */
export interface RequestEvents {
  /** The body follows, if `head.framing` says that there is one, then `onEnd`. */
  onHead(head: RequestHead): void
  /** Of the body, without chunks' framing: a part of what was fed, valid until this returns. */
  onBody(bytes: Buffer): void
  /** The message is whole; `trailers`: of a chunked body, `undefined` where it had none. */
  onEnd(trailers: FieldLines | undefined): void
  /** It is to be answered so, and the connection closed; nothing more is parsed. */
  onRefused(refusal: Refusal): void
}

export interface ResponseEvents {
  /** Also for each 1xx, which has no body, and after which another head follows. After 101 all bytes are the tunnel's. */
  onHead(head: ResponseHead): void
  onBody(bytes: Buffer): void
  onEnd(trailers: FieldLines | undefined): void
  /** What came is no answer that could be passed on: 502. */
  onBad(reason: string): void
}

/** Why a request gets no further. */
export interface Refusal {
  /** 400, 405, 414, 501, 505. */
  readonly status: number
  readonly verdict: Verdict
  /** What of the head could be read, for the access log: the start line, or as much of it as there is. */
  readonly requestLine: string
}
