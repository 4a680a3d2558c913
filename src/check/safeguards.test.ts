import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blueArn, found, greenArn, idsOf } from './design.fixture.ts'

const watching = (...names: string[]) => ({ names, ignorePollAlarmFailure: false })
const onAlarm = { autoRollback: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM'] } as const
const dimension = (arn: string) => ({ TargetGroup: arn.slice(arn.lastIndexOf(':') + 1) })
const alarm = (name: string, arn: string) => ({ name, dimensions: dimension(arn) })

test('a deployment group that takes nothing back by itself is found', () => {
  const { text, commands } = found('no-rollback', { group: { autoRollback: [] } })
  assert.match(text, /that fails is not rolled back by itself \(no DEPLOYMENT_FAILURE\)/)
  assert.match(commands[0] ?? '', /--auto-rollback-configuration enabled=true,events=DEPLOYMENT_FAILURE$/)
})

test('an alarm that stops a deployment and leaves it where it is is found', () => {
  const alarms = [{ name: 'ill' }]
  const { text, commands } = found('no-rollback', { group: { alarms: watching('ill') }, alarms })
  assert.match(text, /that an alarm stops .*no DEPLOYMENT_STOP_ON_ALARM/)
  assert.match(commands[0] ?? '', /events=DEPLOYMENT_FAILURE,DEPLOYMENT_STOP_ON_ALARM$/)
  assert.deepEqual(idsOf({ group: { alarms: watching('ill'), ...onAlarm }, alarms }), [])
  const settings = (rollback: boolean) => ({ alarms: { names: ['ill'], enable: true, rollback } })
  assert.match(found('no-rollback', { settings: settings(false), alarms }).text, /alarms.rollback is false/)
  assert.deepEqual(idsOf({ settings: settings(true), alarms }), [])
})

test('an alarm that does not exist is found, and stops every deployment unless it may', () => {
  const its = { alarms: watching('gone'), ...onAlarm }
  const { severity, consequence } = found('missing-alarm', { group: its })
  assert.equal(severity, 'error')
  assert.match(consequence, /stopped as soon as it begins/)
  const ignoring = { ...its, alarms: { names: ['gone'], ignorePollAlarmFailure: true } }
  assert.equal(found('missing-alarm', { group: ignoring }).severity, 'warning')
  assert.deepEqual(idsOf({ group: its, alarms: [{ name: 'gone' }] }), [])
})

test('alarms over one colour alone leave every second deployment unwatched', () => {
  const group = { alarms: watching('blue', 'green'), ...onAlarm }
  const { text, cure } = found('one-colour-alarm', { group, alarms: [alarm('blue', blueArn), alarm('green', blueArn)] })
  assert.match(text, /watch target group blue, and none watches green/)
  assert.match(cure, /TargetGroup=targetgroup\/green\/2222222222222222/)
  assert.deepEqual(idsOf({ group, alarms: [alarm('blue', blueArn), alarm('green', greenArn)] }), [])
  assert.deepEqual(idsOf({ group, alarms: [alarm('blue', blueArn), { name: 'green' }] }), [], 'one over the whole')
})

test('an alarm that needs longer than a deployment is watched is found', () => {
  const group = { alarms: watching('slow'), ...onAlarm }
  const slow = (periodSeconds: number) => [{ name: 'slow', periodSeconds, datapointsToAlarm: 3 }]
  const { text, consequence } = found('slow-alarm', { group, alarms: slow(120) })
  assert.match(text, /after 360 s of bad data at the earliest \(3 x 120 s\), and a deployment is watched for 300 s/)
  assert.match(consequence, /never/)
  assert.deepEqual(idsOf({ group, alarms: slow(60) }), [])
})

test('an alarm that needs longer than the canary lasts is found', () => {
  const step = { percent: 10, bakeMinutes: 2 }
  const settings = { strategy: 'CANARY', step, alarms: { names: ['slow'], enable: true, rollback: true } } as const
  const alarms = (periodSeconds: number) => [{ name: 'slow', periodSeconds, datapointsToAlarm: 3 }]
  const { consequence } = found('slow-alarm', { settings, alarms: alarms(60) })
  assert.match(consequence, /on the new version 60 s before the alarm can say/)
  assert.deepEqual(idsOf({ settings, alarms: alarms(30) }), [])
})
