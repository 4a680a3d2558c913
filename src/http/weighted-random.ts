import type { Algorithm, BalancedTarget, Exclusion } from './balanced-target.ts'

/** At random, all alike but for those whose errors are kept away from clients (AWS: weighted random, automatic target weights). */
export class WeightedRandom implements Algorithm {
  readonly #random: () => number

  /** @param random below 1 */
  constructor(random: () => number) {
    this.#random = random
  }

  take(serving: readonly BalancedTarget[], exclusion: Exclusion): BalancedTarget | undefined {
    // Hardly anyone is excluded: who is asks for a second draw, so that not each target is asked about for each request.
    const drawn = this.#draw(serving)
    return drawn !== undefined && exclusion.has(drawn) ? this.#draw(serving, exclusion) : drawn
  }

  #draw(serving: readonly BalancedTarget[], exclusion?: Exclusion): BalancedTarget | undefined {
    let sum = 0
    for (const its of serving) if (exclusion?.has(its) !== true) sum += its.weight
    let rest = this.#random() * sum
    let last: BalancedTarget | undefined
    for (const its of serving) {
      if (exclusion?.has(its) === true) continue
      rest -= its.weight
      if (rest < 0) return its
      last = its
    }
    return last
  }
}
