import type { SnapshotRule } from '../domain/snapshot-http.ts'
import type { ClientConnection } from './client-connection.ts'
import { clientFraming, clientHead, interimHead } from './client-head.ts'
import { ExchangeRecord } from './exchange-record.ts'
import { mostLagMs } from './front.ts'
import { compliant, type FieldLines, type Framing, type RequestHead, type ResponseHead } from './head.ts'
import { accessEntry } from './log-entry.ts'
import { fixedAnswer, ownAnswer, redirectAnswer } from './own-answers.ts'
import type { Refusal } from './parser-events.ts'
import { Race, type Racer } from './race.ts'
import { redirectUrl } from './redirect-url.ts'
import { addLatency } from './tally.ts'
import type { TargetConnection } from './target-connection.ts'
import { targetHead } from './target-head.ts'
import { TargetSearch } from './target-search.ts'
import { traceIdFor } from './trace-id.ts'
import { lastChunk } from './trailers.ts'

/** Of a request that is answered before its body is there, as much is read to keep the connection. */
const mostIgnored = 64 << 10

/**
 * One request and its answer, from the request's head to the answer's last byte. One object serves a client's connection, for one
 * request after the other.
 */
export class Exchange implements Racer {
  readonly #client: ClientConnection
  readonly #record: ExchangeRecord
  readonly #search: TargetSearch
  /** Nothing is under way. */
  isOver = true
  isTunnel = false
  isRequestWhole = false
  #connection: TargetConnection | undefined
  #race: Race | undefined
  /** Body bytes (latin1) that came before there was a connection, and what ended the body. */
  #held = ''
  #trailers: FieldLines | undefined
  /** It may not be sent again: it was once, or body bytes are gone. */
  #isSpent = false
  /** An answer's head went out, the target's or one made here. */
  #isAnswering = false
  #framing: Framing = 'none'
  /** Both connections are closed after it (AWS: Desync mitigation modes). */
  #closesAfter = false
  /** The client takes no more for now; with `#end`, what becomes of the target's connection when it does. */
  #isStalled = false
  #end: 'none' | 'keep' | 'close' = 'none'

  constructor(client: ClientConnection) {
    this.#client = client
    this.#record = new ExchangeRecord(client.front.site)
    this.#search = new TargetSearch(client.front)
  }

  /** `SnapshotGroup.id` of the group that was chosen. */
  get groupId(): string {
    return this.#search.groupId
  }

  // The client's side.

  /** A request's head is there. */
  begin(head: RequestHead): void {
    this.#restart(head)
    const { front, forwarding, reply } = this.#client
    const { site, tally } = front
    const { settings } = site.http
    this.#closesAfter = head.closesBoth
    forwarding.settings = settings
    reply.minorVersion = head.minorVersion
    reply.isHead = head.method === 'HEAD'
    tally.requests++
    tally.ruleEvaluations++
    if (head.verdict !== compliant) tally.desync.nonCompliant++
    if (front.load.lagMs > mostLagMs.request) {
      tally.reject('overload')
      this.#fail(503, '')
      return
    }
    const rule = site.rules.match(head, forwarding.clientAddress)
    this.#record.rule = rule
    if (rule.action.answer === undefined) this.#forward(head, rule)
    else this.#answerByRule(head, rule.action.answer)
  }

  /** What came is no request, or does not go on as one. */
  refuse(refusal: Refusal): void {
    const { reply, front } = this.#client
    if (this.isOver) {
      this.#restart(undefined)
      reply.minorVersion = 1
      reply.isHead = false
    }
    this.#record.refusal = refusal
    this.#record.verdict = refusal.verdict
    if (refusal.verdict !== compliant) front.tally.desync.nonCompliant++
    this.#fail(refusal.status, '')
  }

  onBody(bytes: Buffer): void {
    this.#record.receivedBytes += bytes.length
    if (this.#connection !== undefined) {
      this.#sendBody(this.#connection, bytes)
    } else if (this.#race !== undefined) {
      this.#held += bytes.toString('latin1')
      this.#client.pauseBody()
    }
  }

  onRequestEnd(trailers: FieldLines | undefined): void {
    this.isRequestWhole = true
    this.#trailers = trailers
    if (this.#connection !== undefined) this.#sendEnd(this.#connection)
    if (this.isOver) this.#client.onExchanged()
  }

  /** What the client sent after its upgrade was accepted. */
  onClientTunnel(bytes: Buffer): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#record.receivedBytes += bytes.length
    connection.pool.tally.bytesIn += bytes.length
    if (!connection.wire.send('', bytes)) this.#client.pauseBody()
  }

  /** The client sends no more: of a request that is not whole (AWS: HTTP 400), or of a tunnel. */
  onClientFinish(): void {
    if (this.isTunnel) this.#connection?.wire.finish()
    else if (!this.isRequestWhole) this.#fail(400, '')
  }

  onClientDrain(): void {
    if (!this.#isStalled) return
    this.#isStalled = false
    this.#connection?.wire.resume()
    if (this.#end !== 'none') this.#complete(this.#end === 'keep')
  }

  /** The client's connection is gone. */
  onClientClosed(): void {
    if (this.isOver) return
    this.#dropTarget(false)
    if (!this.#isAnswering) {
      this.#record.status = 460
      this.#client.front.tally.countOwn(460)
    }
    this.#conclude()
  }

  /** Nothing has moved for the idle timeout. @param isClientPaused its bytes are not read: it is not to blame */
  onIdle(isClientPaused: boolean): void {
    if (this.isTunnel) {
      this.#leave(this.#connection!, false).close()
      this.#finish(false)
    } else if (this.#isAnswering || this.isRequestWhole || isClientPaused) {
      this.#fail(504, '')
    } else {
      this.#client.front.tally.reject('body-timeout')
      this.#fail(408, '')
    }
  }

  // The target's side.

  onWon(connection: TargetConnection): void {
    this.#race = undefined
    this.#use(connection)
  }

  onNone(isTimeout: boolean): void {
    this.#race = undefined
    this.#fail(isTimeout ? 504 : 502, '')
  }

  onTargetActive(): void {
    this.#client.onActive()
  }

  onTargetDrain(): void {
    this.#client.onActive()
    this.#client.resumeBody()
  }

  onAnswerHead(head: ResponseHead): void {
    const { reply, front } = this.#client
    if (head.status < 200 && head.status !== 101) {
      if (reply.minorVersion === 1) this.#send(interimHead(head))
      return
    }
    const record = this.#record
    const { pool } = this.#connection!
    const { tally, target } = pool
    record.answeredAt = front.timing.monotonic()
    pool.heardAt = record.answeredAt
    record.targetStatus = head.status
    record.status = head.status
    addLatency(tally, record.answeredAt - record.sentAt)
    // What is beyond 5xx is of no class.
    if (head.status < 600) tally.classes[Math.trunc(head.status / 100)]!++
    this.#isAnswering = true
    this.isTunnel = head.status === 101
    this.#framing = clientFraming(head, reply.minorVersion)
    this.#prepareReply()
    if (this.isTunnel) reply.keepAlive = true
    else if (this.#framing === 'close' || !this.isRequestWhole) reply.keepAlive = false
    this.#send(clientHead(head, reply, this.#search.cookies(head, target, record.rule!.action)))
    if (this.isTunnel) this.#client.openTunnel()
  }

  onAnswerBody(bytes: Buffer): void {
    if (this.#framing === 'chunked') this.#send(`${bytes.length.toString(16)}\r\n`, bytes, '\r\n')
    else this.#send('', bytes)
  }

  onAnswerBodyEnd(trailers: FieldLines | undefined): void {
    if (this.#framing === 'chunked') this.#send(this.#lastChunk(trailers))
  }

  /** @param isReusable the target's connection may have another request */
  onAnswerEnd(isReusable: boolean): void {
    // What the client has not taken may lie in the buffer that the connection reads into.
    if (this.#isStalled) this.#end = isReusable ? 'keep' : 'close'
    else this.#complete(isReusable)
  }

  onTunnelBytes(bytes: Buffer): void {
    this.#send('', bytes)
  }

  onTunnelFinish(): void {
    this.#client.wire.finish()
  }

  /** The target takes no connections any more: a request that it has said nothing since may go to another one. */
  onTargetDoubted(hasAnswered: boolean): void {
    const connection = this.#connection!
    if (hasAnswered || connection.pool.heardAt >= this.#record.sentAt || !this.#mayRepeat()) return
    this.#leave(connection, true).abort()
    this.#repeat(connection)
  }

  /** The connection has ended by itself. @param hasAnswered answer bytes had come */
  onTargetLost(reason: string, hasAnswered: boolean): void {
    const isCut = reason === 'cut'
    const isWhole = this.#end !== 'none'
    const connection = this.#leave(this.#connection!, !this.isTunnel && !isCut && !isWhole)
    if (isWhole) {
      this.#end = 'none'
      this.#finish(this.#client.reply.keepAlive)
    } else if (this.isTunnel && reason === 'closed') {
      this.#finish(false)
    } else if (!hasAnswered && !isCut && this.#mayRepeat()) {
      this.#repeat(connection)
    } else {
      this.#fail(502, reason)
    }
  }

  // The request's way.

  #forward(head: RequestHead, { action }: SnapshotRule): void {
    const { front, forwarding } = this.#client
    const status = this.#search.enter(action, head)
    if (status !== 0) {
      this.#fail(status, '')
      return
    }
    this.#record.traceId = traceIdFor(head, front.traceIds.request(front.now))
    forwarding.traceId = this.#record.traceId
    forwarding.keepAlive = !this.#closesAfter
    this.#seek()
  }

  #seek(): void {
    const pool = this.#search.next()
    // A kept connection is not tried again with what one has lost already.
    const idle = this.#isSpent ? undefined : pool?.take()
    if (pool === undefined) this.#fail(this.#isSpent ? 502 : 503, '')
    else if (idle === undefined) this.#race = new Race(this, this.#search, pool)
    else this.#use(idle)
  }

  /**
   * To any target, on a new connection.
   * @param connection the one that failed; a kept one says nothing about its target, a new one does
   */
  #repeat(connection: TargetConnection): void {
    this.#isSpent = true
    if (connection.isReused) this.#search.startOver()
    this.#seek()
  }

  #use(connection: TargetConnection): void {
    const head = this.#record.head!
    const { tally, target } = connection.pool
    this.#connection = connection
    this.#search.settleOn(target)
    tally.requests++
    tally.activeRequests++
    connection.begin(this, head.method, head.upgrade !== '')
    const text = targetHead(head, this.#client.forwarding)
    tally.bytesIn += text.length
    this.#record.sentAt = this.#client.front.timing.monotonic()
    connection.wire.send(text)
    const held = this.#held
    if (held !== '') {
      this.#held = ''
      this.#client.resumeBody()
      this.#sendBody(connection, Buffer.from(held, 'latin1'))
    }
    if (this.isRequestWhole) this.#sendEnd(connection)
  }

  #sendBody({ pool, wire }: TargetConnection, bytes: Buffer): void {
    pool.tally.bytesIn += bytes.length
    this.#isSpent = true
    const isTaken =
      this.#record.head!.framing === 'chunked'
        ? wire.send(`${bytes.length.toString(16)}\r\n`, bytes, '\r\n')
        : wire.send('', bytes)
    if (!isTaken) this.#client.pauseBody()
  }

  #sendEnd({ wire }: TargetConnection): void {
    const { framing } = this.#record.head!
    if (framing === 'none') return
    if (framing === 'chunked') wire.send(this.#lastChunk(this.#trailers))
    this.#record.sentAt = this.#client.front.timing.monotonic()
  }

  #lastChunk(trailers: FieldLines | undefined): string {
    return lastChunk(trailers, this.#record.site.http.settings.dropInvalidHeaderFields)
  }

  /** What a target does twice as once may be sent again, once, while it is all here (RFC 9110 section 9.2.2). */
  #mayRepeat(): boolean {
    return !this.#isSpent && isIdempotent(this.#record.head!.method)
  }

  // The answer's way.

  #answerByRule(head: RequestHead, answer: NonNullable<SnapshotRule['action']['answer']>): void {
    const { front, forwarding, reply } = this.#client
    this.#prepareOwnReply()
    if (answer.type === 'redirect') {
      front.tally.redirects.count++
      this.#record.redirectUrl = redirectUrl(answer, head, forwarding)
      this.#answerHere(answer.statusCode, redirectAnswer(answer.statusCode, this.#record.redirectUrl, reply))
    } else {
      front.tally.redirects.fixedResponses++
      this.#answerHere(answer.statusCode, fixedAnswer(answer, reply))
    }
  }

  /** Answers with AWS's page, or, where an answer is on its way already, breaks that off. */
  #fail(status: number, reason: string): void {
    this.#record.errorReason = reason
    this.#dropTarget(status === 502 || status === 504)
    if (this.#isAnswering) {
      this.#conclude()
      this.#client.abort()
      return
    }
    this.#prepareOwnReply()
    const { reply, front } = this.#client
    if (this.#record.refusal !== undefined || status === 400 || status === 408) reply.keepAlive = false
    front.tally.countOwn(status)
    this.#answerHere(status, ownAnswer(status, reply))
  }

  #answerHere(status: number, text: string): void {
    this.#record.status = status
    this.#isAnswering = true
    this.#send(text)
    this.#finish(this.#client.reply.keepAlive)
  }

  /** Sets how the answer goes out, before its head is made. */
  #prepareReply(): void {
    const { reply, front } = this.#client
    reply.settings = this.#record.site.http.settings
    reply.date = front.date
    reply.keepAlive = this.#client.mayStay && this.#record.head?.keepAlive === true && !this.#closesAfter
  }

  /** As `#prepareReply`, for an answer that may come before the request is whole. */
  #prepareOwnReply(): void {
    const { reply } = this.#client
    this.#prepareReply()
    if (reply.keepAlive && !this.isRequestWhole) reply.keepAlive = isIgnorable(this.#record.head!)
  }

  #send(text: string, bytes?: Buffer, after?: string): void {
    this.#record.sentBytes += text.length + (bytes?.length ?? 0)
    if (this.#client.send(text, bytes, after)) return
    this.#isStalled = true
    this.#connection?.wire.pause()
  }

  // Its end.

  /** The target's answer is out; so may be the request. */
  #complete(isReusable: boolean): void {
    const connection = this.#leave(this.#connection!, this.#record.targetStatus >= 500)
    this.#end = 'none'
    if (this.#client.isBodyPaused) {
      // Answered before it has taken all of the request, the rest of which it need never take.
      connection.abort()
    } else if (isReusable && this.isRequestWhole && !this.#closesAfter) {
      connection.release(this.#record.site.http.settings.idleTimeoutMs)
    } else {
      connection.close()
    }
    this.#finish(this.#client.reply.keepAlive)
  }

  #finish(keepAlive: boolean): void {
    this.#conclude()
    if (!keepAlive) this.#client.close()
    else if (this.isRequestWhole) this.#client.onExchanged()
    // What may come of a body that is not needed any more.
    else this.#client.resumeBody()
  }

  #dropTarget(failed: boolean): void {
    this.#race?.cancel()
    this.#race = undefined
    this.#held = ''
    if (this.#connection !== undefined) this.#leave(this.#connection, failed).abort()
  }

  /** The exchange has nothing to do with the connection any more, which it answers. */
  #leave(connection: TargetConnection, failed: boolean): TargetConnection {
    this.#connection = undefined
    connection.pool.tally.activeRequests--
    this.#search.ended(connection.pool.target, failed)
    return connection
  }

  #conclude(): void {
    const { front } = this.#client
    this.isOver = true
    front.tally.activeRequests--
    const { listener, http } = this.#record.site
    const { accessLog } = http.settings
    if (accessLog !== undefined)
      front.log.access(accessLog, listener.address, accessEntry(this.#record, this.#search, this.#client))
  }

  #restart(head: RequestHead | undefined): void {
    const { front } = this.#client
    front.tally.activeRequests++
    this.#record.restart(front.site, head, front.timing.monotonic())
    this.#search.restart(front.site)
    this.isOver = false
    this.isTunnel = false
    this.isRequestWhole = false
    this.#trailers = undefined
    this.#isSpent = false
    this.#isAnswering = false
    this.#framing = 'none'
    this.#closesAfter = false
    this.#isStalled = false
    this.#end = 'none'
  }
}

/** RFC 9110 section 9.2.2; TRACE gets no further than here. */
function isIdempotent(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'PUT' || method === 'DELETE'
}

/** Whether the rest of a request that is answered already is read for the sake of the next one. */
function isIgnorable({ framing, contentLength, expectsContinue }: RequestHead): boolean {
  return framing === 'none' || (framing === 'length' && contentLength <= mostIgnored && !expectsContinue)
}
