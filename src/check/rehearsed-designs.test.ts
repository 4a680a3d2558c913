import assert from 'node:assert/strict'
import { test } from 'node:test'
import { builtScene } from '../rehearsal/designs.ts'
import { findingsOf } from './findings.ts'

for (const [name, expected] of [
  ['alb', []],
  ['nlb', ['orphan', 'hasty-move']],
  ['nlb-wait', ['orphan']],
  ['nlb-dummy', []],
  ['nlb-weight0', []],
] as const) {
  test(`of ${name} that is found which its rehearsal shows: ${expected.join(', ') || 'nothing lost'}`, async () => {
    const { state } = await builtScene(name)
    const lost = ['orphan', 'hasty-move', 'short-delay', 'hindered-deployment']
    const found = findingsOf(state).map(({ id }) => id)
    assert.deepEqual(
      found.filter(id => lost.includes(id)),
      expected,
    )
  })
}
