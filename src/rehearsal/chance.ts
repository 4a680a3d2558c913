import type { Ids } from '../ids.ts'

/** All that is random in a rehearsal: of the same seed the same, always. */
export interface Chance extends Ids {
  /** A whole number, both ends included. */
  between(least: number, most: number): number
}

/** Draws by mulberry32, which passes statistical tests with 32 bits of state. @param seed 32 bits */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const draw = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const hex = (length: number) => {
    let digits = ''
    while (digits.length < length) digits += draw().toString(16).padStart(8, '0')
    return digits.slice(0, length)
  }
  return {
    between: (least, most) => least + Math.floor((draw() / 2 ** 32) * (most - least + 1)),
    hex,
    // RFC 9562, version 4.
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  }
}
