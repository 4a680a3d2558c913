import type { Clock } from '../../clock.ts'

const tickMs = 20

/** How far one process is behind with its work: how late its timers run, as of the last turn of its loop, in ms. */
export class LoopLag {
  lagMs = 0
  #tickAt: number

  constructor(clock: Clock) {
    this.#tickAt = clock.monotonic()
    clock.every(tickMs, () => {
      const now = clock.monotonic()
      this.lagMs = Math.max(now - this.#tickAt - tickMs, 0)
      this.#tickAt = now
    })
  }
}
