import type { HttpSettings } from '../domain/snapshot-http.ts'
import type { Reply } from './client-head.ts'
import { type FieldLines, RequestHead, type ResponseHead } from './head.ts'
import { RequestParser } from './request-parser.ts'
import { ResponseParser } from './response-parser.ts'
import type { Forwarding } from './target-head.ts'

/** An Application Load Balancer's settings as they are when nobody has changed an attribute. */
export const defaultSettings: HttpSettings = {
  secret: '00'.repeat(32),
  desyncMode: 'defensive',
  dropInvalidHeaderFields: false,
  preserveHost: false,
  tlsHeaders: false,
  tlsVersionHeader: 'X-Amzn-Tls-Version',
  tlsCipherHeader: 'X-Amzn-Tls-Cipher-Suite',
  xff: 'append',
  xffClientPort: false,
  idleTimeoutMs: 60_000,
  clientKeepAliveMs: 3_600_000,
  serverHeader: true,
  responseFields: [],
}

/** A client at 203.0.113.7:4321 on a plain listener at 10.0.0.5:80. */
export function forwardingWith(
  changes: Partial<Omit<Forwarding, 'settings'>> & { readonly settings?: Partial<HttpSettings> } = {},
): Forwarding {
  return {
    listenerPort: 80,
    listenerAddress: '10.0.0.5',
    clientAddress: '203.0.113.7',
    clientPort: 4321,
    traceId: 'Root=1-67891233-abcdef012345678912345678',
    keepAlive: true,
    ...changes,
    settings: { ...defaultSettings, ...changes.settings },
  }
}

/** A kept connection of an HTTP/1.1 client, on a Thursday. */
export function replyWith(
  changes: Partial<Omit<Reply, 'settings'>> & { readonly settings?: Partial<HttpSettings> } = {},
): Reply {
  return {
    minorVersion: 1,
    keepAlive: true,
    isHead: false,
    date: 'Thu, 01 Jan 2026 00:00:00 GMT',
    ...changes,
    settings: { ...defaultSettings, ...changes.settings },
  }
}

/** The head that a parser reads of these lines; throws where it refuses them. */
export function requestHead(
  lines: readonly string[],
  desyncMode: HttpSettings['desyncMode'] = 'defensive',
): RequestHead {
  return requestOf(lines, desyncMode).head
}

/** As `requestHead`, with what followed: the body as latin1, and the trailers. */
export function requestOf(
  lines: readonly string[],
  desyncMode: HttpSettings['desyncMode'] = 'defensive',
  body = '',
): { readonly head: RequestHead; readonly body: string; readonly trailers: FieldLines | undefined } {
  const seen = { head: undefined as RequestHead | undefined, body: '', trailers: undefined as FieldLines | undefined }
  const parser = new RequestParser(
    {
      onHead: head => {
        seen.head = head
      },
      onBody: bytes => {
        seen.body += bytes.toString('latin1')
      },
      onEnd: trailers => {
        seen.trailers = trailers
      },
      onRefused: refusal => {
        throw new Error(`refused: ${refusal.status} ${refusal.verdict.reason}`)
      },
    },
    { desyncMode },
  )
  parser.feed(Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1'), 0)
  if (!(seen.head instanceof RequestHead)) throw new Error('no whole head')
  return { ...seen, head: seen.head }
}

/** The head that a parser reads of these lines, the answer to a request with this method; throws where it refuses them. */
export function responseHead(lines: readonly string[], method = 'GET'): ResponseHead {
  return readResponse(lines, method, head => head)
}

/** What `read` makes of that head while it is valid, which one of an interim answer is for no longer than that. */
export function readResponse<T>(lines: readonly string[], method: string, read: (head: ResponseHead) => T): T {
  const seen: T[] = []
  const parser = new ResponseParser({
    onHead: head => {
      seen.push(read(head))
    },
    onBody: () => {},
    onEnd: () => {},
    onBad: reason => {
      throw new Error(reason)
    },
  })
  parser.expect(method, true)
  parser.feed(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), 0)
  const [first] = seen
  if (first === undefined) throw new Error('no whole head')
  return first
}
