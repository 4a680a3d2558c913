import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Calls } from '../calls.fixture.ts'
import { ApiError } from '../errors.ts'
import { DescribeAlarms, PutMetricAlarm } from './alarms.ts'
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts'

const alarm = {
  AlarmName: 'a:b',
  Namespace: 'Sluice',
  MetricName: 'RefusedShare',
  Statistic: 'Maximum',
  Period: 10,
  EvaluationPeriods: 1,
  Threshold: 0.01,
  ComparisonOperator: 'GreaterThanThreshold',
  Tags: [{ Key: 'team', Value: 'edge' }],
} as const

function tagged() {
  const calls = new Calls()
  calls.run(PutMetricAlarm, { ...alarm, Tags: [...alarm.Tags] })
  const [{ AlarmArn: ResourceARN = '' } = {}] = calls.run(DescribeAlarms, {}).MetricAlarms ?? []
  return { calls, ResourceARN }
}

test('an alarm has the tags that it was made with, and those that it gets and loses later', () => {
  const { calls, ResourceARN } = tagged()
  const tags = () => calls.run(ListTagsForResource, { ResourceARN }).Tags
  assert.deepEqual(tags(), alarm.Tags)
  calls.run(TagResource, {
    ResourceARN,
    Tags: [
      { Key: 'team', Value: 'core' },
      { Key: 'tier', Value: '1' },
    ],
  })
  assert.deepEqual(tags(), [
    { Key: 'team', Value: 'core' },
    { Key: 'tier', Value: '1' },
  ])
  calls.run(UntagResource, { ResourceARN, TagKeys: ['team', 'gone'] })
  assert.deepEqual(tags(), [{ Key: 'tier', Value: '1' }])
})

test('more than 50 tags, and tags of what is not there, are refused', () => {
  const { calls, ResourceARN } = tagged()
  const Tags = Array.from({ length: 50 }, (_, n) => ({ Key: `k${n}`, Value: '' }))
  const refusal = (code: string) => (error: unknown) => error instanceof ApiError && error.code === code
  assert.throws(() => calls.run(TagResource, { ResourceARN, Tags }), refusal('ValidationError'))
  for (const arn of [`${ResourceARN}c`, ResourceARN.replace('us-east-1', 'eu-west-1'), 'a:b']) {
    assert.throws(() => calls.run(ListTagsForResource, { ResourceARN: arn }), refusal('ResourceNotFoundException'))
  }
})
