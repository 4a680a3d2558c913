/** What requests.ts saw. */
import type { ChildProcess } from 'node:child_process'
import { text } from 'node:stream/consumers'

/** Of the requests that were due in one second. */
export interface Second {
  asked: number
  /** Until the answer was whole, from when it was due: of those that were answered 200, ms. */
  readonly times: number[]
  /** The others: how many came to what else. */
  readonly others: Record<string, number>
  /** Of those the longest, ms. */
  slowestOther: number
  /** How much later than due the last of them left, ms: much of it says that the load is what is slow. */
  sentLate: number
}

export class Asked {
  readonly seconds: readonly Second[]
  readonly #times: readonly number[]

  /** Of programs that run requests.ts, when they have ended. */
  static async by(...programs: readonly ChildProcess[]): Promise<Asked> {
    const outputs = await Promise.all(programs.map(({ stdout }) => text(stdout!)))
    const all = outputs.map(output => JSON.parse(output) as Second[])
    return new Asked(all[0]!.flatMap((_, n) => all.map(seconds => seconds[n]!)))
  }

  constructor(seconds: readonly Second[]) {
    this.seconds = seconds
    this.#times = seconds.flatMap(({ times }) => times).sort((a, b) => a - b)
  }

  get total(): number {
    return this.seconds.reduce((sum, { asked }) => sum + asked, 0)
  }

  /** Not answered 200. */
  get failed(): number {
    return this.total - this.#times.length
  }

  /** What those came to that failed, in words. */
  get failures(): string {
    const sums: Record<string, number> = {}
    for (const { others } of this.seconds)
      for (const [what, count] of Object.entries(others)) sums[what] = (sums[what] ?? 0) + count
    return Object.entries(sums)
      .map(([what, count]) => `${count} ${what}`)
      .join(', ')
  }

  get slowestFailure(): number {
    return Math.max(0, ...this.seconds.map(({ slowestOther }) => slowestOther))
  }

  get sentLate(): number {
    return Math.max(0, ...this.seconds.map(({ sentLate }) => sentLate))
  }

  /** Answered 200 within so many ms. */
  within(ms: number): number {
    return this.#times.filter(time => time <= ms).length
  }

  /** The time within which this share of those that were answered were. */
  quantile(share: number): number {
    return this.#times[Math.max(0, Math.ceil(share * this.#times.length) - 1)] ?? Number.NaN
  }
}
