import { missedBy } from '../figures.ts'
import type { Lane, Outage, Span, SpanState, Timeline, TimelineEvent } from '../timeline.ts'

/** `75 s`, `160.4 s`, `0.025 s`: of milliseconds. */
export function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(ms < 100 ? 3 : 1))} s`
}

/** `at once`, `75 s`, `-` where it did not come to that. */
export function lapse(ms: number | undefined): string {
  return ms === undefined ? '-' : ms === 0 ? 'at once' : seconds(ms)
}

/** Production's, and the test listener's where that had another one; `-` of a rollback that there was none of. */
export function outages(timeline: Timeline, phase: 'deployment' | 'rollback'): string {
  if (phase === 'rollback' && timeline.moments.rollback === undefined) return '-'
  const [production, test] = [missedBy(timeline, 'production', phase), missedBy(timeline, 'test', phase)]
  const its = production === 0 ? 'none' : seconds(production)
  const hasTest = timeline.lanes.filter(({ kind }) => kind === 'client').length > 1
  return !hasTest || test === production ? its : `${its} (test ${test === 0 ? 'none' : seconds(test)})`
}

/** `160 s to 235 s (75 s)`. */
export function period({ from, to }: { readonly from: number; readonly to: number }): string {
  return `${seconds(from)} to ${seconds(to)} (${seconds(to - from)})`
}

/** A lane's name in the drawing: a group's lane tells of its targets. */
export function laneName({ kind, label }: Lane): string {
  return kind === 'targets' ? `targets of ${label}` : label
}

const words: Readonly<Partial<Record<SpanState, string>>> = {
  both: 'blue and green',
  elsewhere: 'another group',
  absent: 'no targets',
}

/** What a state is called in a lane of this kind. */
export function stateName(kind: Lane['kind'], state: SpanState): string {
  if (state === 'nothing') return kind === 'client' ? 'no answer' : 'nothing'
  return words[state] ?? state
}

/** What may stand in a span, longest first; the first that has room does. What a span without targets says goes without saying. */
export function spanLabels(kind: Lane['kind'], { state, detail }: Span): readonly string[] {
  if (state === 'absent') return []
  const name = stateName(kind, state)
  return detail === undefined ? [name] : [`${name}: ${detail}`, detail, name]
}

/** A span in a sentence: `targets of green: initial: Elb.RegistrationInProgress, 160 s to 170 s (10 s)`. */
export function spanSentence(lane: Lane, span: Span): string {
  const detail = span.detail === undefined ? '' : `: ${span.detail}`
  return `${laneName(lane)}: ${stateName(lane.kind, span.state)}${detail}, ${period(span)}`
}

/** What a client missed in an outage: `no answer`, or `10 % lost` where the rest was answered. */
export function lossOf({ lanes }: Timeline, { client, from, to }: Outage): string {
  const lane = lanes.find(({ kind, label }) => kind === 'client' && label === client)
  const spans = lane?.spans.filter(span => span.state === 'nothing' && span.from < to && from < span.to) ?? []
  const parts = new Set(spans.map(({ detail }) => detail))
  return parts.size === 0 || parts.has(undefined) ? 'no answer' : [...parts].join(', then ')
}

/** `client of :80: no answer, 366 s to 441 s (75 s), in the rollback`. */
export function outageSentence(timeline: Timeline, outage: Outage): string {
  return `${outage.client}: ${lossOf(timeline, outage)}, ${period(outage)}, in the ${outage.during}`
}

/** Events of the same moment as one mark. */
export function marks(events: readonly TimelineEvent[]): readonly TimelineEvent[] {
  const merged: TimelineEvent[] = []
  for (const event of events) {
    const last = merged.at(-1)
    if (last?.at === event.at) merged[merged.length - 1] = { at: last.at, text: `${last.text}, ${event.text}` }
    else merged.push(event)
  }
  return merged
}

/** The time axis: the step between its marks, in milliseconds, the shortest round one that makes at most `most` of them. */
export function axisStep(endsAt: number, most: number): number {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600].map(s => s * 1000)
  const least = endsAt / Math.max(1, most)
  return steps.find(step => step >= least) ?? Math.ceil(least / 3_600_000) * 3_600_000
}
