import type { DropReason, ListenerCounters, TargetCounters } from './engine.ts'

/** One total for each listener, whichever processes counted it. */
export function sumListeners(counters: Iterable<ListenerCounters>): Map<string, ListenerCounters> {
  const sums = new Map<string, ListenerCounters>()
  for (const one of counters) {
    const sum = sums.get(one.listener)
    if (sum === undefined) sums.set(one.listener, one)
    else sums.set(one.listener, { ...one, ...sumFlows(sum, one), drops: sumDrops(sum.drops, one.drops) })
  }
  return sums
}

/** One total for each target, whichever listeners and processes counted it. */
export function sumTargets(counters: Iterable<TargetCounters>): Map<string, TargetCounters> {
  const sums = new Map<string, TargetCounters>()
  for (const one of counters) {
    const sum = sums.get(one.target)
    const refused = (sum?.refused ?? 0) + (one.refused ?? 0)
    sums.set(one.target, sum === undefined ? one : { target: one.target, ...sumFlows(sum, one), refused })
  }
  return sums
}

type Flows = Omit<TargetCounters, 'target' | 'refused'>

function sumFlows(a: Flows, b: Flows): Flows {
  return {
    newFlows: a.newFlows + b.newFlows,
    activeFlows: a.activeFlows + b.activeFlows,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  }
}

function sumDrops(a: ListenerCounters['drops'], b: ListenerCounters['drops']): ListenerCounters['drops'] {
  const sum = { ...a }
  for (const reason of Object.keys(b) as DropReason[]) sum[reason] = (sum[reason] ?? 0) + (b[reason] ?? 0)
  return sum
}
