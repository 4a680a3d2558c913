import { hostEnd } from '../domain/rule-conditions.ts'
import type { HttpSettings } from '../domain/snapshot-http.ts'
import { connectionNames, endToEndLines, framingField, kindSet, nextLine } from './end-to-end.ts'
import { Field, type RequestHead } from './head.ts'

/**
 * What a request is given on its way to a target, beside what it says itself. One object serves a client's connection; what is not
 * `readonly` is set for each request.
 */
export interface Forwarding {
  settings: HttpSettings
  readonly listenerPort: number
  /** Where the client connected to: the Host of an HTTP/1.0 request that has none. */
  readonly listenerAddress: string
  readonly clientAddress: string
  readonly clientPort: number
  /** As OpenSSL names them: `TLSv1.3`, `TLS_AES_128_GCM_SHA256`. Absent: the client speaks no TLS. */
  readonly tls?: { readonly version: string; readonly cipher: string }
  /** `X-Amzn-Trace-Id`'s whole value, made by `traceIdFor`. */
  traceId: string
  /** The connection to the target stays open after the answer. */
  keepAlive: boolean
}

/** More addresses than this in X-Forwarded-For are answered 463 (AWS: HTTP 463). */
const mostForwardedAddresses = 30

const keptAlways = kindSet(Field.other, Field.cookie, Field.setCookie, Field.userAgent, Field.server, Field.date)
const keptOfCurrentClients = kindSet(Field.expect)
const keptWithChunks = kindSet(Field.trailer)
const keptWhereForwarded = kindSet(Field.xForwardedFor)

/** Whether X-Forwarded-For, all its lines together, has more addresses than are let through: 463. */
export function hasTooManyAddresses(head: RequestHead): boolean {
  let addresses = 0
  for (let i = nextLine(head, Field.xForwardedFor, 0); i >= 0; i = nextLine(head, Field.xForwardedFor, i + 1)) {
    addresses++
    const end = head.bounds[5 * i + 3]!
    for (let at = head.bounds[5 * i + 2]!; at < end; at++) if (head.text.charCodeAt(at) === comma) addresses++
  }
  return addresses > mostForwardedAddresses
}

const comma = 44

/**
 * A request's head as a target gets it: HTTP/1.1, up to and with its empty line, latin1. It has the fields that load balancers set
 * (AWS: HTTP headers and Application Load Balancers; X-forwarded headers), one field that frames the body as `head.framing` says,
 * and what else the client sent but for what is meant for one hop (RFC 9110 section 7.6.1).
 */
export function targetHead(head: RequestHead, forwarding: Forwarding): string {
  const { settings, tls } = forwarding
  const scheme = tls === undefined ? 'http' : 'https'
  let text = `${head.method} ${head.hasQuery ? `${head.path}?${head.query}` : head.path} HTTP/1.1\r\n${forwardedFor(head, forwarding)}X-Forwarded-Proto: ${scheme}\r\nX-Forwarded-Port: ${forwarding.listenerPort}\r\nHost: ${targetHost(head, forwarding)}\r\nX-Amzn-Trace-Id: ${forwarding.traceId}\r\n`
  let kept = keptAlways
  if (head.minorVersion === 1) kept |= keptOfCurrentClients
  if (head.framing === 'chunked') kept |= keptWithChunks
  if (settings.xff === 'preserve') kept |= keptWhereForwarded
  let leftOut = connectionNames(head)
  if (settings.tlsHeaders) {
    // A client's own are never taken for ours, not even without TLS.
    leftOut = new Set(leftOut).add(settings.tlsVersionHeader.toLowerCase()).add(settings.tlsCipherHeader.toLowerCase())
    if (tls !== undefined)
      text += `${settings.tlsVersionHeader}: ${tls.version}\r\n${settings.tlsCipherHeader}: ${tls.cipher}\r\n`
  }
  text += endToEndLines(head, kept, leftOut, head.framingLine, settings.dropInvalidHeaderFields)
  if (head.framingLine < 0) text += framingField(head.framing, head.contentLength)
  return `${text}${connectionLines(head, forwarding.keepAlive)}\r\n`
}

/** The X-Forwarded-For line, if this listener writes one: the client's lines as one list, and where it connects from. */
function forwardedFor(head: RequestHead, { settings, clientAddress, clientPort }: Forwarding): string {
  if (settings.xff !== 'append') return ''
  const client = settings.xffClientPort ? withPort(clientAddress, clientPort) : clientAddress
  let list = ''
  for (let i = nextLine(head, Field.xForwardedFor, 0); i >= 0; i = nextLine(head, Field.xForwardedFor, i + 1)) {
    const value = head.value(i)
    if (value !== '') list += `${value}, `
  }
  return `X-Forwarded-For: ${list}${client}\r\n`
}

/** AWS: Host header preservation. On port 80 and 443 the Host has no port, else it has one, the listener's where none was given. */
function targetHost(head: RequestHead, forwarding: Forwarding): string {
  const { settings, listenerPort } = forwarding
  if (settings.preserveHost) {
    const first = head.find(Field.host)
    if (first >= 0) return head.value(first)
  }
  const host = hostOf(head, forwarding)
  if (listenerPort === 80 || listenerPort === 443) return host
  const hasPort = head.authority.length > host.length + 1
  return hasPort ? head.authority : `${host}:${listenerPort}`
}

/** Which host a request is for, without its port: `example.com`, `[::1]`; where it does not say, the one that it came to. */
export function hostOf({ authority }: RequestHead, { listenerAddress }: Forwarding): string {
  if (authority === '') return listenerAddress.includes(':') ? `[${listenerAddress}]` : listenerAddress
  return authority.slice(0, hostEnd(authority))
}

/** `10.0.0.1:80`, `[2001:db8::1]:80` */
function withPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** What holds for the connection to the target: an upgrade, its end, and whether trailers are welcome (RFC 9110 section 10.1.4). */
function connectionLines(head: RequestHead, keepAlive: boolean): string {
  if (head.upgrade !== '') return `Connection: upgrade\r\nUpgrade: ${head.upgrade}\r\n`
  if (!acceptsTrailers(head)) return keepAlive ? '' : 'Connection: close\r\n'
  return keepAlive ? 'Connection: TE\r\nTE: trailers\r\n' : 'Connection: close, TE\r\nTE: trailers\r\n'
}

function acceptsTrailers(head: RequestHead): boolean {
  for (let i = nextLine(head, Field.te, 0); i >= 0; i = nextLine(head, Field.te, i + 1)) {
    for (const coding of head.value(i).split(',')) if (coding.trim().toLowerCase() === 'trailers') return true
  }
  return false
}
