import type { Action } from './action.ts'
import type { RuleCondition } from './rule.ts'

/** A condition as a line: `path-pattern /a/* or regex ^/b`, `http-header X-A is b or c`. */
export function printCondition(condition: RuleCondition): string {
  switch (condition.field) {
    case 'host-header':
    case 'path-pattern':
      return `${condition.field} ${alternatives(condition)}`
    case 'http-header':
      return `http-header ${condition.name} is ${alternatives(condition)}`
    case 'query-string':
      return `query-string ${condition.values.map(({ key, value }) => (key === undefined ? value : `${key}=${value}`)).join(' or ')}`
    case 'http-request-method':
    case 'source-ip':
      return `${condition.field} ${condition.values.join(' or ')}`
  }
}

/** What is answered instead of forwarding, as a line: `redirect 301 to #{protocol}://#{host}:443/#{path}?#{query}`. */
export function printAnswer(answer: NonNullable<Action['answer']>): string {
  if (answer.type === 'fixed-response') return `fixed-response ${answer.statusCode}`
  const { protocol, host, port, path, query, statusCode } = answer
  return `redirect ${statusCode} to ${protocol}://${host}:${port}${path}${query === '' ? '' : `?${query}`}`
}

function alternatives(of: { readonly values: readonly string[]; readonly regexValues: readonly string[] }): string {
  return [...of.values, ...of.regexValues.map(value => `regex ${value}`)].join(' or ')
}
