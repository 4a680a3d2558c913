import type { Tag } from './tag.ts'

/** A CloudWatch alarm over one of our own metrics. */
export interface Alarm {
  /** `arn:aws:cloudwatch:REGION:ACCOUNT:alarm:NAME` */
  readonly arn: string
  readonly name: string
  readonly description?: string
  readonly namespace: string
  readonly metricName: string
  readonly dimensions: Readonly<Record<string, string>>
  readonly statistic: 'Sum' | 'Average' | 'Minimum' | 'Maximum' | 'SampleCount'
  readonly periodSeconds: number
  readonly evaluationPeriods: number
  readonly datapointsToAlarm: number
  readonly threshold: number
  readonly comparison:
    | 'GreaterThanThreshold'
    | 'GreaterThanOrEqualToThreshold'
    | 'LessThanThreshold'
    | 'LessThanOrEqualToThreshold'
  readonly treatMissingData: 'missing' | 'ignore' | 'breaching' | 'notBreaching'
  /** It was set by SetAlarmState or by evaluation; the next evaluation that differs replaces it. */
  readonly state: 'OK' | 'ALARM' | 'INSUFFICIENT_DATA'
  readonly stateReason: string
  /** Milliseconds since the epoch. */
  readonly stateUpdatedAt: number
  readonly updatedAt: number
  /** What is given back as it was given: AlarmActions and so on. */
  readonly recorded: Readonly<Record<string, unknown>>
  readonly tags: readonly Tag[]
}
