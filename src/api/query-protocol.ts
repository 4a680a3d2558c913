import { NormalizedSchema } from '@smithy/core/schema'
import type { Service } from './call.ts'
import { ApiError, commonErrors } from './errors.ts'
import type { FormNode } from './form.ts'
import { XmlWriter } from './xml.ts'

export type Protocol = Exclude<Service['protocol'], 'json'>

/** One action's shapes, from the AWS SDK's schemas. */
export interface Operation {
  readonly name: string
  readonly input: NormalizedSchema
  readonly output: NormalizedSchema
}

/** The shapes of `action` in an SDK module, which exports them as `CreateListener$`; `undefined` if it has none. */
export function findOperation(schemas: Readonly<Record<string, unknown>>, action: string): Operation | undefined {
  const name = `${action}$`
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
  if (!Array.isArray(schema) || schema[0] !== operationSchema) return undefined
  return { name: action, input: NormalizedSchema.of(schema[4]), output: NormalizedSchema.of(schema[5]) }
}

/** What a static schema's first element says of an operation: `StaticSchemaIdOperation` in `@smithy/types`. */
const operationSchema = 9

/**
 * The name of a structure's member in a request. `ec2` has names of its own, which begin with a capital (Smithy
 * specification, "aws.protocols#ec2Query").
 */
export function requestName(name: string, member: NormalizedSchema, protocol: Protocol): string {
  const traits = member.getMergedTraits()
  if (protocol === 'query') return traits.xmlName ?? name
  const own = String(traits.ec2QueryName ?? traits.xmlName ?? name)
  return own.charAt(0).toUpperCase() + own.slice(1)
}

/**
 * Reads a form as the input of an operation. Parameters that the operation does not have are ignored, as AWS does.
 * Throws `ValidationError` (query) or `InvalidParameterValue` (ec2) for a number, boolean or time that is none, and
 * `MalformedQueryString` for a list with gaps, or members where a value belongs.
 */
export function decodeInput(form: FormNode, operation: Operation, protocol: Protocol): Record<string, unknown> {
  return operation.input.isUnitSchema() ? {} : decodeStructure(form, operation.input, '', protocol)
}

function decode(node: FormNode, schema: NormalizedSchema, path: string, protocol: Protocol): unknown {
  if (schema.isStructSchema()) return decodeStructure(node, schema, path, protocol)
  if (schema.isListSchema()) return decodeList(node, schema, path, protocol)
  if (schema.isMapSchema()) return decodeMap(node, schema, path, protocol)
  if (node.text === undefined) throw malformed(path, 'has members where a single value belongs')
  return decodeScalar(node.text, schema, path, protocol)
}

function decodeStructure(
  node: FormNode,
  schema: NormalizedSchema,
  path: string,
  protocol: Protocol,
): Record<string, unknown> {
  rejectText(node, path)
  const structure: Record<string, unknown> = {}
  for (const [name, member] of schema.structIterator()) {
    const wireName = requestName(name, member, protocol)
    const child = node.members.get(wireName)
    if (child !== undefined) structure[name] = decode(child, member, join(path, wireName), protocol)
  }
  return structure
}

/** `Names.member.1=a` in query, `GroupId.1=a` in ec2; an empty list is `Names=`. */
function decodeList(node: FormNode, schema: NormalizedSchema, path: string, protocol: Protocol): unknown[] {
  rejectText(node, path)
  const item = schema.getValueSchema()
  const step = item.getMergedTraits().xmlName ?? 'member'
  const items = protocol === 'ec2' ? node : node.members.get(step)
  const itemsPath = protocol === 'ec2' ? path : join(path, step)
  if (items === undefined) {
    if (node.members.size > 0) throw malformed(path, `is a list, whose items are ${path}.${step}.1 and so on`)
    return []
  }
  return numbered(items, itemsPath).map((child, index) => decode(child, item, `${itemsPath}.${index + 1}`, protocol))
}

/** `Map.entry.1.key=a&Map.entry.1.value=b`; ec2 has no maps in its requests. */
function decodeMap(
  node: FormNode,
  schema: NormalizedSchema,
  path: string,
  protocol: Protocol,
): Record<string, unknown> {
  rejectText(node, path)
  const entries = node.members.get('entry')
  if (entries === undefined) return {}
  const keyName = schema.getKeySchema().getMergedTraits().xmlName ?? 'key'
  const valueName = schema.getValueSchema().getMergedTraits().xmlName ?? 'value'
  return Object.fromEntries(
    numbered(entries, `${path}.entry`).map((entry, index) => {
      const at = `${path}.entry.${index + 1}`
      const key = entry.members.get(keyName)?.text
      const value = entry.members.get(valueName)
      if (key === undefined || value === undefined) throw malformed(at, 'needs a key and a value')
      return [key, decode(value, schema.getValueSchema(), `${at}.${valueName}`, protocol)]
    }),
  )
}

/** The members 1 to n, in order; that n is the number of members keeps a huge index from costing anything. */
function numbered(node: FormNode, path: string): readonly FormNode[] {
  rejectText(node, path)
  return Array.from({ length: node.members.size }, (_, index) => {
    const item = node.members.get(String(index + 1))
    if (item === undefined) throw malformed(path, `is a list of ${node.members.size}, but has no item ${index + 1}`)
    return item
  })
}

function decodeScalar(text: string, schema: NormalizedSchema, path: string, protocol: Protocol): unknown {
  if (schema.isStringSchema()) return text
  if (schema.isBooleanSchema()) {
    if (text === 'true' || text === 'false') return text === 'true'
    throw notA('boolean', text, path, protocol)
  }
  if (schema.isNumericSchema()) {
    const number = Number(text)
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && isFraction(schema) && Number.isFinite(number))
      return number
    if (/^[+-]?\d{1,15}$/.test(text)) return number
    throw notA('integer', text, path, protocol)
  }
  if (schema.isTimestampSchema()) {
    const time = new Date(iso8601.test(text) ? text : Number.NaN)
    if (!Number.isNaN(time.getTime())) return time
    throw notA('ISO 8601 time', text, path, protocol)
  }
  if (schema.isBlobSchema()) return new Uint8Array(Buffer.from(text, 'base64'))
  throw new Error(`no request of these services has a ${schema.getName(true)}, as ${path}`)
}

/** Whether a number may have a fraction. The schemas do not say; of all requests that are served here these members may. */
export function isFraction(schema: NormalizedSchema): boolean {
  return fractions.has(schema.getMemberName())
}

/** CloudWatch's `PutMetricAlarmInput.Threshold`; ECS's `Scale.value` and the shares of `LinearConfiguration` and `CanaryConfiguration`. */
const fractions: ReadonlySet<string> = new Set(['Threshold', 'value', 'stepPercent', 'canaryPercent'])

const iso8601 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

/** Lists, maps and structures have no text, but an empty one where they are empty themselves. */
function rejectText(node: FormNode, path: string): void {
  if (node.text !== undefined && node.text !== '') throw malformed(path, 'has a value where members belong')
}

function join(path: string, step: string): string {
  return path === '' ? step : `${path}.${step}`
}

function malformed(path: string, what: string): ApiError {
  return commonErrors.malformedQueryString(`Parameter '${path}' ${what}.`)
}

function notA(kind: string, text: string, path: string, protocol: Protocol): ApiError {
  return protocol === 'ec2'
    ? new ApiError('InvalidParameterValue', `Value (${text}) for parameter ${path} is invalid. Invalid ${kind}.`)
    : new ApiError('ValidationError', `Value '${text}' at '${path}' is not a valid ${kind}.`)
}

/** The answer to a call that succeeded: `output` inside the envelope of the service's protocol. */
export function encodeAnswer(service: Service, operation: Operation, output: unknown, requestId: string): string {
  const xml = new XmlWriter()
  const response = `${operation.name}Response`
  xml.open(response, service.xmlNamespace)
  if (service.protocol === 'ec2') {
    xml.leaf('requestId', requestId)
    // What the model calls "no output" is `<return>true</return>` on the wire (EC2 API reference, e.g. DeleteVpc).
    if (operation.output.isUnitSchema()) xml.leaf('return', 'true')
    else encodeMembers(xml, operation.output, output)
  } else {
    xml.open(`${operation.name}Result`)
    if (!operation.output.isUnitSchema()) encodeMembers(xml, operation.output, output)
    xml.close(`${operation.name}Result`)
    xml.open('ResponseMetadata')
    xml.leaf('RequestId', requestId)
    xml.close('ResponseMetadata')
  }
  xml.close(response)
  return xml.toString()
}

/** The answer to a call that failed. A request that belongs to no service gets the envelope of `query`. */
export function encodeError(service: Service | undefined, error: ApiError, requestId: string): string {
  const xml = new XmlWriter()
  if (service?.protocol === 'ec2') {
    xml.open('Response')
    xml.open('Errors')
    xml.open('Error')
    xml.leaf('Code', error.code)
    xml.leaf('Message', error.message)
    xml.close('Error')
    xml.close('Errors')
    xml.leaf('RequestID', requestId)
    xml.close('Response')
  } else {
    xml.open('ErrorResponse', service?.xmlNamespace)
    xml.open('Error')
    xml.leaf('Type', error.type)
    xml.leaf('Code', error.code)
    xml.leaf('Message', error.message)
    xml.close('Error')
    xml.leaf('RequestId', requestId)
    xml.close('ErrorResponse')
  }
  return xml.toString()
}

function encodeMembers(xml: XmlWriter, schema: NormalizedSchema, value: unknown): void {
  const structure = (value ?? {}) as Readonly<Record<string, unknown>>
  for (const [name, member] of schema.structIterator()) {
    encode(xml, member.getMemberTraits().xmlName ?? name, member, structure[name])
  }
}

function encode(xml: XmlWriter, name: string, schema: NormalizedSchema, value: unknown): void {
  if (value === undefined || value === null) return
  if (schema.isStructSchema()) {
    xml.open(name)
    encodeMembers(xml, schema, value)
    xml.close(name)
  } else if (schema.isListSchema()) {
    const item = schema.getValueSchema()
    const itemName = item.getMergedTraits().xmlName ?? 'member'
    xml.open(name)
    for (const each of value as readonly unknown[]) encode(xml, itemName, item, each)
    xml.close(name)
  } else if (schema.isMapSchema()) {
    const keyName = schema.getKeySchema().getMergedTraits().xmlName ?? 'key'
    const valueName = schema.getValueSchema().getMergedTraits().xmlName ?? 'value'
    xml.open(name)
    for (const [key, each] of Object.entries(value)) {
      xml.open('entry')
      xml.leaf(keyName, key)
      encode(xml, valueName, schema.getValueSchema(), each)
      xml.close('entry')
    }
    xml.close(name)
  } else if (value instanceof Date) {
    xml.leaf(name, value.toISOString())
  } else if (value instanceof Uint8Array) {
    xml.leaf(name, Buffer.from(value).toString('base64'))
  } else {
    xml.leaf(name, String(value))
  }
}
