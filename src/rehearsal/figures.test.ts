import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresOf, missedBy } from './figures.ts'
import { crowded, dark } from './timeline.fixture.ts'

test('answers are counted from the move and from the rollback on', () => {
  assert.deepEqual(figuresOf(dark), { newAnswersAfter: 75_000, originalAnswersAfter: 86_000 })
})

test('what never answered has no time', () => {
  assert.deepEqual(figuresOf(crowded), { newAnswersAfter: undefined, originalAnswersAfter: undefined })
})

test('what clients missed is counted by listener and phase', () => {
  assert.deepEqual([missedBy(dark, 'production', 'deployment'), missedBy(dark, 'production', 'rollback')], [0, 75_000])
  assert.deepEqual([missedBy(crowded, 'production', 'deployment'), missedBy(crowded, 'test', 'deployment')], [2400, 0])
})
