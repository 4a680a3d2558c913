import type { Health, Probe, ProbeResult } from './health.ts'

/** A first suspicion is held for this long: enough for a check to speak. */
const firstHoldMs = 1_000
/** The longest hold: a service that is dead while its health check passes is tried this often. */
const longestHoldMs = 30_000
/** A suspicion that comes this soon after the last one's end is held twice as long as that one was. */
const remembersMs = 60_000

/**
 * The health after the data plane saw its target refuse (a refused connect, a port unreachable): suspect, so that new
 * flows go elsewhere until `suspect.until`. Further reports meanwhile change nothing and give back the same object, nor
 * does one about a target that is unhealthy already.
 *
 * A UDP service that is dead while its TCP health check passes is thus held for 1, 2, 4, 8, 16, 30, 30, ... seconds rather
 * than tried with every flow.
 */
export function suspected(health: Health, reason: string, now: number): Health {
  const last = health.suspect
  if (health.verdict === 'unhealthy' || isSuspect(health, now)) return health
  const recurs = last !== undefined && now - last.until < remembersMs
  const holdMs = recurs ? Math.min(longestHoldMs, 2 * (last.until - last.since)) : firstHoldMs
  return { ...health, suspect: { since: now, until: now + holdMs, reason } }
}

/** Whether new flows keep away from the target at `now`. A suspicion that is over stays on record, for the next one's sake. */
export function isSuspect(health: Health, now: number): boolean {
  return health.suspect !== undefined && health.suspect.until > now
}

/** How soon a suspect whose check failed is checked again, so that a dead target is judged quickly. */
export function recheckMs(probe: Pick<Probe, 'intervalMs'>): number {
  return Math.min(1_000, probe.intervalMs)
}

/**
 * What remains of a suspicion after a check's `result`: a failure prolongs it until the next check has spoken, unless the
 * verdict has become `unhealthy`, which says all; a pass lets it run out.
 */
export function outlasts(
  suspect: Health['suspect'],
  verdict: Health['verdict'],
  result: ProbeResult,
  probe: Pick<Probe, 'intervalMs'>,
): Health['suspect'] {
  if (suspect === undefined || result.at - suspect.until >= remembersMs) return undefined
  if (result.ok || verdict === 'unhealthy' || suspect.until <= result.at) return suspect
  // The next check starts after recheckMs and needs time to answer: as much again.
  return { ...suspect, until: Math.max(suspect.until, result.at + 2 * recheckMs(probe)) }
}
