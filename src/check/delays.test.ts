import assert from 'node:assert/strict'
import { test } from 'node:test'
import { service, serviceArn } from '../tasks/service.fixture.ts'
import { blueArn, found, idsOf } from './design.fixture.ts'

const delay = (seconds: number) => ({ attributes: { 'deregistration_delay.timeout_seconds': String(seconds) } })

test('a deregistration delay that outlives the termination wait is found, with a wait that is long enough', () => {
  const { text, consequence, commands } = found('delay-outlives-wait', { green: delay(301) })
  assert.equal(text, "Its targets' deregistration delay is 301 s, blue's termination wait is 300 s.")
  assert.match(consequence, /^From 300 s after the shift .* for up to 301 s more/)
  assert.deepEqual(commands, [
    'aws deploy update-deployment-group --application-name shop --current-deployment-group-name shop --blue-green-deployment-configuration ' +
      `'{"terminateBlueInstancesOnDeploymentSuccess":{"action":"TERMINATE","terminationWaitTimeInMinutes":6},"deploymentReadyOption":{"actionOnTimeout":"CONTINUE_DEPLOYMENT"}}'`,
  ])
  assert.deepEqual(idsOf({ blue: delay(300), green: delay(300) }), [])
})

test('blue that is kept alive is not outlived', () => {
  assert.deepEqual(idsOf({ green: delay(3600), group: { termination: { action: 'KEEP_ALIVE', waitMinutes: 0 } } }), [])
})

test("with ECS's own deployments the bake time counts", () => {
  const { text, commands } = found('delay-outlives-wait', { settings: { bakeMinutes: 0 } })
  assert.match(text, /blue's bake time is 0 s/)
  assert.match(commands[0] ?? '', /update-service .*--service web .*'{"strategy":"BLUE_GREEN","bakeTimeInMinutes":5}'$/)
  assert.deepEqual(idsOf({ settings: { bakeMinutes: 5 } }), [])
})

test('S2.10: tasks that a rollback stops before a Network Load Balancer has left them are found', () => {
  const { severity, consequence, here, commands } = found('short-delay', { blue: delay(5), green: delay(89) })
  assert.equal(severity, 'error')
  assert.match(consequence, /tasks stop 5 s after the listeners were moved, .* nothing answers for up to 85 s/)
  assert.match(here ?? '', /before the tasks are deregistered/)
  assert.equal(commands.length, 2)
  assert.deepEqual(idsOf({ blue: delay(90), green: delay(90) }), [])
  assert.deepEqual(idsOf({ blue: delay(5), green: delay(5), settings: {} }), [])
})

test('a rolling service behind a Network Load Balancer needs two minutes of delay, one behind none does not', () => {
  const rolling = (blue: ReturnType<typeof delay>, targetGroupArn = blueArn) => {
    const loadBalancers = [{ targetGroupArn, containerName: 'web', containerPort: 8080 }]
    const value = service({ arn: `${serviceArn}-2`, name: 'web-2', loadBalancers })
    return { blue, settings: {}, changes: [{ table: 'services', key: value.arn, value }] } as const
  }
  const { consequence, here, commands } = found('short-delay', rolling(delay(30)))
  assert.match(consequence, /refuses them for up to 90 s/)
  assert.match(here ?? '', /no new connection/)
  assert.match(commands[0] ?? '', /deregistration_delay.timeout_seconds,Value=120$/)
  assert.deepEqual(idsOf(rolling(delay(120))), [])
  assert.deepEqual(idsOf(rolling(delay(30), 'arn:nobodys')), [])
})
