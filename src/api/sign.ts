import { createHash, createHmac } from 'node:crypto'
import type { Headers } from './front.ts'
import type { SignedRequest } from './sigv4.ts'

/** What is to be signed: a request whose path has nothing to escape, and whose query is sorted and escaped as AWS has it. */
export interface ToSign {
  readonly method: string
  readonly target: string
  readonly headers: Headers
  readonly body: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly region: string
  readonly service: string
  /** Milliseconds since the epoch. */
  readonly at: number
  /** `20260115`, in place of the day of `at`. */
  readonly scopeDate?: string
  /** In place of all headers, sorted. */
  readonly signedHeaders?: readonly string[]
}

/**
 * The request with AWS Signature Version 4's headers: what `sluice doctor` calls with. It shares no code with the verifier,
 * so that the tests, which sign with it too, do not hold one mistake against itself.
 */
export function sign(request: ToSign): SignedRequest {
  const date = new Date(request.at).toISOString().replace(/[-:]|\.\d+/g, '')
  const headers: Headers = { ...request.headers, 'x-amz-date': [date] }
  const signed = request.signedHeaders ?? Object.keys(headers).sort()
  const canonical = [
    request.method,
    ...splitTarget(request.target),
    ...signed.map(name => `${name}:${headers[name]?.join(',')}`),
    '',
    signed.join(';'),
    createHash('sha256').update(request.body).digest('hex'),
  ].join('\n')
  const scope = [request.scopeDate ?? date.slice(0, 8), request.region, request.service, 'aws4_request']
  const toSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), createHash('sha256').update(canonical).digest('hex')]
  let key: string | Buffer = `AWS4${request.secretAccessKey}`
  for (const part of [...scope, toSign.join('\n')]) key = createHmac('sha256', key).update(part).digest()
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${request.accessKeyId}/${scope.join('/')}, ` +
    `SignedHeaders=${signed.join(';')}, Signature=${Buffer.from(key).toString('hex')}`
  return {
    method: request.method,
    target: request.target,
    headers: { ...headers, authorization: [authorization] },
    body: Buffer.from(request.body),
  }
}

/** Path and query. */
function splitTarget(target: string): readonly [string, string] {
  const [path = '', query = ''] = target.split('?', 2)
  return [path, query]
}
