/** Draws one number after the other, always the same ones from the same state. */
export interface Drawing {
  /** From 0 up to but not including 1. */
  fraction(): number
  /** What the next one is made from: 32 bits. */
  state(): number
}

/** By mulberry32 (Tommy Ettinger), which passes statistical tests with 32 bits of state. @param seed the state to begin with */
export function drawingFrom(seed: number): Drawing {
  let state = seed >>> 0
  return {
    fraction() {
      state = (state + 0x6d2b79f5) >>> 0
      let bits = Math.imul(state ^ (state >>> 15), state | 1)
      bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
      return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
    },
    state: () => state,
  }
}
