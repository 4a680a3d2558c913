import net from 'node:net'
import type { Cancel, Clock } from '../../clock.ts'
import type { Chosen, Flow } from '../../domain/choice.ts'
import { connectMs, mostAttempts, patienceMs, refusalOf } from '../../domain/connect-rules.ts'
import type { SecurityPolicy } from '../../domain/security-policy.ts'
import { viewedGroup } from '../../domain/snapshot.ts'
import type { DropReason } from '../engine.ts'
import { adopt, reset, type TcpHandle } from '../tcp-handle.ts'
import { connectTls } from './connect-tls.ts'
import { isOwnEcho } from './own-echo.ts'
import { proxyHeader } from './proxy-protocol.ts'
import { Relay } from './relay.ts'
import type { Suspects } from './suspects.ts'
import type { TcpFlows } from './tcp-flows.ts'
import type { TlsServer } from './tls-server.ts'

/** What a connection needs of its listener. */
export interface Host {
  readonly clock: Clock
  readonly flows: TcpFlows
  readonly suspects: Suspects
  /** Ends the TLS of clients that come now. */
  readonly tls: TlsServer | undefined
  /** For targets that TLS is spoken with. */
  readonly targetPolicy: SecurityPolicy
  /** A target for this connection other than those `tried` (keys). */
  choose(flow: Flow, tried: readonly string[]): Chosen | undefined
  /** The connection got a target. */
  onEstablished(connection: TcpConnection): void
  /** It got none, and was reset. */
  onDropped(connection: TcpConnection, reason: DropReason): void
  /** Both its sockets are closed. */
  onClosed(connection: TcpConnection): void
}

interface Attempt {
  readonly chosen: Chosen
  readonly socket: net.Socket
  /** What is relayed: the socket, or TLS over it. */
  stream: net.Socket
  readonly replies: Relay
  /** Monotonic ms. */
  readonly startedAt: number
}

/**
 * One client's connection: its TLS handshake if there is one, then the race for a target, then two relays. Until a target answers
 * nothing is read from the client, so that what it sends waits in the kernel.
 */
export class TcpConnection {
  readonly flow: Flow
  readonly #host: Host
  readonly #socket: net.Socket
  /** What is relayed: the socket, or TLS over it. */
  #client: net.Socket
  readonly #tls: TlsServer | undefined
  readonly #requests = new Relay()
  #startedAt: number
  /** Keys of targets tried so far, the present ones included. */
  readonly #tried: string[] = []
  #attempts: Attempt[] = []
  #tlsFailures = 0
  #cancelTimer: Cancel | undefined
  #won: Attempt | undefined
  #open = 0
  /** Bytes that the counters have already, and when there were last new ones: see `settle`. */
  #settledIn = 0
  #settledOut = 0
  #activeAt = 0

  constructor(host: Host, handle: TcpHandle, flow: Flow) {
    this.#host = host
    this.flow = flow
    this.#startedAt = host.clock.monotonic()
    this.#tls = host.tls
    this.#socket = this.#tls === undefined ? adopt(handle, this.#requests.onread) : adopt(handle)
    this.#client = this.#socket
  }

  start(): void {
    if (this.#tls === undefined) {
      this.#requests.from = this.#client
      this.#client.on('error', this.#onClientError)
      this.#race()
      return
    }
    this.#tls.secure(this.#socket, result => {
      if (typeof result === 'string') {
        this.#drop('client-tls')
        return
      }
      this.#client = result.tls
      this.#client.on('error', this.#onClientError)
      this.#requests.readFrom(this.#client)
      this.#startedAt = this.#host.clock.monotonic()
      this.#race()
    })
  }

  #race(): void {
    if (this.#tryNext()) this.#waitForAnswer()
    else this.#drop('no-target')
  }

  /** `targetKey` of the target, once there is one. */
  get targetKey(): string | undefined {
    return this.#won?.chosen.target.key
  }

  /**
   * This group's target is to have no connections: a reset for an established one, another target for one that is still
   * trying.
   */
  cut(targetKey: string, groupId: string, isGone: (groupId: string) => boolean): void {
    const isView = (id: string) => id === groupId || (viewedGroup(id) === viewedGroup(groupId) && isGone(id))
    const isIts = ({ chosen }: Attempt) => chosen.target.key === targetKey && isView(chosen.group.id)
    if (this.#won === undefined) {
      for (const attempt of this.#attempts.filter(isIts)) this.#onFailed(attempt)
    } else if (isIts(this.#won)) {
      this.end()
    }
  }

  /** Resets both sides. */
  end(): void {
    if (this.#won === undefined) {
      this.#abandon()
    } else {
      reset(this.#client, this.#socket)
      reset(this.#won.stream, this.#won.socket)
    }
  }

  /**
   * Hands the bytes moved since the last call to `count`, and tells for how long there were none before `now` (monotonic ms).
   * Called by the listener's timer, so that the bytes' own path has nothing to do with counters and clocks.
   */
  settle(now: number, count: (targetKey: string, bytesIn: number, bytesOut: number) => void): number {
    if (this.#won === undefined) return 0
    const bytesIn = this.#requests.bytes - this.#settledIn
    const bytesOut = this.#won.replies.bytes - this.#settledOut
    if (bytesIn + bytesOut > 0) {
      count(this.#won.chosen.target.key, bytesIn, bytesOut)
      this.#settledIn += bytesIn
      this.#settledOut += bytesOut
      this.#activeAt = now
    }
    return now - this.#activeAt
  }

  /** Starts connecting to the next target. False: there is none that was not tried. */
  #tryNext(): boolean {
    if (this.#tried.length === mostAttempts) return false
    const chosen = this.#host.choose(this.flow, this.#tried)
    if (chosen === undefined) return false
    const { key, address, port } = chosen.target
    const replies = new Relay()
    const isTls = chosen.group.tls === true
    const socket = new net.Socket({
      allowHalfOpen: true,
      noDelay: true,
      ...(!isTls && { onread: replies.onread }),
    })
    const attempt: Attempt = { chosen, socket, stream: socket, replies, startedAt: this.#host.clock.monotonic() }
    replies.from = socket
    replies.to = this.#client
    this.#tried.push(key)
    this.#attempts.push(attempt)
    this.#host.flows.of(key).connections.add(this)
    socket.once('connect', () => this.#onConnected(attempt))
    socket.on('error', error => this.#onTargetError(attempt, error))
    socket.connect({ host: address, port })
    return true
  }

  #waitForAnswer(): void {
    const left = connectMs - (this.#host.clock.monotonic() - this.#startedAt)
    this.#cancelTimer = this.#host.clock.after(Math.min(patienceMs, Math.max(left, 0)), () => {
      if (left <= patienceMs) {
        this.#giveUp()
      } else {
        this.#tryNext()
        this.#waitForAnswer()
      }
    })
  }

  #giveUp(): void {
    for (const { chosen } of this.#attempts) this.#host.suspects.report(chosen.target.key, 'connect timed out')
    this.#abandon()
  }

  #onConnected(attempt: Attempt): void {
    const { chosen, socket, replies } = attempt
    if (isOwnEcho(socket, chosen.target)) {
      this.#onTargetError(attempt, Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' }))
      return
    }
    if (chosen.group.proxyProtocol) socket.write(proxyHeader(this.flow))
    if (chosen.group.tls !== true) {
      this.#onReady(attempt)
      return
    }
    const target = `${chosen.target.key} ${chosen.target.address}`
    const tls = connectTls({ socket, target, policy: this.#host.targetPolicy })
    attempt.stream = tls
    tls.pause()
    replies.readFrom(tls)
    tls.once('secureConnect', () => {
      this.#onReady(attempt)
      tls.resume()
    })
    tls.on('error', error => this.#onTargetError(attempt, error))
  }

  /** The target takes the client's bytes now. */
  #onReady(attempt: Attempt): void {
    const { stream, replies } = attempt
    this.#won = attempt
    this.#activeAt = this.#host.clock.monotonic()
    // Else every new connection would wait for a target that drops them while its health checks still pass.
    for (const { chosen: late, startedAt } of this.#attempts)
      if (this.#activeAt - startedAt >= patienceMs) this.#host.suspects.avoid(late.target.key)
    this.#endAttempts(attempt)
    this.#open = 2
    this.#requests.to = stream
    const client = this.#client
    client.once('end', () => closeSide(stream))
    stream.once('end', () => closeSide(client))
    client.once('close', () => this.#onClosed(this.#requests))
    stream.once('close', () => this.#onClosed(replies))
    this.#host.onEstablished(this)
    client.resume()
  }

  readonly #onClientError = (): void => {
    if (this.#won !== undefined) reset(this.#won.stream, this.#won.socket)
    else this.#abandon()
  }

  #onTargetError(attempt: Attempt, error: NodeJS.ErrnoException): void {
    if (this.#won === attempt) {
      reset(this.#client, this.#socket)
      return
    }
    if (attempt.stream !== attempt.socket && this.#attempts.includes(attempt)) this.#tlsFailures++
    const reason = refusalOf(error.code)
    if (reason !== undefined) this.#host.suspects.report(attempt.chosen.target.key, reason)
    this.#onFailed(attempt)
  }

  #onFailed(attempt: Attempt): void {
    if (!this.#attempts.includes(attempt)) return
    this.#endAttempt(attempt)
    this.#attempts = this.#attempts.filter(other => other !== attempt)
    if (!this.#tryNext() && this.#attempts.length === 0) this.#abandon()
  }

  /** Without a target after all. */
  #abandon(): void {
    this.#endAttempts(undefined)
    this.#drop(this.#tlsFailures > 0 && this.#tlsFailures === this.#tried.length ? 'target-tls' : 'refused')
  }

  #drop(reason: DropReason): void {
    reset(this.#client, this.#socket)
    this.#requests.close()
    this.#host.onDropped(this, reason)
  }

  /** Ends all attempts but this one. */
  #endAttempts(but: Attempt | undefined): void {
    this.#cancelTimer?.()
    for (const attempt of this.#attempts) if (attempt !== but) this.#endAttempt(attempt)
    this.#attempts = []
  }

  #endAttempt({ chosen, socket, replies }: Attempt): void {
    this.#host.flows.of(chosen.target.key).connections.delete(this)
    replies.close()
    socket.destroy()
  }

  #onClosed(relay: Relay): void {
    relay.close()
    if (--this.#open > 0) return
    this.#host.flows.of(this.targetKey!).connections.delete(this)
    this.#host.onClosed(this)
  }
}

/**
 * Passes on that the other side sends no more. Where this side was finished already, closing it says so with one system
 * call less.
 */
function closeSide(socket: net.Socket): void {
  if (socket.readableEnded && socket.writableLength === 0) socket.destroy()
  else socket.end()
}
