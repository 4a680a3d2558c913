import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import { systemClock } from '../clock.ts'
import { openMemoryStore } from '../store/memory.ts'
import type { Action, Constraints, Service } from './call.ts'
import { type Api, type ApiOptions, openApi } from './server.ts'

/** What the wire's tests have in common: real shapes, a real server on a free port of loopback, and actions of their own. */

interface Stub {
  readonly actions: Readonly<Record<string, Action>>
  readonly constraints?: Constraints
}

export function stubElbv2(stub: Stub): Service {
  return {
    signingName: 'elasticloadbalancing',
    version: '2015-12-01',
    protocol: 'query',
    xmlNamespace: 'http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/',
    actionNames: Object.keys(stub.actions),
    load: async () => ({
      schemas: await import('@aws-sdk/client-elastic-load-balancing-v2'),
      actions: stub.actions,
      constraints: stub.constraints ?? {},
    }),
  }
}

export function stubEc2(stub: Stub): Service {
  return {
    signingName: 'ec2',
    version: '2016-11-15',
    protocol: 'ec2',
    xmlNamespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
    actionNames: Object.keys(stub.actions),
    load: async () => ({
      schemas: await import('@aws-sdk/client-ec2'),
      actions: stub.actions,
      constraints: stub.constraints ?? {},
    }),
  }
}

/** Opens a server that the test closes at its end. */
export async function openStubApi(t: TestContext, options: Partial<ApiOptions>): Promise<Api> {
  const api = await openApi({
    host: '127.0.0.1',
    port: 0,
    store: openMemoryStore(),
    clock: systemClock,
    services: [],
    account: '000000000000',
    region: 'us-east-1',
    hostNames: [],
    hostAddresses: () => ({ own: ['127.0.0.1'], range: '127.64.0.0/10' }),
    health: () => undefined,
    log: console.error,
    ...options,
  })
  t.after(() => api.close(0))
  return api
}

/** What an SDK client needs to call `api`: one try only, so that a test sees the first answer. */
export function clientOptions(api: Api, accessKeyId = 'any', secretAccessKey = 'thing') {
  return { endpoint: api.url, region: 'eu-west-1', credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1 }
}

/** Sends `bytes` as they are and answers all that comes back until the connection ends. */
export function sendRaw(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
    })
    socket.on('error', error => (answer === '' ? reject(error) : resolve(answer)))
    socket.on('close', () => resolve(answer))
    socket.write(bytes)
  })
}

/** A Query request as text, one that would succeed unless `change` says otherwise; `undefined` takes a header away. */
export function queryRequest(body: string, change: Readonly<Record<string, string | undefined>> = {}): string {
  const headers: Record<string, string | undefined> = {
    Host: '127.0.0.1',
    Authorization: 'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/elasticloadbalancing/aws4_request',
    'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
    ...change,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return `POST / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`
}
