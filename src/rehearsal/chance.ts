import { drawingFrom } from '../domain/drawing.ts'
import type { Ids } from '../ids.ts'

/** All that is random in a rehearsal: of the same seed the same, always. */
export interface Chance extends Ids {
  /** A whole number, both ends included. */
  between(least: number, most: number): number
}

/** @param seed 32 bits */
export function chanceOf(seed: number): Chance {
  const { fraction } = drawingFrom(seed)
  const hex = (length: number) => {
    let digits = ''
    while (digits.length < length) digits += (fraction() * 2 ** 32).toString(16).padStart(8, '0')
    return digits.slice(0, length)
  }
  return {
    between: (least, most) => least + Math.floor(fraction() * (most - least + 1)),
    hex,
    // RFC 9562, version 4.
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
  }
}
