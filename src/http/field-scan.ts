import { Field, type FieldKind, type FieldLines, Mark } from './head.ts'
import { isBlank, tokenOctets, valueOctets } from './octets.ts'

/** Lower-case names of the fields that `Field` tells apart. */
const names: Readonly<Record<Exclude<keyof typeof Field, 'other'>, string>> = {
  host: 'host',
  contentLength: 'content-length',
  transferEncoding: 'transfer-encoding',
  connection: 'connection',
  keepAlive: 'keep-alive',
  proxyConnection: 'proxy-connection',
  te: 'te',
  trailer: 'trailer',
  upgrade: 'upgrade',
  expect: 'expect',
  cookie: 'cookie',
  setCookie: 'set-cookie',
  userAgent: 'user-agent',
  server: 'server',
  date: 'date',
  xForwardedFor: 'x-forwarded-for',
  xForwardedProto: 'x-forwarded-proto',
  xForwardedPort: 'x-forwarded-port',
  xAmznTraceId: 'x-amzn-trace-id',
}

const longestName = Math.max(...Object.values(names).map(name => name.length))

/** Names by length and first letter, so that a name is compared with one candidate, or two. */
const candidates: { readonly kind: FieldKind; readonly name: string }[][] = Array.from(
  { length: 32 * (longestName + 1) },
  () => [],
)
for (const [key, name] of Object.entries(names)) {
  candidates[32 * name.length + (name.charCodeAt(0) & 31)]!.push({ kind: Field[key as keyof typeof Field], name })
}

/** Whether `bytes` from `from` to `to` are `lower` (ASCII, lower-case), in whatever case. */
export function isText(bytes: Uint8Array, from: number, to: number, lower: string): boolean {
  if (to - from !== lower.length) return false
  for (let i = 0; i < lower.length; i++) {
    const c = bytes[from + i]!
    if ((c >= 65 && c <= 90 ? c | 0x20 : c) !== lower.charCodeAt(i)) return false
  }
  return true
}

/** Whether a comma-separated list has this member (lower-case), in whatever case. */
export function isListed(bytes: Uint8Array, from: number, to: number, lower: string): boolean {
  let at = from
  while (at < to) {
    let end = at
    while (end < to && bytes[end] !== 44) end++
    let last = end
    while (at < last && isBlank(bytes[at])) at++
    while (last > at && isBlank(bytes[last - 1])) last--
    if (isText(bytes, at, last, lower)) return true
    at = end + 1
  }
  return false
}

export function fieldKind(bytes: Uint8Array, from: number, to: number): FieldKind {
  if (to - from > longestName) return Field.other
  const slot = candidates[32 * (to - from) + (bytes[from]! & 31)]!
  for (let i = 0; i < slot.length; i++) {
    const candidate = slot[i]!
    if (isText(bytes, from, to, candidate.name)) return candidate.kind
  }
  return Field.other
}

/**
 * Adds the field line at `at` to `lines`, if all of it is there before `end` and in good order: a token, a colon, a value without
 * control characters, CRLF (RFC 9112 section 5).
 * @param begin where the head begins in `bytes`: `lines.bounds` count from there
 * @returns where the next line begins; -1: the line needs another look
 */
export function scanField(lines: FieldLines, bytes: Uint8Array, begin: number, at: number, end: number): number {
  let p = at
  let seen = 0
  while (p < end) {
    const octet = tokenOctets[bytes[p]!]!
    if (octet === 0) break
    seen |= octet
    p++
  }
  if (p === at || p >= end || bytes[p] !== 58) return -1
  const nameEnd = p++
  while (p < end && isBlank(bytes[p])) p++
  const valueBegin = p
  while (p < end && valueOctets[bytes[p]!] === 1) p++
  if (p + 1 >= end || bytes[p] !== 13 || bytes[p + 1] !== 10) return -1
  let valueEnd = p
  while (valueEnd > valueBegin && isBlank(bytes[valueEnd - 1])) valueEnd--
  const mark = (seen & 2) === 0 ? Mark.plain : Mark.unusualName
  const kind = fieldKind(bytes, at, nameEnd)
  lines.add(at - begin, nameEnd - begin, valueBegin - begin, valueEnd - begin, p + 2 - begin, kind, mark)
  return p + 2
}
