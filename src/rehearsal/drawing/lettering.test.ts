import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import { fitted, staggered, textWidth } from './lettering.ts'

test('staggered labels never overlap, and no line down passes through one that has room to begin at its point', () => {
  const seed = anySeed()
  const below = randomFrom(seed)
  for (let round = 0; round < 500; round++) {
    const end = round % 2 === 0 ? 1000 : 1200
    const labels = Array.from({ length: below(20) }, () => ({ at: below(1000), width: 1 + below(200) }))
    labels.sort((a, b) => a.at - b.at)
    const placed = staggered(labels, end).map((place, i) => ({ ...place, to: place.from + labels[i]!.width }))
    for (const [i, one] of placed.entries()) {
      const what = `seed ${seed}, round ${round}, label ${i}`
      assert.ok(one.from >= 0 && one.to <= end && one.row >= 0 && one.row < placed.length, what)
      for (const [j, other] of placed.entries()) {
        if (j <= i) continue
        assert.ok(one.row !== other.row || one.to <= other.from || other.to <= one.from, what)
        const line = labels[j]!.at
        if (end === 1200 && one.from < line && line < one.to) assert.ok(one.row > other.row, what)
      }
    }
  }
})

test('labels that are far enough apart stand in one row', () => {
  const labels = [0, 100, 200].map(at => ({ at, width: 90 }))
  assert.deepEqual(
    staggered(labels, 300).map(({ from, row }) => [from, row]),
    [
      [0, 0],
      [100, 0],
      [200, 0],
    ],
  )
})

test('text that is too long ends with an ellipsis, as late as it may', () => {
  assert.equal(fitted('production :80', 200, 12), 'production :80')
  const cut = fitted('production net/a-load-balancer:443', 100, 12)
  assert.match(cut, /^production .*…$/)
  assert.ok(textWidth(cut, 12) <= 100 && textWidth(cut, 12) > 80)
  assert.equal(fitted('production', 1, 12), '…')
})
