import type { Alarm } from '../domain/alarm.ts'

/** An alarm over one-second periods of a target group's unhealthy hosts, which has not been looked at yet. */
export function alarm(extra: Partial<Alarm> = {}): Alarm {
  const name = extra.name ?? 'unhealthy'
  return {
    arn: `arn:aws:cloudwatch:us-east-1:000000000000:alarm:${name}`,
    name,
    namespace: 'AWS/NetworkELB',
    metricName: 'UnHealthyHostCount',
    dimensions: { TargetGroup: 'targetgroup/tg/1', LoadBalancer: 'net/lb/1' },
    statistic: 'Maximum',
    periodSeconds: 1,
    evaluationPeriods: 1,
    datapointsToAlarm: extra.evaluationPeriods ?? 1,
    threshold: 1,
    comparison: 'GreaterThanOrEqualToThreshold',
    treatMissingData: 'missing',
    state: 'INSUFFICIENT_DATA',
    stateReason: 'Unchecked: Initial alarm creation',
    stateUpdatedAt: 0,
    updatedAt: 0,
    recorded: {},
    tags: [],
    ...extra,
  }
}
