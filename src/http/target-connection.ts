import type { Exchange } from './exchange.ts'
import type { FieldLines, ResponseHead } from './head.ts'
import type { ResponseEvents } from './parser-events.ts'
import type { Race } from './race.ts'
import { ResponseParser } from './response-parser.ts'
import type { TargetPool } from './target-pool.ts'
import type { Dialer, OpeningReceiver, Timing, Wire } from './wire.ts'

/** Closing takes this long at most, ms: with who takes nothing more it would never end. */
const closingMs = 10_000

/** A connection to a target: opened by a race, then one exchange after the other, idle in its pool between them. */
export class TargetConnection implements OpeningReceiver, ResponseEvents {
  readonly pool: TargetPool
  readonly wire: Wire
  /** Some request went over it before the present one. */
  isReused = false
  /** Monotonic ms, while it is idle: it is closed then; while it closes: it is reset then. */
  idleUntil = 0
  readonly #timing: Timing
  readonly #parser = new ResponseParser(this)
  #race: Race | undefined
  #exchange: Exchange | undefined
  /** Bytes of the present answer have arrived. */
  #hasAnswered = false
  #isAnswerWhole = false
  #staysOpen = false
  #isTunnel = false
  #isClosed = false

  constructor(pool: TargetPool, dialer: Dialer, timing: Timing, race: Race) {
    this.pool = pool
    this.#timing = timing
    this.#race = race
    pool.open.add(this)
    const { target, tls } = pool
    const secured = tls ? { listenerPolicy: race.listenerPolicy } : undefined
    this.wire = dialer.dial(target.address, target.port, secured, this)
  }

  /** `SnapshotGroup.id` of the request that is under way, or that it is opened for. */
  get groupId(): string | undefined {
    return this.#exchange?.groupId ?? this.#race?.groupId
  }

  /** The next request's head follows on the wire. */
  begin(exchange: Exchange, method: string, isUpgrade: boolean): void {
    this.#exchange = exchange
    this.#hasAnswered = false
    this.#isAnswerWhole = false
    this.#parser.expect(method, isUpgrade)
  }

  /** The exchange is over: another may use the connection. */
  release(idleMs: number): void {
    this.#exchange = undefined
    this.isReused = true
    this.idleUntil = this.#timing.monotonic() + idleMs
    this.pool.keep(this)
  }

  /** In good order; whoever had it hears no more of it. */
  close(): void {
    this.#forget()
    this.idleUntil = this.#timing.monotonic() + closingMs
    this.pool.close(this)
    this.wire.close()
  }

  /** At once; whoever had it hears no more of it. */
  abort(): void {
    this.#forget()
    this.wire.reset()
  }

  /** See `TargetPool.doubt`. */
  doubt(): void {
    if (this.#exchange !== undefined) this.#exchange.onTargetDoubted(this.#hasAnswered)
    else if (this.#race === undefined && !this.#isClosed) this.abort()
  }

  /** Its target is to have no requests any more. */
  cut(): void {
    const exchange = this.#exchange
    const race = this.#race
    this.abort()
    exchange?.onTargetLost('cut', this.#hasAnswered)
    race?.onFailed(this, undefined)
  }

  onOpen(): void {
    const race = this.#race!
    this.#race = undefined
    this.pool.tally.newConnections++
    this.pool.heardAt = this.#timing.monotonic()
    race.onOpen(this)
  }

  onBytes(bytes: Buffer): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      // Nobody asked: a 408 before the target closes, or something worse. Whatever it is, it answers no request.
      if (!this.#isClosed) this.abort()
      return
    }
    this.pool.tally.bytesOut += bytes.length
    exchange.onTargetActive()
    this.#hasAnswered = true
    if (this.#isTunnel) {
      exchange.onTunnelBytes(bytes)
      return
    }
    const end = this.#parser.feed(bytes, 0)
    if (this.#isTunnel) {
      if (end < bytes.length) exchange.onTunnelBytes(bytes.subarray(end))
    } else if (this.#isAnswerWhole && this.#exchange === exchange) {
      // More than was asked for could be taken for the next request's answer.
      exchange.onAnswerEnd(this.#staysOpen && end === bytes.length)
    }
  }

  onDrain(): void {
    this.#exchange?.onTargetDrain()
  }

  onFinish(): void {
    const exchange = this.#exchange
    if (exchange === undefined) {
      this.close()
    } else if (this.#isTunnel) {
      exchange.onTunnelFinish()
    } else if (!this.#hasAnswered) {
      this.#lose('finished')
    } else {
      this.#parser.finish()
      if (this.#isAnswerWhole) exchange.onAnswerEnd(false)
    }
  }

  onClose(error?: string): void {
    this.pool.forget(this)
    const race = this.#race
    this.#race = undefined
    if (race !== undefined) race.onFailed(this, error ?? 'ECONNRESET')
    else if (this.#exchange !== undefined) this.#lose(error ?? 'closed')
    this.#forget()
  }

  onHead(head: ResponseHead): void {
    this.#staysOpen = head.keepAlive
    if (head.status === 101) this.#isTunnel = true
    this.#exchange!.onAnswerHead(head)
  }

  onBody(bytes: Buffer): void {
    this.#exchange?.onAnswerBody(bytes)
  }

  onEnd(trailers: FieldLines | undefined): void {
    if (this.#exchange === undefined) return
    this.#isAnswerWhole = true
    this.#exchange.onAnswerBodyEnd(trailers)
  }

  onBad(reason: string): void {
    this.#lose(reason)
  }

  #lose(reason: string): void {
    const exchange = this.#exchange!
    this.abort()
    exchange.onTargetLost(reason, this.#hasAnswered)
  }

  #forget(): void {
    this.#isClosed = true
    this.#parser.stop()
    this.#exchange = undefined
    this.#race = undefined
    this.pool.drop(this)
  }
}
