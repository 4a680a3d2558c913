import type { SnapshotRule } from '../domain/snapshot-http.ts'
import { compliant, type RequestHead, type Verdict } from './head.ts'
import type { Refusal } from './parser-events.ts'
import type { Site } from './site.ts'

/** What becomes of one request, for the access log. One object serves a client's connection. */
export class ExchangeRecord {
  site: Site
  /** Absent: what came was no request. */
  head: RequestHead | undefined
  refusal: Refusal | undefined
  rule: SnapshotRule | undefined
  verdict: Verdict = compliant
  traceId = ''
  redirectUrl = ''
  errorReason = ''
  /** The status that went out, and the target's; 0: none. */
  status = 0
  targetStatus = 0
  receivedBytes = 0
  sentBytes = 0
  /** Monotonic ms: its head was there; its head, later its last byte, was sent on; the answer's head was there. 0: not yet. */
  beganAt = 0
  sentAt = 0
  answeredAt = 0

  constructor(site: Site) {
    this.site = site
  }

  /** Another request begins. */
  restart(site: Site, head: RequestHead | undefined, now: number): void {
    this.site = site
    this.head = head
    this.refusal = undefined
    this.rule = undefined
    this.verdict = head?.verdict ?? compliant
    this.traceId = ''
    this.redirectUrl = ''
    this.errorReason = ''
    this.status = 0
    this.targetStatus = 0
    this.receivedBytes = head === undefined ? 0 : head.text.length + 2
    this.sentBytes = 0
    this.beganAt = now
    this.sentAt = 0
    this.answeredAt = 0
  }
}
