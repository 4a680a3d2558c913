import { RE2JS } from 're2js'

/** A regular expression of a listener rule; it fits where any part of the text does, unless it says `^` and `$`. */
export type RuleRegex = RE2JS

/**
 * RE2's syntax: no look-ahead, look-behind, back references, `\p` (AWS: Listener rules), and a match takes time linear in the text's
 * length. `undefined` for anything else.
 */
export function parseRuleRegex(text: string, ignoresCase: boolean): RuleRegex | undefined {
  try {
    return RE2JS.compile(text, RE2JS.DISABLE_UNICODE_GROUPS | (ignoresCase ? RE2JS.CASE_INSENSITIVE : 0))
  } catch {
    return undefined
  }
}
