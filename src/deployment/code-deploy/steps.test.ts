import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Deployment, type DeploymentStep, finalStatuses, hookEvents } from '../../domain/code-deploy.ts'
import type { State } from '../../domain/state.ts'
import { drained } from '../../domain/task-set.ts'
import {
  blue,
  deploymentId,
  green,
  newVersion,
  oldVersion,
  production,
  serviceArn,
  testing,
  World,
} from '../world.fixture.ts'

const minute = 60_000
const everyRollback = ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'] as const

/** A deployment that has something to wait for at every step. */
const slow: Partial<Deployment> = {
  appSpec: {
    taskDefinitionArn: newVersion,
    containerName: 'web',
    containerPort: 8080,
    hooks: Object.fromEntries(hookEvents.map(event => [event, 'check'])),
  },
  routing: { type: 'TimeBasedCanary', percentage: 10, intervalMinutes: 5 },
  readyOption: { action: 'STOP_DEPLOYMENT', waitMinutes: 30 },
  termination: { action: 'TERMINATE', waitMinutes: 5 },
  autoRollback: everyRollback,
  alarms: { names: ['latency'], ignorePollAlarmFailure: false },
}

/** A world whose deployment waits at `step`. */
async function worldAt(step: DeploymentStep, extra: Partial<Deployment> = {}): Promise<World> {
  const world = new World({ ...slow, ...extra })
  await world.setAlarm('latency', 'OK')
  if (step === 'Install') world.sick.add(newVersion)
  for (let moves = 0; moves < 20; moves++) {
    await world.settle()
    const at = world.deployment.progress.step
    if (at === step) return world
    if (at === 'AfterInstall') world.nodeConnected = step !== 'AllowTestTraffic'
    if (at === 'TerminationWait') world.isSchedulerThere = step !== 'Terminate'
    if (at === 'ReadyWait') await world.change({ asked: { continueReady: true } })
    else if (at === 'AllowTraffic' && (step === 'Rollback' || step === 'Discard')) {
      world.nodeConnected = step !== 'Rollback'
      world.isSchedulerThere = step !== 'Discard'
      await events.stop(world)
    } else if (at === 'AllowTraffic' || at === 'TerminationWait') await world.pass(5 * minute)
    else await world.answer('Succeeded')
  }
  throw new Error(`it never comes to ${step}, but stays at ${world.deployment.progress.step}`)
}

const events = {
  stop: world => world.change({ asked: { stop: { rollback: false, at: world.clock.now() } } }),
  'an alarm': world => world.setAlarm('latency', 'ALARM'),
  'an alarm that is gone': world => world.commit([{ table: 'alarms', key: 'latency' }]),
  'green fails its checks': async world => world.sick.add(newVersion),
  'green lacks a task for 5 minutes': async world => {
    const set = world.taskSet(newVersion)
    if (set === undefined) return
    // More than its scheduler gives it: the next one fails too often.
    world.broken.add(newVersion)
    const value = { ...set, desiredCount: 3, failedTasks: 8 }
    await world.commit([{ table: 'taskSets', key: set.arn, value }])
    await world.settle()
    await world.pass(5 * minute)
  },
  'green is deleted': world => remove(world, newVersion),
  'blue is deleted': world => remove(world, oldVersion),
  'blue fails its checks': async world => world.sick.add(oldVersion),
  'the service is deleted': world =>
    world.commit([{ table: 'services', key: serviceArn, value: { ...world.service, status: 'DRAINING' } }]),
  'the deployment group is deleted': world => world.commit([{ table: 'deploymentGroups', key: 'app/group' }]),
  'production is pointed elsewhere': world => world.point(production, blue),
  'the test listener is deleted': world => world.commit([{ table: 'listeners', key: testing }]),
  'the node refuses a listener for a minute': async world => {
    world.refused.add(production)
    world.nodeConnected = true
    await world.settle()
    await world.pass(minute)
    world.refused.clear()
  },
  'the hook fails': world => world.answer('Failed'),
  'an hour passes': world => world.pass(60 * minute),
  'ContinueDeployment, READY_WAIT': world =>
    world.change({ asked: { ...world.deployment.asked, continueReady: true } }),
  'ContinueDeployment, TERMINATION_WAIT': world =>
    world.change({ asked: { ...world.deployment.asked, continueTermination: true } }),
} satisfies Record<string, (world: World) => Promise<unknown>>

async function remove(world: World, version: string): Promise<void> {
  const set = world.taskSet(version)
  if (set !== undefined) await world.commit([drained(set, world.clock.now())])
}

/** The columns of the table, in the order of a deployment. */
const steps: readonly DeploymentStep[] = [
  ...(['BeforeInstall', 'Install', 'AfterInstall', 'AllowTestTraffic', 'AfterAllowTestTraffic', 'ReadyWait'] as const),
  ...(['BeforeAllowTraffic', 'AllowTraffic', 'AfterAllowTraffic', 'TerminationWait', 'Terminate'] as const),
  ...(['Rollback', 'Discard'] as const),
]

/**
 * What comes of an event at each step, of a deployment that rolls back whatever happens:
 *
 * - `.` it goes on
 * - `e` it ends, with everything left as it is
 * - `r` it is rolled back: everything on blue, green gone, the rollback on record
 * - `h` the rollback ended early, and says so
 * - `d` it succeeds
 * - `x` it ends as it was to end, and somebody has meanwhile changed what it leaves
 *
 * and with which status and code. A rollback under way keeps its own, which is the stop's.
 */
const table: Record<keyof typeof events, readonly [string, RegExp]> = {
  stop: ['errrrr rrrrd rr', /^Stopped MANUAL_STOP$/],
  'an alarm': ['errrrr rrrrd rr', /^Stopped ALARM_ACTIVE$/],
  'an alarm that is gone': ['errrrr rrrrd rr', /^Stopped ALARM_ACTIVE$/],
  'green fails its checks': ['...... .rrrd rr', /^Failed ECS_UPDATE_ERROR$/],
  'green lacks a task for 5 minutes': ['..rrrr rrrrd rr', /^Failed ECS_UPDATE_ERROR$/],
  'green is deleted': ['.rrrrr rrrrx rr', /^Failed ECS_UPDATE_ERROR$/],
  'blue is deleted': ['.eeeee eeeed hx', /^Failed ECS_UPDATE_ERROR$/],
  'blue fails its checks': ['...... ....d .x', /^$/],
  'the service is deleted': ['.eeeee eeeed hr', /^Failed INVALID_ECS_SERVICE$/],
  'the deployment group is deleted': ['eeeeee eeeed rr', /^Failed DEPLOYMENT_GROUP_MISSING$/],
  'production is pointed elsewhere': ['.eeeee eeeex hx', /^Failed ELASTIC_LOAD_BALANCING_INVALID$/],
  'the test listener is deleted': ['.eeeee eeeed hr', /^Failed ELASTIC_LOAD_BALANCING_INVALID$/],
  'the node refuses a listener for a minute': ['.rrrrr rrrrd hr', /^Failed ELASTIC_LOAD_BALANCING_INVALID$/],
  'the hook fails': ['e.r.r. r.r.d rr', /^Failed HOOK_EXECUTION_FAILURE$/],
  'an hour passes': ['err.rr r.rdd rr', /^(Failed (HOOK_EXECUTION_FAILURE|TIMEOUT)|Stopped TIMEOUT)$/],
  'ContinueDeployment, READY_WAIT': ['...... ....d rr', /^$/],
  'ContinueDeployment, TERMINATION_WAIT': ['...... ...dd rr', /^$/],
}

for (const [name, event] of Object.entries(events) as [keyof typeof events, (world: World) => Promise<unknown>][]) {
  test(`at each step: ${name}`, async () => {
    const [row, verdict] = table[name]
    const expected = row.replaceAll(' ', '')
    for (const [i, step] of steps.entries()) {
      const world = await worldAt(step)
      await event(world)
      const { listeners } = world.state
      await world.settle()
      world.nodeConnected = true
      world.isSchedulerThere = true
      await world.settle()
      const came = outcome(world, listeners)
      assert.equal(came, expected[i], `${step}: ${JSON.stringify(world.deployment)}`)
      const { status, error } = world.deployment
      const isOwn = step !== 'Rollback' && step !== 'Discard'
      if ('erh'.includes(came))
        assert.match(`${status} ${error?.code}`, isOwn ? verdict : /^Stopped MANUAL_STOP$/, step)
    }
  })
}

function outcome(world: World, before: State['listeners']): string {
  const { deployment, state } = world
  const { status, rollback } = deployment
  if (!finalStatuses.has(status)) return '.'
  assert.notEqual(deployment.completedAt, undefined)
  const left = deployment.events.filter(event => event.status === 'Pending' || event.status === 'InProgress')
  assert.deepEqual(left, [])
  const primary = [...state.taskSets.values()].map(({ taskDefinitionArn, status }) => `${status} ${taskDefinitionArn}`)
  if (status === 'Succeeded') {
    const isAsMeant = world.traffic(production) === 'blue 0 green 100' && primary.join() === `PRIMARY ${newVersion}`
    return isAsMeant ? 'd' : 'x'
  }
  if (rollback === undefined) {
    assert.equal(state.listeners, before)
    return 'e'
  }
  const record = state.deployments.get(rollback.deploymentId!)
  assert.equal(record?.rollback?.triggeringDeploymentId, deploymentId)
  if (record?.status === 'Failed') return 'h'
  assert.equal(record?.status, 'Succeeded')
  const isAsMeant = world.traffic(production) === 'blue 100 green 0' && primary.join() === `PRIMARY ${oldVersion}`
  return isAsMeant && world.isServing() && world.service.taskDefinitionArn === oldVersion ? 'r' : 'x'
}

test('without a rollback everything stays as it is where the deployment ends', async () => {
  for (const event of [events.stop, events['an alarm'], events['an hour passes']]) {
    for (const step of ['AfterInstall', 'AfterAllowTestTraffic', 'AfterAllowTraffic'] as const) {
      const world = await worldAt(step, { autoRollback: [] })
      const { listeners, taskSets } = world.state
      await event(world)
      await world.settle()
      assert.match(world.deployment.status, /Stopped|Failed/)
      assert.equal(world.state.listeners, listeners)
      assert.equal(world.state.taskSets, taskSets)
    }
  }
})

test('whoever stops it may ask for the rollback', async () => {
  const world = await worldAt('AllowTraffic', { autoRollback: [] })
  await world.change({ asked: { stop: { rollback: true, at: world.clock.now() } } })
  await world.settle()
  assert.equal(world.traffic(production), 'blue 100 green 0')
  assert.equal(world.deployment.error?.message, 'The deployment was stopped by a user.')
})

test('the listeners, step by step, and the next deployment goes back to the first group', async () => {
  const world = new World(slow)
  await world.setAlarm('latency', 'OK')
  const seen: string[] = []
  for (let moves = 0; moves < 20 && !finalStatuses.has(world.deployment.status); moves++) {
    await world.settle()
    const { step } = world.deployment.progress
    seen.push(`${step}: ${world.deployment.status}, ${world.traffic(production)}, test ${world.traffic(testing)}`)
    if (step === 'ReadyWait') await world.change({ asked: { continueReady: true } })
    else if (step === 'AllowTraffic' || step === 'TerminationWait') await world.pass(5 * minute)
    else if (step !== 'Done') await world.answer('Succeeded')
  }
  assert.deepEqual(seen, [
    'BeforeInstall: InProgress, blue 1, test blue 1',
    'AfterInstall: InProgress, blue 100 green 0, test blue 1',
    'AfterAllowTestTraffic: InProgress, blue 100 green 0, test blue 0 green 100',
    'ReadyWait: Ready, blue 100 green 0, test blue 0 green 100',
    'BeforeAllowTraffic: InProgress, blue 100 green 0, test blue 0 green 100',
    'AllowTraffic: InProgress, blue 90 green 10, test blue 0 green 100',
    'AfterAllowTraffic: InProgress, blue 0 green 100, test blue 0 green 100',
    'TerminationWait: InProgress, blue 0 green 100, test blue 0 green 100',
  ])
  await world.settle()
  assert.equal(world.deployment.status, 'Succeeded')
  assert.ok(world.deployment.events.every(({ status }) => status === 'Succeeded'))
  assert.equal(world.taskSet(oldVersion), undefined)
  assert.deepEqual(world.service.loadBalancers[0]?.targetGroupArn, green)

  const { id, status, events, progress, asked, ...same } = new World().deployment
  const back = { ...same, id: 'd-BBBBBBBBB', appSpec: { ...same.appSpec, taskDefinitionArn: oldVersion } }
  await world.begin({ ...back, status, events, progress, asked })
  await world.settle()
  await world.pass(5 * minute)
  assert.equal(world.deployment.status, 'Succeeded')
  assert.equal(world.traffic(production), 'green 0 blue 100')
})

test('under AWS’s timing each listener names one group alone, and groups that are in nobody’s use or being linked hold nothing up', async () => {
  const world = new World({
    ...slow,
    appSpec: { ...slow.appSpec!, hooks: {} },
    alarms: { names: [], ignorePollAlarmFailure: false },
  })
  world.timing = { profile: 'aws-nlb', scale: 1, seed: 1 }
  world.linking = 'Elb.InitialHealthChecking'
  await world.settle()
  assert.deepEqual([world.traffic(production), world.traffic(testing)], ['blue 100', 'green 100'])
  await world.change({ asked: { continueReady: true } })
  await world.settle()
  assert.equal(world.traffic(production), 'blue 90 green 10')
  await world.pass(5 * minute)
  assert.deepEqual([world.deployment.progress.step, world.traffic(production)], ['TerminationWait', 'green 100'])
  await events.stop(world)
  await world.settle()
  assert.deepEqual([world.deployment.status, world.deployment.error?.code], ['Stopped', 'MANUAL_STOP'])
  assert.deepEqual([world.traffic(production), world.traffic(testing)], ['blue 100', 'blue 100'])
  assert.equal(world.taskSet(newVersion), undefined)
})

test('UDP flows stay with blue when the last new flow goes to green, and leave green at once when it goes back', async () => {
  const forward = (world: World) => world.state.listeners.get(production)?.forward
  const world = await worldAt('TerminationWait')
  assert.deepEqual(forward(world), [
    { targetGroupArn: blue, weight: 0, added: true, keepsFlows: true },
    { targetGroupArn: green, weight: 100 },
  ])
  await events.stop(world)
  await world.settle()
  assert.deepEqual(forward(world), [
    { targetGroupArn: blue, weight: 100 },
    { targetGroupArn: green, weight: 0, added: true },
  ])
})

test('linear: so much every so long, and no further while the replacement lacks tasks', async () => {
  const world = new World({ routing: { type: 'TimeBasedLinear', percentage: 40, intervalMinutes: 1 } })
  await world.settle()
  assert.equal(world.traffic(production), 'blue 60 green 40')
  const { wakeAt } = await world.pass(minute - 1)
  assert.equal(world.traffic(production), 'blue 60 green 40')
  assert.equal(wakeAt, world.clock.now() + 1)
  const set = world.taskSet(newVersion)!
  world.broken.add(newVersion)
  await world.commit([{ table: 'taskSets', key: set.arn, value: { ...set, desiredCount: 3, failedTasks: 8 } }])
  await world.pass(minute)
  assert.equal(world.traffic(production), 'blue 60 green 40')
  world.broken.clear()
  await world.commit([{ table: 'taskSets', key: set.arn, value: set }])
  await world.settle()
  assert.equal(world.traffic(production), 'blue 20 green 80')
  await world.pass(minute)
  assert.equal(world.traffic(production), 'blue 0 green 100')
})

test('an interval begins when the node has acknowledged the share, not before', async () => {
  const world = new World({ routing: { type: 'TimeBasedCanary', percentage: 10, intervalMinutes: 5 } })
  world.sick.add(newVersion)
  await world.settle()
  world.sick.clear()
  world.nodeConnected = false
  await world.pass(30 * minute)
  assert.equal(world.deployment.progress.step, 'Install')
  world.nodeConnected = true
  await world.settle()
  assert.equal(world.traffic(production), 'blue 90 green 10')
  await world.pass(5 * minute - 1)
  assert.equal(world.traffic(production), 'blue 90 green 10')
  await world.pass(1)
  assert.equal(world.traffic(production), 'blue 0 green 100')
})

test('no step goes on before the node has acknowledged what it set, and blue stays while the node is away', async () => {
  const first = new World()
  first.isNodeSlow = true
  await first.settle()
  assert.equal(first.tasksOf(newVersion).length, 2)
  assert.equal(first.deployment.progress.step, 'Install')
  first.isNodeSlow = false
  await first.settle()
  assert.equal(first.deployment.progress.step, 'TerminationWait')
  const slowly: readonly [string, (world: World, isSlow: boolean) => unknown][] = [
    ['behind', (world, isSlow) => Object.assign(world, { isNodeSlow: isSlow })],
    ['holding', (world, isSlow) => (isSlow ? world.held.add(production) : world.held.clear())],
  ]
  for (const [how, set] of slowly) {
    const world = await worldAt('AllowTraffic')
    await world.clock.advance(5 * minute)
    const { listeners } = world.state
    const stop = world.store.watch(({ state }) => state.listeners !== listeners && set(world, true))
    await world.settle()
    stop()
    assert.deepEqual([world.deployment.progress.step, world.deployment.progress.shifted], ['AllowTraffic', 100], how)
    assert.equal(world.traffic(production), 'blue 90 green 10', how)
    set(world, false)
    await world.commit([{ table: 'alarms', key: 'nosuch' }])
    await world.settle()
    assert.equal(world.deployment.progress.step, 'AfterAllowTraffic', how)
  }
  const world = await worldAt('TerminationWait')
  world.nodeConnected = false
  await world.pass(60 * minute)
  assert.equal(world.tasksOf(oldVersion).length, 2)
  world.nodeConnected = true
  await world.settle()
  assert.equal(world.deployment.status, 'Succeeded')
})

test('a node that is back from a restart and behind takes back what another one had acknowledged', async () => {
  const world = await worldAt('TerminationWait')
  world.restartNode(world.state.revision - 5)
  await world.pass(5 * minute)
  assert.equal(world.deployment.progress.step, 'TerminationWait')
  assert.equal(world.tasksOf(oldVersion).length, 2)
  world.isNodeSlow = false
  await world.settle()
  assert.equal(world.deployment.status, 'Succeeded')
})

test('a replacement of which nobody knows how it is, as after a restart of the node, is not lost but for five minutes', async () => {
  for (const isBack of [true, false]) {
    const world = await worldAt('TerminationWait', { termination: { action: 'TERMINATE', waitMinutes: 60 } })
    world.unjudged.add(newVersion)
    await world.settle()
    await world.pass(5 * minute - 1)
    assert.equal(world.deployment.progress.step, 'TerminationWait')
    if (isBack) world.unjudged.clear()
    await world.pass(5 * minute)
    assert.equal(world.deployment.status, isBack ? 'InProgress' : 'Failed')
  }
})

test('without a test listener nothing is done for it, and without hooks their events are passed', async () => {
  const world = new World({}, { withTest: false })
  await world.settle()
  assert.equal(world.deployment.progress.step, 'TerminationWait')
  assert.equal(world.traffic(testing), 'blue 1')
  assert.ok(world.deployment.events.every(({ status }) => status === 'Succeeded'))
})

test('KEEP_ALIVE: the original tasks stay, and the next deployment says that they are in its way', async () => {
  const world = new World({ termination: { action: 'KEEP_ALIVE', waitMinutes: 0 } })
  await world.settle()
  assert.equal(world.deployment.status, 'Succeeded')
  assert.equal(world.taskSet(oldVersion)?.status, 'ACTIVE')
  await world.begin({ ...new World().deployment, id: 'd-BBBBBBBBB' })
  await world.settle()
  assert.equal(world.deployment.status, 'Failed')
  assert.match(world.deployment.error!.message, /^The target group blue still holds the tasks of task set ecs-svc/)
})

test('a service without tasks is deployed all the same', async () => {
  const world = new World({ termination: { action: 'TERMINATE', waitMinutes: 0 } }, { desiredCount: 0 })
  await world.settle()
  assert.equal(world.deployment.status, 'Succeeded')
})

test('tasks that end as soon as they start fail the deployment early, with their reason', async () => {
  const world = new World({ autoRollback: everyRollback })
  world.broken.add(newVersion)
  await world.settle()
  assert.equal(world.deployment.status, 'Failed')
  assert.match(world.deployment.error!.message, /do not stay up: Essential container in task exited$/)
  assert.equal(world.taskSet(newVersion), undefined)
})

test('it is not rolled back onto original tasks of which none is healthy, and says so', async () => {
  const world = await worldAt('TerminationWait')
  world.sick.add(oldVersion)
  await events.stop(world)
  await world.settle()
  assert.equal(world.deployment.status, 'Stopped')
  assert.match(world.deployment.error!.message, /not rolled back: the original task set has no healthy task\.$/)
  assert.equal(world.traffic(production), 'blue 0 green 100')
  assert.ok(world.isServing())
})

test('where no task of either side is healthy it is rolled back all the same, since nothing is lost by that', async () => {
  const world = await worldAt('TerminationWait')
  for (const version of [oldVersion, newVersion]) world.sick.add(version)
  await world.settle()
  assert.equal(world.deployment.progress.step, 'Rollback')
  assert.equal(world.traffic(production), 'blue 100 green 0')
  world.sick.delete(oldVersion)
  await world.settle()
  assert.equal(world.deployment.status, 'Failed')
  assert.equal(world.deployment.error?.message, 'The replacement task set has no healthy task left.')
  assert.ok(world.isServing())
})

test('a rollback waits for original tasks that are just being replaced, and keeps the new ones until then', async () => {
  const world = await worldAt('Rollback')
  world.nodeConnected = true
  world.sick.add(oldVersion)
  await world.settle()
  assert.equal(world.deployment.progress.step, 'Rollback')
  assert.equal(world.tasksOf(newVersion).length, 2)
  world.sick.clear()
  await world.settle()
  assert.equal(world.deployment.status, 'Stopped')
})

const unfit: readonly [string, (world: World) => Promise<unknown>, RegExp][] = [
  ['production forwards elsewhere', world => world.point(production, green), /INVALID.*must be all that listener/],
  [
    'the service is gone',
    world => world.commit([{ table: 'services', key: serviceArn }]),
    /INVALID_ECS_SERVICE.*not active/,
  ],
  ['a listener is gone', world => world.commit([{ table: 'listeners', key: testing }]), /INVALID.*does not exist/],
  ['a target group is gone', world => world.commit([{ table: 'targetGroups', key: green }]), /INVALID.*green does not/],
  [
    'the task definition is gone',
    world => world.commit([{ table: 'taskDefinitions', key: newVersion }]),
    /INVALID_REVISION.*does not exist/,
  ],
]
for (const [what, change, expected] of unfit) {
  test(`it fails at once and touches nothing where ${what}`, async () => {
    const world = new World({ autoRollback: everyRollback })
    await change(world)
    const { listeners, taskSets } = world.state
    await world.settle()
    const { status, error, rollback } = world.deployment
    assert.equal(status, 'Failed')
    assert.match(`${error?.code} ${error?.message}`, expected)
    assert.equal(rollback, undefined)
    assert.equal(world.state.listeners, listeners)
    assert.deepEqual([...world.state.taskSets.keys()], [...taskSets.keys()])
  })
}

test('what a failed hook said is in its event, and what comes after it is skipped', async () => {
  const world = await worldAt('AfterInstall', { autoRollback: [] })
  await world.answer('Failed')
  await world.settle()
  const its = (name: string) => world.deployment.events.find(event => event.name === name)
  assert.equal(its('AfterInstall')?.status, 'Failed')
  assert.equal(its('AfterInstall')?.diagnostics?.errorCode, 'ScriptFailed')
  assert.equal(its('AllowTraffic')?.status, 'Skipped')
  assert.match(world.deployment.error!.message, /hook of AfterInstall failed: The hook of AfterInstall said/)
})

test('an alarm that cannot be read is passed over where the group says so', async () => {
  const world = new World({ alarms: { names: ['nosuch'], ignorePollAlarmFailure: true } })
  await world.settle()
  assert.equal(world.deployment.progress.step, 'TerminationWait')
})
