import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PutMetricAlarmInput } from '@aws-sdk/client-cloudwatch'
import { Calls } from '../calls.fixture.ts'
import { ApiError } from '../errors.ts'
import { DeleteAlarms, DescribeAlarms, PutMetricAlarm, SetAlarmState } from './alarms.ts'

const given: PutMetricAlarmInput = {
  AlarmName: 'unhealthy',
  AlarmDescription: 'some target is not well',
  Namespace: 'AWS/NetworkELB',
  MetricName: 'UnHealthyHostCount',
  Dimensions: [
    { Name: 'TargetGroup', Value: 'targetgroup/green/1' },
    { Name: 'LoadBalancer', Value: 'net/lb/2' },
  ],
  Statistic: 'Maximum',
  Period: 60,
  EvaluationPeriods: 3,
  Threshold: 0.5,
  ComparisonOperator: 'GreaterThanThreshold',
  AlarmActions: ['arn:aws:sns:us-east-1:000000000000:pager'],
  Unit: 'Count',
}

const names = (calls: Calls, input: Parameters<typeof DescribeAlarms>[0] = {}) =>
  calls.run(DescribeAlarms, input).MetricAlarms?.map(({ AlarmName }) => AlarmName)

const refusal = (code: string, text: RegExp) => (error: unknown) =>
  error instanceof ApiError && error.code === code && text.test(error.message)

test('an alarm is described as it was put, in a state of insufficient data', () => {
  const calls = new Calls()
  calls.run(PutMetricAlarm, given)
  const made = new Date(calls.now)
  assert.deepEqual(calls.run(DescribeAlarms, {}), {
    MetricAlarms: [
      {
        ...given,
        AlarmArn: 'arn:aws:cloudwatch:us-east-1:000000000000:alarm:unhealthy',
        AlarmConfigurationUpdatedTimestamp: made,
        ActionsEnabled: true,
        OKActions: [],
        InsufficientDataActions: [],
        StateValue: 'INSUFFICIENT_DATA',
        StateReason: 'Unchecked: Initial alarm creation',
        StateUpdatedTimestamp: made,
        StateTransitionedTimestamp: made,
      },
    ],
    CompositeAlarms: [],
    NextToken: undefined,
  })
})

test('an alarm that is put again has all settings anew, and the state that it had', () => {
  const calls = new Calls()
  calls.run(PutMetricAlarm, given)
  calls.run(SetAlarmState, { AlarmName: 'unhealthy', StateValue: 'ALARM', StateReason: 'a drill' })
  calls.now += 1000
  const { AlarmDescription, AlarmActions, ...rest } = given
  calls.run(PutMetricAlarm, { ...rest, Threshold: 2, DatapointsToAlarm: 2, TreatMissingData: 'ignore' })
  const [alarm] = calls.run(DescribeAlarms, {}).MetricAlarms ?? []
  assert.equal(alarm?.Threshold, 2)
  assert.deepEqual([alarm.DatapointsToAlarm, alarm.TreatMissingData], [2, 'ignore'])
  assert.equal(alarm.AlarmDescription, undefined)
  assert.deepEqual(alarm.AlarmActions, [])
  assert.equal(alarm.StateValue, 'ALARM')
  assert.equal(alarm.StateReason, 'a drill')
  assert.equal(alarm.StateUpdatedTimestamp?.getTime(), calls.now - 1000)
  assert.equal(alarm.AlarmConfigurationUpdatedTimestamp?.getTime(), calls.now)
})

for (const period of [1, 5, 10, 20, 30, 60, 300]) {
  test(`a period of ${period} s is taken`, () => {
    new Calls().run(PutMetricAlarm, { ...given, Period: period })
  })
}

for (const [what, change, text] of [
  ['a period of another length', { Period: 45 }, /^Period must be 1, 5, 10, 20, 30 or a multiple of 60$/],
  [
    'more than a day',
    { Period: 3600, EvaluationPeriods: 25 },
    /^Metrics cannot be checked across more than a day \(EvaluationPeriods \* Period must be <= 86400\)\.$/,
  ],
  ['more datapoints than periods', { DatapointsToAlarm: 4 }, /DatapointsToAlarm must be less than or equal/],
  ['a comparison with a band', { ComparisonOperator: 'GreaterThanUpperThreshold' }, /anomaly detection/],
  ['a percentile', { ExtendedStatistic: 'p99' }, /^ExtendedStatistic is not offered here/],
  ['metric math', { Metrics: [{ Id: 'a', Expression: 'b' }] }, /^Metrics is not offered here/],
  ['no metric', { MetricName: undefined }, /Value null at 'metricName' failed/],
  ['no threshold', { Threshold: undefined }, /Value null at 'threshold' failed/],
  [
    'one dimension twice',
    {
      Dimensions: [
        { Name: 'a', Value: '1' },
        { Name: 'a', Value: '2' },
      ],
    },
    /more than once/,
  ],
] as const) {
  test(`an alarm with ${what} is refused`, () => {
    const input = { ...given, ...change } as PutMetricAlarmInput
    assert.throws(() => new Calls().run(PutMetricAlarm, input), refusal('ValidationError', text))
  })
}

test('alarms are described by name, prefix, state and action, page by page', () => {
  const calls = new Calls()
  for (const AlarmName of ['web-b', 'web-a', 'db']) calls.run(PutMetricAlarm, { ...given, AlarmName })
  calls.run(PutMetricAlarm, { ...given, AlarmName: 'mute', AlarmActions: [] })
  calls.run(SetAlarmState, { AlarmName: 'db', StateValue: 'OK', StateReason: 'well' })
  assert.deepEqual(names(calls), ['db', 'mute', 'web-a', 'web-b'])
  assert.deepEqual(names(calls, { AlarmNames: ['db', 'gone'] }), ['db'])
  assert.deepEqual(names(calls, { AlarmNamePrefix: 'web' }), ['web-a', 'web-b'])
  assert.deepEqual(names(calls, { StateValue: 'OK' }), ['db'])
  assert.deepEqual(names(calls, { ActionPrefix: 'arn:aws:sns:' }), ['db', 'web-a', 'web-b'])
  assert.deepEqual(names(calls, { AlarmTypes: ['CompositeAlarm'] }), [])
  const { MetricAlarms: first, NextToken } = calls.run(DescribeAlarms, { MaxRecords: 3 })
  assert.equal(first?.length, 3)
  assert.deepEqual(names(calls, { NextToken }), ['web-b'])
  assert.throws(() => names(calls, { NextToken: '?' }), refusal('InvalidNextToken', /invalid/))
  assert.throws(
    () => names(calls, { AlarmNames: ['db'], AlarmNamePrefix: 'w' }),
    refusal('InvalidParameterCombination', /cannot be specified together/),
  )
})

test('alarms are deleted, and one that is not there is deleted already', () => {
  const calls = new Calls()
  calls.run(PutMetricAlarm, given)
  calls.run(DeleteAlarms, { AlarmNames: ['gone', 'unhealthy'] })
  assert.deepEqual(names(calls), [])
})

test('the state of an alarm that is not there can’t be set', () => {
  const set = { AlarmName: 'gone', StateValue: 'OK', StateReason: 'x' } as const
  assert.throws(() => new Calls().run(SetAlarmState, set), refusal('ResourceNotFound', /'gone'/))
})
