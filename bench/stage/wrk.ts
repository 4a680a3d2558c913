export interface WrkFigures {
  readonly total: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Connections that broke, answers that did not come, and such as were not 2xx or 3xx. */
  readonly failed: number
}

/** What `wrk --latency` has printed. */
export function wrkFigures(output: string): WrkFigures {
  const milliseconds = (percent: number) => {
    const [, value, unit] = new RegExp(`${percent}%\\s+([\\d.]+)(us|ms|s)`).exec(output) ?? []
    return Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit as 'us' | 'ms' | 's']
  }
  const [, ...errors] = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output) ?? []
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0)
  return {
    total: Number(/(\d+) requests in/.exec(output)?.[1]),
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    p50: milliseconds(50),
    p99: milliseconds(99),
    failed: errors.map(Number).reduce((sum, count) => sum + count, refused),
  }
}
