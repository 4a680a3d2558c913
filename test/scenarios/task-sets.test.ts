/** A deployment by hand: task sets (the controller EXTERNAL) and the weights of a listener. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { registerVersion } from './blue-green.ts'
import { createService, ecsStage, inGroup, untilService } from './ecs-stage.ts'

test('two task sets change places by weights of a listener, and no new flow is lost', async t => {
  const stage = await ecsStage(t)
  const { clients, ecs, elbv2, production, groups } = stage
  const service = 'shop'
  const weigh = async (...weights: readonly [number, number]) => {
    const TargetGroups = groups.map((TargetGroupArn, n) => ({ TargetGroupArn, Weight: weights[n]! }))
    await elbv2.modifyListener({
      ListenerArn: production,
      DefaultActions: [{ Type: 'forward', ForwardConfig: { TargetGroups } }],
    })
  }
  const create = async (version: string, group: string): Promise<string> => {
    const { taskSet } = await ecs.createTaskSet({
      cluster: 'default',
      service,
      taskDefinition: await registerVersion(clients, version),
      loadBalancers: [inGroup(group)],
      scale: { value: 100, unit: 'PERCENT' },
    })
    return String(taskSet?.taskSetArn)
  }
  const primary = async (primaryTaskSet: string) => {
    await ecs.updateServicePrimaryTaskSet({ cluster: 'default', service, primaryTaskSet })
  }
  const untilSteady = (count: number) =>
    untilService(
      clients,
      `${count} task sets are steady`,
      ({ taskSets = [] }) =>
        taskSets.length === count && taskSets.every(({ stabilityStatus }) => stabilityStatus === 'STEADY_STATE'),
    )

  await createService(clients, { deploymentController: { type: 'EXTERNAL' } })
  // A group of which no listener knows is not checked.
  await weigh(100, 0)
  const blue = await create('v1', groups[0])
  await primary(blue)
  await untilSteady(1)
  const load = await stage.ask()
  const green = await create('v2', groups[1])
  const both = await untilSteady(2)
  const statuses = new Map(both.taskSets?.map(({ taskSetArn, status }) => [taskSetArn, status]))
  assert.deepEqual([statuses.get(blue), statuses.get(green)], ['PRIMARY', 'ACTIVE'])

  const halvedAt = Date.now()
  await weigh(50, 50)
  await pause(1_500)
  const movedAt = Date.now()
  await weigh(0, 100)
  const answeredAt = Date.now()
  await primary(green)
  const named = { cluster: 'default', service, taskSet: blue }
  await assert.rejects(ecs.deleteTaskSet(named), { name: 'InvalidParameterException' })
  await ecs.updateTaskSet({ ...named, scale: { value: 0, unit: 'PERCENT' } })
  await ecs.deleteTaskSet(named)
  const after = await untilSteady(1)
  assert.deepEqual(
    after.taskSets?.map(({ taskSetArn, status }) => [taskSetArn, status]),
    [[green, 'PRIMARY']],
  )
  await assert.rejects(primary(blue), { name: 'TaskSetNotFoundException' })
  const endedAt = Date.now()

  const endured = await load.end()
  assert.equal(endured.failed, '')
  t.diagnostic(`datagrams of flows that stayed: ${JSON.stringify(endured.talk)}`)
  const versions = (from: number, to: number) =>
    (['TCP', 'UDP'] as const).flatMap(protocol => endured.between(protocol, from, to)).map(([, , , version]) => version)
  assert.deepEqual([...new Set(versions(0, halvedAt))], ['v1'])
  const halved = versions(halvedAt + 250, movedAt)
  const share = halved.filter(version => version === 'v2').length / halved.length
  assert.ok(Math.abs(share - 0.5) < 0.25, `v2 had ${(100 * share).toFixed(0)} % of ${halved.length} flows`)
  assert.deepEqual([...new Set(versions(answeredAt + 250, endedAt))], ['v2'])
})
