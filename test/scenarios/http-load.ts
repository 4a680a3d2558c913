/** Requests at a fixed rate, however long the answers take: an open loop, in which a late answer is a late answer. */
import http from 'node:http'
import https from 'node:https'
import { long } from '../long.ts'
import { until } from './sluice.ts'

interface Wishes {
  readonly port: number
  readonly perSecond: number
  /** Over connections that stay; absent: each on a new one. */
  readonly isKept?: boolean
  readonly isTls?: boolean
  /** Of every request. */
  readonly headers?: Readonly<Record<string, string>>
}

interface Asked {
  /** `performance.now()` when it was to be sent. */
  readonly at: number
  /** Until its answer was whole, or it failed. */
  readonly ms: number
  /** Empty: it was answered 200. */
  readonly failure: string
  /** First word of the answer: the target's address. */
  readonly from: string
}

/** Without an answer for so long a request has failed. */
const patienceMs = long ? 10_000 : 20_000
const tickMs = 5

export class HttpLoad {
  readonly asked: Asked[] = []
  readonly #wishes: Wishes
  readonly #agent: http.Agent
  readonly #timer: NodeJS.Timeout
  readonly #startedAt = performance.now()
  #sent = 0

  /** Begins, and waits until answers come. */
  static async start(wishes: Wishes): Promise<HttpLoad> {
    const load = new HttpLoad(wishes)
    await until('the load is answered', () => load.asked.length > 0)
    return load
  }

  private constructor(wishes: Wishes) {
    this.#wishes = wishes
    const { Agent } = wishes.isTls ? https : http
    this.#agent = new Agent({ keepAlive: wishes.isKept ?? false, scheduling: 'fifo' })
    this.#timer = setInterval(() => this.#tick(), tickMs)
  }

  /** Begins nothing new, and resolves when all that was begun has been answered or given up. */
  async end(): Promise<Endured> {
    clearInterval(this.#timer)
    await until('what was asked is answered', () => this.asked.length === this.#sent, patienceMs + 1_000)
    this.#agent.destroy()
    return new Endured(this.asked)
  }

  #tick(): void {
    const { perSecond } = this.#wishes
    const due = ((performance.now() - this.#startedAt) / 1_000) * perSecond
    while (this.#sent < due) this.#ask(this.#startedAt + (this.#sent++ * 1_000) / perSecond)
  }

  #ask(at: number): void {
    const { port, headers = {}, isTls } = this.#wishes
    let failure = ''
    let body = ''
    const options = { host: '127.0.0.1', port, agent: this.#agent, headers, timeout: patienceMs }
    const request = isTls ? https.get({ ...options, rejectUnauthorized: false }) : http.get(options)
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('response', response => {
      if (response.statusCode !== 200) failure = String(response.statusCode)
      response.setEncoding('latin1').on('data', text => (body += text))
      response.on('error', error => (failure = error.message))
    })
    request.on('error', error => (failure = error.message))
    request.on('close', () => {
      this.asked.push({ at, ms: performance.now() - at, failure, from: body.split(' ')[0] ?? '' })
    })
  }
}

class Endured {
  readonly asked: readonly Asked[]

  constructor(asked: readonly Asked[]) {
    this.asked = asked
  }

  /** Requests that failed, in words; empty: all were answered 200. */
  get failed(): string {
    const failed = this.asked.filter(({ failure }) => failure !== '')
    const first = this.asked[0]?.at ?? 0
    const when = failed.slice(0, 10).map(({ at, failure }) => `${failure} after ${((at - first) / 1_000).toFixed(2)} s`)
    return failed.length === 0 ? '' : `${failed.length} of ${this.asked.length} requests: ${when.join(', ')}`
  }

  /** Those that were to be sent in this time, `performance.now()`. */
  between(from: number, to = Number.POSITIVE_INFINITY): Endured {
    return new Endured(this.asked.filter(({ at }) => at >= from && at < to))
  }

  /** The time within which this share of the requests was over, ms. */
  quantile(share: number): number {
    const times = this.asked.map(({ ms }) => ms).sort((a, b) => a - b)
    return times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0
  }

  /** For a diagnostic. */
  toString(): string {
    const [median, late, last] = [0.5, 0.99, 1].map(share => this.quantile(share).toFixed(0))
    return `${this.asked.length} requests, p50 ${median} ms, p99 ${late} ms, slowest ${last} ms`
  }
}
