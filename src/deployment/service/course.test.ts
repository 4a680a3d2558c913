import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import { type DeploymentSettings, isFinal } from '../../domain/service-deployment.ts'
import { newVersion, oldVersion, production } from '../world.fixture.ts'
import { hook, ServiceWorld } from './world.fixture.ts'

const minute = 60_000

test('killed after each of its commits, a deployment and its way back come to the same end', async () => {
  for (const isStopped of [false, true]) {
    const hooks = [hook({ stages: ['PRE_SCALE_UP', 'PRODUCTION_TRAFFIC_SHIFT', 'TEST_TRAFFIC_SHIFT'] })]
    const world = await ServiceWorld.open({ settings: { hooks } })
    world.hookAnswer = { answer: 'Succeeded' }
    let crashes = 0
    const unwatch = world.store.watch(() => {
      crashes++
      world.restart()
    })
    await world.run()
    assert.equal(world.place, 'BAKE_TIME')
    if (isStopped) await world.stop()
    await world.run()
    await world.run(5 * minute)
    unwatch()
    assert.equal(world.place, isStopped ? 'ROLLBACK_SUCCESSFUL' : 'SUCCESSFUL')
    assert.equal(world.traffic(production), isStopped ? 'blue 100 green 0' : 'blue 0 green 100')
    assert.deepEqual(world.sets(), [isStopped ? 'PRIMARY web:1' : 'PRIMARY web:2'])
    assert.ok(crashes > 10)
    await world.close()
  }
})

/** Things that go wrong, or right again, at any time. */
const happenings: readonly ((world: ServiceWorld, random: (below: number) => number) => unknown)[] = [
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
  (world, random) => world.resume(random(6) === 0 ? 'FAILED' : 'SUCCEEDED'),
  (world, random) => random(6) === 0 && !isFinal(world.its) && world.stop(),
  (world, random) => random(12) === 0 && !isFinal(world.its) && world.stop('ABORT'),
]

const walks = 150
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
  const strategies: readonly Partial<DeploymentSettings>[] = [
    { strategy: 'BLUE_GREEN' },
    { strategy: 'CANARY', step: { percent: 10, bakeMinutes: 5 } },
    { strategy: 'LINEAR', step: { percent: 33.3, bakeMinutes: 1 } },
  ]
  const hooks = [
    hook({ stages: ['PRE_SCALE_UP', 'PRODUCTION_TRAFFIC_SHIFT'] }),
    hook({ targetType: 'PAUSE', stages: one([['POST_SCALE_UP'], ['POST_PRODUCTION_TRAFFIC_SHIFT']]) }),
  ]
  const alarms = { names: ['latency'], enable: random(2) === 0, rollback: random(4) > 0 }
  const world = await ServiceWorld.open({
    settings: { ...one(strategies), alarms, hooks },
    deployment: { circuitBreaker: { enable: random(2) === 0, rollback: true } },
  })
  world.hookAnswer = one([{ answer: 'Succeeded' as const }, { callBack: { afterSeconds: 30 } }])
  const explain = () => `seed ${seed}: ${JSON.stringify(world.its)}`
  for (let i = 0; i < 30 && !isFinal(world.its); i++) {
    if (random(3) === 0) await one(happenings)(world, random)
    if (random(8) === 0) world.restart()
    if (random(4) === 0) world.hookAnswer = { answer: 'Succeeded' }
    await world.run(one([0, 1_000, minute, 5 * minute]))
    // Whatever happened, nobody was sent to a group that this deployment had taken away, also by a node that is behind or away.
    if (world.sick.size + world.broken.size + world.unjudged.size === 0) assert.ok(world.isServing(), explain())
  }
  for (const faults of ['sick', 'broken', 'unjudged', 'refused', 'held'] as const) world[faults].clear()
  world.nodeConnected = true
  world.isNodeSlow = false
  world.hookAnswer = { answer: 'Succeeded' }
  world.restart()
  world.report()
  for (let i = 0; i < 12; i++) {
    await world.run(30 * minute)
    await world.resume()
  }
  await world.run(24 * 60 * minute)
  await world.close()
  const { status } = world.its
  assert.ok(isFinal(world.its), explain())
  assert.ok(world.isServing(), explain())
  if (status === 'SUCCESSFUL') {
    assert.equal(world.traffic(production), 'blue 0 green 100', explain())
    assert.equal(world.taskSet(oldVersion), undefined, explain())
  } else if (status === 'ROLLBACK_SUCCESSFUL') {
    assert.equal(world.traffic(production).replace('blue 1', 'blue 100').startsWith('blue 100'), true, explain())
    assert.equal(world.taskSet(newVersion), undefined, explain())
    assert.equal(world.service.taskDefinitionArn, oldVersion, explain())
  }
  return status
}
