import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spreadOf } from './runs.ts'

test('a spread counts runs with an outage, and tells the lengths of these alone', () => {
  const runs = [0, 30, 0, 10, 20].map((deployment, seed) => ({ seed, deployment, rollback: 0 }))
  assert.deepEqual(spreadOf(runs, 'deployment'), { runs: 5, withOutage: 3, lengths: { p50: 20, p90: 30, max: 30 } })
  assert.deepEqual(spreadOf(runs, 'rollback'), { runs: 5, withOutage: 0 })
})
