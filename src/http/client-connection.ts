import type { Reply } from './client-head.ts'
import { Exchange } from './exchange.ts'
import type { Front } from './front.ts'
import type { FieldLines, RequestHead } from './head.ts'
import type { Refusal, RequestEvents } from './parser-events.ts'
import { RequestParser } from './request-parser.ts'
import type { Forwarding } from './target-head.ts'
import type { Receiver, Wire } from './wire.ts'

/** Who a client is, as its connection was accepted. */
export interface Client {
  readonly address: string
  readonly port: number
  /** Absent: it speaks no TLS. */
  readonly tls?: ClientTls
}

export interface ClientTls {
  /** As OpenSSL names them: `TLSv1.3`, `TLS_AES_128_GCM_SHA256`. */
  readonly version: string
  readonly cipher: string
  /** SNI's; empty: none. */
  readonly serverName: string
  readonly certificateArn: string
}

/** A client's connection: one exchange after the other, in the order of the requests, or a tunnel at last. */
export class ClientConnection implements Receiver, RequestEvents {
  readonly front: Front
  readonly client: Client
  readonly forwarding: Forwarding
  readonly reply: Reply
  /** Set by `start`. */
  wire!: Wire
  /** `TID_...`, where some log is written. */
  readonly traceId: string
  readonly #parser: RequestParser
  readonly #exchange: Exchange
  /** Monotonic ms, both not earlier than what they tell of. */
  #activeAt: number
  /** When the first byte of a head came that is not whole yet; 0: none has. */
  #headAt = 0
  readonly #openedAt: number
  /** Bytes behind a request that is not answered yet. */
  #held: Buffer | undefined
  #isBodyPaused = false
  /** The client takes no more for now, so no other request of its is begun. */
  #isStalled = false
  #isFeeding = false
  /** The exchange is over, and the next request may come. */
  #isFree = true
  #hasFinished = false
  #isClosed = false

  constructor(front: Front, client: Client) {
    const { settings } = front.site.http
    const { address, port } = front.site.listener
    this.front = front
    this.client = client
    this.forwarding = {
      settings,
      listenerAddress: address,
      listenerPort: port,
      clientAddress: client.address,
      clientPort: client.port,
      traceId: '',
      keepAlive: true,
      ...(client.tls && { tls: client.tls }),
    }
    this.reply = { settings, minorVersion: 1, keepAlive: true, isHead: false, date: '' }
    this.traceId =
      settings.accessLog === undefined && settings.connectionLog === undefined ? '' : front.traceIds.connection()
    this.#openedAt = front.nextTick
    this.#activeAt = this.#openedAt
    this.#parser = new RequestParser(this, settings)
    this.#exchange = new Exchange(this)
    front.add(this)
  }

  start(wire: Wire): void {
    this.wire = wire
    wire.resume()
  }

  /** Another request may follow the present one's answer. */
  get mayStay(): boolean {
    return (
      !this.front.isDraining &&
      !this.#hasFinished &&
      this.front.nextTick - this.#openedAt < this.front.site.http.settings.clientKeepAliveMs
    )
  }

  // The wire's side.

  onBytes(bytes: Buffer): void {
    this.front.tally.bytesIn += bytes.length
    this.#activeAt = this.front.nextTick
    if (this.#isClosed) return
    if (this.#exchange.isTunnel) this.#exchange.onClientTunnel(bytes)
    else this.#feed(bytes)
  }

  onDrain(): void {
    this.#activeAt = this.front.nextTick
    this.#isStalled = false
    this.#exchange.onClientDrain()
    this.#goOn()
  }

  onFinish(): void {
    this.#hasFinished = true
    if (this.#isClosed) return
    if (this.#exchange.isOver) this.close()
    // A client that has said all may still listen (RFC 9112 section 9.6).
    else this.#exchange.onClientFinish()
  }

  onClose(): void {
    this.#isClosed = true
    this.#held = undefined
    this.front.remove(this)
    this.#exchange.onClientClosed()
  }

  // The parser's side.

  onHead(head: RequestHead): void {
    this.#headAt = 0
    this.#isFree = false
    this.#exchange.begin(head)
  }

  onBody(bytes: Buffer): void {
    this.#exchange.onBody(bytes)
  }

  onEnd(trailers: FieldLines | undefined): void {
    this.#exchange.onRequestEnd(trailers)
  }

  onRefused(refusal: Refusal): void {
    // Answered already, and only read on for the sake of a next request, which there can't be.
    if (!this.#isFree && this.#exchange.isOver) this.close()
    else this.#exchange.refuse(refusal)
  }

  // The exchange's side.

  /** As `Wire.send`. */
  send(text: string, bytes?: Buffer, after?: string): boolean {
    this.front.tally.bytesOut += text.length + (bytes?.length ?? 0)
    const isTaken = this.wire.send(text, bytes, after)
    if (!isTaken) this.#isStalled = true
    return isTaken
  }

  /** Something moved on the target's side. */
  onActive(): void {
    this.#activeAt = this.front.nextTick
  }

  /** Of the body something is not taken yet; it may lie in the buffer that the wire reads into. */
  get isBodyPaused(): boolean {
    return this.#isBodyPaused
  }

  /** No more of the body for now. */
  pauseBody(): void {
    this.#isBodyPaused = true
    this.wire.pause()
  }

  resumeBody(): void {
    if (!this.#isBodyPaused) return
    this.#isBodyPaused = false
    if (this.#held === undefined) this.wire.resume()
  }

  /** The upgrade is accepted: what comes, and what has come behind the request, is the tunnel's. */
  openTunnel(): void {
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.wire.resume()
    this.#exchange.onClientTunnel(held)
  }

  /** Request and answer are through. */
  onExchanged(): void {
    if (this.#isClosed) return
    this.#isFree = true
    this.#activeAt = this.front.nextTick
    if (this.#hasFinished || (this.front.isDraining && this.#held === undefined)) this.close()
    else {
      // The target has not taken all of the body, and never will.
      this.resumeBody()
      this.#goOn()
    }
  }

  /** When what was sent is out. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#activeAt = this.front.nextTick
    this.#held = undefined
    this.wire.close()
  }

  /** The client is to see that something is missing. */
  abort(): void {
    this.#isClosed = true
    this.#held = undefined
    this.wire.reset()
  }

  // The front's side.

  /** Ends what has had its time. @param now monotonic ms */
  sweep(now: number): void {
    const { idleTimeoutMs, clientKeepAliveMs } = this.front.site.http.settings
    const idleMs = now - this.#activeAt
    if (this.#isClosed) {
      // What it was answered does not get out.
      if (idleMs >= idleTimeoutMs) this.wire.reset()
    } else if (!this.#isFree) {
      if (idleMs < idleTimeoutMs) return
      if (this.#exchange.isOver) this.close()
      else this.#exchange.onIdle(this.#isBodyPaused)
    } else if (this.#headAt > 0) {
      if (now - this.#headAt < idleTimeoutMs) return
      this.front.tally.reject('header-timeout')
      this.#exchange.refuse(tooLate)
    } else if (idleMs >= idleTimeoutMs || now - this.#openedAt >= clientKeepAliveMs) {
      this.close()
    }
  }

  /** The listener is to end: no more requests. */
  drain(): void {
    if (this.#isFree && this.#headAt === 0) this.close()
  }

  /** Everything ends now. */
  end(): void {
    this.abort()
  }

  /** What was held back, once it is its turn. */
  #goOn(): void {
    if (this.#isFeeding || !this.#isFree || this.#isStalled || this.#isClosed) return
    const held = this.#held
    if (held === undefined) return
    this.#held = undefined
    this.#feed(held)
    if (this.#held === undefined && !this.#isBodyPaused && !this.#isClosed) this.wire.resume()
  }

  #feed(bytes: Buffer): void {
    this.#isFeeding = true
    let at = 0
    while (at < bytes.length && !this.#isClosed) {
      const isNext = this.#isFree && !this.#isStalled
      if (!isNext && (this.#isFree || this.#exchange.isRequestWhole)) {
        this.#hold(bytes.subarray(at))
        break
      }
      at = this.#parser.feed(bytes, at)
      if (this.#exchange.isTunnel) break
    }
    this.#isFeeding = false
    if (this.#isFree && this.#headAt === 0 && this.#parser.phase === 'head') this.#headAt = this.front.nextTick
  }

  #hold(bytes: Buffer): void {
    this.#held = this.#held === undefined ? Buffer.from(bytes) : Buffer.concat([this.#held, bytes])
    this.wire.pause()
  }
}

const tooLate: Refusal = { status: 408, verdict: { class: 'Compliant', reason: '' }, requestLine: '' }
