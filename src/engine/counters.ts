import type { HttpListenerCounters, HttpTargetCounters, ListenerCounters, TargetCounters } from './engine.ts'

/** One total for each listener, whichever processes counted it. */
export function sumListeners(counters: Iterable<ListenerCounters>): Map<string, ListenerCounters> {
  const sums = new Map<string, ListenerCounters>()
  for (const one of counters) {
    const sum = sums.get(one.listener)
    if (sum === undefined) sums.set(one.listener, one)
    else {
      const http = sumHttp(sum.http, one.http)
      const drops = sumCounts(sum.drops, one.drops)
      sums.set(one.listener, { ...one, ...sumFlows(sum, one), drops, ...(http && { http }) })
    }
  }
  return sums
}

/** One total for each target, whichever listeners and processes counted it. */
export function sumTargets(counters: Iterable<TargetCounters>): Map<string, TargetCounters> {
  const sums = new Map<string, TargetCounters>()
  for (const one of counters) {
    const sum = sums.get(one.target)
    if (sum === undefined) {
      sums.set(one.target, one)
      continue
    }
    const http = sumHttp(sum.http, one.http)
    const refused = (sum.refused ?? 0) + (one.refused ?? 0)
    sums.set(one.target, { target: one.target, ...sumFlows(sum, one), refused, ...(http && { http }) })
  }
  return sums
}

type Flows = Omit<TargetCounters, 'target' | 'refused' | 'http'>

function sumFlows(a: Flows, b: Flows): Flows {
  return {
    newFlows: a.newFlows + b.newFlows,
    activeFlows: a.activeFlows + b.activeFlows,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  }
}

/** Counts, lists of counts and counts by name, each added to its like. */
function sumHttp<C extends HttpListenerCounters | HttpTargetCounters>(
  a: C | undefined,
  b: C | undefined,
): C | undefined {
  if (a === undefined || b === undefined) return a ?? b
  const sum: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(b)) {
    const other = a[name as keyof C] as unknown
    if (typeof value === 'number') sum[name] = value + (other as number)
    else if (Array.isArray(value)) sum[name] = value.map((count, n) => count + (other as number[])[n]!)
    else sum[name] = sumCounts(value, other as Counts)
  }
  return sum as unknown as C
}

type Counts = Readonly<Record<string, number>>

function sumCounts<C extends Readonly<Partial<Record<string, number>>>>(a: C, b: C): C {
  const sum: Record<string, number | undefined> = { ...a }
  for (const [name, count = 0] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count
  return sum as C
}
