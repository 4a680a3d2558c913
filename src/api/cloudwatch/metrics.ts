import type {
  GetMetricDataInput,
  GetMetricDataOutput,
  GetMetricStatisticsInput,
  GetMetricStatisticsOutput,
  ListMetricsInput,
  ListMetricsOutput,
  MetricDataQuery,
  MetricDataResult,
  Datapoint as SdkDatapoint,
  Metric as SdkMetric,
} from '@aws-sdk/client-cloudwatch'
import { type Datapoint, type Metric, metricKey, metricsOf, metricUnits, statisticOf } from '../../domain/metric.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'
import { badToken, dimensionsIn, invalid, required } from './resources.ts'

/** The recent past of metrics; of those that no alarm watches nothing is known. */
export interface MetricHistory {
  /** From `from` (milliseconds) on `count` datapoints of `periodMs` each, oldest first; `undefined` where nothing is known. */
  datapoints(metric: Metric, from: number, periodMs: number, count: number): readonly (Datapoint | undefined)[]
}

/** AWS's own limits. */
const [mostStatistics, mostData, metricsPerPage] = [1_440, 100_800, 500]

/** Every metric that an alarm can watch, whether or not one does. */
export function ListMetrics(input: ListMetricsInput, call: Call): ListMetricsOutput {
  const wanted = metricsOf(call.draft.state).filter(
    ({ namespace, name, dimensions }) =>
      (input.Namespace === undefined || namespace === input.Namespace) &&
      (input.MetricName === undefined || name === input.MetricName) &&
      (input.Dimensions ?? []).every(({ Name = '', Value }) => {
        const value = dimensions[Name]
        return value !== undefined && (Value === undefined || value === Value)
      }),
  )
  const { items, next } = pageOf(wanted, metricKey, { size: metricsPerPage, token: input.NextToken }, badToken)
  return {
    Metrics: items.map(({ namespace, name, dimensions }) => ({
      Namespace: namespace,
      MetricName: name,
      Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
    })),
    NextToken: next,
  }
}

export function GetMetricStatistics(
  input: GetMetricStatisticsInput,
  history: MetricHistory,
): GetMetricStatisticsOutput {
  const { Statistics: statistics = [] } = input
  if (input.ExtendedStatistics?.length) throw invalid('ExtendedStatistics are not offered here')
  if (statistics.length === 0) {
    throw new ApiError('InvalidParameterCombination', 'At least one of the parameters Statistics must be specified.')
  }
  const metric = metricIn(input)
  const span = spanIn(input, required(input, 'Period'))
  if (span.count > mostStatistics) {
    throw new ApiError(
      'InvalidParameterCombination',
      `You have requested up to ${span.count.toLocaleString('en')} datapoints, which exceeds the limit of 1,440. You may ` +
        'reduce the datapoints requested by increasing Period, or decreasing the time range.',
    )
  }
  const Unit = unitOf(metric)
  const datapoints = history.datapoints(metric, span.from, span.periodMs, span.count)
  return {
    Label: metric.name,
    Datapoints: datapoints.flatMap((datapoint): SdkDatapoint[] => {
      if (datapoint === undefined) return []
      const values = statistics.map(statistic => [statistic, statisticOf(statistic, datapoint)])
      return [{ Timestamp: new Date(datapoint.at), ...Object.fromEntries(values), Unit }]
    }),
  }
}

/** Metrics alone, without expressions; all in one page. */
export function GetMetricData(input: GetMetricDataInput, history: MetricHistory): GetMetricDataOutput {
  const queries = input.MetricDataQueries ?? []
  const spans = queries.map(query => spanIn(input, required(metricStatIn(query), 'Period')))
  if (spans.reduce((sum, { count }) => sum + count, 0) > mostData) {
    throw invalid(`No more than ${mostData.toLocaleString('en')} datapoints can be requested at once`)
  }
  const results = queries.map((query, index): MetricDataResult => {
    const stat = metricStatIn(query)
    const metric = metricIn(stat.Metric ?? {})
    const statistic = stat.Stat
    if (!isStatistic(statistic)) throw invalid(`The statistic '${statistic}' is not offered here`)
    const { from, periodMs, count } = spans[index] as Span
    const known = history.datapoints(metric, from, periodMs, count).filter(datapoint => datapoint !== undefined)
    const ordered = input.ScanBy === 'TimestampAscending' ? known : known.toReversed()
    return {
      Id: query.Id,
      Label: query.Label ?? metric.name,
      Timestamps: ordered.map(({ at }) => new Date(at)),
      Values: ordered.map(datapoint => statisticOf(statistic, datapoint)),
      StatusCode: 'Complete',
    }
  })
  return { MetricDataResults: results.filter((_, index) => queries[index]?.ReturnData !== false), Messages: [] }
}

function metricStatIn({ MetricStat, Expression }: MetricDataQuery) {
  if (MetricStat === undefined || Expression !== undefined) {
    throw invalid('Expressions are not offered here; specify a MetricStat')
  }
  return MetricStat
}

function metricIn(input: SdkMetric): Metric {
  return {
    namespace: required(input, 'Namespace'),
    name: required(input, 'MetricName'),
    dimensions: dimensionsIn(input.Dimensions),
  }
}

interface Span {
  readonly from: number
  readonly periodMs: number
  readonly count: number
}

/** Whole periods, the first of which has the start in it (AWS: GetMetricStatistics, StartTime). */
function spanIn(input: { StartTime?: Date | undefined; EndTime?: Date | undefined }, periodSeconds: number): Span {
  const start = required(input, 'StartTime').getTime()
  const end = required(input, 'EndTime').getTime()
  if (start >= end) {
    throw new ApiError('InvalidParameterValue', 'The parameter StartTime must be less than the parameter EndTime.')
  }
  if (periodSeconds < 1 || !Number.isInteger(periodSeconds)) throw invalid('Period must be at least one second')
  const periodMs = periodSeconds * 1000
  const from = Math.floor(start / periodMs) * periodMs
  return { from, periodMs, count: Math.ceil((end - from) / periodMs) }
}

function unitOf({ namespace, name }: Metric) {
  const units: Readonly<
    Record<string, Readonly<Record<string, 'Count' | 'Bytes' | 'Seconds' | 'Milliseconds' | 'None'>>>
  > = metricUnits
  return units[namespace]?.[name] ?? 'None'
}

function isStatistic(name: string | undefined): name is Parameters<typeof statisticOf>[0] {
  return ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount'].includes(name ?? '')
}
