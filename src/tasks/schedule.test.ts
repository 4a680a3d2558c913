import assert from 'node:assert/strict'
import { test } from 'node:test'
import { health, targetGroup } from '../domain/state.fixture.ts'
import type { Task } from '../domain/task.ts'
import { clusterArn, definition, ecsState, service, taskSet, World } from './service.fixture.ts'

const first = <T>(list: readonly T[]): T => list[0] ?? assert.fail('nothing is there')
/** In which targets leave after 30 seconds. */
const group = targetGroup({ attributes: { 'deregistration_delay.timeout_seconds': '30' } })

/** A service of the controller ECS whose two tasks run and are healthy. */
function steady(extra: Parameters<typeof service>[0] = {}): World {
  const world = new World(ecsState({ services: [service(extra)], groups: [group] }))
  world.runAll()
  return world
}

/** UpdateService with a new task definition. */
function update(world: World, revision = 2): void {
  const primary = [...world.state.taskSets.values()].find(({ status }) => status === 'PRIMARY')
  if (primary) world.put('taskSets', { ...primary, status: 'ACTIVE' })
  world.put('taskSets', taskSet(revision, { desiredCount: world.service.desiredCount }))
  world.put('services', { ...world.service, taskDefinitionArn: definition(revision).arn })
  world.pass()
}

test('a new service gets its tasks, which are registered once they run, and is steady once they are healthy', () => {
  const world = new World(ecsState({}))
  assert.deepEqual(world.statuses(), ['PENDING', 'PENDING'])
  const task = first(world.tasks())
  assert.match(task.arn, /^arn:aws:ecs:us-east-1:000000000000:task\/default\/[0-9a-f]{32}$/)
  assert.deepEqual(
    [task.group, task.startedBy, task.taskDefinitionArn, task.clusterArn],
    ['service:web', 'ecs-svc/1', definition(1).arn, clusterArn],
  )

  world.runAll('initial')
  assert.deepEqual(world.targets(), ['10.0.1.20', '10.0.1.21'])
  assert.equal(world.set(1)?.stabilityStatus, 'STABILIZING')

  for (const task of world.tasks()) world.judge(task, 'healthy')
  world.pass()
  assert.equal(world.set(1)?.stabilityStatus, 'STEADY_STATE')
  assert.equal(world.set(1)?.rolloutState, 'COMPLETED')
  assert.equal(world.set(1)?.rolloutStateReason, 'ECS deployment ecs-svc/1 completed.')
  assert.deepEqual(world.events(), [
    'has started 2 tasks:.',
    'registered 2 targets in (target-group arn:tg)',
    'has reached a steady state.',
    '(deployment ecs-svc/1) deployment completed.',
  ])
})

test('which containers are not run, and what the first is not given, is said once for a set', () => {
  const one = definition(1, { withheld: ['secrets', 'environmentFiles'] })
  const containers = [...one.containers, { ...first(one.containers), name: 'log' }]
  const world = new World(ecsState({ definitions: [{ ...one, containers }] }))
  world.end(first(world.tasks()))
  world.pass()
  world.wait(2_000)
  assert.equal(world.tasks().length, 2)
  const said = world.events().filter(text => text.includes('container'))
  assert.deepEqual(said, [
    'runs of each task only the first container, web, and not: log.',
    'runs the container web without its secrets and environmentFiles, which are only recorded: put what it needs into environment.',
  ])
})

test('an address outside the VPC is registered for all zones', () => {
  const world = new World(ecsState({}))
  const task = first(world.tasks())
  const place = { address: '100.127.0.2', ports: { 8080: 32768 } }
  world.tell({ id: first(task.arn.split('/').slice(-1)), kind: 'running', place, startedAt: world.now })
  world.pass()
  assert.deepEqual(world.state.targetGroups.get('arn:tg')?.targets, [
    { id: '100.127.0.2', port: 32768, availabilityZone: 'all', registeredAt: world.now },
  ])
})

test('a task that ends is deregistered at once and replaced, the second time after a second', () => {
  const world = steady({ desiredCount: 1 })
  world.wait(60_000)
  world.end(first(world.tasks()))
  world.pass()
  const [ended] = [...world.state.tasks.values()]
  assert.equal(ended?.desiredStatus, 'STOPPED')
  assert.equal(ended?.stopCode, 'EssentialContainerExited')
  assert.equal(ended?.stoppedReason, 'Essential container in task exited')
  assert.equal(ended?.exitCode, 1)
  assert.equal(ended?.address, undefined)
  assert.deepEqual(world.targets(), ['10.0.1.20 left'])
  assert.deepEqual(world.statuses(), ['PENDING'], 'it had run for long')

  world.end(first(world.tasks()))
  world.pass()
  assert.equal(world.set(1)?.failedTasks, 2)
  assert.deepEqual(world.statuses(), [])
  world.wait(2_000)
  assert.deepEqual(world.statuses(), ['PENDING'])
})

test('tasks that fail again and again are started after a delay that doubles, up to a minute; one that lasts ends that', () => {
  const world = new World(ecsState({ services: [service({ desiredCount: 1 })] }))
  const delays: number[] = []
  for (let i = 0; i < 9; i++) {
    world.end(first(world.tasks()))
    const at = world.now
    world.pass()
    while (world.tasks().length === 0) world.wait(world.nextAt - world.now)
    delays.push((world.now - at) / 1000)
  }
  assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60])
  assert.equal(world.events().filter(text => text.startsWith('is unable to consistently start')).length, 1)
  world.runAll()
  world.wait(9_000)
  assert.equal(world.set(1)?.failedTasks, 9)
  world.wait(1_000)
  assert.equal(world.set(1)?.failedTasks, 0)
  assert.equal(world.set(1)?.startNotBefore, undefined)
})

test('a failing task is replaced by a new one first, and drains for as long as its group says', () => {
  const world = steady()
  const failing = first(world.tasks())
  world.judge(failing, 'unhealthy')
  world.pass()
  assert.deepEqual(world.statuses(), ['RUNNING', 'RUNNING', 'PENDING'])
  world.runAll('initial')
  assert.deepEqual(world.statuses(), ['RUNNING', 'RUNNING', 'RUNNING'])

  world.judge(world.tasks()[2] ?? assert.fail(), 'healthy')
  world.pass()
  assert.deepEqual(world.statuses(), ['DEACTIVATING', 'RUNNING', 'RUNNING'])
  const { stopCode, stoppedReason, desiredStatus } = first(world.tasks())
  assert.deepEqual(
    [stopCode, stoppedReason, desiredStatus],
    ['ServiceSchedulerInitiated', 'Task failed ELB health checks in (target-group arn:tg)', 'STOPPED'],
  )
  assert.deepEqual(world.targets(), ['10.0.1.20 drains', '10.0.1.21', '10.0.1.22'])
  assert.deepEqual(world.events().slice(-5), [
    'registered 1 targets in (target-group arn:tg)',
    '(port 8080) is unhealthy in (target-group arn:tg) due to (reason Health checks failed).',
    'deregistered 1 targets in (target-group arn:tg)',
    'has begun draining connections on 1 tasks.',
    'has reached a steady state.',
  ])

  world.wait(30_999)
  assert.deepEqual(world.statuses(), ['DEACTIVATING', 'RUNNING', 'RUNNING'])
  world.wait(1)
  assert.deepEqual(world.statuses(), ['STOPPING', 'RUNNING', 'RUNNING'])
  assert.equal(world.events().at(-1), 'has stopped 1 running tasks:.')
  world.stopAll()
  assert.deepEqual(world.statuses(), ['RUNNING', 'RUNNING'])
})

test('without room above the maximum a failing task goes first', () => {
  const world = steady({ maximumPercent: 100 })
  world.judge(first(world.tasks()), 'unhealthy')
  world.pass()
  assert.deepEqual(world.statuses(), ['DEACTIVATING', 'RUNNING', 'PENDING'])
})

test('a failing task that recovers before its replacement does stays, and the surplus goes', () => {
  const world = steady()
  const failing = first(world.tasks())
  world.judge(failing, 'unhealthy')
  world.pass()
  world.judge(failing, 'healthy')
  world.pass()
  assert.deepEqual(world.statuses(), ['RUNNING', 'RUNNING', 'STOPPING'])
})

test('failed checks do not count within the grace period', () => {
  const world = new World(ecsState({ services: [service({ healthCheckGraceSeconds: 60 })] }))
  world.runAll('unhealthy')
  assert.equal(world.set(1)?.stabilityStatus, 'STABILIZING')
  world.wait(59_999)
  assert.equal(world.tasks().length, 2)
  world.wait(1)
  assert.equal(world.tasks().length, 4)
})

test("at an address that was another task's, what was found of that one does not count", () => {
  const world = steady({ desiredCount: 1 })
  const key = `arn:tg ${first(world.tasks()).address} 8080`
  const { registeredAt = 0 } = first(world.state.targetGroups.get('arn:tg')?.targets ?? [])
  const found = (verdict: 'healthy' | 'unhealthy', registeredAt: number) => {
    world.known.set(key, health(verdict, { since: world.now, registeredAt }))
    world.pass()
    return world.tasks().length > 1 ? 'failing' : world.set(1)?.stabilityStatus
  }
  world.put('taskSets', { ...(world.set(1) ?? assert.fail()), stabilityStatus: 'STABILIZING' })
  assert.equal(found('unhealthy', registeredAt - 1), 'STABILIZING')
  assert.equal(found('healthy', registeredAt - 1), 'STABILIZING')
  assert.equal(found('healthy', registeredAt), 'STEADY_STATE')
  assert.equal(found('unhealthy', registeredAt), 'failing')
})

test('what nobody knows the health of is neither replaced nor counted on', () => {
  const world = steady({ minimumHealthyPercent: 50, maximumPercent: 100 })
  for (const task of world.tasks()) world.judge(task, 'unheard')
  world.pass()
  assert.deepEqual(world.statuses(), ['RUNNING', 'RUNNING'])
  assert.equal(world.set(1)?.stabilityStatus, 'STEADY_STATE', 'nothing is known to have changed')
  update(world)
  assert.deepEqual(world.statuses(1), ['RUNNING', 'DEACTIVATING'], 'it takes its share of the minimum')
})

test("a container's own check counts as well", () => {
  const healthCheck = { command: [], intervalSeconds: 5, timeoutSeconds: 2, retries: 1, startPeriodSeconds: 0 }
  const world = new World(ecsState({ definitions: [definition(1, { healthCheck })] }))
  world.runAll()
  assert.equal(world.set(1)?.stabilityStatus, 'STABILIZING')
  const ids = world.tasks().map(({ arn }) => first(arn.split('/').slice(-1)))
  for (const id of ids) world.tell({ id, kind: 'health', health: 'HEALTHY' })
  world.pass()
  assert.equal(world.set(1)?.stabilityStatus, 'STEADY_STATE')
  world.tell({ id: first(ids), kind: 'health', health: 'UNHEALTHY' })
  world.pass()
  world.runAll()
  world.tell({ id: first((world.tasks()[2]?.arn ?? '').split('/').slice(-1)), kind: 'health', health: 'HEALTHY' })
  world.pass()
  assert.equal(first(world.tasks()).stoppedReason, 'Task failed container health checks')
})

test('a desired count that falls stops the newest, one that grows starts more, and each is steady once', () => {
  const world = steady()
  world.put('services', { ...world.service, desiredCount: 1 })
  world.pass()
  assert.deepEqual(world.statuses(), ['RUNNING', 'DEACTIVATING'])
  assert.equal(world.tasks()[1]?.stoppedReason, 'Scaling activity initiated by (deployment ecs-svc/1)')
  world.put('services', { ...world.service, desiredCount: 3 })
  world.pass()
  assert.deepEqual(world.statuses(), ['RUNNING', 'DEACTIVATING', 'PENDING', 'PENDING'])
  assert.equal(world.set(1)?.desiredCount, 3)
  world.runAll()
  assert.deepEqual(world.events().slice(-1), ['has reached a steady state.'])
})

test('a stop that the API asks for drains, too, and the task is replaced', () => {
  const world = steady()
  const asked: Task = {
    ...first(world.tasks()),
    desiredStatus: 'STOPPED',
    stopCode: 'UserInitiated',
    stoppedReason: 'Task stopped by user',
  }
  world.put('tasks', asked)
  world.pass()
  assert.deepEqual(world.statuses(), ['DEACTIVATING', 'RUNNING', 'PENDING'])
  world.wait(31_000)
  world.stopAll()
  assert.equal(world.state.tasks.get(asked.arn)?.stoppedReason, 'Task stopped by user')
  assert.equal(world.set(1)?.failedTasks, 0)
})

test('without a deregistration delay what is under way still gets a second, and so do the last answers', () => {
  const attributes = { 'deregistration_delay.timeout_seconds': '0' }
  const world = new World(ecsState({ groups: [targetGroup({ attributes })] }))
  world.runAll()
  world.put('services', { ...world.service, desiredCount: 1 })
  world.pass()
  assert.deepEqual(world.targets(), ['10.0.1.20', '10.0.1.21 drains'])
  world.wait(1_000)
  assert.deepEqual(world.targets(), ['10.0.1.20', '10.0.1.21 left'])
  world.wait(999)
  assert.deepEqual(world.statuses(), ['RUNNING', 'DEACTIVATING'])
  world.wait(1)
  assert.deepEqual(world.statuses(), ['RUNNING', 'STOPPING'])
})

test('a task serves on until the node has acknowledged that its delay is over, and a second more', () => {
  const world = steady()
  world.put('services', { ...world.service, desiredCount: 1 })
  world.pass()
  // It has acknowledged the deregistration, and is away when that takes effect.
  world.isNodeAway = true
  const before = world.state.targetGroups.get('arn:tg')
  world.wait(29_999)
  assert.equal(world.state.targetGroups.get('arn:tg'), before)
  world.wait(10_000)
  assert.notEqual(world.state.targetGroups.get('arn:tg'), before, 'only of what changes in it does the node hear')
  const left = targetGroup({ ...group, targets: world.state.targetGroups.get('arn:tg')?.targets.slice(0, 1) ?? [] })
  world.put('targetGroups', left)
  world.wait(300_000)
  assert.deepEqual(world.statuses(), ['RUNNING', 'DEACTIVATING'])
  world.isNodeAway = false
  world.pass()
  world.wait(999)
  assert.deepEqual(world.statuses(), ['RUNNING', 'DEACTIVATING'])
  world.wait(1)
  assert.deepEqual(world.statuses(), ['RUNNING', 'STOPPING'])
  assert.equal(world.events().filter(text => text.startsWith('has begun draining')).length, 1)
})

test('a rolling update starts the new tasks, and stops as many old ones as new ones are healthy', () => {
  const world = steady()
  update(world)
  assert.deepEqual(
    [world.statuses(1), world.statuses(2)],
    [
      ['RUNNING', 'RUNNING'],
      ['PENDING', 'PENDING'],
    ],
  )
  world.run(first(world.tasks(2)))
  world.pass()
  world.pass()
  assert.deepEqual(world.statuses(1), ['RUNNING', 'DEACTIVATING'])
  assert.equal(world.set(1)?.desiredCount, 1)
  world.runAll()
  assert.deepEqual(world.statuses(1), ['DEACTIVATING', 'DEACTIVATING'])
  assert.equal(world.set(2)?.rolloutState, 'IN_PROGRESS', 'the old tasks drain')
  world.wait(31_000)
  world.stopAll()
  assert.equal(world.set(1), undefined)
  assert.equal(world.set(2)?.rolloutState, 'COMPLETED')
  assert.deepEqual(world.events().slice(-2), [
    'has reached a steady state.',
    '(deployment ecs-svc/2) deployment completed.',
  ])
})

test('where the maximum leaves no room, old tasks go first, as far as the minimum allows', () => {
  const world = steady({ desiredCount: 4, minimumHealthyPercent: 75, maximumPercent: 100 })
  update(world)
  assert.deepEqual(world.statuses(1), ['RUNNING', 'RUNNING', 'RUNNING', 'DEACTIVATING'])
  assert.deepEqual(world.statuses(2), ['PENDING'])
  world.runAll()
  assert.deepEqual(world.statuses(1), ['RUNNING', 'RUNNING', 'DEACTIVATING', 'DEACTIVATING'])
  assert.deepEqual(world.statuses(2), ['RUNNING', 'PENDING'])
})

test('an update that minimum and maximum leave no way for is told once', () => {
  const world = steady({ maximumPercent: 100 })
  update(world)
  world.wait(60_000)
  assert.equal(world.tasks(2).length, 0)
  assert.equal(world.events().filter(text => text.startsWith('was unable to stop or start tasks')).length, 1)
})

test('an update over an update leaves the newest alone', () => {
  const world = steady()
  update(world)
  update(world, 3)
  assert.deepEqual(world.statuses(1), ['RUNNING', 'RUNNING'])
  assert.deepEqual(world.statuses(2), ['STOPPING', 'STOPPING'])
  assert.deepEqual(world.statuses(3), ['PENDING', 'PENDING'])
  for (let i = 0; i < 5; i++) {
    world.runAll()
    world.wait(31_000)
    world.stopAll()
  }
  assert.deepEqual([...world.state.taskSets.keys()].length, 1)
  assert.equal(world.set(3)?.rolloutState, 'COMPLETED')
})

test('the circuit breaker gives an update up after three failures and rolls back to the last complete deployment', () => {
  const world = steady({ circuitBreaker: { enable: true, rollback: true } })
  update(world)
  for (let failures = 0; failures < 3; ) {
    for (const task of world.tasks(2)) {
      if (failures++ < 3) world.end(task)
    }
    world.pass()
    if (world.tasks(2).length === 0 && failures < 3) world.wait(5_000)
  }
  assert.equal(world.service.taskDefinitionArn, definition(1).arn)
  assert.equal(world.set(1)?.status, 'PRIMARY')
  assert.deepEqual(world.statuses(1), ['RUNNING', 'RUNNING'])
  const texts = world.events()
  assert.ok(texts.includes('(deployment ecs-svc/2) deployment failed: tasks failed to start.'))
  assert.ok(texts.includes('rolling back to deployment ecs-svc/1.'))
  world.stopAll()
  assert.equal(world.set(2), undefined)
  assert.equal(world.set(1)?.rolloutState, 'COMPLETED')
})

test('without rollback the update stays failed, starts nothing more, and the old tasks are kept', () => {
  const world = steady({ circuitBreaker: { enable: true, rollback: false } })
  update(world)
  while (world.set(2)?.rolloutState === 'IN_PROGRESS') {
    for (const task of world.tasks(2)) world.end(task)
    world.wait(2_000)
  }
  assert.equal(world.set(2)?.rolloutStateReason, 'ECS deployment circuit breaker: tasks failed to start.')
  world.end(first(world.tasks(1)))
  world.pass()
  world.wait(300_000)
  assert.equal(world.tasks(2).length, 0)
  assert.deepEqual(world.statuses(1), ['RUNNING', 'PENDING'])
})

test('a task set of CODE_DEPLOY keeps its own count, and a deleted one is gone with its last task', () => {
  const { rolloutState, ...blue } = taskSet(1)
  const { rolloutState: _, ...green } = taskSet(2, { status: 'ACTIVE', desiredCount: 1 })
  const world = new World(
    ecsState({ services: [service({ controller: 'CODE_DEPLOY' })], taskSets: [blue, green], groups: [group] }),
  )
  world.runAll()
  assert.deepEqual([world.statuses(1), world.statuses(2)], [['RUNNING', 'RUNNING'], ['RUNNING']])
  assert.deepEqual([world.set(1)?.stabilityStatus, world.set(2)?.stabilityStatus], ['STEADY_STATE', 'STEADY_STATE'])
  assert.equal(world.service.events.at(-1)?.message.slice(0, 29), '(service web, taskSet ecs-svc')
  assert.equal(world.service.events[0]?.message, '(service web) has reached a steady state.')

  world.put('taskSets', { ...blue, status: 'DRAINING' })
  world.put('taskSets', { ...(world.set(2) ?? green), status: 'PRIMARY' })
  world.pass()
  assert.deepEqual(world.statuses(1), ['DEACTIVATING', 'DEACTIVATING'])
  assert.equal(world.tasks(1)[0]?.stoppedReason, 'Scaling activity initiated by (taskSet ecs-svc/1)')
  world.wait(31_000)
  world.stopAll()
  assert.equal(world.set(1), undefined)
  assert.deepEqual(world.statuses(2), ['RUNNING'])
})

test('a deleted service lets its tasks go, and is inactive then', () => {
  const world = steady()
  world.put('services', { ...world.service, status: 'DRAINING', desiredCount: 0 })
  world.pass()
  assert.deepEqual(world.statuses(), ['DEACTIVATING', 'DEACTIVATING'])
  assert.equal(world.service.status, 'DRAINING')
  world.wait(31_000)
  world.stopAll()
  assert.equal(world.service.status, 'INACTIVE')
  assert.equal(world.state.taskSets.size, 0)
})

test("RunTask's tasks are nobody's: they run, end, and are not started again", () => {
  const world = new World(ecsState({ services: [], taskSets: [] }))
  const task: Task = {
    arn: 'arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef',
    clusterArn,
    taskDefinitionArn: definition(1).arn,
    group: 'family:web',
    desiredStatus: 'RUNNING',
    lastStatus: 'PROVISIONING',
    healthStatus: 'UNKNOWN',
    createdAt: world.now,
    recorded: {},
    tags: [],
  }
  world.put('tasks', task)
  world.pass()
  world.runAll()
  assert.deepEqual(world.statuses(), ['RUNNING'])
  world.end(first(world.tasks()), 0)
  world.pass()
  assert.equal(world.state.tasks.get(task.arn)?.desiredStatus, 'STOPPED')
  world.wait(3_599_999)
  assert.equal(world.state.tasks.size, 1)
  world.wait(1)
  assert.equal(world.state.tasks.size, 0, 'it is forgotten after an hour')
})

test('a task that was never started stops at once', () => {
  const world = new World(
    ecsState({ services: [service({ desiredCount: 0 })], taskSets: [taskSet(1, { desiredCount: 0 })] }),
  )
  world.put('services', { ...world.service, desiredCount: 1 })
  world.pass()
  world.put('tasks', { ...first(world.tasks()), lastStatus: 'PROVISIONING', desiredStatus: 'STOPPED' })
  world.put('services', { ...world.service, desiredCount: 0 })
  world.pass()
  assert.deepEqual(world.statuses(), [])
})
