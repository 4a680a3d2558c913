import type { Datapoint } from '../domain/metric.ts'

/** A silence that is longer, in seconds, is none between two samples that follow each other. */
const longestGap = 3

/** One metric's samples, at most one a second, for as long as the ring is. */
export class Series {
  readonly #ring: Float64Array
  /** The second that was written last. */
  #newest = 0
  /** The second since which there was no long silence. */
  #since = 0

  constructor(seconds: number) {
    this.#ring = new Float64Array(seconds).fill(Number.NaN)
  }

  get seconds(): number {
    return this.#ring.length
  }

  /**
   * Since when samples have come without a long silence, in milliseconds: a sum over more than that is not all of it. Infinity
   * while there is one at `now`.
   */
  wholeSince(now: number): number {
    return Math.floor(now / 1000) - this.#newest > longestGap ? Infinity : this.#since * 1000
  }

  /** Takes in what was measured at `now`; of two samples in one second the later one counts. */
  record(now: number, value: number): void {
    const second = Math.floor(now / 1000)
    const passed = second - this.#newest
    // A clock that was set back begins anew: the samples "after" now are none.
    if (passed < 0 || passed >= this.seconds) this.#ring.fill(Number.NaN)
    else for (let empty = this.#newest + 1; empty <= second; empty++) this.#ring[empty % this.seconds] = Number.NaN
    this.#ring[second % this.seconds] = value
    if (passed < 0 || passed > longestGap) this.#since = second
    this.#newest = second
  }

  /** What there is from `from` until before `to`, both in milliseconds; `undefined` where that is nothing. */
  between(from: number, to: number): Datapoint | undefined {
    const first = Math.max(Math.ceil(from / 1000), this.#newest - this.seconds + 1)
    const last = Math.min(Math.ceil(to / 1000) - 1, this.#newest)
    let [sampleCount, sum, minimum, maximum] = [0, 0, Infinity, -Infinity]
    for (let second = first; second <= last; second++) {
      const value = this.#ring[second % this.seconds] ?? Number.NaN
      if (Number.isNaN(value)) continue
      sampleCount++
      sum += value
      minimum = Math.min(minimum, value)
      maximum = Math.max(maximum, value)
    }
    return sampleCount === 0 ? undefined : { at: from, sampleCount, sum, minimum, maximum }
  }

  /** The same samples in a ring that holds `seconds`. */
  resized(seconds: number): Series {
    const series = new Series(seconds)
    const since = this.#since
    for (
      let second = Math.max(0, this.#newest - Math.min(seconds, this.seconds) + 1);
      second <= this.#newest;
      second++
    ) {
      series.record(second * 1000, this.#ring[second % this.seconds] ?? Number.NaN)
    }
    series.#since = since
    return series
  }
}
