import { lapse, outages, seconds } from './drawing/wording.ts'
import { figuresOf } from './figures.ts'
import { type Run, type Spread, spreadOf } from './runs.ts'
import type { Timeline } from './timeline.ts'

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
  if (runs === 0) return ['-', '-']
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
