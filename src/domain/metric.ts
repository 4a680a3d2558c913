import type { LoadBalancer } from './load-balancer.ts'
import { memoByTables } from './memo.ts'
import { referencesTo } from './references.ts'
import type { State } from './state.ts'
import type { TargetGroup } from './target-group.ts'

/** A series of numbers, as CloudWatch names one. */
export interface Metric {
  readonly namespace: string
  readonly name: string
  readonly dimensions: Readonly<Record<string, string>>
}

/** What is known of a metric in a span of time. */
export interface Datapoint {
  /** Where the span begins, milliseconds since the epoch. */
  readonly at: number
  readonly sampleCount: number
  readonly sum: number
  readonly minimum: number
  readonly maximum: number
}

export type Statistic = 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'SampleCount'

/** The number that a statistic makes of a datapoint. */
export function statisticOf(statistic: Statistic, { sampleCount, sum, minimum, maximum }: Datapoint): number {
  if (statistic === 'Sum') return sum
  if (statistic === 'Minimum') return minimum
  if (statistic === 'Maximum') return maximum
  return statistic === 'SampleCount' ? sampleCount : sum / sampleCount
}

/** What is known of each target group that a load balancer uses; some of it of the load balancer as a whole too. */
export const metricUnits = {
  /** AWS's (CloudWatch metrics for your Network Load Balancer). */
  'AWS/NetworkELB': {
    HealthyHostCount: 'Count',
    UnHealthyHostCount: 'Count',
    NewFlowCount: 'Count',
    ActiveFlowCount: 'Count',
    ProcessedBytes: 'Bytes',
  },
  /** AWS's (CloudWatch metrics for your Application Load Balancer). */
  'AWS/ApplicationELB': {
    HealthyHostCount: 'Count',
    UnHealthyHostCount: 'Count',
    RequestCount: 'Count',
    HTTPCode_Target_5XX_Count: 'Count',
    HTTPCode_ELB_5XX_Count: 'Count',
    TargetResponseTime: 'Seconds',
  },
  Sluice: {
    /** 0 to 1: of the new flows those that no target took. */
    RefusedShare: 'None',
    /** How long the slowest successful health probe took. */
    ConnectLatency: 'Milliseconds',
  },
} as const

/** Of a load balancer as a whole. */
const loadBalancerMetrics: ReadonlySet<string> = new Set([
  'NewFlowCount',
  'ActiveFlowCount',
  'ProcessedBytes',
  'RefusedShare',
  'RequestCount',
  'HTTPCode_Target_5XX_Count',
  'HTTPCode_ELB_5XX_Count',
  'TargetResponseTime',
])

/** Of no target group: what no target has answered. */
const loadBalancersAlone: ReadonlySet<string> = new Set(['HTTPCode_ELB_5XX_Count'])

const namespaces = {
  network: ['AWS/NetworkELB', 'Sluice'],
  application: ['AWS/ApplicationELB', 'Sluice'],
} as const

/** What a metric is about: a target group that a load balancer uses, or without `group` all of the load balancer. */
export interface Subject {
  readonly loadBalancer: LoadBalancer
  readonly group?: TargetGroup
}

/** `undefined` for a metric that there is not: of another name, or of something that is not there or not in use. */
export function subjectOf(state: State, { namespace, name, dimensions }: Metric): Subject | undefined {
  const { TargetGroup: groupName, LoadBalancer: loadBalancerName, ...others } = dimensions
  const loadBalancer = byDimension(state.loadBalancers).get(loadBalancerName ?? '')
  if (loadBalancer === undefined || Object.keys(others).length > 0) return undefined
  const space = namespaces[loadBalancer.type].find(each => each === namespace)
  if (space === undefined || !Object.hasOwn(metricUnits[space], name)) return undefined
  if (groupName === undefined) return loadBalancerMetrics.has(name) ? { loadBalancer } : undefined
  const group = byDimension(state.targetGroups).get(groupName)
  if (
    group === undefined ||
    loadBalancersAlone.has(name) ||
    referencesTo(state, group.arn)[0]?.loadBalancer !== loadBalancer
  )
    return undefined
  return { loadBalancer, group }
}

/** All metrics that there are, in the order of what they are about. */
export function metricsOf(state: State): readonly Metric[] {
  const groups = [...state.targetGroups.keys()].flatMap(arn => {
    const user = referencesTo(state, arn)[0]?.loadBalancer
    if (user === undefined) return []
    const all = metricsWith(user, { TargetGroup: dimensionOf(arn), LoadBalancer: dimensionOf(user.arn) })
    return all.filter(({ name }) => !loadBalancersAlone.has(name))
  })
  const loadBalancers = [...state.loadBalancers.values()].flatMap(its =>
    metricsWith(its, { LoadBalancer: dimensionOf(its.arn) }).filter(({ name }) => loadBalancerMetrics.has(name)),
  )
  return [...groups, ...loadBalancers]
}

function metricsWith({ type }: LoadBalancer, dimensions: Metric['dimensions']): readonly Metric[] {
  return namespaces[type].flatMap(namespace =>
    Object.keys(metricUnits[namespace]).map(name => ({ namespace, name, dimensions })),
  )
}

/** One text for one metric, whatever the order of its dimensions. */
export function metricKey({ namespace, name, dimensions }: Metric): string {
  return JSON.stringify([namespace, name, ...Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))])
}

/** `targetgroup/NAME/ID`, `net/NAME/ID`, `app/NAME/ID` (AWS: Metric dimensions for Network, Application Load Balancers). */
export function dimensionOf(arn: string): string {
  return arn.slice(arn.lastIndexOf(':') + 1).replace(/^loadbalancer\//, '')
}

const byDimension = memoByTables(
  <Kind extends { readonly arn: string }>(table: ReadonlyMap<string, Kind>): ReadonlyMap<string, Kind> =>
    new Map(Array.from(table.values(), each => [dimensionOf(each.arn), each])),
)
