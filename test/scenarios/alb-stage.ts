/**
 * Where stories of Application Load Balancers take place. They are configured with the AWS CLI, certificates included; the subnets and
 * security groups around them, of which S1 tells with the CLI, with the SDK, which takes a fraction of the time.
 */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import type { ACM } from '@aws-sdk/client-acm'
import type { ElasticLoadBalancingV2 } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Imported } from '../../src/api/acm/openssl.fixture.ts'
import { lacking } from '../lacking.ts'
import { timeout } from '../long.ts'
import type { CurlAnswer } from './curl.ts'
import { cliClient } from './drivers.ts'
import { Network } from './network.ts'
import { has, startSluice } from './sluice.ts'
import { startWebTarget } from './web-target.ts'

/** Debian's packages of the programs that these stories take. */
const packages = {
  aws: 'awscli',
  curl: 'curl',
  openssl: 'openssl',
  wrk: 'wrk',
  h2load: 'nghttp2-client',
} as const

/** A story that needs the AWS CLI and these programs. */
export function albStory(
  title: string,
  programs: readonly (keyof typeof packages)[],
  tell: (t: TestContext) => Promise<void>,
): void {
  // Calls of the AWS CLI take their time beside others.
  test(title, { timeout: 2 * timeout }, async t => {
    for (const program of ['aws', ...programs] as const)
      if (!has(program)) return lacking(t, `${program} (Debian: ${packages[program]})`)
    await tell(t)
  })
}

/** A Sluice, and the AWS CLI to drive it. */
export async function albStage(t: TestContext, options: Parameters<typeof startSluice>[1] = {}) {
  const sluice = await startSluice(t, options)
  const elbv2 = cliClient<ElasticLoadBalancingV2>(sluice.url, 'elbv2')
  return {
    sluice,
    elbv2,
    acm: cliClient<ACM>(sluice.url, 'acm'),
    network: new Network(sluice.url, elbv2),
  }
}

/** What an echo target was asked. */
export interface Asked {
  /** The target's. */
  readonly from: string
  readonly method: string
  readonly url: string
  readonly version: string
  /** Name and value, one after the other, as they came. */
  readonly lines: readonly string[]
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** An HTTP target that answers with what it was asked; `/status/204` with that status. */
export function startEcho(t: TestContext, address: string) {
  return startWebTarget(t, address, 0, async (request, response) => {
    const asked: Asked = {
      from: address,
      method: request.method ?? '',
      url: request.url ?? '',
      version: request.httpVersion,
      lines: request.rawHeaders,
      headers: request.headers,
      body: await text(request),
    }
    const status = Number(/^\/status\/(\d+)/.exec(asked.url)?.[1] ?? 200)
    response.writeHead(status, { 'content-type': 'application/json' })
    if (status === 204 || status === 304) response.end()
    else response.end(JSON.stringify(asked))
  })
}

/** An HTTPS target that answers `secured`, health checks as well. */
export async function startSecured(t: TestContext, address: string, { Certificate, PrivateKey }: Imported) {
  const server = createServer({ cert: Buffer.from(Certificate), key: Buffer.from(PrivateKey) }, (_, response) => {
    response.end('secured')
  })
  server.listen(0, address)
  await once(server, 'listening')
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  return { address, port: (server.address() as AddressInfo).port }
}

/** What the target behind an answer was asked. */
export function asked({ status, body }: CurlAnswer): Asked {
  if (!body.startsWith('{')) throw new Error(`no target answered, but ${status} ${body}`)
  return JSON.parse(body)
}
