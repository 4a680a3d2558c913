import type { RuleCondition as SdkCondition } from '@aws-sdk/client-elastic-load-balancing-v2'
import { parseCidr } from '../../domain/cidr.ts'
import type { RuleCondition } from '../../domain/rule.ts'
import { parseRuleRegex } from '../../domain/rule-regex.ts'
import { accountLimits } from './account-limits.ts'
import { invalid, invalidConfiguration } from './resources.ts'

const fields = [
  'path-pattern',
  'host-header',
  'http-header',
  'http-request-method',
  'query-string',
  'source-ip',
] as const

type Field = (typeof fields)[number]

/** A rule can have several of these, and one of each other. */
const repeatable: ReadonlySet<Field> = new Set(['http-header', 'query-string'])

/**
 * The conditions of a rule (AWS: Condition types for listener rules, Quotas for your Application Load Balancers). That a condition has
 * at most three values, as AWS's guide says, its API does not hold to: five in one are taken.
 */
export function conditionsIn(asked: readonly SdkCondition[] | undefined): readonly RuleCondition[] {
  if (!asked?.length) throw invalid('A condition must be specified')
  const conditions = asked.map(conditionIn)
  for (const field of fields) {
    const count = conditions.filter(condition => condition.field === field).length
    if (count > 1 && !repeatable.has(field)) throw invalid(`A rule can only have '1' '${field}' condition`)
  }
  const values = conditions.flatMap(textsOf)
  const mostValues = accountLimits['condition-values-per-alb-rule']
  if (values.length > mostValues) {
    throw invalid(`A rule can only have '${mostValues}' condition values and regex values`)
  }
  const wildcards = values.reduce((sum, value) => sum + value.replace(/\\[*?]/g, '').replace(/[^*?]/g, '').length, 0)
  const mostWildcards = accountLimits['condition-wildcards-per-alb-rule']
  if (wildcards > mostWildcards) throw invalid(`A rule can only have '${mostWildcards}' condition wildcards`)
  return conditions
}

/** A rule's condition as DescribeRules shows it: hosts and paths in both of the places where they can be given. */
export function describeCondition(condition: RuleCondition): SdkCondition {
  const { field: Field } = condition
  switch (condition.field) {
    case 'host-header':
    case 'path-pattern': {
      const { values, regexValues } = condition
      const config = {
        ...(values.length > 0 && { Values: [...values] }),
        ...(regexValues.length > 0 && { RegexValues: [...regexValues] }),
      }
      const named = condition.field === 'host-header' ? { HostHeaderConfig: config } : { PathPatternConfig: config }
      return { Field, ...config, ...named }
    }
    case 'http-header': {
      const { name: HttpHeaderName, values, regexValues } = condition
      return {
        Field,
        HttpHeaderConfig: {
          HttpHeaderName,
          ...(values.length > 0 && { Values: [...values] }),
          ...(regexValues.length > 0 && { RegexValues: [...regexValues] }),
        },
      }
    }
    case 'http-request-method':
      return { Field, HttpRequestMethodConfig: { Values: [...condition.values] } }
    case 'query-string':
      return {
        Field,
        QueryStringConfig: {
          Values: condition.values.map(({ key, value }) => ({ ...(key !== undefined && { Key: key }), Value: value })),
        },
      }
    case 'source-ip':
      return { Field, SourceIpConfig: { Values: [...condition.values] } }
  }
}

/** The values that count, and in which `*` and `?` count. */
function textsOf(condition: RuleCondition): readonly string[] {
  if (condition.field === 'query-string') {
    // A pair is one value.
    return condition.values.map(({ key = '', value }) => key + value)
  }
  if (!('regexValues' in condition)) return condition.values
  return [...condition.values, ...condition.regexValues.map(() => '')]
}

function conditionIn(asked: SdkCondition): RuleCondition {
  if (!asked.Field) throw invalid('A condition field must be specified')
  const field = fields.find(each => each === asked.Field)
  if (field === undefined) {
    throw invalid(`Condition field '${asked.Field}' must be one of '[${fields.join(',')}]'`)
  }
  switch (field) {
    case 'host-header':
      return { field, ...hostsOrPaths(field, asked, asked.HostHeaderConfig, checkHost) }
    case 'path-pattern':
      return { field, ...hostsOrPaths(field, asked, asked.PathPatternConfig, checkPath) }
    case 'http-header': {
      const config = asked.HttpHeaderConfig
      const name = checkHeaderName(config?.HttpHeaderName)
      return { field, name, ...valuesIn(field, config?.Values, config?.RegexValues, checkPrintable) }
    }
    case 'http-request-method':
      return { field, values: some(asked.HttpRequestMethodConfig?.Values).map(checkMethod) }
    case 'query-string':
      return { field, values: some(asked.QueryStringConfig?.Values).map(checkPair) }
    case 'source-ip':
      if (asked.SourceIpConfig?.IpAddressType !== undefined) {
        throw invalidConfiguration('Source IP conditions by IP address type are for rules of Network Load Balancers')
      }
      return { field, values: some(asked.SourceIpConfig?.Values).map(checkSource) }
  }
}

interface Texts {
  readonly Values?: readonly string[] | undefined
  readonly RegexValues?: readonly string[] | undefined
}

/** These may stand in the condition itself, which is the older form, or in its config; AWS takes them in one place, be they the same. */
function hostsOrPaths(field: 'host-header' | 'path-pattern', asked: Texts, config: Texts | undefined, check: Check) {
  const isInConfig = Boolean(config?.Values?.length || config?.RegexValues?.length)
  if (isInConfig && (asked.Values?.length || asked.RegexValues?.length)) {
    const name = field === 'host-header' ? 'HostHeaderConfig' : 'PathPatternConfig'
    throw invalid(`You cannot provide both Values and '${name}' for a condition of type '${field}'`)
  }
  const { Values, RegexValues } = (isInConfig ? config : undefined) ?? asked
  return valuesIn(field, Values, RegexValues, check)
}

type Check = (value: string) => string

function valuesIn(field: Field, values: Texts['Values'], regexValues: Texts['RegexValues'], check: Check) {
  if (!values?.length && !regexValues?.length) throw invalid('A condition value must be specified')
  return {
    values: (values ?? []).map(value => check(checkLength(field, value))),
    regexValues: (regexValues ?? []).map(value => checkRegex(field, checkLength(field, value))),
  }
}

function some<Value>(values: readonly Value[] | undefined): readonly Value[] {
  if (!values?.length) throw invalid('A condition value must be specified')
  return values
}

function checkLength(field: Field, value: string, limit = 128): string {
  if (value === '') throw invalid('A condition value must be specified')
  if (value.length > limit) throw invalid(`The '${field}' value is too long; the limit is '${limit}'`)
  return value
}

function checkRegex(field: Field, value: string): string {
  if (parseRuleRegex(value, false) !== undefined) return value
  throw invalid(
    `The '${field}' regex value '${value}' is invalid; look-ahead, look-behind and back references are not supported`,
  )
}

function checkHost(value: string): string {
  if (!/^[A-Za-z0-9.*?_-]+$/.test(value)) {
    throw invalid(
      "The 'host-header' value is invalid; the allowed characters are A-Z, a-z, 0-9, hyphen, underscore, period, '*' and '?'",
    )
  }
  if (!/\.[A-Za-z*?]+$/.test(value)) {
    throw invalid("The 'host-header' value is invalid; it must have a period, and only letters after its last one")
  }
  return value
}

function checkPath(value: string): string {
  if (/^[A-Za-z0-9_\-.$/~"'@:+&*?]+$/.test(value)) return value
  throw invalid(
    `The 'path-pattern' value is invalid; the allowed characters are A-Z, a-z, 0-9, '*', '?' and _-.$/~"'@:+&`,
  )
}

function checkHeaderName(name: string | undefined): string {
  if (!name) throw invalid("An 'HttpHeaderName' must be specified in 'HttpHeaderConfig'")
  // RFC 9110 5.6.2, without the wildcard.
  if (!/^[!#$%&'+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    throw invalid(`The 'HttpHeaderName' '${name}' is invalid; it must be a header's name without wildcards`)
  }
  if (name.toLowerCase() === 'host') {
    throw invalid("The 'HttpHeaderName' cannot be 'Host'; specify a condition with the field 'host-header'")
  }
  return name
}

function checkPrintable(value: string): string {
  if (/^[\x20-\x7e]+$/.test(value)) return value
  throw invalid("The 'http-header' value is invalid; the allowed characters are those of printable ASCII")
}

function checkMethod(value: string): string {
  if (/^[A-Z_-]+$/.test(checkLength('http-request-method', value, 40))) return value
  throw invalid("The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore")
}

function checkPair({
  Key: key,
  Value: value,
}: {
  readonly Key?: string | undefined
  readonly Value?: string | undefined
}) {
  if (!value) throw invalid("A 'Value' must be specified in 'QueryStringKeyValuePair'")
  for (const text of [key ?? '', value]) {
    if (text !== '') checkLength('query-string', text)
    if (/^[\x21-\x7e]*$/.test(text)) continue
    throw invalid("The 'query-string' value is invalid; the allowed characters are those of printable ASCII")
  }
  return key ? { key, value } : { value }
}

function checkSource(value: string): string {
  if (value === '255.255.255.255/32' || !value.includes('/') || parseCidr(value) === undefined) {
    throw invalid(`The 'source-ip' value '${value}' is not a valid CIDR block`)
  }
  return value
}
