import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EcsService } from './ecs-service.ts'
import { drained, madePrimary, newTaskSet, rescaled, scaledCount } from './task-set.ts'

const service: EcsService = {
  arn: 'arn:aws:ecs:us-east-1:123456789012:service/default/web',
  name: 'web',
  clusterArn: 'arn:aws:ecs:us-east-1:123456789012:cluster/default',
  status: 'ACTIVE',
  controller: 'EXTERNAL',
  desiredCount: 3,
  loadBalancers: [],
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: false, rollback: false },
  healthCheckGraceSeconds: 0,
  recorded: {},
  createdAt: 0,
  events: [],
  tags: [],
}

test('a task set is named after its service, with 19 digits of its own', () => {
  const settings = { taskDefinitionArn: 'arn:td', status: 'ACTIVE' } as const
  const { arn, id } = newTaskSet(service, 'ffffffffffffffff', 5, settings)
  assert.equal(id, 'ecs-svc/9223372036854775807')
  assert.equal(arn, `arn:aws:ecs:us-east-1:123456789012:task-set/default/web/${id}`)
  assert.equal(newTaskSet(service, '0000000000000001', 5, settings).id, 'ecs-svc/0000000000000000001')
})

test("a task set has the service's load balancers and count but for what it is given", () => {
  const loadBalancers = [{ targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 80 }]
  const settings = { taskDefinitionArn: 'arn:td', status: 'ACTIVE' } as const
  assert.equal(newTaskSet({ ...service, loadBalancers }, '01', 5, settings).loadBalancers, loadBalancers)
  assert.equal(newTaskSet(service, '01', 5, settings).desiredCount, 3)
  assert.equal(newTaskSet(service, '01', 5, { ...settings, scalePercent: 50 }).desiredCount, 2)
})

test('the share of a desired count is rounded up, and nothing of it is nothing', () => {
  assert.deepEqual(
    [
      scaledCount(3, 50),
      scaledCount(10, 10),
      scaledCount(10, 0.1),
      scaledCount(3, 0),
      scaledCount(0, 100),
      scaledCount(10, 100),
    ],
    [2, 1, 1, 0, 0, 10],
  )
})

test('a share that is a whole number stays it, whatever binary fractions make of it', () => {
  assert.equal(scaledCount(1000, 16.1), 161)
})

test('a task set that is rescaled is to be found steady again only where its number of tasks changes', () => {
  const taskSet = { ...newTaskSet(service, '01', 5, { taskDefinitionArn: 'arn:td', status: 'ACTIVE' }) }
  const steady = { ...taskSet, stabilityStatus: 'STEADY_STATE' as const }
  assert.equal(rescaled(steady, 3, 100, 9), steady)
  assert.deepEqual(rescaled(steady, 3, 99, 9), { ...steady, scalePercent: 99, updatedAt: 9 })
  const fewer = {
    scalePercent: 50,
    desiredCount: 2,
    updatedAt: 9,
    stabilityStatus: 'STABILIZING',
    stabilityStatusAt: 9,
  }
  assert.deepEqual(rescaled(steady, 3, 50, 9), { ...steady, ...fewer })
  const value = { ...steady, ...fewer, scalePercent: 0, desiredCount: 0, status: 'DRAINING' }
  assert.deepEqual(drained(steady, 9), { table: 'taskSets', key: steady.arn, value })
})

test('the primary task set takes the place of the former one, which stays beside it', () => {
  const settings = { taskDefinitionArn: 'arn:td:1', status: 'PRIMARY' } as const
  const loadBalancers = [{ targetGroupArn: 'arn:tg', containerName: 'web', containerPort: 80 }]
  const blue = newTaskSet(service, '01', 5, settings)
  const green = newTaskSet(service, '02', 6, { taskDefinitionArn: 'arn:td:2', status: 'ACTIVE', loadBalancers })
  const elsewhere = { ...newTaskSet(service, '03', 7, settings), serviceArn: 'arn:other' }
  const state = { taskSets: new Map([blue, green, elsewhere].map(each => [each.arn, each])) }
  const swapped = [
    { table: 'taskSets', key: blue.arn, value: { ...blue, status: 'ACTIVE', updatedAt: 9 } },
    { table: 'taskSets', key: green.arn, value: { ...green, status: 'PRIMARY', updatedAt: 9 } },
  ]
  assert.deepEqual(madePrimary(state, service, green, 9), swapped)
  assert.deepEqual(madePrimary(state, service, blue, 9), [])
  const deployed: EcsService = { ...service, controller: 'CODE_DEPLOY' }
  const takenOver = { ...deployed, taskDefinitionArn: 'arn:td:2', loadBalancers }
  assert.deepEqual(madePrimary(state, deployed, green, 9), [
    ...swapped,
    { table: 'services', key: service.arn, value: takenOver },
  ])
})
