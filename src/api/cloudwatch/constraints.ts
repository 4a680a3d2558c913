import type { Constraint, Constraints } from '../call.ts'

const name: Constraint = { min: 1, max: 255 }
const statistic: Constraint = { enum: ['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'] }
const state: Constraint = { enum: ['OK', 'ALARM', 'INSUFFICIENT_DATA'] }
const actions: Constraint = { max: 5 }
const dimensions: Constraint = { max: 30 }
const resource: Constraint = { min: 1, max: 1024 }

/** What CloudWatch's service model says of members beside their types. */
export const constraints: Constraints = {
  'PutMetricAlarmInput.AlarmName': name,
  'PutMetricAlarmInput.AlarmDescription': { max: 1024 },
  'PutMetricAlarmInput.OKActions': actions,
  'PutMetricAlarmInput.AlarmActions': actions,
  'PutMetricAlarmInput.InsufficientDataActions': actions,
  'PutMetricAlarmInput.MetricName': name,
  'PutMetricAlarmInput.Namespace': { min: 1, max: 255, pattern: /^[^:].*$/ },
  'PutMetricAlarmInput.Statistic': statistic,
  'PutMetricAlarmInput.Dimensions': dimensions,
  'PutMetricAlarmInput.Period': { min: 1 },
  'PutMetricAlarmInput.EvaluationPeriods': { min: 1 },
  'PutMetricAlarmInput.DatapointsToAlarm': { min: 1 },
  'PutMetricAlarmInput.ComparisonOperator': {
    enum: [
      'GreaterThanOrEqualToThreshold',
      'GreaterThanThreshold',
      'LessThanThreshold',
      'LessThanOrEqualToThreshold',
      'LessThanLowerOrGreaterThanUpperThreshold',
      'LessThanLowerThreshold',
      'GreaterThanUpperThreshold',
    ],
  },
  'PutMetricAlarmInput.TreatMissingData': { enum: ['breaching', 'notBreaching', 'ignore', 'missing'] },
  'PutMetricAlarmInput.Tags': { max: 50 },
  'DescribeAlarmsInput.AlarmNames': { max: 100 },
  'DescribeAlarmsInput.StateValue': state,
  'DescribeAlarmsInput.MaxRecords': { min: 1, max: 100 },
  'DeleteAlarmsInput.AlarmNames': { max: 100 },
  'SetAlarmStateInput.AlarmName': name,
  'SetAlarmStateInput.StateValue': state,
  'SetAlarmStateInput.StateReason': { max: 1023 },
  'GetMetricStatisticsInput.Dimensions': dimensions,
  'GetMetricStatisticsInput.Statistics': { min: 1, max: 5, ...statistic },
  'GetMetricStatisticsInput.Period': { min: 1 },
  'GetMetricDataInput.MetricDataQueries': { max: 500 },
  'GetMetricDataInput.ScanBy': { enum: ['TimestampDescending', 'TimestampAscending'] },
  'MetricStat.Period': { min: 1 },
  'ListMetricsInput.Dimensions': { max: 10 },
  'ListTagsForResourceInput.ResourceARN': resource,
  'TagResourceInput.ResourceARN': resource,
  'UntagResourceInput.ResourceARN': resource,
  'Tag.Key': { min: 1, max: 128 },
  'Tag.Value': { max: 256 },
  'Dimension.Name': name,
  'Dimension.Value': { min: 1, max: 1024 },
}
