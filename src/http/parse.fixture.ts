import type { DesyncMode } from './classify.ts'
import type { FieldLines } from './head.ts'
import { Mark } from './head.ts'
import type { Refusal, RequestEvents, ResponseEvents } from './parser-events.ts'
import { RequestParser } from './request-parser.ts'
import { ResponseParser } from './response-parser.ts'

/** A request as its events told it. */
export interface ParsedRequest {
  readonly method: string
  readonly target: string
  readonly path: string
  readonly query: string | undefined
  readonly authority: string
  readonly version: string
  readonly framing: string
  readonly keepAlive: boolean
  readonly closesBoth: boolean
  readonly expectsContinue: boolean
  readonly upgrade: string
  readonly verdict: string
  /** Lines that are sent on. */
  readonly fields: readonly string[]
  body: string
  /** Absent: the body is not whole. */
  trailers?: readonly string[]
}

export interface Parsed {
  readonly requests: ParsedRequest[]
  refusal?: Refusal
}

export function linesOf(lines: FieldLines): string[] {
  const kept: string[] = []
  for (let i = 0; i < lines.count; i++) {
    if (lines.marks[i] !== Mark.dropped) kept.push(`${lines.name(i)}: ${lines.value(i)}`)
  }
  return kept
}

/** Parses all of `pieces` (latin1) as requests of one connection, pipelined ones too. */
export function parseRequests(pieces: readonly string[], desyncMode: DesyncMode = 'defensive'): Parsed {
  const parsed: Parsed = { requests: [] }
  const events: RequestEvents = {
    onHead: head =>
      parsed.requests.push({
        method: head.method,
        target: head.target,
        path: head.path,
        query: head.hasQuery ? head.query : undefined,
        authority: head.authority,
        version: `1.${head.minorVersion}`,
        framing: head.framing === 'length' ? `${head.contentLength}` : head.framing,
        keepAlive: head.keepAlive,
        closesBoth: head.closesBoth,
        expectsContinue: head.expectsContinue,
        upgrade: head.upgrade,
        verdict: `${head.verdict.class} ${head.verdict.reason}`.trim(),
        fields: linesOf(head),
        body: '',
      }),
    onBody: bytes => {
      parsed.requests.at(-1)!.body += bytes.toString('latin1')
    },
    onEnd: trailers => {
      parsed.requests.at(-1)!.trailers = trailers ? linesOf(trailers) : []
    },
    onRefused: refusal => {
      parsed.refusal = refusal
    },
  }
  const parser = new RequestParser(events, { desyncMode })
  for (const piece of pieces) feedAll(parser, piece)
  return parsed
}

export interface ParsedResponse {
  readonly status: number
  readonly reason: string
  readonly framing: string
  readonly keepAlive: boolean
  readonly fields: readonly string[]
  body: string
  trailers?: readonly string[]
}

export interface ParsedAnswer {
  /** Interim ones first. */
  readonly responses: ParsedResponse[]
  bad?: string
  /** What was left behind the answer's end. */
  rest: string
  phase: string
}

/** Parses `pieces` (latin1) as what a target sends in answer to one request; `isClosed`: FIN follows. */
export function parseAnswer(
  pieces: readonly string[],
  request: { readonly method?: string; readonly asksUpgrade?: boolean; readonly isClosed?: boolean } = {},
): ParsedAnswer {
  const parsed: ParsedAnswer = { responses: [], rest: '', phase: '' }
  const events: ResponseEvents = {
    onHead: head =>
      parsed.responses.push({
        status: head.status,
        reason: head.reason,
        framing: head.framing === 'length' ? `${head.contentLength}` : head.framing,
        keepAlive: head.keepAlive,
        fields: linesOf(head),
        body: '',
      }),
    onBody: bytes => {
      parsed.responses.at(-1)!.body += bytes.toString('latin1')
    },
    onEnd: trailers => {
      parsed.responses.at(-1)!.trailers = trailers ? linesOf(trailers) : []
    },
    onBad: reason => {
      parsed.bad = reason
    },
  }
  const parser = new ResponseParser(events)
  parser.expect(request.method ?? 'GET', request.asksUpgrade ?? false)
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1')
    parsed.rest += bytes.toString('latin1', parser.feed(bytes, 0))
  }
  if (request.isClosed) parser.finish()
  parsed.phase = parser.phase
  return parsed
}

function feedAll(parser: RequestParser, piece: string): void {
  const bytes = Buffer.from(piece, 'latin1')
  let at = 0
  while (at < bytes.length) at = parser.feed(bytes, at)
}
