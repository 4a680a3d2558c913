import { figuresOf, missedBy } from './figures.ts'
import { type Run, type Spread, spreadOf } from './runs.ts'
import type { Timeline } from './timeline.ts'
import { seconds } from './wording.ts'

/** What rehearsals came to, side by side: a line each, below a heading. */
export function compareTimelines(timelines: readonly Timeline[]): string {
  const rows = timelines.map(timeline => {
    const { newAnswersAfter, originalAnswersAfter } = figuresOf(timeline)
    return [
      timeline.design,
      timeline.timing,
      outages(timeline, 'deployment'),
      outages(timeline, 'rollback'),
      lapse(newAnswersAfter),
      lapse(originalAnswersAfter),
    ]
  })
  const heading = [
    'design',
    'timing',
    'outage in deployment',
    'outage in rollback',
    'new version answers after',
    'original answers after',
  ]
  return table([heading, ...rows])
}

/** `at once`, `75 s`, `-` where it did not come to that. */
export function lapse(ms: number | undefined): string {
  return ms === undefined ? '-' : ms === 0 ? 'at once' : seconds(ms)
}

/** Production's, and the test listener's where that had another one. */
export function outages(timeline: Timeline, phase: 'deployment' | 'rollback'): string {
  const [production, test] = [missedBy(timeline, 'production', phase), missedBy(timeline, 'test', phase)]
  const its = production === 0 ? 'none' : seconds(production)
  return test === production ? its : `${its} (test ${test === 0 ? 'none' : seconds(test)})`
}

/** How often many runs of designs had an outage of production, and how long those were. */
export function compareRuns(
  rows: readonly { readonly design: string; readonly timing: string; readonly runs: readonly Run[] }[],
): string {
  const heading = [
    'design',
    'timing',
    'deployments with an outage',
    'p50, p90, max',
    'rollbacks with one',
    'p50, p90, max',
  ]
  return table([
    heading,
    ...rows.map(({ design, timing, runs }) => [
      design,
      timing,
      ...spread(spreadOf(runs, 'deployment')),
      ...spread(spreadOf(runs, 'rollback')),
    ]),
  ])
}

function spread({ runs, withOutage, lengths }: Spread): readonly [string, string] {
  const share = `${withOutage} of ${runs} (${Number(((100 * withOutage) / runs).toFixed(1))} %)`
  if (lengths === undefined) return [share, '-']
  const { p50, p90, max } = lengths
  return [share, [p50, p90, max].map(seconds).join(', ')]
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
