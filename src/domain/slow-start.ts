import type { Health } from './health.ts'
import type { Member } from './target-modes.ts'

interface Ramps {
  /** As many as members, in their order: since when each is in slow start, milliseconds since the epoch. */
  readonly from: readonly (number | undefined)[]
  /** When time alone changes them, milliseconds since the epoch; Infinity if it never does. */
  readonly nextAt: number
}

/**
 * Which of a group's targets are in slow start (AWS: Register targets, Slow start mode): those that turned healthy less than
 * `durationMs` ago, while another one was healthy and outside slow start. So targets that were registered together with the
 * first ones do not, unless they were unhealthy in between; nor do those that were healthy when slow start was switched on, at
 * `setAt`.
 *
 * @param known each member's health
 */
export function slowStart(
  members: readonly Pick<Member, 'target'>[],
  known: readonly (Health | undefined)[],
  durationMs: number,
  setAt: number | undefined,
  now: number,
): Ramps {
  const from: (number | undefined)[] = members.map(() => undefined)
  let nextAt = Infinity
  if (durationMs === 0) return { from, nextAt }
  const healthy = members.flatMap(({ target: { registeredAt, deregistration } }, i) => {
    const its = known[i]
    if (its?.verdict !== 'healthy' || deregistration !== undefined) return []
    return { i, since: its.since, batch: its.hasRecovered ? Symbol() : registeredAt }
  })
  healthy.sort((a, b) => a.since - b.since)

  const [first] = healthy
  /** From when on somebody of another batch than the first one's was outside slow start. */
  let othersFrom = Infinity
  for (const { i, since, batch } of healthy) {
    const isLate = batch === first?.batch ? othersFrom < since : first!.since < since
    const isRamping = isLate && since > (setAt ?? -Infinity)
    if (isRamping && now < since + durationMs) {
      from[i] = since
      nextAt = Math.min(nextAt, since + durationMs)
    }
    if (batch !== first?.batch) othersFrom = Math.min(othersFrom, isRamping ? since + durationMs : since)
  }
  return { from, nextAt }
}
