import type { Timeline } from './timeline.ts'

/** What a rehearsal comes to, in milliseconds. */
interface Figures {
  /** From the production listener's move until its client hears the new version; undefined where it never did. */
  readonly newAnswersAfter: number | undefined
  /** From the rollback until its client hears the original again; undefined where it never did, or was not asked to. */
  readonly originalAnswersAfter: number | undefined
}

export function figuresOf({ moments }: Timeline): Figures {
  const { moved, answered, rollback, restored } = moments
  return {
    newAnswersAfter: lapse(moved, answered),
    originalAnswersAfter: lapse(rollback, restored),
  }
}

function lapse(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from
}

/** What clients of production's listener, or of the test one, went without an answer, in all, milliseconds. */
export function missedBy(
  { lanes, outages }: Timeline,
  role: 'production' | 'test',
  phase: 'deployment' | 'rollback',
): number {
  const clients = lanes.filter(({ kind }) => kind === 'client')
  const label = clients[role === 'production' ? 0 : 1]?.label
  const theirs = outages.filter(({ client, during }) => client === label && during === phase)
  return theirs.reduce((sum, { from, to }) => sum + to - from, 0)
}
