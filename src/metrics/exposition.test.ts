import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exposition } from './exposition.ts'
import { lint } from './lint.fixture.ts'

test('a family has its help and type once, its series below, and is not there without any', () => {
  const text = exposition([
    {
      name: 'a_total',
      help: 'A.',
      type: 'counter',
      samples: [
        { labels: { of: 'x' }, value: 1 },
        { labels: {}, value: 2.5 },
      ],
    },
    { name: 'b', help: 'B.', type: 'gauge', samples: [] },
  ])
  assert.equal(text, '# HELP a_total A.\n# TYPE a_total counter\na_total{of="x"} 1\na_total 2.5\n')
})

test('buckets add up, and the last one has all', () => {
  const value = { bounds: [0.1, 1], counts: [3, 0, 2], sum: 7.25 }
  const text = exposition([{ name: 'h', help: 'H.', type: 'histogram', samples: [{ labels: { of: 'x' }, value }] }])
  assert.deepEqual(
    [...lint(text)],
    [
      ['h_bucket{of="x",le="0.1"}', 3],
      ['h_bucket{of="x",le="1"}', 3],
      ['h_bucket{of="x",le="+Inf"}', 5],
      ['h_sum{of="x"}', 7.25],
      ['h_count{of="x"}', 5],
    ],
  )
})

test('whatever a label or a help text holds, a line is a line', () => {
  const text = exposition([
    { name: 'a', help: 'one\ntwo \\ "three"', type: 'gauge', samples: [{ labels: { of: 'x"\n\\y' }, value: 1 }] },
  ])
  assert.equal(text, '# HELP a one\\ntwo \\\\ "three"\n# TYPE a gauge\na{of="x\\"\\n\\\\y"} 1\n')
  lint(text)
})
