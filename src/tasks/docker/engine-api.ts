/** Calls of the Docker Engine API over its socket. */
import { type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Clock } from '../../clock.ts'

/** Docker answered, and the answer is no. The message is Docker's own, in one line. */
export class DockerError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message.trim().replaceAll(/\s*\n\s*/g, ' '))
    this.status = status
  }
}

/** Docker did not answer: it is not there, may not be asked, or went away in the middle. */
export class DockerAway extends Error {}

type Method = 'GET' | 'POST' | 'DELETE'

interface CallOptions {
  readonly query?: Readonly<Record<string, string | number | boolean>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Aborted, the call rejects with `DockerAway`; a reason that is one is what it says. */
  readonly signal?: AbortSignal
  /** For how long Docker itself may have to wait: a stop for its container. */
  readonly waitsMs?: number
}

/** How long a question may take, and a deed, beyond what Docker waits for. */
const limitMs = { GET: 30_000, POST: 180_000, DELETE: 180_000 } as const

/**
 * The paths carry no version, which means the daemon's own: what is used here is the same from 1.41 (Docker 20.10, Debian 12) on, and Docker
 * 29 refuses all below 1.44.
 */
export class DockerApi {
  readonly #socketPath: string
  readonly #clock: Clock
  readonly #closed = new AbortController()

  constructor(socketPath: string, clock: Clock) {
    this.#socketPath = socketPath
    this.#clock = clock
  }

  /** The answer's body, as text. Throws `DockerError` or `DockerAway`; that, too, where dockerd listens and says nothing. */
  async call(method: Method, path: string, options: CallOptions = {}): Promise<string> {
    const late = new AbortController()
    const ms = limitMs[method] + (options.waitsMs ?? 0)
    const cancel = this.#clock.after(ms, () =>
      late.abort(this.away(`it said nothing to ${method} ${path} for ${ms / 1_000} s`)),
    )
    const signal = options.signal === undefined ? late.signal : AbortSignal.any([late.signal, options.signal])
    try {
      const answer = await this.open(method, path, { ...options, signal })
      return await text(answer).catch(error => {
        throw this.#awayBy(error, signal)
      })
    } finally {
      cancel()
    }
  }

  /** As `call`, without a limit, and with a body that is still to be read, by `bytesIn` or `objectsIn`. */
  async open(method: Method, path: string, options: CallOptions = {}): Promise<IncomingMessage> {
    const answer = await this.#send(method, path, options).catch(error => {
      throw this.#awayBy(error, options.signal)
    })
    const status = answer.statusCode ?? 0
    if (status < 400) return answer
    throw new DockerError(status, messageIn(await text(answer).catch(() => '')) || `HTTP status ${status}`)
  }

  /** Ends all calls under way, and lets no more begin. */
  close(): void {
    this.#closed.abort()
  }

  #send(method: string, path: string, { query, body, signal }: CallOptions): Promise<IncomingMessage> {
    const search = new URLSearchParams(Object.entries(query ?? {}).map(([name, value]) => [name, String(value)]))
    return new Promise((resolve, reject) => {
      const call = request({
        socketPath: this.#socketPath,
        method,
        path: query === undefined ? path : `${path}?${search}`,
        headers: { host: 'docker', ...(body !== undefined && { 'content-type': 'application/json' }) },
        agent: false,
        signal: signal === undefined ? this.#closed.signal : AbortSignal.any([this.#closed.signal, signal]),
      })
      call.on('response', resolve)
      call.on('error', reject)
      call.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }

  /** What says that there is no answer, and why. */
  away(why: string, advice = 'dockerd must run'): DockerAway {
    return new DockerAway(`no answer from Docker at ${this.#socketPath} (${why}): ${advice}`)
  }

  #awayBy(error: unknown, signal: AbortSignal | undefined): DockerAway {
    if (signal?.reason instanceof DockerAway) return signal.reason
    const { code, message } = error as NodeJS.ErrnoException
    return this.away(code ?? message, code === 'EACCES' ? 'this user must be in the group docker' : undefined)
  }
}

/** A body as it comes. Throws `DockerAway` if it breaks off. */
export async function* bytesIn(answer: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* answer
  } catch {
    throw new DockerAway('Docker broke off in the middle: dockerd went away')
  }
}

/** The JSON objects of a body, one a line, as they come. Throws as `bytesIn` does. */
export async function* objectsIn(answer: IncomingMessage): AsyncGenerator<unknown> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of bytesIn(answer)) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line)
  }
}

/** Docker's socket, as its own command finds it. Throws if that is no socket of this host. */
export function dockerSocket(dockerHost: string | undefined): string {
  if (dockerHost === undefined || dockerHost === '') return '/var/run/docker.sock'
  if (dockerHost.startsWith('unix://')) return dockerHost.slice('unix://'.length)
  throw new Error(
    `DOCKER_HOST is ${dockerHost}: tasks run in the Docker of this host only, so give unix:///PATH or nothing`,
  )
}

/** Errors come as `{"message":"..."}`; a proxy in between may say anything. */
function messageIn(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown }
    return typeof message === 'string' ? message : body
  } catch {
    return body
  }
}
