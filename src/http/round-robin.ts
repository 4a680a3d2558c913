import type { Algorithm, BalancedTarget, Exclusion } from './balanced-target.ts'

/**
 * One after the other (AWS: Routing algorithms, round robin). A target in slow start is passed over until the shares of its turns sum
 * up to one: at a share of 0.25 it gets every fourth of them.
 */
export class RoundRobin implements Algorithm {
  #next: number

  /** @param random below 1: where to begin, so that processes do not all begin with the same target */
  constructor(random: () => number) {
    this.#next = Math.floor(random() * 2 ** 20)
  }

  take(serving: readonly BalancedTarget[], exclusion: Exclusion, now: number): BalancedTarget | undefined {
    let most: BalancedTarget | undefined
    let mostAt = 0
    let shares = 0
    for (let i = 0; i < serving.length; i++) {
      const at = this.#next % serving.length
      const its = serving[at]!
      this.#next = at + 1
      if (exclusion.has(its)) continue
      const share = its.shareAt(now)
      its.credit += share
      shares += share
      if (its.credit >= 1) {
        its.credit--
        return its
      }
      if (most !== undefined && its.credit <= most.credit) continue
      most = its
      mostAt = at
    }
    if (most === undefined) return undefined
    // All that are left are in slow start: who waits longest is next, at the price of what all got meanwhile.
    most.credit -= shares
    this.#next = mostAt + 1
    return most
  }
}
