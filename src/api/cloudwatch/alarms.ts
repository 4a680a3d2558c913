import type {
  DeleteAlarmsInput,
  DescribeAlarmsInput,
  DescribeAlarmsOutput,
  MetricAlarm,
  PutMetricAlarmInput,
  SetAlarmStateInput,
} from '@aws-sdk/client-cloudwatch'
import type { Alarm } from '../../domain/alarm.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'
import { badToken, dimensionsIn, invalid, required } from './resources.ts'
import { tagsIn } from './tags.ts'

/** AWS: what has no unit of its own to look back in is checked across a day at most. */
const longestSeconds = 86_400

/** Of an alarm that exists all is replaced but its state and its tags. */
export function PutMetricAlarm(input: PutMetricAlarmInput, call: Call): object {
  const name = required(input, 'AlarmName')
  const before = call.draft.state.alarms.get(name)
  const { state, stateReason, stateUpdatedAt, tags } = before ?? {
    state: 'INSUFFICIENT_DATA',
    stateReason: 'Unchecked: Initial alarm creation',
    stateUpdatedAt: call.now,
    tags: tagsIn(input.Tags),
  }
  call.draft.put('alarms', name, {
    arn: `arn:aws:cloudwatch:${call.region}:${call.account}:alarm:${name}`,
    name,
    ...(input.AlarmDescription !== undefined && { description: input.AlarmDescription }),
    ...settingsIn(input),
    state,
    stateReason,
    stateUpdatedAt,
    updatedAt: call.now,
    tags,
  })
  return {}
}

/** Those by name, by the beginning of their names, or all; an unknown name is no error. */
export function DescribeAlarms(input: DescribeAlarmsInput, call: Call): DescribeAlarmsOutput {
  const { AlarmNames: names, AlarmNamePrefix: prefix = '', StateValue: state, AlarmTypes: types } = input
  if (names?.length && prefix !== '') {
    throw new ApiError('InvalidParameterCombination', 'AlarmNames and AlarmNamePrefix cannot be specified together')
  }
  const isOurKind = !types?.length || types.includes('MetricAlarm')
  const wanted = [...call.draft.state.alarms.values()].filter(
    alarm =>
      isOurKind &&
      (!names?.length || names.includes(alarm.name)) &&
      alarm.name.startsWith(prefix) &&
      (state === undefined || alarm.state === state) &&
      hasAction(alarm, input.ActionPrefix),
  )
  const asked = { size: input.MaxRecords ?? 50, token: input.NextToken }
  const { items, next } = pageOf(wanted, alarm => alarm.name, asked, badToken)
  return { MetricAlarms: items.map(describe), CompositeAlarms: [], NextToken: next }
}

/** Those that are not there are deleted already. */
export function DeleteAlarms(input: DeleteAlarmsInput, call: Call): object {
  for (const name of input.AlarmNames ?? []) call.draft.delete('alarms', name)
  return {}
}

/** Holds until the alarm's metric says otherwise. */
export function SetAlarmState(input: SetAlarmStateInput, call: Call): object {
  const alarm = call.draft.state.alarms.get(input.AlarmName ?? '')
  if (alarm === undefined) throw new ApiError('ResourceNotFound', `There is no alarm '${input.AlarmName}'.`, 404)
  call.draft.put('alarms', alarm.name, {
    ...alarm,
    state: required(input, 'StateValue'),
    stateReason: required(input, 'StateReason'),
    stateUpdatedAt: call.now,
  })
  return {}
}

/** What is given back as it was given, if it was: nothing acts on it, or on what follows from it. */
const recorded = [
  'ActionsEnabled',
  'OKActions',
  'AlarmActions',
  'InsufficientDataActions',
  'Unit',
  'DatapointsToAlarm',
  'TreatMissingData',
] as const

const notOffered = [
  'ExtendedStatistic',
  'EvaluateLowSampleCountPercentile',
  'Metrics',
  'ThresholdMetricId',
  'EvaluationWindow',
  'WarmUpConfiguration',
  'EvaluationCriteria',
  'EvaluationInterval',
] as const

type Settings = Pick<
  Alarm,
  | 'namespace'
  | 'metricName'
  | 'dimensions'
  | 'statistic'
  | 'periodSeconds'
  | 'evaluationPeriods'
  | 'datapointsToAlarm'
  | 'threshold'
  | 'comparison'
  | 'treatMissingData'
  | 'recorded'
>

function settingsIn(input: PutMetricAlarmInput): Settings {
  for (const member of notOffered) {
    const given: unknown = input[member]
    if (given !== undefined && !(Array.isArray(given) && given.length === 0)) {
      throw invalid(`${member} is not offered here; specify one metric with Statistic and Threshold`)
    }
  }
  const comparison = required(input, 'ComparisonOperator')
  if (!isComparison(comparison)) {
    throw invalid(`The comparison operator ${comparison} is for anomaly detection, which is not offered here`)
  }
  const periodSeconds = required(input, 'Period')
  if (![1, 5, 10, 20, 30].includes(periodSeconds) && periodSeconds % 60 !== 0) {
    throw invalid('Period must be 1, 5, 10, 20, 30 or a multiple of 60')
  }
  const evaluationPeriods = required(input, 'EvaluationPeriods')
  if (evaluationPeriods * periodSeconds > longestSeconds) {
    throw invalid(
      `Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= ${longestSeconds}).`,
    )
  }
  const datapointsToAlarm = input.DatapointsToAlarm ?? evaluationPeriods
  if (datapointsToAlarm > evaluationPeriods) {
    throw invalid('DatapointsToAlarm must be less than or equal to EvaluationPeriods')
  }
  return {
    namespace: required(input, 'Namespace'),
    metricName: required(input, 'MetricName'),
    dimensions: dimensionsIn(input.Dimensions),
    statistic: required(input, 'Statistic'),
    periodSeconds,
    evaluationPeriods,
    datapointsToAlarm,
    threshold: required(input, 'Threshold'),
    comparison,
    treatMissingData: (input.TreatMissingData as Alarm['treatMissingData'] | undefined) ?? 'missing',
    recorded: Object.fromEntries(
      recorded.map(member => [member, input[member]]).filter(([, given]) => given !== undefined),
    ),
  }
}

function isComparison(operator: string): operator is Alarm['comparison'] {
  return /^(GreaterThan|LessThan)(OrEqualTo)?Threshold$/.test(operator)
}

function hasAction({ recorded }: Alarm, prefix: string | undefined): boolean {
  if (prefix === undefined) return true
  const actions = [recorded.OKActions, recorded.AlarmActions, recorded.InsufficientDataActions].flat()
  return actions.some(action => typeof action === 'string' && action.startsWith(prefix))
}

function describe(alarm: Alarm): MetricAlarm {
  return {
    AlarmName: alarm.name,
    AlarmArn: alarm.arn,
    AlarmDescription: alarm.description,
    AlarmConfigurationUpdatedTimestamp: new Date(alarm.updatedAt),
    ActionsEnabled: true,
    OKActions: [],
    AlarmActions: [],
    InsufficientDataActions: [],
    ...alarm.recorded,
    StateValue: alarm.state,
    StateReason: alarm.stateReason,
    StateUpdatedTimestamp: new Date(alarm.stateUpdatedAt),
    StateTransitionedTimestamp: new Date(alarm.stateUpdatedAt),
    MetricName: alarm.metricName,
    Namespace: alarm.namespace,
    Statistic: alarm.statistic,
    Dimensions: Object.entries(alarm.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Period: alarm.periodSeconds,
    EvaluationPeriods: alarm.evaluationPeriods,
    Threshold: alarm.threshold,
    ComparisonOperator: alarm.comparison,
  }
}
