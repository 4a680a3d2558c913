/** The wheel turns this often: 1 % of AWS's shortest interval, and 20 wake-ups a second however many targets there are. */
export const tickMs = 50

/**
 * A timer wheel: what is due when, in slots of `tickMs`, so that thousands of targets cost one timer. Times are monotonic
 * ms.
 */
export class Schedule<T> {
  #slots = new Map<number, Set<T>>()
  #slotOf = new Map<T, number>()
  #next: number

  constructor(now: number) {
    this.#next = Math.floor(now / tickMs)
  }

  /** Puts `item` down for `at`, in place of what it was down for; what lies in the past is due at once. */
  set(item: T, at: number): void {
    this.delete(item)
    const slot = Math.max(Math.ceil(at / tickMs), this.#next)
    const items = this.#slots.get(slot)
    if (items === undefined) this.#slots.set(slot, new Set([item]))
    else items.add(item)
    this.#slotOf.set(item, slot)
  }

  delete(item: T): void {
    const slot = this.#slotOf.get(item)
    if (slot === undefined) return
    this.#slotOf.delete(item)
    const items = this.#slots.get(slot)
    items?.delete(item)
    if (items?.size === 0) this.#slots.delete(slot)
  }

  /** Takes out what is due at `now`, oldest first, at most `limit` of it; the rest is due at the next call. */
  take(now: number, limit: number): T[] {
    const taken: T[] = []
    const last = Math.floor(now / tickMs)
    for (; this.#next <= last; this.#next++) {
      for (const item of this.#slots.get(this.#next) ?? []) {
        if (taken.length >= limit) return taken
        this.delete(item)
        taken.push(item)
      }
    }
    return taken
  }
}

/**
 * The place of the `index`-th target within the interval, 0 to 1. Steps of the golden ratio put each next one into the
 * largest gap, so that any run of targets, however many came and went, is spread evenly over its interval.
 */
export function phaseOf(index: number): number {
  return (index * 0.618_033_988_749_894_9) % 1
}

/** The first moment at or after `now` that lies at `phase` of the interval. */
export function firstAtPhase(now: number, phase: number, intervalMs: number): number {
  const at = Math.floor(now / intervalMs) * intervalMs + phase * intervalMs
  return at < now ? at + intervalMs : at
}

/**
 * When a check that was due at `due` is due again: an interval later, moved by at most a twelfth of it towards its phase.
 * So a target that was checked out of turn, because it was new or suspect, is back in its place six checks later without
 * ever being checked more than 1.1 times an interval.
 */
export function nextDue(due: number, now: number, phase: number, intervalMs: number): number {
  const from = now - due > intervalMs ? now : due // our process stood still: no need to make up for it
  const next = from + intervalMs
  const ahead = firstAtPhase(next, phase, intervalMs) - next
  const shift = ahead > intervalMs / 2 ? ahead - intervalMs : ahead
  return next + Math.max(-intervalMs / 12, Math.min(intervalMs / 12, shift))
}
