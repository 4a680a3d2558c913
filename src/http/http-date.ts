let second = Number.NaN
let text = ''

/** A time as the Date field has it (RFC 9110 section 5.6.7), made once a second; `now`: milliseconds since the epoch. */
export function httpDate(now: number): string {
  const current = Math.floor(now / 1_000)
  if (current !== second) {
    second = current
    text = new Date(1_000 * current).toUTCString()
  }
  return text
}
