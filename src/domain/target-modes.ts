import { type GroupPolicy, isBelow } from './group-policy.ts'
import type { Health } from './health.ts'
import type { SnapshotTarget } from './snapshot.ts'
import { isSuspect } from './suspicion.ts'
import type { Target } from './target-group.ts'

/** A registered target with what the rest of the state says of it. */
export interface Member {
  readonly target: Target
  /** `targetKey` */
  readonly key: string
  readonly address: string
  /** Its Availability Zone; `all` serves every zone. */
  readonly zone: string
  /** False for one that can get no traffic whatever its health (`impedimentOf`). */
  readonly usable: boolean
}

interface Modes {
  /** As many as members, in their order. */
  readonly modes: readonly SnapshotTarget['mode'][]
  /** When time alone changes them, milliseconds since the epoch; Infinity if it never does. */
  readonly nextAt: number
}

/**
 * Which of a group's targets serve, seen from one listener protocol of one zone, or of all zones with cross-zone load
 * balancing.
 *
 * Healthy ones serve. With fewer of them than the group's minimum, all registered ones do, healthy or not: the group fails open
 * (AWS: Target group health, routing failover). One that the data plane found dead is left out until it has been checked again,
 * unless nobody else would serve.
 *
 * What does not serve keeps its connections (`drain`) or loses them (`cut`) as the group's attributes say; UDP flows always
 * leave a target that is unhealthy, found dead, or deregistered past its delay, with their next datagram.
 *
 * @param known each member's health
 */
export function targetModes(
  members: readonly Member[],
  known: readonly (Health | undefined)[],
  policy: GroupPolicy,
  protocol: 'TCP' | 'UDP',
  now: number,
): Modes {
  const failsOpen = isBelowMinimum(members, known, policy.routingMinimum)
  const suspects = known.map(its => its !== undefined && isSuspect(its, now))
  const serves = members.map(
    ({ target, usable }, i) =>
      usable && target.deregistration === undefined && (failsOpen || known[i]?.verdict === 'healthy'),
  )
  const someoneIsSound = serves.some((its, i) => its && !suspects[i])

  let nextAt = Infinity
  const isBefore = (time: number) => {
    if (time > now && time < nextAt) nextAt = time
    return time > now
  }
  const modes = members.map(({ usable, target: { deregistration } }, i): SnapshotTarget['mode'] => {
    const its = known[i]
    if (its?.suspect !== undefined) isBefore(its.suspect.until)
    const isAvoided = suspects[i] && someoneIsSound
    if (serves[i]) return !isAvoided ? 'serve' : protocol === 'TCP' ? 'drain' : 'cut'
    // A datagram to a port that nothing listens on is lost, though its target may drain for minutes yet.
    if (!usable || (isAvoided && protocol === 'UDP')) return 'cut'
    if (its?.verdict === 'unhealthy' && (protocol === 'UDP' || !isBefore(its.since + policy.unhealthyDrainMs)))
      return 'cut'
    if (deregistration === undefined || isBefore(deregistration.until)) return 'drain'
    return protocol === 'UDP' || policy.cutAfterDelay ? 'cut' : 'drain'
  })
  return { modes, nextAt }
}

/** Only targets that could serve count. */
function isBelowMinimum(
  members: readonly Member[],
  known: readonly (Health | undefined)[],
  minimum: GroupPolicy['routingMinimum'],
): boolean {
  let registered = 0
  let healthy = 0
  members.forEach(({ target, usable }, i) => {
    if (!usable || target.deregistration !== undefined) return
    registered++
    if (known[i]?.verdict === 'healthy') healthy++
  })
  return isBelow(minimum, healthy, registered)
}
