import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GetMetricStatisticsInput } from '@aws-sdk/client-cloudwatch'
import type { Metric } from '../../domain/metric.ts'
import { Account } from '../elbv2/account.fixture.ts'
import { ApiError } from '../errors.ts'
import { GetMetricData, GetMetricStatistics, ListMetrics, type MetricHistory } from './metrics.ts'

const start = Date.UTC(2026, 0, 1)

/** In each period that begins at an even minute two samples, 1 and 3. */
class EvenMinutes implements MetricHistory {
  metric: Metric | undefined

  datapoints(metric: Metric, from: number, periodMs: number, count: number) {
    this.metric = metric
    return Array.from({ length: count }, (_, index) => {
      const at = from + index * periodMs
      return (at / 60_000) % 2 === 0 ? { at, sampleCount: 2, sum: 4, minimum: 1, maximum: 3 } : undefined
    })
  }
}

const asked = {
  Namespace: 'AWS/NetworkELB',
  MetricName: 'ProcessedBytes',
  Dimensions: [{ Name: 'LoadBalancer', Value: 'net/lb/1' }],
  StartTime: new Date(start + 5_000),
  EndTime: new Date(start + 180_000),
  Period: 60,
  Statistics: ['Sum', 'Average', 'Maximum'],
} satisfies GetMetricStatisticsInput

const refusal = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof ApiError && error.code === code && text.test(error.message)

test('statistics are told of the periods that have any, from the one that the start is in', () => {
  const history = new EvenMinutes()
  assert.deepEqual(GetMetricStatistics(asked, history), {
    Label: 'ProcessedBytes',
    Datapoints: [
      { Timestamp: new Date(start), Sum: 4, Average: 2, Maximum: 3, Unit: 'Bytes' },
      { Timestamp: new Date(start + 120_000), Sum: 4, Average: 2, Maximum: 3, Unit: 'Bytes' },
    ],
  })
  assert.deepEqual(history.metric, {
    namespace: 'AWS/NetworkELB',
    name: 'ProcessedBytes',
    dimensions: { LoadBalancer: 'net/lb/1' },
  })
})

for (const [what, change, code, text] of [
  ['more than 1,440 datapoints', { Period: 1, EndTime: new Date(start + 2e6) }, 'InvalidParameterCombination', /1,995/],
  ['an end before its start', { EndTime: new Date(start) }, 'InvalidParameterValue', /StartTime must be less than/],
  ['no statistic', { Statistics: [] }, 'InvalidParameterCombination', /Statistics must be specified/],
  ['a percentile', { ExtendedStatistics: ['p99'] }, 'ValidationError', /not offered/],
] as const) {
  test(`a question for ${what} is refused`, () => {
    const input = { ...asked, ...change } as unknown as GetMetricStatisticsInput
    assert.throws(() => GetMetricStatistics(input, new EvenMinutes()), refusal(code, text))
  })
}

test('metric data comes newest first unless asked otherwise', () => {
  const { StartTime, EndTime, Period, Namespace, MetricName } = asked
  const query = { Id: 'bytes', MetricStat: { Metric: { Namespace, MetricName }, Period, Stat: 'Sum' } }
  const input = { StartTime, EndTime, MetricDataQueries: [query] }
  const newest = {
    Id: 'bytes',
    Label: 'ProcessedBytes',
    Timestamps: [new Date(start + 120_000), new Date(start)],
    Values: [4, 4],
    StatusCode: 'Complete',
  }
  assert.deepEqual(GetMetricData(input, new EvenMinutes()).MetricDataResults, [newest])
  const [oldest] = GetMetricData({ ...input, ScanBy: 'TimestampAscending' }, new EvenMinutes()).MetricDataResults ?? []
  assert.deepEqual(oldest?.Timestamps, newest.Timestamps.toReversed())
})

test('metric data with an expression, an unknown statistic or too many datapoints is refused', () => {
  const { StartTime, EndTime, Namespace, MetricName } = asked
  const of = (query: object, end = EndTime) =>
    GetMetricData({ StartTime, EndTime: end, MetricDataQueries: [{ Id: 'a', ...query }] }, new EvenMinutes())
  const stat = (Stat: string, Period = 60) => ({ MetricStat: { Metric: { Namespace, MetricName }, Period, Stat } })
  assert.throws(() => of({ Expression: 'a + b' }), refusal('ValidationError', /Expressions/))
  assert.throws(() => of(stat('p99')), refusal('ValidationError', /'p99'/))
  assert.throws(() => of(stat('Sum', 1), new Date(start + 2e8)), refusal('ValidationError', /100,800/))
})

test('metrics are listed for what is in use, by namespace, name and dimension', () => {
  const account = new Account()
  const loadBalancer = account.loadBalancer()
  account.listener(loadBalancer, account.targetGroup())
  account.targetGroup({ Name: 'idle' })
  const list = (input = {}) => account.run(ListMetrics, input).Metrics ?? []
  assert.equal(list().length, 11)
  assert.equal(list({ Namespace: 'Sluice' }).length, 3)
  assert.equal(list({ MetricName: 'NewFlowCount' }).length, 2)
  assert.equal(list({ Dimensions: [{ Name: 'TargetGroup' }] }).length, 7)
  assert.equal(list({ Dimensions: [{ Name: 'TargetGroup', Value: 'targetgroup/other/1' }] }).length, 0)
  const [hosts] = list({ MetricName: 'HealthyHostCount' })
  assert.equal(hosts?.Namespace, 'AWS/NetworkELB')
  assert.deepEqual(hosts.Dimensions?.map(({ Name }) => Name).sort(), ['LoadBalancer', 'TargetGroup'])
})
