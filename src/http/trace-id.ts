import { randomFillSync } from 'node:crypto'
import { nextLine } from './end-to-end.ts'
import { Field, type RequestHead } from './head.ts'

/** A field longer than this is not gone on with (AWS: Request tracing for your Application Load Balancer, Limitations). */
const longestKept = 7 * 1024

/** Makes ids for requests and connections; one for each process. */
export class TraceIds {
  readonly #fill: (bytes: Buffer) => unknown
  /** Random bytes for many ids: one call for each would cost more than all else here. */
  readonly #random = Buffer.alloc(6 * 1024)
  #used = this.#random.length
  #second = Number.NaN
  #prefix = ''

  constructor(fill: (bytes: Buffer) => unknown = randomFillSync) {
    this.#fill = fill
  }

  /**
   * `1-67891233-abcdef012345678912345678`: version, seconds since the epoch and 96 random bits, hexadecimal.
   * @param now milliseconds since the epoch
   */
  request(now: number): string {
    const second = Math.floor(now / 1_000)
    if (second !== this.#second) {
      this.#second = second
      this.#prefix = `1-${second.toString(16).padStart(8, '0')}-`
    }
    return this.#prefix + this.#hex(12)
  }

  /** `TID_` and 128 random bits, hexadecimal (AWS: Connection log entries, conn_trace_id). */
  connection(): string {
    return `TID_${this.#hex(16)}`
  }

  #hex(bytes: number): string {
    if (this.#used + bytes > this.#random.length) {
      this.#fill(this.#random)
      this.#used = 0
    }
    this.#used += bytes
    return this.#random.toString('hex', this.#used - bytes, this.#used)
  }
}

/**
 * The value of X-Amzn-Trace-Id that a request goes on with, and that access logs show (AWS: Request tracing for your Application
 * Load Balancer): `Root=` and the fresh id, or, where the client's has a Root already, that with `Self=` and the fresh id in front.
 * The client's other fields are kept.
 * @param fresh by `TraceIds.request`
 */
export function traceIdFor(head: RequestHead, fresh: string): string {
  const line = nextLine(head, Field.xAmznTraceId, 0)
  if (line < 0) return `Root=${fresh}`
  const value = head.value(line)
  if (value === '' || value.length > longestKept) return `Root=${fresh}`
  const fields = value.split(';').map(field => field.trim())
  const others = fields.filter(field => field !== '' && !field.startsWith('Self='))
  const isTraced = others.length < fields.length || others.some(field => field.startsWith('Root='))
  return [`${isTraced ? 'Self' : 'Root'}=${fresh}`, ...others].join(';')
}
