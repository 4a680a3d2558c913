import { Field, type FieldLines } from './head.ts'

const semicolon = 0x3b
const space = 0x20
const tab = 0x09

/**
 * Where the value of the next cookie of this name begins in `head.text`, among all that begin at `from` or later; -1: there is none
 * (RFC 6265 section 4.2.1). Allocates nothing.
 */
export function nextCookie(head: FieldLines, name: string, from: number): number {
  const { text, bounds } = head
  for (let line = 0; line < head.count; line++) {
    const end = bounds[5 * line + 3]!
    if (head.kinds[line] !== Field.cookie || end <= from) continue
    for (let at = bounds[5 * line + 2]!; at < end; at = cookieEnd(head, at) + 1) {
      while (at < end && (text.charCodeAt(at) === space || text.charCodeAt(at) === tab)) at++
      if (at >= from && hasName(text, name, at, end)) return at + name.length + 1
    }
  }
  return -1
}

/** Where the cookie's value, or what else stands at this position of a Cookie line, ends. */
export function cookieEnd({ text }: FieldLines, begin: number): number {
  for (let at = begin; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === semicolon || code < space) return at
  }
  return text.length
}

/** Whether a `Set-Cookie` line of an answer is for a cookie of this name. */
export function setsCookie(head: FieldLines, name: string): boolean {
  for (let line = 0; line < head.count; line++) {
    if (head.kinds[line] !== Field.setCookie) continue
    if (hasName(head.text, name, head.bounds[5 * line + 2]!, head.bounds[5 * line + 3]!)) return true
  }
  return false
}

function hasName(text: string, name: string, begin: number, end: number): boolean {
  return begin + name.length < end && text.startsWith(name, begin) && text[begin + name.length] === '='
}
