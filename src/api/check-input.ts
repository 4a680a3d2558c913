import type { NormalizedSchema } from '@smithy/core/schema'
import type { Constraint, Constraints, Service } from './call.ts'
import { ApiError } from './errors.ts'
import { type Operation, requestName } from './query-protocol.ts'

type Protocol = Service['protocol']

/**
 * Checks a decoded input against what the schemas require and the service's `constraints` allow; `pattern` and `enum` of a
 * list hold for each of its items. Throws AWS's shape-level errors: `invalidCode`, where that is absent `ValidationError` (query)
 * or `InvalidParameterException` (json), with all violations counted, `MissingParameter` or `InvalidParameterValue` for the
 * first one (ec2).
 */
export function checkInput(
  input: Readonly<Record<string, unknown>>,
  operation: Operation,
  constraints: Constraints,
  protocol: Protocol,
  invalidCode = protocol === 'json' ? 'InvalidParameterException' : 'ValidationError',
): void {
  if (operation.input.isUnitSchema()) return
  const violations: Violation[] = []
  checkStructure(input, operation.input, '', { constraints, protocol, violations })
  const first = violations[0]
  if (first === undefined) return
  if (protocol !== 'ec2') {
    const count = `${violations.length} validation error${violations.length === 1 ? '' : 's'} detected`
    const texts = violations.map(
      ({ path, value, rule }) =>
        `Value ${value === null ? 'null' : `'${value}'`} at '${path}' failed to satisfy constraint: Member must ${rule}`,
    )
    throw new ApiError(invalidCode, `${count}: ${texts.join('; ')}`)
  }
  if (first.value === null) {
    throw new ApiError('MissingParameter', `The request must contain the parameter ${first.path}`)
  }
  throw new ApiError(
    'InvalidParameterValue',
    `Value (${first.value}) for parameter ${first.path} is invalid. It must ${first.rule}`,
  )
}

interface Violation {
  readonly path: string
  /** `null`: required and absent. */
  readonly value: string | null
  /** What follows "Member must" in AWS's text. */
  readonly rule: string
}

interface Check {
  readonly constraints: Constraints
  readonly protocol: Protocol
  readonly violations: Violation[]
}

function checkStructure(value: unknown, schema: NormalizedSchema, path: string, check: Check): void {
  const structure = value as Readonly<Record<string, unknown>>
  const required = requiredMembers(schema)
  let position = 0
  for (const [name, member] of schema.structIterator()) {
    const step =
      check.protocol === 'ec2' ? requestName(name, member, 'ec2') : name.charAt(0).toLowerCase() + name.slice(1)
    const memberPath = path === '' ? step : `${path}.${step}`
    const memberValue = structure[name]
    const isRequired = position++ < required
    if (memberValue !== undefined) {
      const constraint = check.constraints[`${schema.getName()}.${name}`]
      if (constraint !== undefined) checkValue(memberValue, constraint, memberPath, check)
      checkInside(memberValue, member, memberPath, check)
    } else if (isRequired) {
      check.violations.push({ path: memberPath, value: null, rule: 'not be null' })
    }
  }
}

/** A structure's schema holds how many of its members are required; these come first. */
export function requiredMembers(schema: NormalizedSchema): number {
  const raw = schema.getSchema()
  const count = Array.isArray(raw) ? raw[6] : undefined
  return typeof count === 'number' ? count : 0
}

function checkInside(value: unknown, schema: NormalizedSchema, path: string, check: Check): void {
  if (schema.isStructSchema()) checkStructure(value, schema, path, check)
  else if (schema.isListSchema()) {
    const item = schema.getValueSchema()
    for (const [index, each] of (value as readonly unknown[]).entries()) {
      checkInside(each, item, itemPath(path, index, check), check)
    }
  }
}

function checkValue(value: unknown, constraint: Constraint, path: string, check: Check): void {
  const { min, max, pattern, enum: allowed } = constraint
  const length = typeof value === 'string' || Array.isArray(value) || value instanceof Uint8Array
  const size = length ? value.length : Number(value)
  const measure = length ? 'length' : 'value'
  const found = (rule: string) => check.violations.push({ path, value: shown(value), rule })
  if (max !== undefined && size > max) found(`have ${measure} less than or equal to ${max}`)
  if (min !== undefined && size < min) found(`have ${measure} greater than or equal to ${min}`)
  if (pattern === undefined && allowed === undefined) return
  if (Array.isArray(value)) {
    const items: Constraint = { ...(pattern && { pattern }), ...(allowed && { enum: allowed }) }
    for (const [index, each] of value.entries()) checkValue(each, items, itemPath(path, index, check), check)
    return
  }
  const text = String(value)
  if (allowed !== undefined && !allowed.includes(text)) found(`satisfy enum value set: [${allowed.join(', ')}]`)
  if (pattern !== undefined && !pattern.test(text)) found(`satisfy regular expression pattern: ${pattern.source}`)
}

/** AWS names an item of a list `targets.1.member`, but `IpPermissions.1` in ec2. */
function itemPath(path: string, index: number, check: Check): string {
  return check.protocol === 'ec2' ? `${path}.${index + 1}` : `${path}.${index + 1}.member`
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`
  // AWS's own words; a private key may be among such bytes.
  if (value instanceof Uint8Array) return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{${Object.entries(value).map(([key, each]) => `${key}=${shown(each)}`)}}`
}
