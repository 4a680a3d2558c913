import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../clock.ts'
import { LoopLag } from './loop-lag.ts'

test('what keeps the loop busy is seen with the next tick, and forgotten with the one after', async () => {
  const lag = new LoopLag(systemClock)
  // The clock's timers keep no process alive.
  const alive = setInterval(() => {}, 1_000)
  const until = performance.now() + 200
  while (performance.now() < until);
  const tick = () => new Promise<void>(resolve => setTimeout(resolve, 25))
  while (lag.lagMs === 0) await tick()
  assert.ok(lag.lagMs >= 150, `${lag.lagMs} ms`)
  while (lag.lagMs >= 150) await tick()
  clearInterval(alive)
})
