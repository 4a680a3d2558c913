import type { Cancel, Clock } from './clock.ts'

interface Timer {
  at: number
  readonly task: () => void
  readonly every: number | undefined
}

/**
 * A clock for tests and rehearsals. Time stands still until `advance`, which steps timer by timer, so that a task set by a task within
 * the span runs too, and a periodic one as often as it would.
 */
export class VirtualClock implements Clock {
  #now: number
  readonly #turns: number
  readonly #timers = new Set<Timer>()

  /**
   * @param turns of node's event loop that may pass between two timers. Three let real I/O callbacks (loopback sockets) and what follows
   *   them finish; where nothing but promises is waited for, one does.
   */
  constructor(start = Date.UTC(2026, 0, 1), turns = 3) {
    this.#now = start
    this.#turns = turns
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
      await this.#settle()
      const next = this.#next()
      if (next === undefined || next.at > end) break
      this.#now = Math.max(this.#now, next.at)
      if (next.every === undefined) this.#timers.delete(next)
      else next.at += next.every
      next.task()
    }
    this.#now = end
    await this.#settle()
  }

  #add(ms: number, task: () => void, every: number | undefined): Cancel {
    const timer = { at: this.#now + ms, task, every }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Of several at one time the one that was set first. */
  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
    return next
  }

  async #settle(): Promise<void> {
    for (let turn = 0; turn < this.#turns; turn++) await new Promise(resolve => setImmediate(resolve))
  }
}
