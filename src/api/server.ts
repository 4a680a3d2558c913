import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { holdsKey } from './basic-auth.ts'
import type { Service } from './call.ts'
import type { Credentials } from './credentials.ts'
import { type Asked, dispatch } from './dispatch.ts'
import { ApiError, commonErrors } from './errors.ts'
import { type FormNode, parseForm } from './form.ts'
import { checkFront } from './front.ts'
import { decodeJsonInput, encodeJsonAnswer, encodeJsonError } from './json-protocol.ts'
import { decodeInput, encodeAnswer, encodeError } from './query-protocol.ts'
import { type CallContext, CallRunner } from './run-call.ts'
import { Services } from './services.ts'
import { claimedScope, type SignedRequest, verifySignature } from './sigv4.ts'

export interface ApiOptions extends CallContext {
  /** An address to listen on, and a port; 0 takes a free one. */
  readonly host: string
  readonly port: number
  readonly services: readonly Service[]
  /** Without them any key will do, and signatures are not looked at. */
  readonly credentials?: Credentials
  /** Names that the Host header may have beside IP literals and `localhost`. */
  readonly hostNames: readonly string[]
  /** Empties everything; `POST /_sluice/reset` exists where this does and no credentials are configured. */
  reset?(): Promise<void>
  /** Further paths, `GET /_sluice/status` for one, answered as JSON; they must be signed where credentials are configured. */
  readonly routes?: Readonly<Record<string, Route>>
  /**
   * Further paths, `GET /metrics` for one, for programs that cannot sign: HTTP Basic with an access key id and its secret opens
   * them where credentials are configured.
   */
  readonly pages?: Readonly<Record<string, () => Promise<Page>>>
  /** Takes one line for the operator. */
  log(line: string): void
}

type Route = (query: URLSearchParams) => RouteAnswer | Promise<RouteAnswer>

interface RouteAnswer {
  readonly status: number
  readonly body: unknown
}

/** A text as it is. */
export interface Page {
  readonly contentType: string
  readonly body: string
}

export interface Api {
  /** `http://127.0.0.1:4566` */
  readonly url: string
  readonly port: number
  /** Stops accepting, lets requests that have begun end for up to `drainMs`, then cuts what is left. */
  close(drainMs: number): Promise<void>
}

/** AWS's own limit on a Query request. */
const bodyLimit = 1024 * 1024

/** Opens the API. Rejects with the system's error (`EADDRINUSE`, `EACCES`) where it cannot listen. */
export async function openApi(options: ApiOptions): Promise<Api> {
  const handler = new Handler(options)
  const server = createServer(
    // A request that trickles in must not hold a connection for ever.
    { requestTimeout: 30_000, headersTimeout: 10_000, keepAliveTimeout: 30_000, connectionsCheckingInterval: 5_000 },
    (request, response) => void handler.handle(request, response),
  )
  server.on('clientError', refuseBytes)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const { port, address, family } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    port,
    async close(drainMs) {
      handler.closing = true
      const closed = new Promise<void>(resolve => server.close(() => resolve()))
      server.closeIdleConnections()
      const cancel = options.clock.after(drainMs, () => server.closeAllConnections())
      await closed
      cancel()
    },
  }
}

/** What is no HTTP at all, or too slow or too long in its head. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
  socket.destroySoon()
}

interface Answer {
  readonly status: number
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string
}

/** A call as its protocol says it. */
interface AskedByText extends Asked<string> {
  readonly contentType: string
}

/**
 * Answers one request after the other. The order of checks: Host and Origin; path and method; an Authorization header;
 * content type and length; the service, by the credential's scope or the JSON target; the signature; the form; the service,
 * by Action and Version, if the scope named none; the action; its parameters' form, then what they must satisfy; then the
 * action's own.
 */
class Handler {
  /** Once true, each connection ends with the answer that it waits for. */
  closing = false
  readonly #options: ApiOptions
  readonly #services: Services
  readonly #calls: CallRunner
  readonly #routes: ReadonlyMap<string, Route>
  readonly #pages: ReadonlyMap<string, () => Promise<Page>>

  constructor(options: ApiOptions) {
    this.#options = options
    this.#services = new Services(options.services)
    this.#calls = new CallRunner(options)
    this.#routes = new Map(Object.entries(options.routes ?? {}))
    this.#pages = new Map(Object.entries(options.pages ?? {}))
  }

  /** Never rejects: whatever goes wrong is an answer, or the client is gone. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const requestId = randomUUID()
    const answer = await this.#answer(request, requestId)
    if (answer === undefined) return
    if (this.closing) response.shouldKeepAlive = false
    response.writeHead(answer.status, {
      'Content-Type': answer.contentType,
      'Content-Length': Buffer.byteLength(answer.body),
      'x-amzn-RequestId': requestId,
      ...answer.headers,
    })
    response.end(answer.body)
  }

  /** `undefined` if the client went away in the middle of its request. */
  async #answer(request: IncomingMessage, requestId: string): Promise<Answer | undefined> {
    // Errors before the service is known have no better envelope than the common one.
    let service: Service | undefined
    try {
      checkFront(request.headersDistinct, this.#options.hostNames)
      const [path = '', query = ''] = (request.url ?? '').split('?', 2)
      if (path !== '/') return await this.#answerRoute(request, path, query)
      const authorization = checkCall(request)
      const signed = await readSigned(request)
      const type = jsonType(request)
      if (type !== undefined) {
        const [prefix = '', action = ''] = String(request.headers['x-amz-target'] ?? '').split('.')
        service = this.#services.byTargetPrefix(prefix)
        const accessKeyId = this.#authenticate(signed, service)
        return await this.#call(askedByJson(service, action, signed.body, type), accessKeyId)
      }
      service = this.#services.bySigningName(claimedScope(authorization)?.service)
      const accessKeyId = this.#authenticate(signed, service)
      const form = parseForm(signed.body)
      service ??= this.#services.byForm(form)
      return await this.#call(askedByForm(service, form, requestId), accessKeyId)
    } catch (error) {
      return request.errored === null ? this.#refusal(error, request, service, requestId) : undefined
    }
  }

  async #call(asked: AskedByText, accessKeyId: string): Promise<Answer> {
    const body = await dispatch(this.#services, this.#calls, asked, accessKeyId)
    return { status: 200, contentType: asked.contentType, body }
  }

  /** The access key id of whoever signed the request. */
  #authenticate(request: SignedRequest, service: Service | undefined): string {
    const { credentials, clock } = this.#options
    if (credentials === undefined) return 'test'
    const names = service === undefined ? this.#services.signingNames : [service.signingName]
    try {
      return verifySignature(request, credentials, names, clock.now()).accessKeyId
    } catch (error) {
      const unknown = error instanceof ApiError && error.code === 'InvalidClientTokenId'
      throw unknown && service?.protocol === 'ec2' ? commonErrors.authFailure() : error
    }
  }

  async #answerRoute(request: IncomingMessage, path: string, query: string): Promise<Answer> {
    const { credentials, reset } = this.#options
    const key = `${request.method} ${path}`
    if (key === 'GET /healthz') return json(200, { status: 'ok' })
    if (key === 'POST /_sluice/reset' && reset !== undefined && credentials === undefined) {
      await reset()
      return json(200, { status: 'ok' })
    }
    const page = this.#pages.get(key)
    if (page !== undefined) {
      if (credentials !== undefined && !holdsKey(request.headers.authorization, credentials)) return askForKey
      return { status: 200, ...(await page()) }
    }
    const route = this.#routes.get(key)
    if (route === undefined) throw commonErrors.notFound(path)
    if (credentials !== undefined) {
      if (request.headers.authorization === undefined) throw commonErrors.missingAuthenticationToken()
      this.#authenticate(await readSigned(request), undefined)
    }
    const { status, body } = await route(new URLSearchParams(query))
    return json(status, body)
  }

  #refusal(error: unknown, request: IncomingMessage, service: Service | undefined, requestId: string): Answer {
    let refusal: ApiError
    if (error instanceof ApiError) {
      refusal = error
    } else {
      const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#options.log(`request ${requestId} failed: ${stack.replace(/\s*\n\s*/g, ' | ')}`)
      refusal = commonErrors.internalFailure()
    }
    const type = jsonType(request)
    return type === undefined
      ? { status: refusal.status, contentType: contentType(service), body: encodeError(service, refusal, requestId) }
      : { contentType: type, ...encodeJsonError(refusal, service?.protocol === 'query') }
  }
}

/** Throws `InvalidAction` and its like for a form that calls nothing of ours. */
function askedByForm(service: Service | undefined, form: FormNode, requestId: string): AskedByText {
  const action = form.members.get('Action')?.text
  const version = form.members.get('Version')?.text ?? service?.version ?? ''
  if (!action) throw commonErrors.missingAction()
  if (service === undefined || service.protocol === 'json') throw commonErrors.invalidAction(action, version, 'query')
  const { protocol } = service
  if (version !== service.version) {
    throw protocol === 'ec2'
      ? commonErrors.noSuchVersion(version)
      : commonErrors.invalidAction(action, version, 'query')
  }
  return {
    service,
    action,
    unknown: commonErrors.invalidAction(action, version, protocol),
    contentType: contentType(service),
    decode: operation => decodeInput(form, operation, protocol),
    encode: (operation, output) => encodeAnswer(service, operation, output, requestId),
  }
}

function askedByJson(service: Service | undefined, action: string, body: Uint8Array, contentType: string): AskedByText {
  const unknown = commonErrors.unknownOperation(action)
  if (service === undefined) throw unknown
  return {
    service,
    action,
    unknown,
    contentType,
    decode: operation => decodeJsonInput(body, operation),
    encode: encodeJsonAnswer,
  }
}

function contentType(service: Service | undefined): string {
  return service?.protocol === 'ec2' ? 'text/xml;charset=UTF-8' : 'text/xml'
}

function json(status: number, body: unknown): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body)}\n` }
}

const askForKey: Answer = {
  status: 401,
  contentType: 'text/plain; charset=utf-8',
  headers: { 'WWW-Authenticate': 'Basic realm="sluice"' },
  body: 'The user is an access key id, the password its secret access key.\n',
}

/** What a call must be before its body is read; answers its Authorization header. */
function checkCall(request: IncomingMessage): string {
  if (request.method !== 'POST') throw commonErrors.methodNotAllowed(request.method ?? '')
  if (request.url !== '/') {
    // Parameters in the URL would let a link in a web page call an action.
    throw commonErrors.malformedQueryString('Parameters belong in the request body, not in the URL.')
  }
  const { authorization } = request.headers
  if (authorization === undefined) throw commonErrors.missingAuthenticationToken()
  checkContent(request)
  return authorization
}

async function readSigned(request: IncomingMessage): Promise<SignedRequest> {
  const { method = '', url: target = '', headersDistinct: headers } = request
  return { method, target, headers, body: await readBody(request) }
}

const jsonMedia = /^application\/x-amz-json-1\.[01](?=\s*(?:;|$))/i

/**
 * `application/x-amz-json-1.1` where that is what the request is written in; its answer is written in the same. What has a
 * target is JSON, also where curl, unasked, says that it is a form.
 */
function jsonType(request: IncomingMessage): string | undefined {
  const { 'content-type': type = '', 'x-amz-target': target } = request.headers
  return jsonMedia.exec(type)?.[0] ?? (target === undefined ? undefined : 'application/x-amz-json-1.1')
}

function checkContent(request: IncomingMessage): void {
  const type = request.headers['content-type'] ?? ''
  const [media = '', ...parameters] = type.split(';').map(part => part.trim().toLowerCase())
  const known = media === 'application/x-www-form-urlencoded' || jsonMedia.test(type)
  const foreign = parameters.some(
    parameter => parameter.startsWith('charset=') && !/^charset="?utf-8"?$/.test(parameter),
  )
  if (!known || foreign) throw commonErrors.unsupportedMediaType(type)
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw commonErrors.unsupportedMediaType(`${type}, ${encoding}`)
}

/**
 * The whole body, at most `bodyLimit` bytes. Of a longer one nothing more is kept: the answer goes out at once and what
 * still comes is thrown away, so that the client can read why.
 */
async function readBody(request: IncomingMessage): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > bodyLimit) throw commonErrors.requestEntityTooLarge(bodyLimit)
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > bodyLimit) throw commonErrors.requestEntityTooLarge(bodyLimit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
