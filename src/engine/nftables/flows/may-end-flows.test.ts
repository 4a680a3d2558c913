import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Snapshot, SnapshotTarget } from '../../../domain/snapshot.ts'
import { mayEndFlows } from './may-end-flows.ts'

type Mode = SnapshotTarget['mode']

/** A UDP listener that routes to the group `to`, and a group `blue` with a target in each of these modes. */
function snapshot(to: string, ...modes: readonly Mode[]): Snapshot {
  const targets = modes.map((mode, n) => ({ key: `blue ${n}`, mode }))
  return {
    listeners: [{ id: 'listener', protocol: 'UDP', route: [{ group: to, weight: 1 }] }],
    groups: [{ id: 'blue', targets }],
  } as unknown as Snapshot
}

const steps: readonly [what: string, before: Snapshot, after: Snapshot, expected: ReturnType<typeof mayEndFlows>][] = [
  ['a new target', snapshot('blue', 'serve'), snapshot('blue', 'serve', 'serve'), undefined],
  ['a target that serves again', snapshot('blue', 'drain', 'cut'), snapshot('blue', 'serve', 'serve'), undefined],
  ['a target that drains', snapshot('blue', 'serve', 'serve'), snapshot('blue', 'serve', 'drain'), 'soon'],
  ['a target that is cut', snapshot('blue', 'serve', 'drain'), snapshot('blue', 'drain', 'cut'), 'now'],
  ['a target that is gone', snapshot('blue', 'serve', 'drain'), snapshot('blue', 'drain'), 'now'],
  ['a UDP route without its group', snapshot('blue', 'serve'), snapshot('green', 'serve'), 'soon'],
  ['a listener that is gone', snapshot('blue'), { ...snapshot('blue'), listeners: [] }, 'now'],
]

for (const [what, before, after, expected] of steps)
  test(`${what}: flows are looked at ${expected ?? 'not at all'}`, () => {
    assert.equal(mayEndFlows(before, after), expected)
  })
