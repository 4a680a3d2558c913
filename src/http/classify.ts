import { compliant, type Verdict } from './head.ts'

/**
 * Verdicts on requests that others may frame in another way than we do (AWS: Application Load Balancers, Desync mitigation mode,
 * Classification reasons).
 */
const verdict = (of: Verdict['class'], reason: string): Verdict => ({ class: of, reason })

export const acceptable = {
  getHeadZeroContentLength: verdict('Acceptable', 'GetHeadZeroContentLength'),
  nonCompliantHeader: verdict('Acceptable', 'NonCompliantHeader'),
  nonCompliantVersion: verdict('Acceptable', 'NonCompliantVersion'),
  spaceInUri: verdict('Acceptable', 'SpaceInUri'),
} as const

export const ambiguous = {
  ambiguousUri: verdict('Ambiguous', 'AmbiguousUri'),
  bothTeClPresent: verdict('Ambiguous', 'BothTeClPresent'),
  duplicateContentLength: verdict('Ambiguous', 'DuplicateContentLength'),
  emptyHeader: verdict('Ambiguous', 'EmptyHeader'),
  suspiciousHeader: verdict('Ambiguous', 'SuspiciousHeader'),
  undefinedContentLengthSemantics: verdict('Ambiguous', 'UndefinedContentLengthSemantics'),
  undefinedTransferEncodingSemantics: verdict('Ambiguous', 'UndefinedTransferEncodingSemantics'),
} as const

export const severe = {
  badContentLength: verdict('Severe', 'BadContentLength'),
  badHeader: verdict('Severe', 'BadHeader'),
  badMethod: verdict('Severe', 'BadMethod'),
  badTransferEncoding: verdict('Severe', 'BadTransferEncoding'),
  badUri: verdict('Severe', 'BadUri'),
  badVersion: verdict('Severe', 'BadVersion'),
  multipleContentLength: verdict('Severe', 'MultipleContentLength'),
  multipleTransferEncodingChunked: verdict('Severe', 'MultipleTransferEncodingChunked'),
} as const

const rank: Readonly<Record<Verdict['class'], number>> = { Compliant: 0, Acceptable: 1, Ambiguous: 2, Severe: 3 }

/** The graver of two verdicts on one request; of equals the first. */
export function graver(first: Verdict, second: Verdict): Verdict {
  return rank[second.class] > rank[first.class] ? second : first
}

export type DesyncMode = 'monitor' | 'defensive' | 'strictest'

/** Whether a request judged so gets no further than 400 (AWS: Desync mitigation mode). */
export function isBlocked(judged: Verdict, mode: DesyncMode): boolean {
  if (judged === compliant || mode === 'monitor') return false
  return mode === 'strictest' || judged.class === 'Severe'
}

/** Whether a field's name, other than theirs, might be taken for that of a field which frames a body. */
export function resemblesFraming(bytes: Uint8Array, from: number, to: number): boolean {
  const first = bytes[from]! | 0x20
  // No other letter folds to a C or a T.
  if (to - from < 13 || (first >= 97 && first <= 122 && first !== 99 && first !== 116)) return false
  return resembles(bytes, from, to, 'contentlength') || resembles(bytes, from, to, 'transferencoding')
}

/**
 * Whether a field's name might be taken for `letters` (lower-case) by somebody who skips or folds what is no letter:
 * `Transfer_Encoding`, `\x01Content-Length`, and in UTF-8 `Tran\u017ffer-Encoding` (a long s) or `Encod\u0131ng` (a dotless i),
 * whose capitals are S and I.
 */
export function resembles(bytes: Uint8Array, from: number, to: number, letters: string): boolean {
  let matched = 0
  for (let p = from; p < to; p++) {
    const c = bytes[p]!
    let letter = c | 0x20
    if (c === 0xc5 && bytes[p + 1] === 0xbf) letter = 115
    else if (c === 0xc4 && bytes[p + 1] === 0xb1) letter = 105
    else if (c >= 48 && c <= 57) return false
    else if (letter < 97 || letter > 122 || c >= 128) continue
    if (letter !== letters.charCodeAt(matched)) return false
    matched++
  }
  return matched === letters.length
}
