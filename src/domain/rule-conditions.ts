import { addressIn, parseCidr } from './cidr.ts'
import type { RuleCondition } from './rule.ts'
import type { RoutableRequest } from './rule-match.ts'
import { parseRuleRegex } from './rule-regex.ts'
import { fits, parseWildcard } from './wildcard.ts'

/** Whether a condition holds for a request from this address. */
export type Check = (request: RoutableRequest, source: string) => boolean

type Of<Field extends RuleCondition['field']> = RuleCondition & { readonly field: Field }

/** The condition, compiled: nothing of it is parsed for a request. A value that can't be parsed fits nothing. */
export function compileCondition(condition: RuleCondition): Check {
  switch (condition.field) {
    case 'host-header':
      return anyOf([...condition.values.map(hostCheck), ...condition.regexValues.map(hostRegexCheck)])
    case 'path-pattern':
      return anyOf([...condition.values.map(pathCheck), ...condition.regexValues.map(pathRegexCheck)])
    case 'http-header':
      return headerCheck(condition)
    case 'http-request-method':
      return ({ method }) => condition.values.includes(method)
    case 'query-string':
      return anyOf(condition.values.map(queryCheck))
    case 'source-ip': {
      const cidrs = condition.values.map(parseCidr).filter(cidr => cidr !== undefined)
      return (_, source) => cidrs.some(cidr => addressIn(cidr, source))
    }
  }
}

function hostCheck(value: string): Check {
  const wildcard = parseWildcard(value, { ignoresCase: true })
  return ({ authority }) => fits(wildcard, authority, 0, hostEnd(authority))
}

function hostRegexCheck(value: string): Check {
  const regex = parseRuleRegex(value, true)
  return ({ authority }) => regex?.test(authority.slice(0, hostEnd(authority))) === true
}

function pathCheck(value: string): Check {
  const wildcard = parseWildcard(value)
  return ({ path }) => fits(wildcard, path)
}

function pathRegexCheck(value: string): Check {
  const regex = parseRuleRegex(value, false)
  return ({ path }) => regex?.test(path) === true
}

function headerCheck({ name, values, regexValues }: Of<'http-header'>): Check {
  const lowerName = name.toLowerCase()
  const wildcards = values.map(value => parseWildcard(value, { ignoresCase: true }))
  const regexes = regexValues.map(value => parseRuleRegex(value, true))
  return request =>
    request
      .valuesOf(lowerName)
      .some(text => wildcards.some(its => fits(its, text)) || regexes.some(its => its?.test(text) === true))
}

/**
 * One pair of the query has the key, if one is given, and the value. Both are compared as they came, percent-encoding included (AWS:
 * QueryStringConditionConfig); what has no `=` is a key with an empty value.
 */
function queryCheck({ key, value }: Of<'query-string'>['values'][number]): Check {
  const options = { ignoresCase: true, escapes: true }
  const keys = key === undefined ? undefined : parseWildcard(key, options)
  const values = parseWildcard(value, options)
  return ({ query }) => {
    let equals = -1
    for (let begin = 0; begin < query.length; ) {
      const end = indexOrEnd(query, '&', begin)
      // Looked for once, and not again for each of the pairs that have none.
      if (equals < begin) equals = indexOrEnd(query, '=', begin)
      const keyEnd = Math.min(equals, end)
      const isPair = end > begin && (keys === undefined || fits(keys, query, begin, keyEnd))
      if (isPair && fits(values, query, Math.min(keyEnd + 1, end), end)) return true
      begin = end + 1
    }
    return false
  }
}

function indexOrEnd(text: string, character: string, from: number): number {
  const at = text.indexOf(character, from)
  return at < 0 ? text.length : at
}

function anyOf(checks: readonly Check[]): Check {
  return (request, source) => checks.some(check => check(request, source))
}

/** Where the host of an authority ends: a port is not compared. */
export function hostEnd(authority: string): number {
  let i = authority.length
  while (i > 0 && isDigit(authority.charCodeAt(i - 1))) i--
  return i > 0 && authority[i - 1] === ':' ? i - 1 : authority.length
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
