import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareRuns, compareTimelines } from './comparison.ts'
import { dark } from './timeline.fixture.ts'

test('rehearsals are compared in a line each, production and test listener apart where they differ', () => {
  const outage = { from: 0, to: 3_000, client: dark.lanes.filter(({ kind }) => kind === 'client')[1]!.label }
  const quick = {
    ...dark,
    timing: 'instant',
    outages: [{ ...outage, during: 'deployment' as const }],
    moments: { moved: 5, answered: 5 },
  }
  const [heading, ...rows] = compareTimelines([dark, quick]).split('\n')
  assert.match(heading!, /^design +timing +outage in deployment +outage in rollback/)
  assert.match(rows[0]!, /^nlb +aws-nlb +none +\d+ s/)
  assert.match(rows[1]!, /^nlb +instant +none \(test 3 s\) +- +at once +-$/)
})

test('nothing is said of a test listener where there is none', () => {
  const tested = dark.lanes.findLast(({ kind }) => kind === 'client')
  const alone = { ...dark, lanes: dark.lanes.filter(lane => lane !== tested) }
  assert.doesNotMatch(compareTimelines([alone]), /test/)
})

test('of many runs the share with an outage is told, and how long those were', () => {
  const runs = [0, 70_000, 80_000, 0].map((rollback, seed) => ({ seed, deployment: 0, rollback }))
  const [, row] = compareRuns([{ design: 'nlb', timing: 'aws-nlb', runs }]).split('\n')
  assert.match(row!, /^nlb +aws-nlb +0 of 4 \(0 %\) +- +2 of 4 \(50 %\) +70 s, 80 s, 80 s$/)
})
