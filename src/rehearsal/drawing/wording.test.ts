import assert from 'node:assert/strict'
import { test } from 'node:test'
import { axisStep, marks, seconds } from './wording.ts'

test('seconds have as many digits as tell something', () => {
  assert.deepEqual([0, 25, 400, 1200, 75_000, 160_440].map(seconds), [
    '0 s',
    '0.025 s',
    '0.4 s',
    '1.2 s',
    '75 s',
    '160.4 s',
  ])
})

test('the axis has round steps and no more marks than there is room for', () => {
  assert.equal(axisStep(600_000, 10), 60_000)
  assert.equal(axisStep(601_000, 10), 120_000)
  assert.equal(axisStep(2000, 8), 1000)
  assert.equal(axisStep(86_400_000, 10), 3 * 3_600_000)
})

test('events of one moment are one mark', () => {
  const events = [
    { at: 0, text: 'a' },
    { at: 5, text: 'b' },
    { at: 5, text: 'c' },
  ]
  assert.deepEqual(marks(events), [
    { at: 0, text: 'a' },
    { at: 5, text: 'b, c' },
  ])
})
