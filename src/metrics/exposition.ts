export type Labels = Readonly<Record<string, string>>

/** How often values were at most each bound, not added up; `counts` has one more, of the values beyond the last bound. */
export interface Histogram {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
  readonly sum: number
}

/** A metric with its series. */
export type Family = {
  readonly name: string
  /** One line: what it is, in which unit. */
  readonly help: string
} & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample<number>[] }
  | { readonly type: 'histogram'; readonly samples: readonly Sample<Histogram>[] }
)

export interface Sample<Value> {
  readonly labels: Labels
  readonly value: Value
}

/** What `exposition` writes. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8'

/** Families in Prometheus's text format (Prometheus: Exposition formats, version 0.0.4); one without samples is left out. */
export function exposition(families: readonly Family[]): string {
  return families
    .filter(({ samples }) => samples.length > 0)
    .map(family => {
      const { name, help, type } = family
      const head = `# HELP ${name} ${escaped(help)}\n# TYPE ${name} ${type}\n`
      return family.type === 'histogram'
        ? head + family.samples.map(({ labels, value }) => buckets(name, labels, value)).join('')
        : head + family.samples.map(({ labels, value }) => line(name, labels, value)).join('')
    })
    .join('')
}

function buckets(name: string, labels: Labels, { bounds, counts, sum }: Histogram): string {
  let count = 0
  const lines = counts.map((more, n) => {
    count += more
    return line(`${name}_bucket`, { ...labels, le: n < bounds.length ? String(bounds[n]) : '+Inf' }, count)
  })
  return `${lines.join('')}${line(`${name}_sum`, labels, sum)}${line(`${name}_count`, labels, count)}`
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text).replaceAll('"', '\\"')}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
