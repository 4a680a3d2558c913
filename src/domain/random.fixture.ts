/**
 * Whole numbers from 0 up to but not including `below`, always the same for a seed (Park and Miller's minimal standard
 * generator).
 */
export function randomFrom(seed: number): (below: number) => number {
  let state = (seed % 2_147_483_646) + 1
  return below => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}

/** A seed for one run of a test, which prints it where it fails. */
export function anySeed(): number {
  return Math.floor(Math.random() * 2 ** 31)
}
