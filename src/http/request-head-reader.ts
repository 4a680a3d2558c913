import { acceptable, ambiguous, type DesyncMode, isBlocked, resembles, resemblesFraming, severe } from './classify.ts'
import { isListed, isText } from './field-scan.ts'
import { compliant, Field, Mark, RequestHead } from './head.ts'
import { type HeadLimits, HeadReader } from './head-reader.ts'
import { hostOctets, isBlank } from './octets.ts'
import type { Refusal } from './parser-events.ts'
import { RequestFraming } from './request-framing.ts'
import { RequestLine } from './request-line.ts'
import { readTarget } from './request-target.ts'

/** AWS: Quotas for your Application Load Balancers, HTTP headers. */
const limits: HeadLimits = { line: 16_384, head: 65_536 }

const commonMethods = ['GET', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'] as const

/**
 * Reads requests' heads and judges them. What is refused in each mode has no reading that can be trusted: a bare CR or LF, a folded
 * line, a length or a coding that is none or two, two hosts.
 */
export class RequestHeadReader extends HeadReader {
  readonly head: RequestHead
  readonly #mode: DesyncMode
  readonly #line = new RequestLine()
  readonly #framing = new RequestFraming()
  #hosts = 0
  #upgrades = 0
  #asksUpgrade = false
  #asksWebSocket = false
  #asksClose = false
  #asksKeepAlive = false
  /** Set where the head is bad. */
  refusal: Refusal | undefined

  constructor(mode: DesyncMode) {
    const head = new RequestHead()
    super(head, limits, true)
    this.head = head
    this.#mode = mode
  }

  override restart(): void {
    super.restart()
    this.#framing.restart(compliant)
    this.#hosts = 0
    this.#upgrades = 0
    this.#asksUpgrade = false
    this.#asksWebSocket = false
    this.#asksClose = false
    this.#asksKeepAlive = false
    this.head.expectsContinue = false
    this.refusal = undefined
  }

  protected override scanStart(bytes: Buffer, begin: number, end: number): number {
    return this.#line.scan(bytes, begin, end)
  }

  protected override judgeStart(bytes: Buffer, begin: number, lineFeed: number): boolean {
    const isGood = this.#line.judge(bytes, begin, lineFeed)
    this.#framing.restart(this.#line.verdict)
    return isGood || this.#refuse(this.#line.status, bytes, begin)
  }

  protected override readField(bytes: Buffer, begin: number, i: number): boolean {
    return this.#readField(bytes, begin, i) || this.#refuse(400, bytes, begin)
  }

  /** What one field says of the request; answers false where the request is refused for it. */
  #readField(bytes: Buffer, begin: number, i: number): boolean {
    const { head } = this
    const { bounds } = head
    const from = begin + bounds[5 * i + 2]!
    const to = begin + bounds[5 * i + 3]!
    switch (head.kinds[i]) {
      case Field.host:
        return this.#readHost(bytes, from, to)
      case Field.contentLength:
        return this.#framing.readLength(head, i, bytes, from, to)
      case Field.transferEncoding:
        return this.#framing.readTransferEncoding(head, i, bytes, from, to)
      case Field.connection:
        if (isListed(bytes, from, to, 'close')) this.#asksClose = true
        if (isListed(bytes, from, to, 'keep-alive')) this.#asksKeepAlive = true
        if (isListed(bytes, from, to, 'upgrade')) this.#asksUpgrade = true
        return true
      case Field.upgrade:
        // Of several none: a target could take another one (`h2c`) than the one that is looked at here.
        this.#asksWebSocket = ++this.#upgrades === 1 && isText(bytes, from, to, 'websocket')
        return true
      case Field.expect:
        head.expectsContinue = isText(bytes, from, to, '100-continue')
        return true
      case Field.other: {
        const nameBegin = begin + bounds[5 * i]!
        const nameEnd = begin + bounds[5 * i + 1]!
        if (!resemblesFraming(bytes, nameBegin, nameEnd)) return true
        head.drop(i)
        return this.#suspect(bytes, nameBegin, nameEnd, from, to)
      }
      default:
        return true
    }
  }

  /** RFC 9112 section 3.2: more than one, or one that names no host, is answered 400. */
  #readHost(bytes: Buffer, from: number, to: number): boolean {
    let isGood = ++this.#hosts === 1
    for (let p = from; p < to; p++) if (hostOctets[bytes[p]!] === 0) isGood = false
    return isGood || this.#framing.note(severe.badHeader)
  }

  #suspect(bytes: Buffer, nameBegin: number, nameEnd: number, from: number, to: number): boolean {
    return resembles(bytes, nameBegin, nameEnd, 'contentlength')
      ? this.#framing.suspectLength(bytes, from, to)
      : this.#framing.suspectTransferEncoding(bytes, from, to)
  }

  protected override judgeLine(bytes: Buffer, begin: number, at: number, lineFeed: number): boolean {
    return this.#judgeLine(bytes, begin, at, lineFeed - 1) || this.#refuse(400, bytes, begin)
  }

  /** @param end of the line, where its CR ought to be */
  #judgeLine(bytes: Buffer, begin: number, at: number, end: number): boolean {
    const framing = this.#framing
    if (end < at || bytes[end] !== 13) return framing.note(severe.badHeader)
    let colon = -1
    for (let p = at; p < end; p++) {
      const c = bytes[p]
      if (c === 13) return framing.note(severe.badHeader)
      if (c === 0) {
        framing.note(severe.badHeader)
        if (this.#mode !== 'monitor') return false
        framing.isDoubtful = true
      }
      if (c === 58 && colon === -1) colon = p
    }
    return colon === -1 ? framing.note(severe.badHeader) : this.#judgeField(bytes, begin, at, colon, end)
  }

  /** A field whose name or value has what does not belong there; it is not sent on. */
  #judgeField(bytes: Buffer, begin: number, at: number, colon: number, end: number): boolean {
    const framing = this.#framing
    let from = colon + 1
    let to = end
    while (from < to && isBlank(bytes[from])) from++
    while (to > from && isBlank(bytes[to - 1])) to--
    let nameBegin = at
    let nameEnd = colon
    while (nameBegin < nameEnd && isBlank(bytes[nameBegin])) nameBegin++
    while (nameEnd > nameBegin && isBlank(bytes[nameEnd - 1])) nameEnd--
    this.head.add(at - begin, colon - begin, from - begin, to - begin, end + 2 - begin, Field.other, Mark.dropped)
    if (nameBegin === nameEnd) {
      framing.isDoubtful = true
      return framing.note(ambiguous.emptyHeader)
    }
    if (isText(bytes, at, colon, 'content-length')) return framing.note(severe.badContentLength)
    if (isText(bytes, at, colon, 'transfer-encoding')) return framing.note(severe.badTransferEncoding)
    if (resemblesFraming(bytes, nameBegin, nameEnd)) return this.#suspect(bytes, nameBegin, nameEnd, from, to)
    // A line that begins with a blank goes on with the one before (RFC 9112 section 5.2), or is one of its own.
    if (nameBegin > at || resembles(bytes, nameBegin, nameEnd, 'host')) return framing.note(severe.badHeader)
    return framing.note(acceptable.nonCompliantHeader)
  }

  protected override refuseSize(bytes: Buffer, begin: number, isStart: boolean): void {
    this.#refuse(isStart ? 414 : 400, bytes, begin)
  }

  protected override finish(bytes: Buffer, begin: number, end: number): boolean {
    const { head } = this
    head.text = bytes.toString('latin1', begin, end)
    head.method = methodOf(head.text, this.#line.methodEnd)
    head.minorVersion = this.#line.minorVersion
    this.#framing.decide(head, this.#line)
    const status = this.#judge()
    if (status !== 0) return this.#refuse(status, bytes, begin)
    this.#decideConnection()
    return true
  }

  /** What a whole head is answered here; 0: it may go on. */
  #judge(): number {
    const { head } = this
    const framing = this.#framing
    const line = this.#line
    if (line.isOld || (line.minorVersion === 1 && this.#hosts === 0)) return 400
    if (isBlocked(framing.verdict, this.#mode)) return 400
    if (framing.isCodingUnknown) return 501
    if (head.method === 'CONNECT' || head.method === 'TRACE') return 405
    if (readTarget(head, line)) return 0
    framing.note(severe.badUri)
    return 400
  }

  #decideConnection(): void {
    const { head } = this
    const framing = this.#framing
    head.verdict = framing.verdict
    head.closesBoth = framing.isDoubtful || (head.verdict.class === 'Ambiguous' && this.#mode === 'defensive')
    const wishesToStay = !this.#asksClose && (head.minorVersion === 1 || this.#asksKeepAlive)
    head.keepAlive = wishesToStay && !head.closesBoth
    if (head.minorVersion === 0 || head.framing === 'none') head.expectsContinue = false
    const isUpgrade = this.#asksUpgrade && this.#asksWebSocket && head.method === 'GET' && head.minorVersion === 1
    head.upgrade = isUpgrade && head.framing === 'none' && !head.closesBoth ? 'websocket' : ''
  }

  #refuse(status: number, bytes: Buffer, begin: number): false {
    const lineFeed = bytes.indexOf(10, begin)
    let end = lineFeed === -1 ? bytes.length : lineFeed
    if (bytes[end - 1] === 13) end--
    const requestLine = bytes.toString('latin1', begin, Math.min(end, begin + limits.line))
    this.refusal = { status, verdict: this.#framing.verdict, requestLine }
    return false
  }
}

/** The method, of which usual ones cost no string. */
function methodOf(text: string, end: number): string {
  for (const method of commonMethods) if (method.length === end && text.startsWith(method)) return method
  return text.slice(0, end)
}
