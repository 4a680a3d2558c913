import type net from 'node:net'
import { type TLSSocket, TLSSocket as Tls } from 'node:tls'
import type { Cancel, Clock } from '../../clock.ts'
import { type CertificateChoice, certificateChoice, chooseCertificate } from '../../domain/choose-certificate.ts'
import { defaultSecurityPolicy, securityPolicy } from '../../domain/security-policy.ts'
import type { SnapshotTls } from '../../domain/snapshot.ts'
import { reset } from '../tcp-handle.ts'
import { type ClientHello, readClientHello } from './client-hello.ts'
import type { ReadyCertificate, TlsContexts } from './tls-contexts.ts'

/** What was agreed on with a client. */
export interface TlsSession {
  /** `TLSv1.3` */
  readonly version: string
  /** OpenSSL's name. */
  readonly cipher: string
  /** SNI's, lower-case. */
  readonly serverName: string | undefined
  /** The certificate that was shown. */
  readonly certificateArn: string
  readonly alpn: string | undefined
  readonly handshakeMs: number
}

/** A client after its handshake. */
export interface SecureClient {
  /** Paused, with all in it that the client sent. */
  readonly tls: TLSSocket
  /** What it stands on: see `reset`. */
  readonly lower: net.Socket
  readonly session: TlsSession
}

/** Handshakes of one process that are under way, over all its listeners: each takes 50 kB, so they are bounded. */
export class Handshakes {
  readonly #limit: number
  readonly #active = new Set<Handshake>()

  constructor(limit = 2_000) {
    this.#limit = limit
  }

  /** False: there is no room. Who has stalled for a second gives way. */
  admit(handshake: Handshake): boolean {
    if (this.#active.size >= this.#limit) {
      const oldest = this.#active.values().next().value
      if (oldest === undefined || handshake.startedAt - oldest.startedAt < patienceMs) return false
      oldest.fail('gave way to others')
    }
    this.#active.add(handshake)
    return true
  }

  leave(handshake: Handshake): void {
    this.#active.delete(handshake)
  }
}

export interface TlsServerOptions {
  readonly clock: Clock
  /** The process's. */
  readonly contexts: TlsContexts
  /** The process's. */
  readonly handshakes: Handshakes
  /** What one is answered who speaks HTTP and no TLS; absent: nothing. */
  answerPlainHttp?(): string
  /** One line for the operator: a certificate that can't be used, and why. */
  onProblem(line: string): void
}

/** From the connection's first byte to the handshake's last (AWS: 10 s). */
const handshakeMs = 10_000
const patienceMs = 1_000

/** What is offered, the preferred one first (AWS: ALPN policies). */
const alpnProtocols: Readonly<Record<string, readonly string[]>> = {
  HTTP1Only: ['http/1.1', 'http/1.0'],
  HTTP2Only: ['h2'],
  HTTP2Optional: ['http/1.1', 'http/1.0', 'h2'],
  HTTP2Preferred: ['h2', 'http/1.1', 'http/1.0'],
}

/** The TLS side of one listener: shows certificates to clients. */
export class TlsServer {
  readonly #options: TlsServerOptions
  #choice: CertificateChoice<ReadyCertificate> | undefined
  #protocols: readonly string[] = []

  constructor(options: TlsServerOptions) {
    this.#options = options
  }

  /**
   * Goes on with the next snapshot; handshakes under way end as they began. Builds what is new, half a millisecond a certificate,
   * so that no handshake has to.
   *
   * @param protocols for ALPN, the preferred one first; an HTTP listener's are not by policy
   */
  update(tls: SnapshotTls, protocols = alpnProtocols[tls.alpnPolicy ?? ''] ?? []): void {
    const policy = securityPolicy(tls.sslPolicy) ?? securityPolicy(defaultSecurityPolicy)!
    const ready: ReadyCertificate[] = []
    for (const certificate of tls.certificates) {
      try {
        ready.push(this.#options.contexts.of(certificate, policy, tls.secret, this.#options.clock.now()))
      } catch (error) {
        this.#options.onProblem(`${certificate.arn} can't be used, import it anew: ${(error as Error).message}`)
      }
    }
    const [first, ...others] = ready
    this.#choice = first && certificateChoice([first, ...others], policy)
    this.#protocols = protocols
  }

  /**
   * Ends TLS on an accepted connection.
   *
   * @param socket paused, nothing read from it yet, and without `onread`; it becomes the lower half of a TLS socket
   * @param done called once, and not before this returns; with why it failed, in OpenSSL's words or ours, after which the socket is
   *   closed or about to be
   */
  secure(socket: net.Socket, done: (result: SecureClient | string) => void): void {
    new Handshake(this.#options, socket, done, hello => this.#choose(hello)).start()
  }

  #choose(hello: ClientHello | undefined): Chosen | undefined {
    if (this.#choice === undefined) return undefined
    const { contexts, clock } = this.#options
    const now = clock.now()
    contexts.renewTickets(now)
    if (hello === undefined) return { certificate: this.#choice.standard, protocol: undefined }
    const certificate = chooseCertificate(this.#choice, hello, now)
    return { certificate, protocol: this.#protocols.find(name => hello.protocols.includes(name)) }
  }
}

interface Chosen {
  readonly certificate: ReadyCertificate
  /** ALPN's; `undefined`: none is answered, as where the two have none in common (AWS: ALPN policies; OpenSSL would refuse). */
  readonly protocol: string | undefined
}

/** How a method begins; no TLS record, nor a hello of before TLS, does. */
function isCapital(byte: number): boolean {
  return byte >= 65 && byte <= 90
}

/** One client's handshake: its hello is looked at first, then OpenSSL has it. */
class Handshake {
  readonly #options: TlsServerOptions
  readonly #socket: net.Socket
  readonly #done: (result: SecureClient | string) => void
  readonly #choose: (hello: ClientHello | undefined) => Chosen | undefined
  /** Monotonic ms. */
  readonly startedAt: number
  readonly #cancelTimer: Cancel
  #received: Buffer | undefined
  #tls: TLSSocket | undefined
  #isOver = false

  constructor(
    options: TlsServerOptions,
    socket: net.Socket,
    done: (result: SecureClient | string) => void,
    choose: (hello: ClientHello | undefined) => Chosen | undefined,
  ) {
    this.#options = options
    this.#socket = socket
    this.#done = done
    this.#choose = choose
    this.startedAt = options.clock.monotonic()
    this.#cancelTimer = options.clock.after(handshakeMs, () => this.fail('timed out'))
  }

  start(): void {
    this.#socket.on('data', this.#onData)
    this.#socket.on('end', this.#onEnd)
    this.#socket.on('error', this.#onError)
    this.#socket.on('close', this.#onClose)
    this.#socket.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received = this.#received === undefined ? chunk : Buffer.concat([this.#received, chunk])
    if (isCapital(this.#received[0]!) && this.#options.answerPlainHttp !== undefined) {
      this.#socket.write(this.#options.answerPlainHttp(), 'latin1')
      this.#socket.destroySoon()
      if (this.#end()) this.#done('http request')
      return
    }
    const hello = readClientHello(this.#received)
    if (hello !== undefined) this.#answer(hello === 'unreadable' ? undefined : hello)
  }

  #answer(hello: ClientHello | undefined): void {
    const { handshakes } = this.#options
    const chosen = this.#choose(hello)
    if (chosen === undefined) this.fail('no certificate')
    // OpenSSL takes it for none.
    else if (hello?.serverName === '') this.fail('empty server name')
    else if (!handshakes.admit(this)) this.fail('too many handshakes')
    else this.#speak(chosen, hello?.serverName)
  }

  #speak({ certificate, protocol }: Chosen, serverName: string | undefined): void {
    this.#socket.pause()
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    this.#socket.unshift(this.#received!)
    this.#received = undefined
    const tls = new Tls(this.#socket, {
      isServer: true,
      secureContext: certificate.context,
      ...(protocol !== undefined && { ALPNProtocols: [protocol] }),
    })
    this.#tls = tls
    tls.on('error', this.#onError)
    tls.on('end', this.#onEnd)
    tls.on('close', this.#onClose)
    tls.once('secure', () => {
      endOnFault(tls)
      const session: TlsSession = {
        version: tls.getProtocol() ?? '',
        cipher: tls.getCipher().name,
        serverName,
        certificateArn: certificate.arn,
        alpn: protocol,
        handshakeMs: this.#options.clock.monotonic() - this.startedAt,
      }
      // OpenSSL is still at it: a reset from in here would take its memory away, and the process down.
      setImmediate(() => {
        if (!this.#end()) return
        tls.pause()
        this.#done({ tls, lower: this.#socket, session })
      })
    })
  }

  readonly #onEnd = (): void => this.fail('closed by the client')

  readonly #onError = (error: Error): void => this.fail(reasonOf(error))

  readonly #onClose = (): void => this.fail('closed by the client')

  fail(reason: string): void {
    if (!this.#end()) return
    // Where OpenSSL has found the fault its alert, which says so, is on its way.
    if (!this.#tls?.destroyed) reset(this.#socket)
    this.#done(reason)
  }

  /** False: it was over already. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#cancelTimer()
    this.#socket.off('data', this.#onData)
    this.#socket.off('end', this.#onEnd)
    this.#socket.off('close', this.#onClose)
    this.#tls?.off('end', this.#onEnd)
    this.#tls?.off('close', this.#onClose)
    this.#options.handshakes.leave(this)
    return true
  }
}

/**
 * Has a fault in the session end its socket: node tells of it only those who have said that the handshake is over, which
 * `tls.Server` does by a method that is not documented, and leaves the socket open.
 */
function endOnFault(socket: TLSSocket): void {
  ;(socket as unknown as { _releaseControl(): void })._releaseControl()
  socket.once('error', error => socket.destroy(error))
}

/** `error:0A000102:SSL routines::unsupported protocol` -> `unsupported protocol`; a system error's code. */
function reasonOf(error: NodeJS.ErrnoException & { reason?: string }): string {
  return error.reason ?? error.code ?? error.message
}
