import type { Cancel, Clock } from '../clock.ts'
import type { Alarm } from '../domain/alarm.ts'
import { metricKey } from '../domain/metric.ts'
import type { Change } from '../domain/state.ts'
import { commit } from '../store/commit.ts'
import type { Store } from '../store/store.ts'
import { evaluate } from './evaluate.ts'
import { Meter, type Node } from './meter.ts'
import { Metrics, metricOf } from './metrics.ts'

/** An ALARM stays for a period, but no longer than this where nothing speaks for it: so SetAlarmState is seen. */
const longestStayMs = 60_000

interface AlarmsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly node: Node
  /** Takes one line for the operator. */
  log(line: string): void
}

export interface Alarms {
  /** The recent past of what alarms watch. */
  readonly metrics: Metrics
  /** Ends when what is under way has ended. */
  close(): Promise<void>
}

/**
 * Keeps the state of alarms: every second measures what they watch and commits what has changed, if anything has. An alarm's
 * periods end now, rather than with the minute as AWS's do, so that a breach is noticed within a second whatever the period.
 * Without alarms it asks the node nothing, and forgets what it had counted.
 */
export function openAlarms({ store, clock, node, log }: AlarmsOptions): Alarms {
  const meter = new Meter(node)
  const metrics = new Metrics()
  let watched: ReadonlyMap<string, Alarm> | undefined
  let pass: Promise<void> | undefined

  const run = async () => {
    const { alarms } = store.read()
    // Before counting, which may last into the next second: no second gets two measurements.
    const now = clock.now()
    if (alarms !== watched) metrics.watch(alarms.values(), now)
    watched = alarms
    const unique = new Map(Array.from(alarms.values(), alarm => [metricKey(metricOf(alarm)), metricOf(alarm)])).values()
    const wanted = [...unique]
    await meter.prepare(wanted)
    for (const [key, value] of meter.measure(wanted, store.read(), now)) metrics.record(key, now, value)
    await commit(store, state => changed(state.alarms.values(), metrics, now))
  }

  let told = ''
  const tell = (error: Error) => {
    if (error.message !== told) log(`alarms are not evaluated: ${error.message}`)
    told = error.message
  }

  let cancel: Cancel
  const schedule = () => {
    cancel = clock.after(untilMiddleOfSecond(clock.now()), () => {
      schedule()
      // One that takes longer than a second, while counting a million flows, is the next one too.
      pass ??= run()
        .then(() => {
          told = ''
        }, tell)
        .finally(() => {
          pass = undefined
        })
    })
  }
  schedule()
  return {
    metrics,
    async close() {
      cancel()
      await pass
    },
  }
}

/** Each second has one measurement, as long as timers are late by less than half of one. */
function untilMiddleOfSecond(now: number): number {
  return 1000 - ((now + 500) % 1000)
}

function changed(alarms: Iterable<Alarm>, metrics: Metrics, now: number): readonly Change[] {
  const changes: Change[] = []
  // The second that has begun is the newest one that was measured.
  const end = (Math.floor(now / 1000) + 1) * 1000
  for (const alarm of alarms) {
    const { periodSeconds, evaluationPeriods } = alarm
    const watchedSince = metrics.watchedSince(metricOf(alarm))
    // It came while the others were measured.
    if (watchedSince === Infinity) continue
    const periodMs = periodSeconds * 1000
    const from = end - periodMs * evaluationPeriods
    const datapoints = metrics.datapoints(metricOf(alarm), from, periodMs, evaluationPeriods).toReversed()
    const since = isTooLowEarly(alarm) ? metrics.wholeSince(metricOf(alarm), now) : 0
    // Before a restart there was something, which is forgotten rather than missing.
    const isForgotten = alarm.treatMissingData === 'breaching' && from < watchedSince
    const verdict = evaluate(
      isForgotten ? { ...alarm, treatMissingData: 'ignore' } : alarm,
      datapoints.map(datapoint => (datapoint !== undefined && datapoint.at >= since ? datapoint : undefined)),
    )
    if (verdict === undefined || verdict.state === alarm.state) continue
    if (alarm.state === 'ALARM' && now < alarm.stateUpdatedAt + Math.min(periodMs, longestStayMs)) continue
    changes.push({ table: 'alarms', key: alarm.name, value: { ...alarm, ...verdict, stateUpdatedAt: now } })
  }
  return changes
}

/** Whether a period that was seen in part only, after a start or while the node was away, would look like a breach. */
function isTooLowEarly({ statistic, comparison }: Alarm): boolean {
  return (statistic === 'Sum' || statistic === 'SampleCount') && comparison.startsWith('LessThan')
}
