import type { Clock } from '../../clock.ts'
import type { Choice, Chosen, Flow } from '../../domain/choice.ts'
import type { Suspicion } from '../engine.ts'

/** For so long a suspect gets no new flows; by then a snapshot says more about it. */
const suspectMs = 1_000

/** Targets that new flows of one process avoid for a second, because of what became of others. */
export class Suspects {
  readonly #clock: Clock
  readonly #onSuspicion: (suspicion: Suspicion) => void
  readonly #avoided = new Set<string>()
  readonly #reported = new Set<string>()

  constructor(options: { readonly clock: Clock; onSuspicion(suspicion: Suspicion): void }) {
    this.#clock = options.clock
    this.#onSuspicion = options.onSuspicion
  }

  has(targetKey: string): boolean {
    return this.#avoided.has(targetKey)
  }

  /** Avoids a target that was slow, which is no news for anyone else. */
  avoid(targetKey: string): void {
    this.#addForAWhile(this.#avoided, targetKey)
  }

  /** Avoids a target that refused, and says so: once for each second in which it refuses, not for each flow. */
  report(targetKey: string, reason: string): void {
    this.avoid(targetKey)
    if (this.#addForAWhile(this.#reported, targetKey)) this.#onSuspicion({ target: targetKey, reason })
  }

  /** The target for a new flow: one that is not suspect if there is one, else any, but none of those `tried` (keys). */
  choose(choice: Choice, flow: Flow, tried: readonly string[] = []): Chosen | undefined {
    const isTried = tried.length === 0 ? undefined : (key: string) => tried.includes(key)
    const trusted =
      this.#avoided.size === 0 ? undefined : choice.choose(flow, key => this.#avoided.has(key) || tried.includes(key))
    const chosen = trusted ?? choice.choose(flow, isTried)
    // A listener that is its own target would send everything round for ever.
    return chosen?.target.port === flow.destinationPort && chosen.target.address === flow.destination
      ? undefined
      : chosen
  }

  /** @returns false if it was there already */
  #addForAWhile(keys: Set<string>, key: string): boolean {
    if (keys.has(key)) return false
    keys.add(key)
    this.#clock.after(suspectMs, () => keys.delete(key))
    return true
  }
}
