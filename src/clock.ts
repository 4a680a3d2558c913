/**
 * Time, injected everywhere: nothing else in the project reads a clock or sets a timer, so that tests step through hours
 * in milliseconds.
 */
export interface Clock {
  /** Wall-clock milliseconds since the epoch: what states, logs and API answers carry. */
  now(): number
  /** Monotonic milliseconds from an arbitrary start: what durations are measured with. */
  monotonic(): number
  /** Runs `task` once, `ms` from now. The answer cancels it. */
  after(ms: number, task: () => void): Cancel
  /** Runs `task` every `ms`, first `ms` from now. The answer cancels it. */
  every(ms: number, task: () => void): Cancel
}

export type Cancel = () => void

/** The machine's own time. Its timers do not keep a process alive that has nothing else to do. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms)
    timer.unref()
    return () => clearTimeout(timer)
  },
  every(ms, task) {
    const timer = setInterval(task, ms)
    timer.unref()
    return () => clearInterval(timer)
  },
}
