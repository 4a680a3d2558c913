import { isText } from './field-scan.ts'
import { isBlank } from './octets.ts'

/** A Content-Length's value as bytes (RFC 9110 section 8.6), at most 2^53 - 1; -1: it is none. */
export function parseLength(bytes: Uint8Array, from: number, to: number): number {
  if (from === to) return -1
  let length = 0
  for (let p = from; p < to; p++) {
    const digit = bytes[p]! - 48
    if (digit < 0 || digit > 9) return -1
    length = 10 * length + digit
    if (length > Number.MAX_SAFE_INTEGER) return -1
  }
  return length
}

/** What one Transfer-Encoding line says (RFC 9112 section 6.1). */
export const Transfer = {
  /** No list of codings that are known, or chunked is not the last one. */
  bad: 0,
  /** Nothing but `identity`, which changes nothing. */
  identity: 1,
  chunkedOnly: 2,
  /** Chunked at last, behind others or with parameters. */
  chunked: 3,
  chunkedTwice: 4,
  /** Codings without chunked. */
  other: 5,
} as const

const codings = ['gzip', 'deflate', 'compress', 'x-gzip', 'x-compress'] as const

export function transferOf(bytes: Uint8Array, from: number, to: number): (typeof Transfer)[keyof typeof Transfer] {
  if (isText(bytes, from, to, 'chunked')) return Transfer.chunkedOnly
  let chunked = 0
  let hasOther = false
  let at = from
  while (at <= to) {
    let end = at
    while (end < to && bytes[end] !== 44) end++
    let nameEnd = at
    while (nameEnd < end && bytes[nameEnd] !== 59) nameEnd++
    if (nameEnd < end) hasOther = true
    while (at < nameEnd && isBlank(bytes[at])) at++
    while (nameEnd > at && isBlank(bytes[nameEnd - 1])) nameEnd--
    if (isText(bytes, at, nameEnd, 'chunked')) chunked++
    else if (chunked > 0) return Transfer.bad
    else if (codings.some(coding => isText(bytes, at, nameEnd, coding))) hasOther = true
    else if (!isText(bytes, at, nameEnd, 'identity')) return Transfer.bad
    at = end + 1
  }
  if (chunked > 1) return Transfer.chunkedTwice
  if (chunked === 1) return Transfer.chunked
  return hasOther ? Transfer.other : Transfer.identity
}
