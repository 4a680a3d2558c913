import type { NormalizedSchema } from '@smithy/core/schema'
import { ApiError } from './errors.ts'
import { isFraction, type Operation } from './query-protocol.ts'

/**
 * Reads a body of AWS JSON 1.0 or 1.1 as the input of an operation: times are seconds since the epoch, blobs base64. Members
 * that are null or unknown are ignored, as AWS does. Throws `SerializationException` for what is no JSON object, or
 * holds a value of another type than the operation's.
 */
export function decodeJsonInput(body: Uint8Array, operation: Operation): Record<string, unknown> {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(body)
  let value: unknown
  try {
    value = text === '' ? {} : JSON.parse(text)
  } catch {
    throw serialization('The request body is not valid JSON.')
  }
  if (kindOf(value) !== 'structure') throw serialization('The request body must be a JSON object.')
  return operation.input.isUnitSchema() ? {} : decodeStructure(value as Members, operation.input)
}

type Members = Readonly<Record<string, unknown>>

function decode(value: unknown, schema: NormalizedSchema): unknown {
  const kind = kindOf(value)
  if (schema.isDocumentSchema()) return value
  if (schema.isStructSchema()) {
    if (kind !== 'structure') throw serialization('Expected structure or null')
    return decodeStructure(value as Members, schema)
  }
  if (schema.isListSchema()) {
    if (kind !== 'list') throw serialization('Expected list or null')
    const item = schema.getValueSchema()
    return (value as readonly unknown[]).map(each => decode(each, item))
  }
  if (schema.isMapSchema()) {
    if (kind !== 'structure') throw serialization('Expected map or null')
    const item = schema.getValueSchema()
    return Object.fromEntries(Object.entries(value as Members).map(([key, each]) => [key, decode(each, item)]))
  }
  if (kind === 'structure') throw serialization('Start of structure or map found where not expected.')
  if (kind === 'list') throw serialization('Start of list found where not expected.')
  return decodeScalar(value, kind, schema)
}

function decodeStructure(members: Members, schema: NormalizedSchema): Record<string, unknown> {
  const structure: Record<string, unknown> = {}
  for (const [name, member] of schema.structIterator()) {
    const value = Object.hasOwn(members, name) ? members[name] : undefined
    if (value !== undefined && value !== null) structure[name] = decode(value, member)
  }
  return structure
}

function decodeScalar(value: unknown, kind: string, schema: NormalizedSchema): unknown {
  if (schema.isStringSchema()) {
    if (typeof value === 'string') return value
    throw unconvertible(kind, 'String')
  }
  if (schema.isBooleanSchema()) {
    if (typeof value === 'boolean') return value
    throw unconvertible(kind, 'Boolean')
  }
  if (schema.isNumericSchema()) {
    const isRight = isFraction(schema) ? Number.isFinite(value) : Number.isSafeInteger(value)
    if (isRight) return value
    throw unconvertible(kind, isFraction(schema) ? 'Double' : 'Integer')
  }
  if (schema.isTimestampSchema()) {
    const time = new Date(typeof value === 'number' ? value * 1000 : Number.NaN)
    if (!Number.isNaN(time.getTime())) return time
    throw unconvertible(kind, 'Timestamp')
  }
  if (schema.isBlobSchema()) {
    if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'base64'))
    throw unconvertible(kind, 'Blob')
  }
  throw new Error(`no request of these services has a ${schema.getName(true)}`)
}

/** What a JSON value is, in the words of AWS's parser. */
function kindOf(value: unknown): string {
  if (value === null) return 'NULL_VALUE'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object') return 'structure'
  return typeof value === 'boolean' ? `${value}_VALUE`.toUpperCase() : `${typeof value}_VALUE`.toUpperCase()
}

function unconvertible(kind: string, type: string): ApiError {
  return serialization(`${kind} cannot be converted to ${type}`)
}

function serialization(text: string): ApiError {
  return new ApiError('SerializationException', text)
}

/** The answer to a call that succeeded; members that the operation's output does not have are left out. */
export function encodeJsonAnswer(operation: Operation, output: unknown): string {
  return JSON.stringify(operation.output.isUnitSchema() ? {} : encode(output ?? {}, operation.output))
}

function encode(value: unknown, schema: NormalizedSchema): unknown {
  if (value === undefined || value === null || schema.isDocumentSchema()) return value
  if (schema.isStructSchema()) {
    const members = value as Members
    const encoded = Array.from(schema.structIterator(), ([name, member]) => [name, encode(members[name], member)])
    return Object.fromEntries(encoded.filter(([, each]) => each !== undefined && each !== null))
  }
  if (schema.isListSchema()) {
    const item = schema.getValueSchema()
    return (value as readonly unknown[]).map(each => encode(each, item))
  }
  if (schema.isMapSchema()) {
    const item = schema.getValueSchema()
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, encode(each, item)]))
  }
  if (value instanceof Date) return value.getTime() / 1000
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

/**
 * The answer to a call that failed. A service that speaks Query too (`isQueryToo`) names the error as it does there in a header
 * of its own (Smithy specification, "aws.protocols#awsQueryCompatible").
 */
export function encodeJsonError(
  error: ApiError,
  isQueryToo: boolean,
): { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string } {
  const jsonName = Object.hasOwn(jsonNames, error.code) ? jsonNames[error.code] : undefined
  const type = jsonName ?? error.code
  return {
    status: jsonName === undefined || error.status >= 500 ? error.status : 400,
    headers: {
      'x-amzn-ErrorType': type,
      ...(isQueryToo && { 'x-amzn-query-error': `${error.code};${error.type}` }),
    },
    body: JSON.stringify({ __type: type, message: error.message, ...error.members }),
  }
}

/** What AWS's JSON front ends call the common errors; whatever is the client's fault has status 400 there. */
const jsonNames: Readonly<Record<string, string>> = {
  AccessDenied: 'AccessDeniedException',
  IncompleteSignature: 'IncompleteSignatureException',
  InvalidClientTokenId: 'UnrecognizedClientException',
  MissingAuthenticationToken: 'MissingAuthenticationTokenException',
  ServiceUnavailable: 'ServiceUnavailableException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
}
