import type { Cancel, Clock } from './clock.ts'

/**
 * A clock for tests and rehearsals. Time stands still until `advance`, which steps timer by timer, so that a task set by a task within
 * the span runs too, and a periodic one as often as it would.
 */
export class VirtualClock implements Clock {
  #now: number
  #timers = new Set<{ at: number; task: () => void; every: number | undefined }>()

  constructor(start = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(ms: number, task: () => void): Cancel {
    return this.#add(ms, task, undefined)
  }

  every(ms: number, task: () => void): Cancel {
    return this.#add(ms, task, ms)
  }

  /** Moves time on by `ms`; between two timers, promises that are ready run their course. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      await settle()
      const next = [...this.#timers].filter(timer => timer.at <= end).sort((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#now = Math.max(this.#now, next.at)
      if (next.every === undefined) this.#timers.delete(next)
      else next.at += next.every
      next.task()
    }
    this.#now = end
    await settle()
  }

  #add(ms: number, task: () => void, every: number | undefined): Cancel {
    const timer = { at: this.#now + ms, task, every }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }
}

async function settle(): Promise<void> {
  // setImmediate lets real I/O callbacks of the same turn (loopback sockets) and chains of promises finish.
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}
