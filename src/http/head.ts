/** Header fields that a load balancer acts upon; `other` for all the rest. */
export const Field = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  keepAlive: 5,
  proxyConnection: 6,
  te: 7,
  trailer: 8,
  upgrade: 9,
  expect: 10,
  cookie: 11,
  setCookie: 12,
  userAgent: 13,
  server: 14,
  date: 15,
  xForwardedFor: 16,
  xForwardedProto: 17,
  xForwardedPort: 18,
  xAmznTraceId: 19,
  /** One of the names that this listener adds itself, such as `X-Amzn-Tls-Version`, is compared as text where it is enabled. */
} as const

export type FieldKind = (typeof Field)[keyof typeof Field]

/** What is to be known of one field line before it is sent on. */
export const Mark = {
  /** It may be copied as it came. */
  plain: 0,
  /** A token, but not only of letters, digits and hyphens: left out where `routing.http.drop_invalid_header_fields` is on. */
  unusualName: 1,
  /** Never sent on: it could be read in two ways, or repeats another. */
  dropped: 2,
} as const

/** Lines of which the room is kept from one message to the next. */
const most = 128

/**
 * The field lines of a message's head, as they came. One object serves all messages of a connection, one after the other: what it
 * says holds until the next head is parsed.
 */
export class FieldLines {
  /** The whole head as latin1: start line, field lines, each ended by CRLF, without the empty line at the end. */
  text = ''
  count = 0
  /** Five numbers a line, positions in `text`: name's begin and end, value's begin and end without white space, next line's begin. */
  readonly bounds: number[] = []
  readonly kinds: FieldKind[] = []
  /** A `Mark` a line. */
  readonly marks: (typeof Mark)[keyof typeof Mark][] = []
  /** Some line has a mark other than `plain`; where this is false nobody need look. */
  isMarked = false
  /**
   * The one line that states the body's length or coding (Content-Length or Transfer-Encoding) and may be copied as it came, if the
   * body is sent on framed as it came. -1: none; where `framing` says that there is a body, one has to be written. All other lines
   * of these two kinds are dropped. An answer to HEAD and a 304 may have one without having a body.
   */
  framingLine = -1

  /** Forgets the last message's lines; `text` stays until the next one is set. */
  clear(): void {
    this.count = 0
    this.isMarked = false
    this.framingLine = -1
    if (this.kinds.length <= most) return
    this.bounds.length = 0
    this.kinds.length = 0
    this.marks.length = 0
  }

  /** Adds a line: its five bounds, kind and mark. */
  add(
    nameBegin: number,
    nameEnd: number,
    valueBegin: number,
    valueEnd: number,
    next: number,
    kind: FieldKind,
    mark: (typeof Mark)[keyof typeof Mark],
  ): void {
    const i = this.count++
    this.bounds[5 * i] = nameBegin
    this.bounds[5 * i + 1] = nameEnd
    this.bounds[5 * i + 2] = valueBegin
    this.bounds[5 * i + 3] = valueEnd
    this.bounds[5 * i + 4] = next
    this.kinds[i] = kind
    this.marks[i] = mark
    if (mark !== Mark.plain) this.isMarked = true
  }

  isDropped(i: number): boolean {
    return this.marks[i] === Mark.dropped
  }

  drop(i: number): void {
    this.marks[i] = Mark.dropped
    this.isMarked = true
  }

  name(i: number): string {
    return this.text.slice(this.bounds[5 * i], this.bounds[5 * i + 1])
  }

  value(i: number): string {
    return this.text.slice(this.bounds[5 * i + 2], this.bounds[5 * i + 3])
  }

  /** The first line of this kind, -1 if there is none. */
  find(kind: FieldKind): number {
    for (let i = 0; i < this.count; i++) if (this.kinds[i] === kind) return i
    return -1
  }

  /** Values of all lines named so (lower-case), in order; not of dropped ones. */
  valuesOf(lowerName: string): readonly string[] {
    const values: string[] = []
    for (let i = 0; i < this.count; i++) {
      if (this.marks[i] === Mark.dropped) continue
      const length = this.bounds[5 * i + 1]! - this.bounds[5 * i]!
      if (length === lowerName.length && this.name(i).toLowerCase() === lowerName) values.push(this.value(i))
    }
    return values
  }
}

/** How a body's end is found (RFC 9112 section 6.3). `close`: of an answer, where the connection ends. */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

/** A request's head, accepted: nothing in it may be read in two ways once `targetHead` has written it anew. */
export class RequestHead extends FieldLines {
  method = ''
  /** As it came: origin-form, absolute-form or `*`. */
  target = ''
  /**
   * Without scheme and authority: `/a/b`, `*`; with `query` it is what is sent on. Where the target had blanks or control characters
   * they are percent-encoded here and in `query`, but not in `target`.
   */
  path = ''
  /** Without the `?`; empty where there is none. */
  query = ''
  hasQuery = false
  /** As given, port included: of the absolute-form, else of the Host field (there is at most one), else empty. */
  authority = ''
  minorVersion: 0 | 1 = 1
  framing: Framing = 'none'
  /** Bytes; with `framing` length. */
  contentLength = 0
  /** The client would have the connection stay open after the answer. */
  keepAlive = true
  /** `Expect: 100-continue`, of an HTTP/1.1 client that has a body to send. */
  expectsContinue = false
  /** The protocol asked for with `Connection: upgrade`: `websocket`, the only one that is passed on; empty: none. */
  upgrade: '' | 'websocket' = ''
  verdict: Verdict = compliant
  /** It is ambiguous, so that after it both the client's and the target's connection are to be closed; `keepAlive` is false then. */
  closesBoth = false
}

/** An answer's head. */
export class ResponseHead extends FieldLines {
  status = 0
  reason = ''
  minorVersion: 0 | 1 = 1
  framing: Framing = 'none'
  contentLength = 0
  /** The target would have the connection stay open. */
  keepAlive = true
}

/** What http-desync-guardian says of a request (AWS: Classification reasons), as access logs write it. */
export interface Verdict {
  readonly class: 'Compliant' | 'Acceptable' | 'Ambiguous' | 'Severe'
  /** `BadContentLength`, `BothTeClPresent`; empty: Compliant. */
  readonly reason: string
}

export const compliant: Verdict = { class: 'Compliant', reason: '' }
