import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../clock.ts'
import { type Deployment, finalStatuses } from '../domain/code-deploy.ts'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { instant } from '../domain/timing.ts'
import { openMemoryStore } from '../store/memory.ts'
import { type Deployments, openDeployments } from './runner.ts'
import { newVersion, oldVersion, production, World } from './world.fixture.ts'

const minute = 60_000
const hooked: Deployment['appSpec'] = {
  taskDefinitionArn: newVersion,
  containerName: 'web',
  containerPort: 8080,
  hooks: { AfterInstall: 'check' },
}
const everyRollback = ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_ALARM', 'DEPLOYMENT_STOP_ON_REQUEST'] as const

function open(world: World, log: string[] = []): Deployments {
  const { store, clock, feed, callHook: hooks } = world
  return openDeployments({ store, clock, feed, hooks, timing: instant, log: line => log.push(line) })
}

/** Lets the runner, the scheduler and the node do what they have to, `ms` long. */
async function run(world: World, ms = 0): Promise<void> {
  await world.clock.advance(ms)
  let isBusy = true
  while (isBusy) {
    const { revision } = world.state
    isBusy = await world.turn()
    await world.clock.advance(0)
    isBusy ||= world.state.revision !== revision
  }
}

test('a deployment goes all the way by itself, and says so, a line a step', async () => {
  const world = new World()
  const log: string[] = []
  const deployments = open(world, log)
  await run(world)
  assert.equal(world.deployment.progress.step, 'TerminationWait')
  await run(world, 5 * minute)
  assert.equal(world.deployment.status, 'Succeeded')
  assert.deepEqual(log, [
    'deployment d-AAAAAAAAA: Install',
    'deployment d-AAAAAAAAA: AllowTestTraffic',
    'deployment d-AAAAAAAAA: AllowTraffic',
    'deployment d-AAAAAAAAA: 100 % of new flows go to the replacement',
    'deployment d-AAAAAAAAA: TerminationWait',
    'deployment d-AAAAAAAAA: Terminate',
    'deployment d-AAAAAAAAA: Succeeded',
  ])
  await deployments.close()
})

test('a hook is called once, also while other things change, and its answer is kept', async () => {
  const world = new World({ appSpec: hooked })
  const deployments = open(world)
  await run(world)
  await world.setAlarm('other', 'OK')
  await world.kill(newVersion)
  await run(world, minute)
  assert.equal(world.called.length, 1)
  const [call] = world.called
  assert.equal(call?.executionId, world.deployment.events.find(({ name }) => name === 'AfterInstall')?.executionId)
  await world.answer('Succeeded')
  await run(world)
  assert.equal(world.deployment.progress.step, 'TerminationWait')
  await deployments.close()
})

test('a hook that says itself that it failed fails the deployment with its diagnostics', async () => {
  const world = new World({ appSpec: hooked })
  world.hookAnswer = { answer: 'Failed', diagnostics: { errorCode: 'ScriptFailed', message: 'exited with 3' } }
  const deployments = open(world)
  await run(world)
  assert.equal(world.deployment.status, 'Failed')
  assert.match(world.deployment.error!.message, /exited with 3$/)
  await deployments.close()
})

test('after a crash a hook that was under way is called again with the same execution id', async () => {
  const world = new World({ appSpec: hooked })
  await open(world).close()
  const first = open(world)
  await run(world)
  await first.close()
  const second = open(world)
  await run(world)
  const ids = new Set(world.called.map(({ executionId }) => executionId))
  assert.equal(world.called.length, 2)
  assert.equal(ids.size, 1)
  await second.close()
})

test('killed after each of its commits, a deployment and its rollback come to the same end', async () => {
  for (const isStopped of [false, true]) {
    const world = new World({ appSpec: hooked, autoRollback: everyRollback })
    world.hookAnswer = { answer: 'Succeeded' }
    let crashes = 0
    let deployments = open(world)
    const stop = world.store.watch(() => {
      crashes++
      void deployments.close()
      deployments = open(world)
    })
    await run(world)
    assert.equal(world.deployment.progress.step, 'TerminationWait')
    if (isStopped) await world.change({ asked: { stop: { rollback: false, at: world.clock.now() } } })
    await run(world, isStopped ? 0 : 5 * minute)
    const left = [...world.state.taskSets.values()].map(set => `${set.status} ${set.taskDefinitionArn}`)
    assert.equal(world.deployment.status, isStopped ? 'Stopped' : 'Succeeded')
    assert.equal(world.traffic(production), isStopped ? 'blue 100 green 0' : 'blue 0 green 100')
    assert.deepEqual(left, [`PRIMARY ${isStopped ? oldVersion : newVersion}`])
    assert.ok(crashes > 10)
    stop()
    await deployments.close()
  }
})

test('a clock that is set forward, or a machine that slept, is noticed within a minute', async () => {
  const world = new World()
  const { store, clock, feed, callHook: hooks } = world
  let aheadMs = 0
  const set: Clock = {
    now: () => clock.now() + aheadMs,
    monotonic: () => clock.monotonic(),
    after: (ms, task) => clock.after(ms, task),
    every: (ms, task) => clock.every(ms, task),
  }
  const deployments = openDeployments({ store, clock: set, feed, hooks, timing: instant, log: () => {} })
  await run(world)
  assert.equal(world.deployment.progress.step, 'TerminationWait')
  aheadMs = 5 * minute
  await run(world, minute)
  assert.equal(world.deployment.status, 'Succeeded')
  await deployments.close()
})

test('a store that cannot be written is tried again', async () => {
  const world = new World()
  const log: string[] = []
  const memory = openMemoryStore(world.state)
  let refusals = 2
  const store: typeof memory = {
    ...memory,
    transact(revision, changes) {
      if (refusals-- > 0) return Promise.reject(new Error('no space left'))
      return memory.transact(revision, changes)
    },
  }
  const { clock, feed, callHook: hooks } = world
  const deployments = openDeployments({ store, clock, feed, hooks, timing: instant, log: line => log.push(line) })
  await clock.advance(0)
  assert.deepEqual(log, ['cannot go on with deployments (no space left); trying again'])
  await clock.advance(2_000)
  assert.equal(store.read().deployments.get('d-AAAAAAAAA')?.progress.step, 'Install')
  await deployments.close()
})

/** Things that go wrong, or right again, at any time. */
const happenings: readonly ((world: World, random: (below: number) => number) => unknown)[] = [
  world => world.kill(newVersion),
  world => world.kill(oldVersion),
  world => world.sick.add(newVersion),
  world => world.sick.add(oldVersion),
  world => world.sick.clear(),
  world => world.sick.clear(),
  world => world.broken.add(newVersion),
  world => world.broken.clear(),
  world => world.unjudged.add(newVersion),
  world => world.unjudged.clear(),
  world => world.refused.add(production),
  world => world.refused.clear(),
  world => world.held.add(production),
  world => world.held.clear(),
  world => {
    world.isNodeSlow = !world.isNodeSlow
  },
  (world, random) => world.restartNode(Math.max(0, world.state.revision - random(20))),
  world => {
    world.nodeConnected = !world.nodeConnected
  },
  world => world.setAlarm('latency', 'ALARM'),
  world => world.setAlarm('latency', 'OK'),
  (world, random) => isUnderWay(world) && random(4) === 0 && world.answer('Failed'),
  world => isUnderWay(world) && world.answer('Succeeded'),
  world => isUnderWay(world) && world.change({ asked: { continueReady: true } }),
  (world, random) => {
    const stop = { rollback: random(2) === 0, at: world.clock.now() }
    return isUnderWay(world) && random(4) === 0 && world.change({ asked: { stop } })
  },
]

function isUnderWay(world: World): boolean {
  return !finalStatuses.has(world.deployment.status)
}

const walks = 200
test(`${walks} walks through random faults and crashes end in a final state with traffic on healthy targets`, async t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const ends = new Map<string, number>()
  for (let walk = 0; walk < walks; walk++) {
    const end = await randomWalk(seed + walk)
    ends.set(end, (ends.get(end) ?? 0) + 1)
  }
  t.diagnostic([...ends].map(([end, count]) => `${end} ${count}`).join(', '))
})

async function randomWalk(seed: number): Promise<string> {
  const random = randomFrom(seed)
  const one = <T>(of: readonly T[]) => of[random(of.length)]!
  const world = new World({
    appSpec:
      random(2) === 0 ? hooked : { ...hooked, hooks: { BeforeAllowTraffic: 'check', AfterAllowTraffic: 'check' } },
    routing: one<Deployment['routing']>([
      { type: 'AllAtOnce' },
      { type: 'TimeBasedCanary', percentage: 10, intervalMinutes: 5 },
      { type: 'TimeBasedLinear', percentage: 30, intervalMinutes: 1 },
    ]),
    readyOption: one([
      { action: 'CONTINUE_DEPLOYMENT', waitMinutes: 0 },
      { action: 'STOP_DEPLOYMENT', waitMinutes: 30 },
    ]),
    autoRollback: everyRollback,
    alarms: { names: random(2) === 0 ? ['latency'] : [], ignorePollAlarmFailure: true },
  })
  world.hookAnswer = one(['later', { answer: 'Succeeded' as const }])
  let deployments = open(world)
  const explain = () => `seed ${seed}: ${JSON.stringify(world.deployment)}`
  try {
    for (let i = 0; i < 30 && isUnderWay(world); i++) {
      if (random(3) === 0) await one(happenings)(world, random)
      if (random(8) === 0) {
        await deployments.close()
        deployments = open(world)
      }
      await run(world, one([0, 1_000, minute, 5 * minute]))
      // Whatever happened, nobody was sent to a group that this deployment had taken away, also by a node that is behind or away.
      if (world.sick.size + world.broken.size + world.unjudged.size === 0) assert.ok(world.isServing(), explain())
    }
    for (const faults of ['sick', 'broken', 'unjudged', 'refused', 'held'] as const) world[faults].clear()
    world.nodeConnected = true
    world.isNodeSlow = false
    world.report()
    for (let i = 0; i < 12; i++) await run(world, 30 * minute)
  } finally {
    await deployments.close()
  }
  const { status, rollback } = world.deployment
  assert.ok(finalStatuses.has(status), explain())
  assert.ok(world.isServing(), explain())
  const record = world.state.deployments.get(rollback?.deploymentId ?? '')
  const traffic = world.traffic(production)
  if (status === 'Succeeded') {
    assert.equal(traffic, 'blue 0 green 100', explain())
    assert.equal(world.taskSet(oldVersion), undefined, explain())
  } else if (record?.status === 'Succeeded') {
    assert.equal(traffic, 'blue 100 green 0', explain())
    assert.equal(world.taskSet(newVersion), undefined, explain())
  }
  assert.ok(record === undefined || finalStatuses.has(record.status), explain())
  return record === undefined ? status : `${status} and rollback ${record.status}`
}
