import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloudWatchClient, DescribeAlarmsCommand, PutMetricAlarmCommand } from '@aws-sdk/client-cloudwatch'
import { lacking } from '../../../test/lacking.ts'
import { openMemoryStore } from '../../store/memory.ts'
import { awsCli, awsPrograms } from '../aws-cli.fixture.ts'
import { serviceContract } from '../service.contract.ts'
import { clientOptions, openStubApi } from '../stub-api.fixture.ts'
import { cloudWatch } from './service.ts'

const service = cloudWatch({ datapoints: (_, from) => [{ at: from, sampleCount: 1, sum: 2, minimum: 2, maximum: 2 }] })

serviceContract(service)

test('the AWS SDK puts and describes alarms, and gets errors, in JSON', async t => {
  const client = new CloudWatchClient(clientOptions(await openStubApi(t, { services: [service] })))
  t.after(() => client.destroy())
  const alarm = {
    AlarmName: 'slow',
    Namespace: 'Sluice',
    MetricName: 'ConnectLatency',
    Statistic: 'Average',
    Period: 10,
    EvaluationPeriods: 1,
    Threshold: 2.5,
    ComparisonOperator: 'GreaterThanThreshold',
  } as const
  await client.send(new PutMetricAlarmCommand(alarm))
  const { MetricAlarms } = await client.send(new DescribeAlarmsCommand({}))
  assert.equal(MetricAlarms?.[0]?.Threshold, 2.5)
  await assert.rejects(client.send(new PutMetricAlarmCommand({ ...alarm, Period: 0 })), {
    name: 'ValidationException',
    message:
      "1 validation error detected: Value '0' at 'period' failed to satisfy constraint: Member must have value greater than or equal to 1",
  })
})

test('the AWS CLI, of whatever age, puts, sets, describes and deletes alarms, and reads metrics', async t => {
  const programs = awsPrograms()
  if (programs.length === 0) return lacking(t, 'aws (Debian: awscli)')
  for (const program of programs) {
    const store = openMemoryStore()
    const api = await openStubApi(t, { services: [service], store })
    const { run: aws } = awsCli(api.url, { program })
    await aws(
      'cloudwatch put-metric-alarm --alarm-name hot --namespace AWS/NetworkELB --metric-name UnHealthyHostCount --statistic Maximum ' +
        '--dimensions Name=TargetGroup,Value=targetgroup/green/1 Name=LoadBalancer,Value=net/lb/1 --period 10 ' +
        '--evaluation-periods 1 --threshold 0.5 --comparison-operator GreaterThanThreshold --treat-missing-data breaching',
    )
    await aws('cloudwatch set-alarm-state --alarm-name hot --state-value ALARM --state-reason drill')
    const { MetricAlarms } = await aws('cloudwatch describe-alarms --alarm-names hot')
    const { Threshold, StateValue, StateReason, Dimensions } = MetricAlarms[0]
    assert.deepEqual([Threshold, StateValue, StateReason, Dimensions.length], [0.5, 'ALARM', 'drill', 2])
    await assert.rejects(
      aws('cloudwatch set-alarm-state --alarm-name gone --state-value OK --state-reason drill'),
      /\(ResourceNotFound\) when calling the SetAlarmState operation: There is no alarm 'gone'\./,
    )
    const { Datapoints } = await aws(
      'cloudwatch get-metric-statistics --namespace AWS/NetworkELB --metric-name UnHealthyHostCount --statistics Maximum --period 60 ' +
        '--start-time 2026-01-01T00:00:00Z --end-time 2026-01-01T00:01:00Z',
    )
    assert.equal(Datapoints[0].Maximum, 2)
    assert.deepEqual((await aws('cloudwatch list-metrics')).Metrics, [])
    await aws('cloudwatch delete-alarms --alarm-names hot')
    assert.equal(store.read().alarms.size, 0)
  }
})
