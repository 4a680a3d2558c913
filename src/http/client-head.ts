import type { HttpSettings } from '../domain/snapshot-http.ts'
import { connectionNames, endToEndLines, framingField, kindSet } from './end-to-end.ts'
import { Field, type Framing, type ResponseHead } from './head.ts'

/** How an answer goes out to a client, whoever made it. One object serves a client's connection. */
export interface Reply {
  settings: HttpSettings
  /** The client's version of this request. */
  minorVersion: 0 | 1
  /** The client's connection stays open after the answer; without meaning where `clientFraming` says `close`. */
  keepAlive: boolean
  /** The request is HEAD: no body follows, whatever the head says. */
  isHead: boolean
  /** Now, as `httpDate` writes it. */
  date: string
}

const kept = kindSet(Field.other, Field.cookie, Field.setCookie, Field.userAgent, Field.date, Field.expect)
const keptServer = kindSet(Field.server)
const keptOfTunnels = kindSet(Field.upgrade)
const keptWithChunks = kindSet(Field.trailer)

/**
 * How a target's answer is framed for the client: `length` and `none` as they came; what has no known length is chunked, or, for
 * HTTP/1.0, ends with the connection.
 */
export function clientFraming(head: ResponseHead, minorVersion: 0 | 1): Framing {
  if (head.framing === 'length' || head.framing === 'none') return head.framing
  return minorVersion === 1 ? 'chunked' : 'close'
}

/**
 * A target's final answer, or its 101, as a client gets it, up to and with the empty line, latin1: framed as `clientFraming` says,
 * without what is meant for one hop (RFC 9110 section 7.6.1), with a Date (section 6.6.1) and the listener's own fields in place of
 * the target's of the same names.
 * @param cookies values of Set-Cookie fields to add
 */
export function clientHead(head: ResponseHead, reply: Reply, cookies: readonly string[]): string {
  const { settings } = reply
  const framing = clientFraming(head, reply.minorVersion)
  const isTunnel = head.status === 101
  let kinds = settings.serverHeader ? kept | keptServer : kept
  if (isTunnel) kinds |= keptOfTunnels
  else if (framing === 'chunked') kinds |= keptWithChunks
  let leftOut = connectionNames(head)
  if (settings.responseFields.length > 0)
    leftOut = leftOut.union(new Set(settings.responseFields.map(([name]) => name.toLowerCase())))
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`
  if (head.find(Field.date) < 0) text += `Date: ${reply.date}\r\n`
  const framingLine = framing === head.framing ? head.framingLine : -1
  text += endToEndLines(head, kinds, leftOut, framingLine, false)
  if (framingLine < 0) text += framingField(framing, head.contentLength)
  if (isTunnel) text += 'Connection: upgrade\r\n'
  else text += reply.keepAlive && framing !== 'close' ? 'Connection: keep-alive\r\n' : 'Connection: close\r\n'
  for (const cookie of cookies) text += `Set-Cookie: ${cookie}\r\n`
  return `${text}${responseFieldLines(settings)}\r\n`
}

/** A target's 1xx other than 101, for an HTTP/1.1 client (RFC 9110 section 15.2: it is never sent to an HTTP/1.0 one). */
export function interimHead(head: ResponseHead): string {
  return `HTTP/1.1 ${head.status} ${head.reason}\r\n${endToEndLines(head, kept, connectionNames(head), -1, false)}\r\n`
}

/** The fields that the listener adds to every answer, its own ones included (AWS: HTTP header modification). */
export function responseFieldLines({ responseFields }: HttpSettings): string {
  let lines = ''
  for (const [name, value] of responseFields) lines += `${name}: ${value}\r\n`
  return lines
}
