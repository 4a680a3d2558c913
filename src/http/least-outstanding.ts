import type { Algorithm, BalancedTarget, Exclusion } from './balanced-target.ts'

/** The target with the fewest requests under way; among equals one after the other (AWS: least outstanding requests). */
export class LeastOutstanding implements Algorithm {
  #next: number

  /** @param random below 1: where to begin, so that processes do not all begin with the same target */
  constructor(random: () => number) {
    this.#next = Math.floor(random() * 2 ** 20)
  }

  take(serving: readonly BalancedTarget[], exclusion: Exclusion): BalancedTarget | undefined {
    let least: BalancedTarget | undefined
    let leastAt = 0
    for (let i = 0; i < serving.length; i++) {
      const at = (this.#next + i) % serving.length
      const its = serving[at]!
      if (least !== undefined && its.outstanding >= least.outstanding) continue
      if (exclusion.has(its)) continue
      least = its
      leastAt = at
    }
    this.#next = leastAt + 1
    return least
  }
}
