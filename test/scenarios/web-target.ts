/** HTTP targets inside the test process. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'

export interface WebTarget {
  readonly address: string
  readonly port: number
  /** Requests that were no health checks: what they asked for, and when, by `performance.now()`. */
  readonly requests: { readonly method: string; readonly url: string; readonly at: number }[]
  /** Goes away as a killed process does: its port is refused, its connections reset. */
  kill(): void
  /** Is there again, at the same address and port. */
  start(): Promise<void>
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Listens at `address` and `port` (0: a free one). Health checks are answered 200. Everything else gets `answer`, by default the
 * address, the request line and the request's body as text.
 */
export async function startWebTarget(
  t: TestContext,
  address: string,
  port = 0,
  answer: Answer = (request, response) => {
    response.write(`${address} ${request.method} ${request.url}\n`)
    request.pipe(response)
  },
): Promise<WebTarget> {
  let server: Server | undefined
  const open = new Set<Socket>()
  const requests: WebTarget['requests'] = []
  const target = {
    address,
    port,
    requests,
    async start() {
      server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
        if (request.headers['user-agent'] === 'ELB-HealthChecker/2.0') {
          response.end('ok')
          return
        }
        requests.push({ method: request.method ?? '', url: request.url ?? '', at: performance.now() })
        answer(request, response)
      })
      server.on('connection', (socket: Socket) => {
        open.add(socket)
        socket.on('close', () => open.delete(socket))
      })
      server.listen(target.port, address)
      await once(server, 'listening')
      const bound = server.address()
      if (typeof bound === 'object' && bound !== null) target.port = bound.port
    },
    kill() {
      server?.close()
      server = undefined
      for (const socket of open) socket.resetAndDestroy()
    },
  }
  await target.start()
  t.after(() => target.kill())
  return target
}
