import { hostEnd } from '../domain/rule-conditions.ts'
import { Field, type RequestHead } from './head.ts'
import { hostOctets } from './octets.ts'
import type { RequestLine } from './request-line.ts'

/**
 * Fills in target, path, query and authority (RFC 9112 section 3.2).
 * @returns false where it is none of origin-form, absolute-form of http or https, and `*` of OPTIONS, or where targets could make
 *   out another host than the rules here do
 */
export function readTarget(head: RequestHead, line: RequestLine): boolean {
  const { text } = head
  const target = text.slice(line.targetBegin, line.targetEnd)
  const question = line.question === -1 ? -1 : line.question - line.targetBegin
  head.target = target
  head.hasQuery = question !== -1
  head.query = head.hasQuery ? target.slice(question + 1) : ''
  if (target.charCodeAt(0) === 47 || target === '') {
    head.path = head.hasQuery ? target.slice(0, question) : target === '' ? '/' : target
    head.authority = hostOf(head)
  } else if (target === '*') {
    if (head.method !== 'OPTIONS') return false
    head.path = '*'
    head.authority = hostOf(head)
  } else if (!readAbsolute(head, target, question === -1 ? target.length : question)) return false
  if (line.isUnclean) {
    head.path = encoded(head.path)
    head.query = encoded(head.query)
  }
  return hasOneReading(head.authority)
}

/** A host, and at most a port: `a:b` and `a:1:2` some take for `a` (RFC 9110 section 7.2). */
function hasOneReading(authority: string): boolean {
  const colon = authority.indexOf(':')
  if (colon === -1) return true
  const end = hostEnd(authority)
  return authority[0] === '[' ? authority.indexOf(']') === end - 1 : colon === end && end > 0
}

function hostOf(head: RequestHead): string {
  const line = head.find(Field.host)
  return line === -1 ? '' : head.value(line)
}

/** @param end of what is before the query */
function readAbsolute(head: RequestHead, target: string, end: number): boolean {
  const scheme = target.slice(0, 8).toLowerCase()
  const from = scheme === 'https://' ? 8 : scheme.startsWith('http://') ? 7 : -1
  if (from === -1) return false
  const slash = target.indexOf('/', from)
  const to = slash === -1 || slash > end ? end : slash
  if (to === from) return false
  for (let i = from; i < to; i++) if (hostOctets[target.charCodeAt(i)] === 0) return false
  head.authority = target.slice(from, to)
  if (to < end) head.path = target.slice(to, end)
  else head.path = head.method === 'OPTIONS' && !head.hasQuery ? '*' : '/'
  return true
}

/** With blanks and control characters percent-encoded. */
function encoded(part: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
  return part.replace(/[\x00-\x20\x7f]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
