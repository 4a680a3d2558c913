import type { State } from '../domain/state.ts'
import { canaries } from './canaries.ts'
import { longDelays, shortDelays } from './delays.ts'
import { openLoadBalancers, openSideDoors } from './exposure.ts'
import type { Finding } from './finding.ts'
import { busyHealthChecks } from './health-checks.ts'
import { hinderedDeployments } from './hindrances.ts'
import { orphans } from './orphans.ts'
import { type Pair, pairsOf } from './pair.ts'
import { safeguards } from './safeguards.ts'

const checks: readonly ((state: State, pairs: readonly Pair[]) => readonly Finding[])[] = [
  hinderedDeployments,
  orphans,
  canaries,
  longDelays,
  shortDelays,
  safeguards,
  openSideDoors,
  openLoadBalancers,
  busyHealthChecks,
]

/** What an expert would say of a design before it costs anything, errors first. */
export function findingsOf(state: State): readonly Finding[] {
  const pairs = pairsOf(state)
  const found = checks.flatMap(check => check(state, pairs))
  return [
    ...found.filter(({ severity }) => severity === 'error'),
    ...found.filter(({ severity }) => severity !== 'error'),
  ]
}
