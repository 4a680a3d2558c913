import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Credentials } from './credentials.ts'
import { commonErrors } from './errors.ts'
import type { Headers } from './front.ts'

/** A request as it came over the wire: `target` is path and query, percent escapes untouched. */
export interface SignedRequest {
  readonly method: string
  readonly target: string
  readonly headers: Headers
  readonly body: Uint8Array
}

/** `20150830/us-east-1/iam/aws4_request` behind the access key: what a signature is good for. */
interface CredentialScope {
  readonly accessKeyId: string
  readonly date: string
  readonly region: string
  readonly service: string
}

/** How far a caller's clock may be from ours. */
const skewMs = 5 * 60_000

/**
 * Verifies an AWS Signature Version 4 in the Authorization header ("Signature Version 4 signing process" in the IAM user
 * guide) and answers whose it is. `services` are the signing names that the request may be scoped to; any region will do.
 * `now` is in ms since the epoch. Beyond AWS's rules, `host` and every `x-amz-*` header that is present must be signed.
 * Throws `IncompleteSignature`, `InvalidClientTokenId` or `SignatureDoesNotMatch`.
 */
export function verifySignature(
  request: SignedRequest,
  credentials: Credentials,
  services: readonly string[],
  now: number,
): CredentialScope {
  const { credential, signedHeaders, signature } = readAuthorization(request.headers.authorization?.[0] ?? '')
  const scope = readScope(credential)
  const date = readDate(request.headers, scope)
  const secretAccessKey = credentials.get(scope.accessKeyId)
  // Nobody here gives out session tokens, so whoever sends one has it from somewhere else.
  if (secretAccessKey === undefined || request.headers['x-amz-security-token'] !== undefined) {
    throw commonErrors.invalidClientTokenId()
  }
  if (!services.includes(scope.service)) {
    const names = services.map(name => `'${name}'`).join(' or ')
    throw commonErrors.signatureDoesNotMatch(`Credential should be scoped to correct service: ${names}.`)
  }
  checkSignedHeaders(request.headers, signedHeaders)
  checkSkew(date, now)
  const payload = createHash('sha256').update(request.body).digest('hex')
  const claimed = request.headers['x-amz-content-sha256']
  if (claimed !== undefined && claimed.join() !== payload) {
    throw commonErrors.signatureDoesNotMatch(
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    )
  }
  const scopeText = `${scope.date}/${scope.region}/${scope.service}/aws4_request`
  const canonical = createHash('sha256')
    .update(canonicalRequest(request, signedHeaders, payload))
    .digest('hex')
  const signingKey = [scope.date, scope.region, scope.service, 'aws4_request'].reduce<Buffer>(
    (secret, text) => hmac(secret, text),
    Buffer.from(`AWS4${secretAccessKey}`),
  )
  const expected = hmac(signingKey, `AWS4-HMAC-SHA256\n${date}\n${scopeText}\n${canonical}`)
  if (!timingSafeEqual(expected, Buffer.from(signature, 'hex'))) throw commonErrors.signatureDoesNotMatch()
  return scope
}

/** The scope that a request says it is signed for, unverified; `undefined` if it does not say so in AWS's form. */
export function claimedScope(authorization: string): CredentialScope | undefined {
  const match = /[ ,]Credential=([^/,\s]+)\/(\d{8})\/([^/,\s]+)\/([^/,\s]+)\/aws4_request(?:[,\s]|$)/.exec(
    authorization,
  )
  if (match === null) return undefined
  const [, accessKeyId = '', date = '', region = '', service = ''] = match
  return { accessKeyId, date, region, service }
}

interface Authorization {
  readonly credential: string
  readonly signedHeaders: readonly string[]
  /** 64 hex digits. */
  readonly signature: string
}

function readAuthorization(header: string): Authorization {
  const [, algorithm = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(header) ?? []
  if (algorithm !== 'AWS4-HMAC-SHA256') {
    throw commonErrors.incompleteSignature(`Unsupported AWS 'algorithm': '${algorithm}'.`)
  }
  const parts = new Map<string, string>()
  for (const part of rest.split(',')) {
    const [, name, value] = /^\s*([A-Za-z]+)=(\S*)\s*$/.exec(part) ?? []
    if (name === undefined || value === undefined || parts.has(name)) {
      throw commonErrors.incompleteSignature(
        `'${part.trim()}' is not a valid key=value pair (missing equal-sign) in Authorization header.`,
      )
    }
    parts.set(name, value)
  }
  const absent = ['Credential', 'Signature', 'SignedHeaders'].filter(name => !parts.get(name))
  if (absent.length > 0) {
    throw commonErrors.incompleteSignature(
      absent.map(name => `Authorization header requires '${name}' parameter.`).join(' '),
    )
  }
  const signature = parts.get('Signature') ?? ''
  if (!/^[0-9a-f]{64}$/.test(signature)) throw commonErrors.signatureDoesNotMatch()
  return {
    credential: parts.get('Credential') ?? '',
    signedHeaders: (parts.get('SignedHeaders') ?? '').split(';'),
    signature,
  }
}

function readScope(credential: string): CredentialScope {
  const parts = credential.split('/')
  const [accessKeyId, date, region, service, terminator] = parts
  if (parts.length !== 5 || !accessKeyId || !date || !region || !service) {
    throw commonErrors.incompleteSignature(
      `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'.`,
    )
  }
  if (terminator !== 'aws4_request') {
    throw commonErrors.signatureDoesNotMatch(
      `Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator}'.`,
    )
  }
  return { accessKeyId, date, region, service }
}

function readDate(headers: Headers, scope: CredentialScope): string {
  const date = headers['x-amz-date']?.[0]
  if (date === undefined) {
    throw commonErrors.incompleteSignature("Authorization header requires existence of a 'X-Amz-Date' header.")
  }
  if (!/^\d{8}T\d{6}Z$/.test(date) || Number.isNaN(timeOf(date))) {
    throw commonErrors.incompleteSignature(
      `Date must be in ISO-8601 'basic format'. Got '${date}'. See http://en.wikipedia.org/wiki/ISO_8601`,
    )
  }
  if (!date.startsWith(scope.date)) {
    throw commonErrors.signatureDoesNotMatch(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
        `'${scope.date}' != '${date.slice(0, 8)}', from '${date}'.`,
    )
  }
  return date
}

function checkSignedHeaders(headers: Headers, signed: readonly string[]): void {
  if (!signed.includes('host')) {
    throw commonErrors.signatureDoesNotMatch("'Host' must be a 'SignedHeader' in the AWS Authorization.")
  }
  const unsigned = Object.keys(headers).filter(name => name.startsWith('x-amz-') && !signed.includes(name))
  if (unsigned.length > 0) {
    throw commonErrors.signatureDoesNotMatch(
      `There were headers present in the request which were not signed: ${unsigned.join(', ')}.`,
    )
  }
  // The canonical form is sorted, and each name is there once; another order could only be somebody's trial.
  const sorted = signed.every((name, index) => index === 0 || (signed[index - 1] ?? '') < name)
  if (!sorted || signed.some(name => headers[name] === undefined)) throw commonErrors.signatureDoesNotMatch()
}

function checkSkew(date: string, now: number): void {
  const at = timeOf(date)
  if (at < now - skewMs) {
    const limit = basic(now - skewMs)
    throw commonErrors.signatureDoesNotMatch(
      `Signature expired: ${date} is now earlier than ${limit} (${basic(now)} - 5 min.)`,
    )
  }
  if (at > now + skewMs) {
    const limit = basic(now + skewMs)
    throw commonErrors.signatureDoesNotMatch(
      `Signature not yet current: ${date} is still later than ${limit} (${basic(now)} + 5 min.)`,
    )
  }
}

function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[], payload: string): string {
  const question = request.target.indexOf('?')
  const path = question < 0 ? request.target : request.target.slice(0, question)
  const query = question < 0 ? '' : request.target.slice(question + 1)
  const headers = signedHeaders.map(name => {
    const values = request.headers[name]?.map(value => value.trim().replace(/ +/g, ' ')) ?? []
    return `${name}:${values.join(',')}\n`
  })
  return [
    request.method,
    path.split('/').map(percentEncode).join('/'),
    canonicalQuery(query),
    headers.join(''),
    signedHeaders.join(';'),
    payload,
  ].join('\n')
}

/** Sorted by escaped name, then by escaped value. */
function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter(pair => pair !== '')
    .map(pair => {
      const equals = pair.indexOf('=')
      const name = percentEncode(percentDecode(equals < 0 ? pair : pair.slice(0, equals)))
      return [name, equals < 0 ? '' : percentEncode(percentDecode(pair.slice(equals + 1)))] as const
    })
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** RFC 3986's unreserved characters stay, all others are escaped, in capitals. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function percentDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw commonErrors.malformedQueryString(`'${text}' has a percent escape that is not valid UTF-8.`)
  }
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** `20150830T123600Z` to ms since the epoch, NaN if there is no such time. */
function timeOf(date: string): number {
  return Date.parse(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
}

function basic(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '')
}
