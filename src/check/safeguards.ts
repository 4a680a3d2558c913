import type { Alarm } from '../domain/alarm.ts'
import type { AutoRollbackEvent } from '../domain/code-deploy.ts'
import type { State } from '../domain/state.ts'
import { aws } from './aws-command.ts'
import { warmSeconds } from './delays.ts'
import type { Finding } from './finding.ts'
import type { Pair } from './pair.ts'

/** What is to take a bad deployment back, and will not. */
export function safeguards(state: State, pairs: readonly Pair[]): readonly Finding[] {
  return pairs.flatMap(pair => {
    const names = alarmNames(pair)
    const alarms = names.flatMap(name => state.alarms.get(name) ?? [])
    return [
      ...noRollback(pair, names),
      ...missingAlarms(
        pair,
        names.filter(name => !state.alarms.has(name)),
      ),
      ...oneColour(pair, alarms),
      ...alarms.flatMap(alarm => slowAlarm(pair, alarm)),
    ]
  })
}

function alarmNames(pair: Pair): readonly string[] {
  if (pair.deployer === 'CodeDeploy') return pair.group.alarms.names
  const { alarms } = pair.settings
  return alarms?.enable ? alarms.names : []
}

function noRollback(pair: Pair, alarms: readonly string[]): readonly Finding[] {
  if (pair.deployer === 'ECS') {
    if (alarms.length === 0 || pair.settings.alarms?.rollback) return []
    return [
      {
        id: 'no-rollback',
        severity: 'warning',
        subject: pair.subject,
        text: 'An alarm ends its deployments without taking them back (alarms.rollback is false).',
        consequence: 'The new version keeps what it has of production until somebody moves it back.',
        cure: 'Rollback on alarms.',
        commands: [
          aws('ecs update-service', {
            cluster: pair.service.clusterArn,
            service: pair.service.name,
            'deployment-configuration': { alarms: { alarmNames: alarms, enable: true, rollback: true } },
          }),
        ],
      },
    ]
  }
  const { autoRollback, applicationName, name } = pair.group
  const wanted: readonly AutoRollbackEvent[] = [
    'DEPLOYMENT_FAILURE',
    ...(alarms.length > 0 ? (['DEPLOYMENT_STOP_ON_ALARM'] as const) : []),
  ]
  const lacking = wanted.filter(event => !autoRollback.includes(event))
  if (lacking.length === 0) return []
  const events = [...autoRollback, ...lacking]
  return [
    {
      id: 'no-rollback',
      severity: 'warning',
      subject: pair.subject,
      text: `A deployment that ${lacking.includes('DEPLOYMENT_FAILURE') ? 'fails' : 'an alarm stops'} is not rolled back by itself (no ${lacking.join(', no ')}).`,
      consequence:
        'The new version keeps what it has of production until somebody moves it back, and the next deployment is refused.',
      cure: 'Automatic rollback.',
      commands: [
        aws('deploy update-deployment-group', {
          'application-name': applicationName,
          'current-deployment-group-name': name,
          'auto-rollback-configuration': `enabled=true,events=${events.join(',')}`,
        }),
      ],
    },
  ]
}

function missingAlarms(pair: Pair, names: readonly string[]): readonly Finding[] {
  const isFatal = pair.deployer === 'CodeDeploy' && !pair.group.alarms.ignorePollAlarmFailure
  return names.map(name => ({
    id: 'missing-alarm',
    severity: isFatal ? 'error' : 'warning',
    subject: pair.subject,
    text: `The alarm ${name} that it names does not exist.`,
    consequence: isFatal
      ? 'Each deployment is stopped as soon as it begins, with ALARM_ACTIVE, as nobody can say how the alarm is.'
      : 'Nothing is watched in its place.',
    cure: 'Make the alarm (aws cloudwatch put-metric-alarm), or name one that is there.',
    commands: [],
  }))
}

/** The groups take turns, so an alarm over one of them watches every second deployment. */
function oneColour({ subject, groups }: Pair, alarms: readonly Alarm[]): readonly Finding[] {
  const watched = alarms.map(({ dimensions }) => dimensions.TargetGroup)
  if (watched.includes(undefined)) return []
  const [seen = [], unseen = []] = [true, false].map(is =>
    groups.filter(({ arn }) => watched.includes(dimensionOf(arn)) === is),
  )
  const [first, other] = [seen[0], unseen[0]]
  if (first === undefined || other === undefined) return []
  return [
    {
      id: 'one-colour-alarm',
      severity: 'warning',
      subject,
      text: `Its alarms watch target group ${first.name}, and none watches ${other.name}.`,
      consequence: `The groups take turns: nothing stops the deployments, every second one, that move to ${other.name}.`,
      cure: `A second alarm, with the dimension TargetGroup=${dimensionOf(other.arn)}.`,
      commands: [],
    },
  ]
}

/** `targetgroup/NAME/ID`, as CloudWatch has it. */
function dimensionOf(targetGroupArn: string): string {
  return targetGroupArn.slice(targetGroupArn.lastIndexOf(':') + 1)
}

/** It needs so many bad periods before it goes off, and deployments don't wait for it. */
function slowAlarm(pair: Pair, { name, periodSeconds, datapointsToAlarm }: Alarm): readonly Finding[] {
  const needed = periodSeconds * datapointsToAlarm
  const { routing } = pair
  const warm = warmSeconds(pair)
  const step = routing.type === 'AllAtOnce' ? undefined : routing.intervalMinutes * 60
  const steps =
    routing.type === 'TimeBasedLinear' ? Math.ceil(100 / routing.percentage) - 1 : step === undefined ? 0 : 1
  // With KEEP_ALIVE a deployment is over when the traffic has moved.
  const watched = steps * (step ?? 0) + (warm ?? 0)
  const finding = (text: string, consequence: string, cure: string): readonly Finding[] => [
    { id: 'slow-alarm', severity: 'warning', subject: pair.subject, text, consequence, cure, commands: [] },
  ]
  const looks = `The alarm ${name} goes off after ${needed} s of bad data at the earliest (${datapointsToAlarm} x ${periodSeconds} s)`
  const cure = 'Shorter periods or fewer datapoints for the alarm'
  if (needed > watched)
    return finding(
      `${looks}, and a deployment is watched for ${watched} s from the first traffic on.`,
      'It can never take a deployment back.',
      `${cure}, or a longer ${pair.deployer === 'CodeDeploy' ? 'termination wait' : 'bake time'}.`,
    )
  if (routing.type !== 'TimeBasedCanary' || step === undefined || needed <= step) return []
  return finding(
    `${looks}, and the canary of ${routing.percentage} % lasts ${step} s.`,
    `All of production is on the new version ${needed - step} s before the alarm can say that the canary was ill.`,
    `${cure}, or a longer canary.`,
  )
}
