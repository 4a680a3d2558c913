import { acceptable, ambiguous, graver, severe } from './classify.ts'
import { compliant, type Verdict } from './head.ts'
import { targetOctets, tokenOctets } from './octets.ts'

/** A request line as positions in the head (RFC 9112 section 3). One object serves all requests of a connection. */
export class RequestLine {
  methodEnd = 0
  targetBegin = 0
  targetEnd = 0
  /** Of the first `?`; -1: there is none. */
  question = -1
  minorVersion: 0 | 1 = 1
  /** HTTP/0.9, said so or by saying nothing: neither a body nor a further request is defined. */
  isOld = false
  /** Blanks or control characters are in the target, to be percent-encoded. */
  isUnclean = false
  verdict: Verdict = compliant
  /** What refuses it: 400 or 505; 0: nothing. */
  status: 0 | 400 | 505 = 0

  /**
   * Reads a line that is as it should be and whole: one space each, HTTP/1.0 or 1.1.
   * @returns where the next line begins; -1: it needs another look
   */
  scan(bytes: Uint8Array, begin: number, end: number): number {
    this.#clear()
    let p = begin
    while (p < end && tokenOctets[bytes[p]!] !== 0) p++
    if (p === begin || p >= end || bytes[p] !== 32) return -1
    const methodEnd = p++
    const targetBegin = p
    let question = -1
    for (; p < end; p++) {
      const c = bytes[p]!
      if (targetOctets[c] === 0) break
      if (c === 63 && question === -1) question = p
    }
    if (p === targetBegin || p + 11 > end || bytes[p] !== 32 || !isVersionOne(bytes, p + 1)) return -1
    const minor = bytes[p + 8]
    if ((minor !== 48 && minor !== 49) || bytes[p + 9] !== 13 || bytes[p + 10] !== 10) return -1
    this.methodEnd = methodEnd - begin
    this.targetBegin = targetBegin - begin
    this.targetEnd = p - begin
    this.question = question === -1 ? -1 : question - begin
    this.minorVersion = minor === 48 ? 0 : 1
    return p + 11
  }

  /** Reads a line that is not, its LF at `lineFeed`; answers false where it is refused: `status` and `verdict` say how. */
  judge(bytes: Uint8Array, begin: number, lineFeed: number): boolean {
    this.#clear()
    let p = begin
    while (tokenOctets[bytes[p]!] !== 0) p++
    if (p === begin || bytes[p] !== 32) return this.#refuse(severe.badMethod)
    this.methodEnd = p - begin
    const rest = p + 1
    let end = lineFeed - 1
    if (end < rest || bytes[end] !== 13) return this.#refuse(severe.badUri)
    for (let i = rest; i < end; i++) {
      const c = bytes[i]
      if (c === 0 || c === 10 || c === 13) return this.#refuse(severe.badUri)
    }
    if (bytes[end - 1] === 32 && end > rest) {
      this.verdict = acceptable.nonCompliantVersion
      while (end > rest && bytes[end - 1] === 32) end--
    }
    let space = end - 1
    while (space >= rest && bytes[space] !== 32) space--
    if (space < rest) return this.#judgeWithoutVersion(bytes, begin, rest, end)
    if (!this.#judgeVersion(bytes, space + 1, end)) return false
    return this.#judgeTarget(bytes, begin, rest, space)
  }

  #judgeWithoutVersion(bytes: Uint8Array, begin: number, from: number, to: number): boolean {
    this.verdict = acceptable.nonCompliantVersion
    this.isOld = true
    this.minorVersion = 0
    if (!this.#judgeTarget(bytes, begin, from, to)) return false
    // A tab that hides a version, as likely as not.
    return this.isUnclean ? this.#refuse(severe.badUri) : true
  }

  #judgeVersion(bytes: Uint8Array, from: number, to: number): boolean {
    const text = String.fromCharCode(...bytes.subarray(from, Math.min(to, from + 12)))
    if (text === 'HTTP/1.1') return true
    if (text === 'HTTP/1.0') {
      this.minorVersion = 0
      return true
    }
    if (!/^HTTP\/\d(\.\d)?$/.test(text)) return this.#refuse(severe.badVersion)
    this.verdict = acceptable.nonCompliantVersion
    if (text === 'HTTP/0.9') {
      this.isOld = true
      this.minorVersion = 0
      return true
    }
    // RFC 9110 section 2.5: a higher minor version is read as the highest one known.
    if (/^HTTP\/1\.\d$/.test(text)) return true
    this.status = 505
    return false
  }

  #judgeTarget(bytes: Uint8Array, begin: number, from: number, to: number): boolean {
    for (let i = from; i < to; i++) {
      const c = bytes[i]!
      if (c === 63 && this.question === -1) this.question = i - begin
      if (targetOctets[c] === 1) continue
      this.isUnclean = true
      if (c === 32 && isVersionOne(bytes, i + 1)) return this.#refuse(severe.badVersion)
      this.verdict = graver(this.verdict, c === 32 ? acceptable.spaceInUri : ambiguous.ambiguousUri)
    }
    this.targetBegin = from - begin
    this.targetEnd = to - begin
    return true
  }

  #clear(): void {
    this.verdict = compliant
    this.status = 0
    this.isOld = false
    this.isUnclean = false
    this.question = -1
    this.minorVersion = 1
  }

  #refuse(verdict: Verdict): false {
    this.status = 400
    this.verdict = verdict
    return false
  }
}

/** `HTTP/1.` begins here. */
function isVersionOne(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 72 &&
    bytes[at + 1] === 84 &&
    bytes[at + 2] === 84 &&
    bytes[at + 3] === 80 &&
    bytes[at + 4] === 47 &&
    bytes[at + 5] === 49 &&
    bytes[at + 6] === 46
  )
}
