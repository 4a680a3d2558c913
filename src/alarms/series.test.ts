import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Series } from './series.ts'

const start = Date.UTC(2026, 0, 1)

function seriesOf(seconds: number, values: readonly (number | undefined)[]): Series {
  const series = new Series(seconds)
  for (const [index, value] of values.entries()) if (value !== undefined) series.record(start + index * 1000, value)
  return series
}

test('a span has the samples from its first second until before its end', () => {
  const series = seriesOf(10, [1, 5, 2, 7])
  assert.deepEqual(series.between(start + 1000, start + 3000), {
    at: start + 1000,
    sampleCount: 2,
    sum: 7,
    minimum: 2,
    maximum: 5,
  })
  assert.equal(series.between(start + 4000, start + 9000), undefined)
  assert.equal(series.between(start - 9000, start), undefined)
})

test('a second without a sample counts for nothing, and of two samples the later one counts', () => {
  const series = seriesOf(10, [1, undefined, 3])
  series.record(start + 2500, 4)
  assert.deepEqual(series.between(start, start + 3000), { at: start, sampleCount: 2, sum: 5, minimum: 1, maximum: 4 })
})

test('what is older than the ring is long is forgotten', () => {
  const series = seriesOf(3, [1, 2, 3, 4])
  assert.equal(series.between(start, start + 4000)?.sum, 9)
  series.record(start + 60_000, 5)
  assert.equal(series.between(start, start + 61_000)?.sum, 5)
})

test('a clock that is set back begins anew', () => {
  const series = seriesOf(10, [1, 2, 3])
  series.record(start - 5000, 9)
  assert.equal(series.between(start - 10_000, start + 10_000)?.sum, 9)
})

test('a short silence is none, a long one begins anew', () => {
  const series = new Series(100)
  const at = (second: number) => start + second * 1000
  for (const second of [0, 1, 4, 7]) series.record(at(second), 1)
  assert.equal(series.wholeSince(at(10)), start)
  assert.equal(series.resized(200).wholeSince(at(10)), start)
  assert.equal(series.wholeSince(at(11)), Infinity)
  series.record(at(11), 1)
  assert.equal(series.wholeSince(at(11)), at(11))
})

test('another length keeps the newest samples', () => {
  const series = seriesOf(3, [1, 2, undefined, 4])
  assert.deepEqual(series.resized(10).between(start, start + 4000)?.sum, 6)
  assert.deepEqual(series.resized(1).between(start, start + 4000)?.sum, 4)
  assert.equal(new Series(3).resized(5).between(0, start), undefined)
})
