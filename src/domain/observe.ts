import type { Health, Probe, ProbeResult } from './health.ts'
import { outlasts } from './suspicion.ts'

/** What one result did to a verdict: nothing, a count towards another one, or another one. */
export type Transition = 'Unchanged' | 'ChangePending' | 'Changed'

/** How many results are kept, for people to read. */
const kept = 10

/** A target of which nothing is known since it was registered. `now`: milliseconds since the epoch. */
export function initialHealth(now: number, { registeredAt }: Pick<Probe, 'registeredAt'>): Health {
  return {
    verdict: 'initial',
    since: now,
    against: 0,
    results: [],
    ...(registeredAt !== undefined && { registeredAt }),
  }
}

/**
 * The health after one more result. A new target becomes healthy by its first pass and unhealthy by `unhealthyThreshold`
 * failures; after that only results in a row count: `unhealthyThreshold` failures, or `healthyThreshold` passes, turn the
 * verdict (AWS: Health checks for Network Load Balancer target groups).
 */
export function observe(
  health: Health,
  result: ProbeResult,
  probe: Pick<Probe, 'healthyThreshold' | 'unhealthyThreshold' | 'intervalMs'>,
): { readonly health: Health; readonly change: Transition } {
  const speaksAgainst = result.ok ? health.verdict !== 'healthy' : health.verdict !== 'unhealthy'
  const against = speaksAgainst ? health.against + 1 : 0
  const turned = against > 0 && against >= threshold(health, result, probe)
  const verdict = turned ? (result.ok ? 'healthy' : 'unhealthy') : health.verdict
  const { suspect: suspectBefore, hasRecovered: hadRecovered, ...rest } = health
  const hasRecovered = turned ? result.ok && health.verdict === 'unhealthy' : hadRecovered
  const suspect = outlasts(suspectBefore, verdict, result, probe)
  return {
    health: {
      ...rest,
      verdict,
      since: turned ? result.at : health.since,
      against: turned ? 0 : against,
      results: [...health.results.slice(1 - kept), result],
      ...(hasRecovered && { hasRecovered }),
      ...(suspect && { suspect }),
    },
    change: turned ? 'Changed' : speaksAgainst ? 'ChangePending' : 'Unchanged',
  }
}

function threshold(health: Health, result: ProbeResult, probe: Pick<Probe, 'healthyThreshold' | 'unhealthyThreshold'>) {
  if (!result.ok) return probe.unhealthyThreshold
  return health.verdict === 'initial' ? 1 : probe.healthyThreshold
}
