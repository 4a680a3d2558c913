import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alarm } from '../domain/alarm.ts'
import type { EcsService } from '../domain/ecs-service.ts'
import { revisionArnOf, type ServiceDeployment } from '../domain/service-deployment.ts'
import { targetGroup } from '../domain/state.fixture.ts'
import { clusterArn, definition, ecsState, service, serviceArn, taskSet, taskSetArn, World } from './service.fixture.ts'

const deploymentArn = 'arn:aws:ecs:us-east-1:000000000000:service-deployment/default/web/a'
const settings = { strategy: 'ROLLING', bakeMinutes: 0, hooks: [] } as const

/** A service whose first version runs, and that is on its way to the second, of which one task is healthy. */
function underWay(deployment: Partial<ServiceDeployment>, extra: Partial<EcsService> = {}): World {
  const fast = targetGroup({ attributes: { 'deregistration_delay.timeout_seconds': '0' } })
  const world = new World(ecsState({ services: [service(extra)], groups: [fast] }))
  world.runAll()
  assert.equal(world.set(1)?.rolloutState, 'COMPLETED')
  world.put('services', { ...world.service, taskDefinitionArn: definition(2).arn })
  world.put('taskSets', { ...world.set(1)!, status: 'ACTIVE' })
  world.put('taskSets', taskSet(2, { createdAt: world.now }))
  const value: ServiceDeployment = {
    arn: deploymentArn,
    serviceArn,
    clusterArn,
    settings,
    circuitBreaker: { enable: false, rollback: false },
    sourceRevisionArns: [revisionArnOf({ arn: taskSetArn(1) })],
    targetRevisionArn: revisionArnOf({ arn: taskSetArn(2) }),
    status: 'IN_PROGRESS',
    createdAt: world.now,
    startedAt: world.now,
    updatedAt: world.now,
    hookRuns: [],
    asked: {},
    ...deployment,
  }
  world.change([{ table: 'serviceDeployments', key: value.arn, value }])
  world.pass()
  return world
}

function setAlarm(world: World, state: Alarm['state']): void {
  // Of an alarm only its state counts here.
  world.change([{ table: 'alarms', key: 'latency', value: { name: 'latency', state } as Alarm }])
  world.pass()
}

const record = (world: World) => world.state.serviceDeployments.get(deploymentArn)!
const watched = (rollback: boolean) => ({
  settings: { ...settings, alarms: { names: ['latency'], enable: true, rollback } },
})

test('an alarm takes a rolling update back to the version before, whose record says so', () => {
  const world = underWay(watched(true))
  setAlarm(world, 'OK')
  assert.equal(world.set(2)?.rolloutState, 'IN_PROGRESS')
  setAlarm(world, 'ALARM')
  assert.deepEqual([world.set(1)?.status, world.service.taskDefinitionArn], ['PRIMARY', definition(1).arn])
  const { status, statusReason, rollback } = record(world)
  assert.equal(status, 'ROLLBACK_IN_PROGRESS')
  assert.equal(statusReason, 'ECS deployment alarms: alarm detected: latency.')
  assert.equal(rollback?.revisionArn, revisionArnOf({ arn: taskSetArn(1) }))
  assert.ok(world.events().includes('(deployment ecs-svc/2) deployment failed: alarm detected: latency.'))
  world.wait(5_000)
  world.stopAll()
  assert.equal(world.set(2), undefined)
  assert.equal(world.set(1)?.rolloutState, 'COMPLETED')
  assert.deepEqual(world.statuses(), ['RUNNING', 'RUNNING'])
})

test('an alarm without rollback fails the update; one that the deployment ignores does nothing', () => {
  const failing = underWay(watched(false))
  setAlarm(failing, 'ALARM')
  assert.deepEqual([failing.set(2)?.status, failing.set(2)?.rolloutState], ['PRIMARY', 'FAILED'])
  const ignoring = underWay({ ...watched(true), alarmsIgnored: true })
  setAlarm(ignoring, 'ALARM')
  assert.equal(ignoring.set(2)?.rolloutState, 'IN_PROGRESS')
  // Whether it ignores it is found out when it begins, which may be after the scheduler's first look.
  const pending = underWay(watched(true))
  const { startedAt, ...waiting } = record(pending)
  pending.change([{ table: 'serviceDeployments', key: waiting.arn, value: { ...waiting, status: 'PENDING' } }])
  setAlarm(pending, 'ALARM')
  assert.equal(pending.set(2)?.rolloutState, 'IN_PROGRESS')
})

test('a stop takes a rolling update back, or leaves it where it is', () => {
  const back = underWay({ status: 'ROLLBACK_REQUESTED', asked: { stop: { type: 'ROLLBACK', at: 0 } } })
  assert.deepEqual([back.set(1)?.status, record(back).status], ['PRIMARY', 'ROLLBACK_IN_PROGRESS'])
  const left = underWay({ status: 'STOP_REQUESTED', asked: { stop: { type: 'ABORT', at: 0 } } })
  assert.deepEqual([left.set(2)?.status, left.set(2)?.rolloutState], ['PRIMARY', 'FAILED'])
  assert.equal(record(left).status, 'STOP_REQUESTED')
})

test('task sets of a service that shifts traffic keep their own counts, as those of CODE_DEPLOY do', () => {
  const deployment = { strategy: 'BLUE_GREEN', bakeMinutes: 5, hooks: [] } as const
  const world = new World(
    ecsState({
      services: [service({ deployment })],
      taskSets: [taskSet(1), taskSet(2, { status: 'ACTIVE', desiredCount: 1 })],
    }),
  )
  world.runAll()
  assert.deepEqual([world.statuses(1), world.statuses(2)], [['RUNNING', 'RUNNING'], ['RUNNING']])
  assert.deepEqual([world.set(1)?.stabilityStatus, world.set(2)?.stabilityStatus], ['STEADY_STATE', 'STEADY_STATE'])
})
