import { isListed } from './field-scan.ts'
import { parseLength, Transfer, transferOf } from './framing-fields.ts'
import { Field, ResponseHead } from './head.ts'
import { type HeadLimits, HeadReader } from './head-reader.ts'
import { valueOctets } from './octets.ts'

/** AWS: Quotas for your Application Load Balancers, HTTP headers: an answer's is 32 K at most. */
const limits: HeadLimits = { line: 32_768, head: 32_768 }

/** Reads answers' heads and decides how each body is framed (RFC 9112 section 6.3). */
export class ResponseHeadReader extends HeadReader {
  readonly head: ResponseHead
  #length = -1
  #lengthLine = -1
  #chunkedLine = -1
  #hasTransferEncoding = false
  #asksClose = false
  #asksKeepAlive = false
  /** Of a status line: where the reason begins and ends. */
  #reasonBegin = 0
  #reasonEnd = 0
  /** Why the head is bad. */
  reason = ''

  constructor() {
    const head = new ResponseHead()
    super(head, limits, true)
    this.head = head
  }

  override restart(): void {
    super.restart()
    this.#length = -1
    this.#lengthLine = -1
    this.#chunkedLine = -1
    this.#hasTransferEncoding = false
    this.#asksClose = false
    this.#asksKeepAlive = false
    this.reason = ''
  }

  protected override scanStart(bytes: Buffer, begin: number, end: number): number {
    let p = begin + 12
    if (p >= end) return -1
    for (let i = 0; i < 7; i++) if (bytes[begin + i] !== 'HTTP/1.'.charCodeAt(i)) return -1
    const minor = bytes[begin + 7]
    if ((minor !== 48 && minor !== 49) || bytes[begin + 8] !== 32) return -1
    let status = 0
    for (let i = begin + 9; i < p; i++) {
      const digit = bytes[i]! - 48
      if (digit < 0 || digit > 9) return -1
      status = 10 * status + digit
    }
    if (status < 100) return -1
    // The space before an empty reason is often forgotten.
    if (bytes[p] === 32) p++
    else if (bytes[p] !== 13) return -1
    const reasonBegin = p
    while (p < end && valueOctets[bytes[p]!] === 1) p++
    if (p + 1 >= end || bytes[p] !== 13 || bytes[p + 1] !== 10) return -1
    this.head.status = status
    this.head.minorVersion = minor === 48 ? 0 : 1
    this.#reasonBegin = reasonBegin - begin
    this.#reasonEnd = p - begin
    return p + 2
  }

  protected override judgeStart(): boolean {
    return this.#refuse('its status line is malformed')
  }

  protected override readField(bytes: Buffer, begin: number, i: number): boolean {
    const { kinds, bounds } = this.head
    const from = begin + bounds[5 * i + 2]!
    const to = begin + bounds[5 * i + 3]!
    switch (kinds[i]) {
      case Field.contentLength:
        return this.#readLength(bytes, i, from, to)
      case Field.transferEncoding:
        return this.#readTransferEncoding(bytes, i, from, to)
      case Field.connection:
        if (isListed(bytes, from, to, 'close')) this.#asksClose = true
        if (isListed(bytes, from, to, 'keep-alive')) this.#asksKeepAlive = true
        return true
      default:
        return true
    }
  }

  #readLength(bytes: Buffer, i: number, from: number, to: number): boolean {
    const length = parseLength(bytes, from, to)
    if (length === -1) return this.#refuse('its Content-Length is no number')
    if (this.#length !== -1) {
      this.head.drop(i)
      return this.#length === length || this.#refuse('it has two Content-Length fields that differ')
    }
    this.#length = length
    this.#lengthLine = i
    if (bytes[from] === 48 && to - from > 1) this.head.drop(i)
    return true
  }

  #readTransferEncoding(bytes: Buffer, i: number, from: number, to: number): boolean {
    const transfer = transferOf(bytes, from, to)
    this.#hasTransferEncoding = true
    if (this.#chunkedLine !== -1 || (transfer !== Transfer.chunkedOnly && transfer !== Transfer.identity)) {
      return this.#refuse('its Transfer-Encoding is neither chunked nor identity')
    }
    if (transfer === Transfer.chunkedOnly) this.#chunkedLine = i
    else this.head.drop(i)
    return true
  }

  /** RFC 9112 section 5: a field line that is not as it should be is one by which others could be misled. */
  protected override judgeLine(): boolean {
    return this.#refuse('a header line is malformed')
  }

  protected override refuseSize(): void {
    this.#refuse('its header is larger than 32 K')
  }

  protected override finish(bytes: Buffer, begin: number, end: number): boolean {
    const { head } = this
    head.text = bytes.toString('latin1', begin, end)
    head.reason = reasonOf(head, this.#reasonBegin, this.#reasonEnd)
    const wishesToStay = head.minorVersion === 1 ? !this.#asksClose : this.#asksKeepAlive && !this.#asksClose
    // RFC 9112 section 6.1: by both at once, and by Transfer-Encoding in HTTP/1.0, the target may mean something else.
    const isDoubtful = this.#hasTransferEncoding && (this.#length !== -1 || head.minorVersion === 0)
    head.keepAlive = wishesToStay && !isDoubtful
    return true
  }

  /** Decides the framing of the answer to a request with this method. */
  frame(method: string): void {
    const { head } = this
    head.contentLength = 0
    if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) {
      this.#frameNone(method === 'HEAD' || head.status === 304)
    } else if (this.#chunkedLine !== -1) {
      head.framing = 'chunked'
      head.framingLine = this.#chunkedLine
      if (this.#lengthLine !== -1) head.drop(this.#lengthLine)
    } else if (this.#length !== -1) {
      head.framing = 'length'
      head.contentLength = this.#length
      this.#stateLength()
    } else {
      head.framing = 'close'
      head.keepAlive = false
    }
  }

  /** @param mayState a length may be stated of the body that another request would have got (RFC 9110 section 8.6) */
  #frameNone(mayState: boolean): void {
    const { head } = this
    head.framing = 'none'
    if (this.#chunkedLine !== -1) head.drop(this.#chunkedLine)
    if (mayState && this.#chunkedLine === -1) this.#stateLength()
    else if (this.#lengthLine !== -1) head.drop(this.#lengthLine)
  }

  #stateLength(): void {
    if (this.#lengthLine !== -1 && !this.head.isDropped(this.#lengthLine)) this.head.framingLine = this.#lengthLine
  }

  #refuse(reason: string): false {
    this.reason = reason
    return false
  }
}

function reasonOf(head: ResponseHead, begin: number, end: number): string {
  return head.status === 200 && end - begin === 2 ? 'OK' : head.text.slice(begin, end)
}
