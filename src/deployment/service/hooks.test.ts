import assert from 'node:assert/strict'
import { test } from 'node:test'
import { production } from '../world.fixture.ts'
import { hook, ServiceWorld } from './world.fixture.ts'

const minute = 60_000

async function begun(...wishes: Parameters<typeof ServiceWorld.open>): Promise<ServiceWorld> {
  const world = await ServiceWorld.open(...wishes)
  await world.run()
  return world
}

const statuses = (world: ServiceWorld) => world.its.hookRuns.map(({ stage, status }) => `${stage} ${status}`)
const called = (world: ServiceWorld) => world.called.map(({ event }) => event)

test('a function is given the event of AWS, with the weights of the stages that move them', async () => {
  const details = { bucket: 'approvals' }
  const stages = ['POST_SCALE_UP', 'TEST_TRAFFIC_SHIFT', 'PRE_PRODUCTION_TRAFFIC_SHIFT'] as const
  const world = await ServiceWorld.open({ settings: { hooks: [hook({ stages, details })] } })
  world.hookAnswer = { answer: 'Succeeded' }
  await world.run()
  const { arn, targetRevisionArn: target, sourceRevisionArns, hookRuns } = world.its
  const event = {
    lifecycleStage: 'POST_SCALE_UP',
    resourceArn: arn,
    executionDetails: {
      serviceArn: world.service.arn,
      targetServiceRevisionArn: target,
      testTrafficWeights: {},
      productionTrafficWeights: {},
    },
    hookDetails: details,
  }
  const [{ payload } = assert.fail(), ...others] = world.called
  assert.deepEqual(payload, { ...event, executionId: hookRuns[0]!.id.replace('ecs-lambda-', '') })
  const [source = ''] = sourceRevisionArns
  assert.deepEqual(
    others.map(({ payload }) => payload?.executionDetails),
    [
      { ...event.executionDetails, testTrafficWeights: { [target]: 100, [source]: 0 } },
      { ...event.executionDetails, productionTrafficWeights: { [target]: 0, [source]: 100 } },
    ],
  )
  assert.equal(world.place, 'BAKE_TIME')
  await world.close()
})

test('a function that is still at it is called again when it says, with what it said', async () => {
  const world = await ServiceWorld.open({ settings: { hooks: [hook({ details: { a: 1 } })] } })
  world.hookAnswer = { callBack: { afterSeconds: 60, details: { b: 2 } } }
  await world.run()
  assert.equal(world.called.length, 1)
  await world.run(59_000)
  assert.equal(world.called.length, 1)
  world.hookAnswer = { answer: 'Succeeded' }
  await world.run(1_000)
  assert.equal(world.called.length, 2)
  assert.deepEqual(world.called[1]?.payload?.hookDetails, { a: 1, b: 2 })
  assert.equal(world.called[0]?.executionId, world.called[1]?.executionId)
  assert.equal(world.place, 'BAKE_TIME')
  await world.close()
})

test('a function that fails takes the deployment back, with what it said', async () => {
  const world = await ServiceWorld.open({ settings: { hooks: [hook({ stages: ['POST_PRODUCTION_TRAFFIC_SHIFT'] })] } })
  world.hookAnswer = { answer: 'Failed', diagnostics: { errorCode: 'ScriptFailed', message: 'exited with 3' } }
  await world.run()
  assert.equal(world.place, 'ROLLBACK_SUCCESSFUL')
  assert.equal(
    world.its.rollback?.reason,
    'The lifecycle hook check of POST_PRODUCTION_TRAFFIC_SHIFT failed: exited with 3',
  )
  assert.equal(world.traffic(production), 'blue 100 green 0')
  await world.close()
})

test('all hooks of a stage must end, whichever is first', async () => {
  const world = await begun({ settings: { hooks: [hook({}), hook({ targetType: 'PAUSE' })] } })
  assert.deepEqual(statuses(world), ['POST_SCALE_UP IN_PROGRESS', 'POST_SCALE_UP AWAITING_ACTION'])
  await world.resume()
  await world.run()
  assert.equal(world.place, 'POST_SCALE_UP')
  world.hookAnswer = { answer: 'Succeeded' }
  world.restart()
  await world.run()
  assert.equal(world.place, 'BAKE_TIME')
  await world.close()
})

test('a pause that nobody ends goes on or back after its time, as it says', async () => {
  for (const action of ['CONTINUE', 'ROLLBACK'] as const) {
    const pause = hook({ targetType: 'PAUSE', timeout: { minutes: 30, action } })
    const world = await begun({ settings: { hooks: [pause] } })
    await world.run(29 * minute)
    assert.equal(world.place, 'POST_SCALE_UP')
    await world.run(minute)
    assert.deepEqual(statuses(world), ['POST_SCALE_UP TIMED_OUT'])
    assert.equal(world.place, action === 'CONTINUE' ? 'BAKE_TIME' : 'ROLLBACK_SUCCESSFUL')
    await world.close()
  }
})

test("the production shift's hooks run at each of its steps, and again on the way back", async () => {
  const stages = ['PRE_PRODUCTION_TRAFFIC_SHIFT', 'PRODUCTION_TRAFFIC_SHIFT', 'TEST_TRAFFIC_SHIFT'] as const
  const step = { percent: 50, bakeMinutes: 6 }
  const world = await ServiceWorld.open({ settings: { strategy: 'LINEAR', step, hooks: [hook({ stages })] } })
  world.hookAnswer = { answer: 'Succeeded' }
  await world.run()
  const [pre, shift] = ['PRE_PRODUCTION_TRAFFIC_SHIFT', 'PRODUCTION_TRAFFIC_SHIFT']
  assert.deepEqual(called(world), ['TEST_TRAFFIC_SHIFT', pre, shift])
  await world.run(6 * minute)
  assert.deepEqual(called(world).slice(3), [pre, shift])
  await world.stop()
  await world.run()
  assert.deepEqual(called(world).slice(5), [shift, 'TEST_TRAFFIC_SHIFT'])
  const details = world.called[5]?.payload?.executionDetails as { productionTrafficWeights: Record<string, number> }
  assert.equal(details.productionTrafficWeights[world.its.targetRevisionArn], 0)
  assert.equal(world.place, 'ROLLBACK_SUCCESSFUL')
  await world.close()
})

test('on the way back traffic does not wait for hooks, nor does a failing one turn it round', async () => {
  const world = await ServiceWorld.open({ settings: { hooks: [hook({ stages: ['PRODUCTION_TRAFFIC_SHIFT'] })] } })
  world.hookAnswer = { answer: 'Succeeded' }
  await world.run()
  world.hookAnswer = 'later'
  await world.stop()
  await world.run()
  assert.equal(world.place, 'ROLLBACK_IN_PROGRESS')
  assert.equal(world.traffic(production), 'blue 100 green 0')
  world.hookAnswer = { answer: 'Failed' }
  world.restart()
  await world.run()
  assert.equal(world.place, 'ROLLBACK_SUCCESSFUL')
  await world.close()
})
