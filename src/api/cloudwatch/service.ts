import type { GetMetricDataInput, GetMetricStatisticsInput } from '@aws-sdk/client-cloudwatch'
import type { Service } from '../call.ts'
import { DeleteAlarms, DescribeAlarms, PutMetricAlarm, SetAlarmState } from './alarms.ts'
import { constraints } from './constraints.ts'
import { GetMetricData, GetMetricStatistics, ListMetrics, type MetricHistory } from './metrics.ts'
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts'

/** CloudWatch, as far as alarms over our own metrics need it; in Query for older tools and in JSON for today's. */
export function cloudWatch(history: MetricHistory): Service {
  const actions = {
    DeleteAlarms,
    DescribeAlarms,
    GetMetricData: (input: GetMetricDataInput) => GetMetricData(input, history),
    GetMetricStatistics: (input: GetMetricStatisticsInput) => GetMetricStatistics(input, history),
    ListMetrics,
    ListTagsForResource,
    PutMetricAlarm,
    SetAlarmState,
    TagResource,
    UntagResource,
  }
  return {
    signingName: 'monitoring',
    version: '2010-08-01',
    protocol: 'query',
    targetPrefix: 'GraniteServiceVersion20100801',
    xmlNamespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/',
    actionNames: Object.keys(actions),
    load: async () => ({ schemas: await import('@aws-sdk/client-cloudwatch'), actions, constraints }),
  }
}
