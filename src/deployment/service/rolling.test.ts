import assert from 'node:assert/strict'
import { test } from 'node:test'
import { revisionArnOf, taskSetArnOf } from '../../domain/service-deployment.ts'
import type { TaskSet } from '../../domain/task-set.ts'
import { ServiceWorld } from './world.fixture.ts'

/** A rolling update under way, as its scheduler has left the task set that it leads to. */
async function rolling(target: Partial<TaskSet> | undefined): Promise<ServiceWorld> {
  const world = await ServiceWorld.open({ settings: { strategy: 'ROLLING', bakeMinutes: 0 } })
  const [blue] = world.state.taskSets.values()
  const arn = taskSetArnOf(world.its.targetRevisionArn)
  await world.commit([{ table: 'taskSets', key: blue!.arn, value: { ...blue!, status: 'ACTIVE' } }])
  const status = 'PRIMARY'
  if (target !== undefined)
    await world.commit([{ table: 'taskSets', key: arn, value: { ...blue!, arn, status, ...target } }])
  await world.run()
  return world
}

test("a rolling update's record follows its task set", async () => {
  const reason = 'ECS deployment circuit breaker: tasks failed to start.'
  const rows: readonly (readonly [Partial<TaskSet> | undefined, string, string?])[] = [
    [{ rolloutState: 'IN_PROGRESS' }, 'IN_PROGRESS'],
    [{ rolloutState: 'COMPLETED' }, 'SUCCESSFUL'],
    [{ rolloutState: 'FAILED', rolloutStateReason: reason }, 'STOPPED', reason],
    [
      { rolloutState: 'IN_PROGRESS', status: 'ACTIVE' },
      'STOPPED',
      'The service deployment was superseded by another one.',
    ],
    [undefined, 'STOPPED', 'The service deployment was superseded by another one.'],
  ]
  for (const [target, status, statusReason] of rows) {
    const world = await rolling(target)
    assert.deepEqual([world.its.status, world.its.statusReason], [status, statusReason])
    await world.close()
  }
})

test('a rollback is successful when the version before is complete again', async () => {
  const world = await rolling({ rolloutState: 'IN_PROGRESS' })
  const [blue, target] = world.state.taskSets.values()
  const rollback = { reason: 'alarm', startedAt: 0, revisionArn: revisionArnOf(blue!) }
  const back = { ...blue!, status: 'PRIMARY', rolloutState: 'IN_PROGRESS' } as const
  const value = { ...world.its, status: 'ROLLBACK_IN_PROGRESS', rollback } as const
  await world.commit([
    { table: 'serviceDeployments', key: value.arn, value },
    { table: 'taskSets', key: target!.arn },
    { table: 'taskSets', key: back.arn, value: back },
  ])
  await world.run()
  assert.equal(world.its.status, 'ROLLBACK_IN_PROGRESS')
  await world.commit([{ table: 'taskSets', key: back.arn, value: { ...back, rolloutState: 'COMPLETED' } }])
  await world.run()
  assert.deepEqual([world.its.status, world.its.statusReason], ['ROLLBACK_SUCCESSFUL', 'alarm'])
  await world.close()
})
