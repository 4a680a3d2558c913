import type { Family, Histogram, Labels, Sample } from './exposition.ts'

/** A metric as something that has counters tells it. */
export type Metric<C> = {
  readonly name: string
  readonly help: string
} & (
  | { readonly type: 'counter' | 'gauge'; value(of: C): number }
  /** One series for each name, which is the label's value. */
  | { readonly type: 'counter'; readonly label: string; value(of: C): Readonly<Partial<Record<string, number>>> }
  | { readonly type: 'histogram'; value(of: C): Histogram }
)

/** The metric of all of these. */
export function familyOf<C>(metric: Metric<C>, all: readonly { readonly labels: Labels; readonly of: C }[]): Family {
  const { name, help } = metric
  if (metric.type === 'histogram') {
    return {
      name,
      help,
      type: metric.type,
      samples: all.map(({ labels, of }) => ({ labels, value: metric.value(of) })),
    }
  }
  const samples = all.flatMap(({ labels, of }): Sample<number>[] => {
    if (!('label' in metric)) return [{ labels, value: metric.value(of) }]
    const { label } = metric
    return Object.entries(metric.value(of)).map(([text, value = 0]) => ({
      labels: { ...labels, [label]: text },
      value,
    }))
  })
  return { name, help, type: metric.type, samples }
}
