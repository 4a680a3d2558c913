import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../domain/code-deploy.ts'
import { taskSet } from '../tasks/service.fixture.ts'
import { blueArn, found, greenArn, idsOf, productionArn } from './design.fixture.ts'

const occupant = taskSet(2, {
  status: 'ACTIVE',
  loadBalancers: [{ targetGroupArn: greenArn, containerName: 'web', containerPort: 8080 }],
})
const occupied = { table: 'taskSets', key: occupant.arn, value: occupant } as const

test('what the next deployment would be refused for is found before', () => {
  const { severity, text, consequence } = found('hindered-deployment', { changes: [occupied] })
  assert.equal(severity, 'error')
  assert.match(text, /green still holds the tasks of task set ecs-svc\/2: delete it first/)
  assert.match(consequence, /INVALID_ECS_SERVICE/)
  assert.deepEqual(idsOf({}), [])
})

test('while a deployment runs, both sides are taken as they should be', () => {
  const running = { applicationName: 'shop', deploymentGroupName: 'shop', status: 'InProgress' } as Deployment
  const changes = [occupied, { table: 'deployments', key: 'd-1', value: running } as const]
  assert.deepEqual(idsOf({ changes }), [])
})

test('an ECS service whose production listener is gone is found', () => {
  const changes = [{ table: 'listeners', key: productionArn }] as const
  assert.match(found('hindered-deployment', { settings: {}, changes }).subject, /^service default\/web$/)
  const gone = [{ table: 'targetGroups', key: blueArn }] as const
  assert.deepEqual(idsOf({ settings: {}, changes: gone }), ['hindered-deployment'])
})
