import { acceptable, ambiguous, graver, severe } from './classify.ts'
import { parseLength, Transfer, transferOf } from './framing-fields.ts'
import { compliant, type RequestHead, type Verdict } from './head.ts'
import type { RequestLine } from './request-line.ts'

/**
 * Gathers what a request's fields say of its body, and what is wrong with that: decides the framing that holds here and for the
 * target, however many others there might be (RFC 9112 section 6.3). Lines that say it in another way are dropped.
 */
export class RequestFraming {
  /** The gravest so far on the whole request. */
  verdict: Verdict = compliant
  /** Another might have seen a longer or a shorter body, so that both connections are closed after it in each mode. */
  isDoubtful = false
  /** Codings that are not offered here: 501. */
  isCodingUnknown = false
  #hasTransferEncoding = false
  #chunkedLine = -1
  /** Of the first Content-Length; -1: there was none. */
  #length = -1
  #lengthLine = -1
  /** What was seen under names that only resemble those too, for comparison alone. */
  #seenLength = -1
  #seenChunked = 0

  restart(verdict: Verdict): void {
    this.verdict = verdict
    this.isDoubtful = false
    this.isCodingUnknown = false
    this.#hasTransferEncoding = false
    this.#chunkedLine = -1
    this.#length = -1
    this.#lengthLine = -1
    this.#seenLength = -1
    this.#seenChunked = 0
  }

  /** Keeps the graver verdict; answers whether the request may go on, which a severe one ends. */
  note(verdict: Verdict): boolean {
    this.verdict = graver(this.verdict, verdict)
    return verdict.class !== 'Severe'
  }

  /** Line `i` is a Content-Length with this value. As `note`, also the next ones. */
  readLength(head: RequestHead, i: number, bytes: Uint8Array, from: number, to: number): boolean {
    const length = parseLength(bytes, from, to)
    if (length === -1) return this.note(severe.badContentLength)
    if (this.#length !== -1) head.drop(i)
    else {
      this.#length = length
      this.#lengthLine = i
      // Leading zeros, which somebody might take for octal.
      if ((bytes[from] === 48 && to - from > 1) || !isTidy(bytes, from, to)) head.drop(i)
    }
    return this.#compareLength(length)
  }

  readTransferEncoding(head: RequestHead, i: number, bytes: Uint8Array, from: number, to: number): boolean {
    const transfer = transferOf(bytes, from, to)
    const isChunked = transfer === Transfer.chunked || transfer === Transfer.chunkedOnly
    if (transfer === Transfer.chunkedTwice) return this.note(severe.multipleTransferEncodingChunked)
    // Nothing may follow chunked (RFC 9112 section 6.1).
    if (transfer === Transfer.bad || (this.#chunkedLine !== -1 && !isChunked))
      return this.note(severe.badTransferEncoding)
    this.#hasTransferEncoding = true
    if (transfer === Transfer.other || transfer === Transfer.chunked) this.isCodingUnknown = true
    if (transfer !== Transfer.chunkedOnly || !isTidy(bytes, from, to)) head.drop(i)
    if (!isChunked) return true
    this.#chunkedLine = i
    return this.#countChunked()
  }

  /** Somebody might take a field that is not sent on for a Content-Length. */
  suspectLength(bytes: Uint8Array, from: number, to: number): boolean {
    this.#suspect()
    const length = parseLength(bytes, from, to)
    return length === -1 || this.#compareLength(length)
  }

  suspectTransferEncoding(bytes: Uint8Array, from: number, to: number): boolean {
    this.#suspect()
    return transferOf(bytes, from, to) !== Transfer.chunkedOnly || this.#countChunked()
  }

  #suspect(): void {
    this.note(ambiguous.suspiciousHeader)
    this.isDoubtful = true
  }

  #compareLength(length: number): boolean {
    if (this.#seenLength === -1) this.#seenLength = length
    else if (this.#seenLength !== length) return this.note(severe.multipleContentLength)
    else this.note(ambiguous.duplicateContentLength)
    return true
  }

  #countChunked(): boolean {
    return ++this.#seenChunked === 1 || this.note(severe.multipleTransferEncodingChunked)
  }

  /** All fields are read: fills in how the body of this request is framed, and notes what is odd about that. */
  decide(head: RequestHead, line: RequestLine): void {
    this.#judge(head.method, line)
    head.framing = 'none'
    head.contentLength = 0
    if (this.#chunkedLine !== -1) {
      head.framing = 'chunked'
      head.framingLine = head.isDropped(this.#chunkedLine) ? -1 : this.#chunkedLine
      if (this.#lengthLine !== -1) head.drop(this.#lengthLine)
    } else if (this.#length !== -1) {
      head.framing = 'length'
      head.contentLength = this.#length
      head.framingLine = head.isDropped(this.#lengthLine) ? -1 : this.#lengthLine
    }
  }

  #judge(method: string, line: RequestLine): void {
    const hasOddBody = method === 'GET' || method === 'HEAD'
    if (this.#hasTransferEncoding) {
      if (this.#length !== -1) {
        this.note(ambiguous.bothTeClPresent)
        this.isDoubtful = true
      }
      if (hasOddBody || line.minorVersion === 0) this.note(ambiguous.undefinedTransferEncodingSemantics)
      // RFC 9112 section 6.1: who speaks HTTP/1.0 may have passed it on without knowing it.
      if (line.minorVersion === 0) this.isDoubtful = true
    } else if (this.#length !== -1) {
      if (line.isOld || (hasOddBody && this.#length > 0)) this.note(ambiguous.undefinedContentLengthSemantics)
      else if (hasOddBody) this.note(acceptable.getHeadZeroContentLength)
    }
  }
}

/** Whether a value stands as one usually does; others may take a tab beside it for a part of it, and so see another body, or none. */
function isTidy(bytes: Uint8Array, from: number, to: number): boolean {
  const isNextToColon = bytes[from - 1] === 58 || (bytes[from - 1] === 32 && bytes[from - 2] === 58)
  return isNextToColon && bytes[to] === 13
}
