import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeploymentSettings } from '../../domain/service-deployment.ts'
import type { Change } from '../../domain/state.ts'
import { newVersion, oldVersion, production, serviceArn, testing } from '../world.fixture.ts'
import { hook, ServiceWorld } from './world.fixture.ts'

const minute = 60_000

/** A world at rest, after the first moves. */
async function begun(...wishes: Parameters<typeof ServiceWorld.open>): Promise<ServiceWorld> {
  const world = await ServiceWorld.open(...wishes)
  await world.run()
  return world
}

test('BLUE_GREEN goes all the way by itself and says so; blue goes after the bake time, and green is what the service runs', async () => {
  const world = await begun()
  assert.equal(world.place, 'BAKE_TIME')
  assert.equal(world.traffic(production), 'blue 0 green 100')
  assert.equal(world.traffic(testing), 'blue 0 green 100')
  assert.deepEqual(world.sets(), ['ACTIVE web:1', 'PRIMARY web:2'])
  await world.run(5 * minute)
  assert.equal(world.place, 'SUCCESSFUL')
  assert.deepEqual(world.sets(), ['PRIMARY web:2'])
  assert.equal(world.service.taskDefinitionArn, newVersion)
  assert.equal(world.traffic(testing), 'blue 0 green 100')
  assert.match(world.service.events[0]!.message, /^\(service web\) \(deployment ecs-svc\/\d+\) deployment completed\.$/)
  assert.deepEqual(
    world.log.map(line => line.replace('service deployment default/web/1: ', '')),
    [
      'SCALE_UP',
      'TEST_TRAFFIC_SHIFT',
      'PRODUCTION_TRAFFIC_SHIFT',
      '100 % of new flows go to the target service revision',
      'BAKE_TIME',
      'CLEAN_UP',
      'SUCCESSFUL',
    ],
  )
  await world.close()
})

test('the next deployment goes the other way, green to blue', async () => {
  const world = await begun()
  await world.run(5 * minute)
  await world.update(oldVersion)
  await world.run()
  assert.equal(world.traffic(production), 'green 0 blue 100')
  await world.run(5 * minute)
  assert.equal(world.place, 'SUCCESSFUL')
  assert.deepEqual(world.sets(), ['PRIMARY web:1'])
  await world.close()
})

/** Production's share of green, each time that it changed, with the minutes from the beginning. */
async function shares(settings: Partial<DeploymentSettings>): Promise<readonly string[]> {
  const world = await begun({ settings: { bakeMinutes: 0, ...settings } })
  const seen = [`0 ${world.traffic(production)}`]
  for (let passed = 1; passed < 60 && world.place !== 'SUCCESSFUL'; passed++) {
    const before = world.traffic(production)
    await world.run(minute)
    if (world.traffic(production) !== before) seen.push(`${passed} ${world.traffic(production)}`)
  }
  assert.equal(world.place, 'SUCCESSFUL')
  await world.close()
  return seen
}

test('LINEAR shifts by equal steps and stays at each; CANARY by two, in weights of a thousandth', async () => {
  assert.deepEqual(await shares({ strategy: 'LINEAR', step: { percent: 33.3, bakeMinutes: 6 } }), [
    '0 blue 667 green 333',
    '6 blue 334 green 666',
    '12 blue 1 green 999',
    '18 blue 0 green 100',
  ])
  assert.deepEqual(await shares({ strategy: 'CANARY', step: { percent: 0.1, bakeMinutes: 10 } }), [
    '0 blue 999 green 1',
    '10 blue 0 green 100',
  ])
  assert.deepEqual(await shares({ strategy: 'LINEAR', step: { percent: 100, bakeMinutes: 6 } }), ['0 blue 0 green 100'])
})

test('production waits for green to be complete before each step', async () => {
  const step = { percent: 50, bakeMinutes: 6 }
  const world = await begun({ settings: { strategy: 'LINEAR', step } })
  await world.run(2 * minute)
  world.isSchedulerThere = false
  await world.kill(newVersion)
  await world.run(4.5 * minute)
  assert.equal(world.traffic(production), 'blue 50 green 50')
  world.isSchedulerThere = true
  await world.run()
  assert.equal(world.traffic(production), 'blue 0 green 100')
  await world.close()
})

test("a service's first tasks get production and test traffic, and there is nothing to clean up", async () => {
  const world = await begun({ isFirst: true })
  assert.equal(world.place, 'SUCCESSFUL')
  assert.deepEqual(world.sets(), ['PRIMARY web:2'])
  // The pair's other group has nothing in it, and counts as blue.
  assert.equal(world.traffic(production), 'green 0 blue 100')
  assert.equal(world.traffic(testing), 'green 0 blue 100')
  await world.close()
})

test('a first deployment whose tasks do not stay up has nothing to go back to', async () => {
  const circuitBreaker = { enable: true, rollback: true }
  const world = await ServiceWorld.open({ isFirst: true })
  await world.alter({ circuitBreaker })
  world.broken.add(newVersion)
  await world.run(minute)
  assert.equal(world.place, 'ROLLBACK_FAILED')
  assert.match(world.its.statusReason!, /circuit breaker: tasks failed to start\. There is no earlier service revision/)
  await world.close()
})

test('a service without load balancers is deployed without a shift', async () => {
  const world = await begun({ loadBalancers: [] })
  assert.equal(world.place, 'BAKE_TIME')
  assert.equal(world.traffic(production), 'blue 1')
  await world.run(5 * minute)
  assert.deepEqual([world.place, ...world.sets()], ['SUCCESSFUL', 'PRIMARY web:2'])
  await world.close()
})

test('one that is cut short for good leaves both, and the next one reconciles first', async () => {
  const pause = hook({ targetType: 'PAUSE', stages: ['RECONCILE_SERVICE', 'POST_PRODUCTION_TRAFFIC_SHIFT'] })
  const world = await begun({
    settings: { hooks: [pause], strategy: 'CANARY', step: { percent: 10, bakeMinutes: 10 } },
  })
  await world.stop('ABORT')
  await world.run()
  assert.equal(world.place, 'STOPPED')
  assert.equal(world.traffic(production), 'blue 90 green 10')
  assert.deepEqual(world.sets(), ['PRIMARY web:1', 'ACTIVE web:2'])
  await world.update(newVersion)
  await world.run()
  assert.equal(world.place, 'RECONCILE_SERVICE')
  assert.equal(world.traffic(production), 'blue 100 green 0')
  assert.deepEqual(world.sets(), ['PRIMARY web:1'])
  await world.resume()
  await world.run()
  await world.run(10 * minute)
  assert.equal(world.place, 'POST_PRODUCTION_TRAFFIC_SHIFT')
  await world.resume()
  await world.run(5 * minute)
  assert.deepEqual([world.place, ...world.sets()], ['SUCCESSFUL', 'PRIMARY web:2'])
  await world.close()
})

test('one that is superseded goes back first, and what the service runs is the newest', async () => {
  const world = await begun()
  const { arn } = world.its
  await world.update(newVersion)
  const stop = { type: 'ROLLBACK', at: world.clock.now(), supersededBy: world.its.arn } as const
  await world.alter({ status: 'STOP_REQUESTED', asked: { stop } }, arn)
  await world.run()
  await world.run(5 * minute)
  const first = world.state.serviceDeployments.get(arn)!
  assert.equal(first.status, 'STOPPED')
  assert.match(first.statusReason!, /a newer service deployment was started/)
  assert.equal(world.service.taskDefinitionArn, newVersion)
  assert.deepEqual([world.place, ...world.sets()], ['SUCCESSFUL', 'PRIMARY web:2'])
  await world.close()
})

test('behind a Network Load Balancer under AWS timing each shift takes ten minutes more, the way back too', async () => {
  const timing = { profile: 'aws-nlb', scale: 10, seed: 1 } as const
  const world = await begun({ timing })
  assert.equal(world.place, 'TEST_TRAFFIC_SHIFT')
  await world.run(minute)
  assert.equal(world.place, 'PRODUCTION_TRAFFIC_SHIFT')
  assert.equal(world.traffic(production), 'blue 0 green 100')
  await world.run(minute)
  assert.equal(world.place, 'BAKE_TIME')
  await world.stop()
  await world.run()
  assert.equal(world.place, 'ROLLBACK_IN_PROGRESS')
  await world.run(minute)
  assert.equal(world.place, 'ROLLBACK_SUCCESSFUL')
  await world.close()
})

test('nothing goes on before the node has put in place what was set', async () => {
  const world = await ServiceWorld.open()
  world.isNodeSlow = true
  await world.run(minute)
  assert.equal(world.place, 'SCALE_UP')
  world.isNodeSlow = false
  await world.run()
  assert.equal(world.place, 'BAKE_TIME')
  await world.close()
})

test('what it needs and is gone ends it at once, and nothing is touched', async () => {
  const faults: Record<string, Change> = {
    'The service is not active.': { table: 'services', key: serviceArn },
    [`The listener or rule ${production} does not exist.`]: { table: 'listeners', key: production },
    'The target group arn:tg:green does not exist.': { table: 'targetGroups', key: 'arn:tg:green' },
  }
  for (const [reason, fault] of Object.entries(faults)) {
    const world = await begun({ before: [fault] })
    assert.deepEqual([world.place, world.its.statusReason], ['STOPPED', reason])
    assert.deepEqual(world.sets(), ['PRIMARY web:1'])
    await world.close()
  }
})

/** Faults at the stages, and how each ends: back (`r`), left as it is (`l`), or it goes on (`.`). */
const stages = [
  'PRE_SCALE_UP',
  'SCALE_UP',
  'POST_TEST_TRAFFIC_SHIFT',
  'POST_PRODUCTION_TRAFFIC_SHIFT',
  'BAKE_TIME',
] as const
const happens: Record<string, { readonly ends: string; readonly fault: (world: ServiceWorld) => unknown }> = {
  'stop with ROLLBACK': { ends: 'rrrrr', fault: world => world.stop() },
  'stop with ABORT': { ends: 'lllll', fault: world => world.stop('ABORT') },
  'an alarm': { ends: 'rrrrr', fault: world => world.setAlarm('latency', 'ALARM') },
  'a hook that fails': { ends: 'r.rr.', fault: world => world.resume('FAILED') },
  'green loses its health': { ends: '...rr', fault: world => world.sick.add(newVersion) },
  'somebody points production elsewhere': { ends: '.llll', fault: world => world.point(production, 'arn:tg:blue') },
  'the service is deleted': {
    ends: 'lllll',
    fault: ({ service, store, state }) =>
      store.transact(state.revision, [
        { table: 'services', key: serviceArn, value: { ...service, status: 'DRAINING' } },
      ]),
  },
}
const finals: Readonly<Record<string, string>> = { ROLLBACK_SUCCESSFUL: 'r', STOPPED: 'l' }

for (const [what, { ends, fault }] of Object.entries(happens)) {
  test(`at each stage: ${what}`, async () => {
    for (const [i, stage] of stages.entries()) {
      const pause = hook({
        targetType: 'PAUSE',
        stages: ['PRE_SCALE_UP', 'POST_TEST_TRAFFIC_SHIFT', 'POST_PRODUCTION_TRAFFIC_SHIFT'],
      })
      const alarms = { names: ['latency'], enable: true, rollback: true }
      const world = await ServiceWorld.open({ settings: { hooks: [pause], alarms } })
      if (stage === 'SCALE_UP') world.unjudged.add(newVersion)
      await world.run()
      while (world.place !== stage) {
        await world.resume()
        await world.run()
      }
      await fault(world)
      world.unjudged.clear()
      world.report()
      await world.run()
      const end = finals[world.place] ?? '.'
      assert.equal(end, ends[i], `${stage}: ${JSON.stringify(world.its)}`)
      if (end === 'r') {
        assert.deepEqual(world.sets(), ['PRIMARY web:1'])
        assert.equal(world.service.taskDefinitionArn, oldVersion)
        assert.ok(['blue 1', 'blue 100 green 0'].includes(world.traffic(production)), world.traffic(production))
        assert.ok(world.isServing())
      }
      await world.close()
    }
  })
}

test('a test listener that goes while a hook pauses ends it where it is', async () => {
  const pause = hook({ targetType: 'PAUSE', stages: ['PRE_SCALE_UP'] })
  const world = await begun({ settings: { hooks: [pause] } })
  await world.commit([{ table: 'listeners', key: testing }])
  await world.run()
  assert.deepEqual(
    [world.place, world.its.statusReason],
    ['STOPPED', `The listener or rule ${testing} does not exist.`],
  )
  await world.close()
})

test("on the way back the service's record is blue's at once, and blue is primary as soon as it has the traffic", async () => {
  const world = await ServiceWorld.open({ settings: { hooks: [hook({ stages: ['PRODUCTION_TRAFFIC_SHIFT'] })] } })
  world.hookAnswer = { answer: 'Succeeded' }
  await world.run()
  world.hookAnswer = 'later'
  world.isNodeSlow = true
  await world.stop()
  await world.run()
  assert.equal(world.service.taskDefinitionArn, oldVersion)
  assert.deepEqual(world.sets(), ['ACTIVE web:1', 'PRIMARY web:2'])
  world.isNodeSlow = false
  await world.run()
  assert.equal(world.place, 'ROLLBACK_IN_PROGRESS')
  assert.deepEqual(world.sets(), ['PRIMARY web:1', 'ACTIVE web:2'])
  // Cut short, it leaves to the next deployment what production is on.
  await world.point(production, 'arn:tg:blue')
  await world.run()
  assert.equal(world.place, 'ROLLBACK_FAILED')
  await world.update(newVersion)
  await world.run()
  assert.equal(world.traffic(production), 'blue 0 green 100')
  await world.close()
})

test('a stop of one that waits for its turn starts nothing of it', async () => {
  const world = await begun()
  const { arn } = world.its
  await world.update(newVersion)
  const stop = { type: 'ROLLBACK', at: world.clock.now(), supersededBy: world.its.arn } as const
  await world.alter({ status: 'STOP_REQUESTED', asked: { stop } }, arn)
  await world.stop()
  await world.run()
  assert.equal(world.place, 'ROLLBACK_SUCCESSFUL')
  const { log, its } = world
  const name = its.arn.slice(its.arn.lastIndexOf('/') + 1)
  assert.deepEqual(
    log.filter(line => line.includes(`web/${name}: `) && line.endsWith(': SCALE_UP')),
    [],
  )
  assert.deepEqual([world.service.taskDefinitionArn, ...world.sets()], [oldVersion, 'PRIMARY web:1'])
  await world.close()
})

test('tasks that are still on their way when a service is scaled up from none are no loss', async () => {
  const world = await begun({ desiredCount: 0 })
  assert.equal(world.place, 'BAKE_TIME')
  world.isSchedulerThere = false
  await world.commit([
    { table: 'services', key: serviceArn, value: { ...world.service, desiredCount: 2 } },
    ...[...world.state.taskSets.values()].map(
      (set): Change => ({ table: 'taskSets', key: set.arn, value: { ...set, desiredCount: 2 } }),
    ),
  ])
  await world.run(minute)
  assert.equal(world.place, 'BAKE_TIME')
  world.isSchedulerThere = true
  await world.run()
  await world.run(5 * minute)
  assert.equal(world.place, 'SUCCESSFUL')
  await world.close()
})

test('on the way back a blue side that goes ends it, and green stays', async () => {
  const world = await ServiceWorld.open({ settings: { hooks: [hook({ stages: ['PRODUCTION_TRAFFIC_SHIFT'] })] } })
  world.hookAnswer = { answer: 'Succeeded' }
  await world.run()
  world.hookAnswer = 'later'
  await world.stop()
  await world.run()
  assert.equal(world.place, 'ROLLBACK_IN_PROGRESS')
  await world.commit([{ table: 'taskSets', key: world.taskSet(oldVersion)!.arn }])
  await world.run()
  assert.equal(world.place, 'ROLLBACK_FAILED')
  assert.deepEqual(world.sets(), ['ACTIVE web:2'])
  await world.close()
})

test('an alarm that is in ALARM when it begins is not watched; one without rollback ends it where it is', async () => {
  const alarms = { names: ['latency'], enable: true, rollback: false }
  const ignoring = await ServiceWorld.open({ settings: { alarms } })
  await ignoring.setAlarm('latency', 'ALARM')
  await ignoring.run()
  assert.equal(ignoring.place, 'STOPPED')
  await ignoring.update(newVersion)
  await ignoring.run()
  assert.equal(ignoring.place, 'BAKE_TIME')
  assert.equal(ignoring.its.alarmsIgnored, true)
  await ignoring.close()
})

test('green tasks that do not stay up open the circuit breaker, with rollback or without', async () => {
  for (const rollback of [true, false]) {
    const world = await ServiceWorld.open({ deployment: { circuitBreaker: { enable: true, rollback } } })
    world.broken.add(newVersion)
    await world.run(minute)
    assert.equal(world.place, rollback ? 'ROLLBACK_SUCCESSFUL' : 'STOPPED')
    assert.equal(world.taskSet(newVersion)?.rolloutState, rollback ? undefined : 'FAILED')
    assert.equal(world.traffic(production), 'blue 100 green 0')
    await world.close()
  }
})

test('it does not go back onto a blue of which nothing is healthy while green is', async () => {
  const world = await begun()
  world.sick.add(oldVersion)
  await world.stop()
  await world.run()
  assert.equal(world.place, 'ROLLBACK_FAILED')
  assert.equal(world.traffic(production), 'blue 0 green 100')
  await world.close()
})
