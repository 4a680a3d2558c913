import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bounds, type Grade, type Progress, slotsToKeep } from './roll.ts'

test('the minimum is rounded up, the maximum down, and never below the desired count', () => {
  const of = (desiredCount: number, minimumHealthyPercent: number, maximumPercent: number) =>
    bounds({ desiredCount, minimumHealthyPercent, maximumPercent })
  assert.deepEqual(of(3, 50, 150), { minimum: 2, maximum: 4 })
  assert.deepEqual(of(1, 100, 150), { minimum: 1, maximum: 1 })
  assert.deepEqual(of(0, 100, 200), { minimum: 0, maximum: 0 })
})

const rows: readonly { what: string; progress: Partial<Progress>; slots: Grade[]; kept: Grade[] }[] = [
  {
    what: 'nothing is new yet and there is room: all stay',
    progress: { missing: 2 },
    slots: ['healthy', 'healthy'],
    kept: ['healthy', 'healthy'],
  },
  {
    what: 'one old task goes for each new one that is healthy',
    progress: { live: 2, healthy: 1 },
    slots: ['healthy', 'healthy'],
    kept: ['healthy'],
  },
  {
    what: 'the worst goes first',
    progress: { live: 2, healthy: 1 },
    slots: ['failing', 'healthy'],
    kept: ['healthy'],
  },
  {
    what: 'a place that is vacant is given up before a task is',
    progress: { live: 2, healthy: 1 },
    slots: ['vacant', 'healthy'],
    kept: ['healthy'],
  },
  {
    what: 'where the maximum leaves no room, one goes as long as the minimum stays',
    progress: { missing: 2, minimum: 1, maximum: 2 },
    slots: ['healthy', 'healthy'],
    kept: ['healthy'],
  },
  {
    what: 'one that is not known to be well counts as one that may be',
    progress: { missing: 2, minimum: 2, maximum: 2 },
    slots: ['unknown', 'healthy'],
    kept: ['unknown', 'healthy'],
  },
  {
    what: 'a failing one makes room whatever the minimum',
    progress: { missing: 2, minimum: 2, maximum: 2 },
    slots: ['failing', 'healthy'],
    kept: ['healthy'],
  },
  {
    what: 'a vacant place makes no room',
    progress: { missing: 1, live: 1, minimum: 0, maximum: 2 },
    slots: ['vacant', 'healthy'],
    kept: ['vacant'],
  },
  {
    what: 'while the new one waits to be started, none has to make room',
    progress: { missing: 0, minimum: 0, maximum: 2 },
    slots: ['healthy', 'healthy'],
    kept: ['healthy', 'healthy'],
  },
  {
    what: 'without a minimum all go that are in the way',
    progress: { missing: 2, minimum: 0, maximum: 2 },
    slots: ['unknown', 'healthy'],
    kept: [],
  },
]

for (const { what, progress, slots, kept } of rows) {
  test(what, () => {
    const all: Progress = {
      desired: 2,
      minimum: 2,
      maximum: 4,
      live: 0,
      healthy: 0,
      missing: 0,
      slots: slots.map(grade => ({ taskSetArn: 'arn:old', grade })),
      ...progress,
    }
    assert.deepEqual(
      slotsToKeep(all).map(({ grade }) => grade),
      kept,
    )
  })
}
