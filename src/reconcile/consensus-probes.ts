import type { Probe } from '../domain/health.ts'
import { speaksHttp } from '../domain/load-balancer.ts'
import type { State } from '../domain/state.ts'
import { targetGroupOf } from '../domain/target-group.ts'
import { isAwsTimed, type Timing } from '../domain/timing.ts'

/** A target of a Network Load Balancer is checked so many times as often at most. */
const mostCheckers = 10

/** Of probes for whose checks `consensusProbes` was asked; they are the same objects as long as these are. */
const many = new WeakMap<Probe, Probe>()

/**
 * The health checks as Network Load Balancers under AWS's timing make them (S2.12): from many checkers that seek a consensus, each in the
 * same interval. Here one asks as often as all of them, and counts as many more results, so that a verdict takes what it took. They are as
 * many, up to ten (AWS has no figure), as leave each check its timeout before the next one.
 */
export function consensusProbes(
  probes: ReadonlyMap<string, Probe>,
  { targetGroups }: State,
  timing: Timing,
): ReadonlyMap<string, Probe> {
  if (!isAwsTimed(timing, 'network')) return probes
  return new Map(
    Array.from(probes, ([key, probe]) => {
      const group = targetGroups.get(targetGroupOf(key))
      return [key, group === undefined || speaksHttp(group) ? probe : many.getOrInsertComputed(probe, ofMany)]
    }),
  )
}

function ofMany(probe: Probe): Probe {
  const { intervalMs, timeoutMs, healthyThreshold, unhealthyThreshold } = probe
  const checkers = Math.max(1, Math.min(mostCheckers, Math.floor(intervalMs / timeoutMs)))
  return {
    ...probe,
    intervalMs: intervalMs / checkers,
    healthyThreshold: checkers * healthyThreshold,
    unhealthyThreshold: checkers * unhealthyThreshold,
  }
}
