import type { Alarm } from '../domain/alarm.ts'
import { type Datapoint, type Metric, metricKey } from '../domain/metric.ts'
import { Series } from './series.ts'

/** Kept of each metric that an alarm watches, at least: enough to see what led to an alarm. */
const leastSeconds = 3_600

/** What alarms need to know: the recent past of the metrics that they watch. Of others nothing is kept. */
export class Metrics {
  readonly #series = new Map<string, Series>()
  /** Since when each is watched. */
  readonly #since = new Map<string, number>()

  /** Keeps what these alarms watch, for as long as they look back, and forgets the rest. */
  watch(alarms: Iterable<Alarm>, now: number): void {
    const wanted = new Map<string, number>()
    for (const alarm of alarms) {
      const key = metricKey(metricOf(alarm))
      const seconds = alarm.periodSeconds * alarm.evaluationPeriods + 1
      wanted.set(key, Math.max(seconds, wanted.get(key) ?? leastSeconds))
    }
    for (const key of [...this.#series.keys()]) {
      if (wanted.has(key)) continue
      this.#series.delete(key)
      this.#since.delete(key)
    }
    for (const [key, seconds] of wanted) {
      if (!this.#since.has(key)) this.#since.set(key, Math.floor(now / 1000) * 1000)
      const series = this.#series.get(key)
      if (series?.seconds !== seconds) this.#series.set(key, series?.resized(seconds) ?? new Series(seconds))
    }
  }

  /** Since when the metric is watched, in milliseconds; Infinity where it is not. What was before nobody can tell. */
  watchedSince(metric: Metric): number {
    return this.#since.get(metricKey(metric)) ?? Infinity
  }

  /** Since when all of the metric is known, in milliseconds; Infinity where it is not at `now`. */
  wholeSince(metric: Metric, now: number): number {
    return this.#series.get(metricKey(metric))?.wholeSince(now) ?? Infinity
  }

  record(key: string, now: number, value: number): void {
    this.#series.get(key)?.record(now, value)
  }

  /** From `from` on `count` datapoints of `periodMs` each, oldest first; `undefined` where nothing is known. */
  datapoints(metric: Metric, from: number, periodMs: number, count: number): readonly (Datapoint | undefined)[] {
    const series = this.#series.get(metricKey(metric))
    return Array.from({ length: count }, (_, index) => {
      return series?.between(from + index * periodMs, from + (index + 1) * periodMs)
    })
  }
}

/** What an alarm watches. */
export function metricOf({ namespace, metricName, dimensions }: Alarm): Metric {
  return { namespace, name: metricName, dimensions }
}
