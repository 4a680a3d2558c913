import type { Health } from '../domain/health.ts'
import type { ControlEnd } from './control-end.ts'
import type { AppliedReport, CountersReport } from './messages.ts'

/** What a node has reported, for tests of what is made of it. */
export function nodeReports(
  reports: {
    readonly applied?: Partial<AppliedReport>
    readonly listeners?: CountersReport['listeners']
    readonly guards?: CountersReport['guards']
    readonly health?: ReadonlyMap<string, Health>
    readonly nodeConnected?: boolean
  } = {},
): Pick<ControlEnd, 'applied' | 'counters' | 'health' | 'nodeConnected'> {
  const { applied, listeners = [], guards = [], health, nodeConnected = true } = reports
  return {
    nodeConnected,
    health: key => health?.get(key),
    applied: () =>
      applied && {
        kind: 'applied',
        revision: 1,
        problems: [],
        fallbacks: [],
        held: [],
        delayed: [],
        links: [],
        ...applied,
      },
    counters: () => ({ kind: 'counters', listeners, targets: [], guards }),
  }
}
