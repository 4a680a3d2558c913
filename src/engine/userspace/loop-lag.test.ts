import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoopLag } from './loop-lag.ts'

test('what keeps the loop busy is seen with the next tick, and forgotten with the one after', () => {
  let now = 0
  let tick = () => {}
  const lag = new LoopLag({
    now: () => now,
    monotonic: () => now,
    after: () => () => {},
    every(_ms, task) {
      tick = task
      return () => {}
    },
  })
  for (const [at, lagMs] of [
    [20, 0],
    [41, 1],
    [361, 300],
    [375, 0],
    [395, 0],
  ] as const) {
    now = at
    tick()
    assert.equal(lag.lagMs, lagMs)
  }
})
