/**
 * Patterns of listener rules: `*` stands for any characters, none included, `?` for exactly one (AWS: Condition types for listener
 * rules). No regular expression is made of them: a match takes at most text times pattern steps, whatever either says.
 */
export interface Wildcard {
  /** Character codes, `any` and `some`; of letters the lower-case one where case is ignored. */
  readonly codes: Int16Array
  readonly ignoresCase: boolean
}

/** Of `?` and `*` in `Wildcard.codes`. */
const any = -1
const some = -2

const star = 0x2a
const questionMark = 0x3f
const backslash = 0x5c

interface WildcardOptions {
  readonly ignoresCase?: boolean
  /** `\*` and `\?` are the characters themselves, as in query strings' conditions. */
  readonly escapes?: boolean
}

export function parseWildcard(
  pattern: string,
  { ignoresCase = false, escapes = false }: WildcardOptions = {},
): Wildcard {
  const codes: number[] = []
  for (let i = 0; i < pattern.length; i++) {
    const code = pattern.charCodeAt(i)
    const next = pattern.charCodeAt(i + 1)
    if (escapes && code === backslash && (next === star || next === questionMark)) {
      codes.push(next)
      i++
    } else if (code !== star) codes.push(code === questionMark ? any : ignoresCase ? lowerCase(code) : code)
    else if (codes.at(-1) !== some) codes.push(some)
  }
  return { codes: Int16Array.from(codes), ignoresCase }
}

/** Whether the pattern fits all of `text` between the positions. Allocates nothing. */
export function fits({ codes, ignoresCase }: Wildcard, text: string, begin = 0, end = text.length): boolean {
  let at = begin
  let next = 0
  // Where to go on after a mismatch: behind the latest `*`, which then takes one character more.
  let retryAt = -1
  let retryNext = 0
  while (at < end) {
    const wanted = next < codes.length ? codes[next]! : undefined
    if (wanted === some) {
      retryNext = ++next
      retryAt = at
      continue
    }
    const code = text.charCodeAt(at)
    if (wanted === any || wanted === (ignoresCase ? lowerCase(code) : code)) {
      next++
      at++
    } else if (retryAt >= 0) {
      next = retryNext
      at = ++retryAt
    } else return false
  }
  while (codes[next] === some) next++
  return next === codes.length
}

/** ASCII letters only: hosts, header fields and queries know no others. */
export function lowerCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code | 0x20 : code
}
