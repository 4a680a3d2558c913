import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpdateServiceRequest } from '@aws-sdk/client-ecs'
import { awsError } from '../elbv2/account.fixture.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { DeleteService } from './services.ts'
import { DeregisterTaskDefinition } from './task-definitions.ts'
import { UpdateService } from './update-service.ts'

const deployments = (account: EcsAccount) =>
  account
    .described()
    .deployments?.map(({ status, taskDefinition, desiredCount }) => [
      status,
      taskDefinition?.slice(taskDefinition.lastIndexOf('/') + 1),
      desiredCount,
    ])

test('another task definition is a new deployment beside the one before', () => {
  const account = new EcsAccount()
  account.service()
  account.definition()
  const { service } = account.run(UpdateService, { service: 'web', taskDefinition: 'web' })
  assert.equal(service?.taskDefinition?.endsWith('web:2'), true)
  assert.deepEqual(deployments(account), [
    ['PRIMARY', 'web:2', 3],
    ['ACTIVE', 'web:1', 3],
  ])
  assert.equal(service?.deployments?.[0]?.rolloutState, 'IN_PROGRESS')
})

test('the same task definition is no new deployment, unless it is forced', () => {
  const account = new EcsAccount()
  account.service()
  account.run(UpdateService, { service: 'web', taskDefinition: 'web:1', healthCheckGracePeriodSeconds: 9 })
  assert.deepEqual(deployments(account), [['PRIMARY', 'web:1', 3]])
  assert.equal(account.described().healthCheckGracePeriodSeconds, 9)
  account.run(UpdateService, { service: 'web', forceNewDeployment: true })
  assert.deepEqual(deployments(account), [
    ['PRIMARY', 'web:1', 3],
    ['ACTIVE', 'web:1', 3],
  ])
})

test('other load balancers are a new deployment', () => {
  const account = new EcsAccount()
  account.service()
  account.run(UpdateService, { service: 'web', loadBalancers: account.loadBalancers })
  assert.equal(account.described().deployments?.length, 2)
  assert.deepEqual(account.described().loadBalancers, account.loadBalancers)
  account.run(UpdateService, { service: 'web', loadBalancers: account.loadBalancers })
  assert.equal(account.described().deployments?.length, 2)
})

test('a task definition without the container of a load balancer is refused', () => {
  const account = new EcsAccount()
  account.service({ loadBalancers: account.loadBalancers })
  account.definition({ containerDefinitions: [{ name: 'api', image: 'api' }] })
  assert.throws(
    () => account.run(UpdateService, { service: 'web', taskDefinition: 'web:2' }),
    awsError('InvalidParameterException', 'The container web does not exist in the task definition.'),
  )
})

test('the desired count is that of the primary deployment', () => {
  const account = new EcsAccount()
  account.service()
  account.definition()
  account.run(UpdateService, { service: 'web', taskDefinition: 'web' })
  account.run(UpdateService, { service: 'web', desiredCount: 5 })
  assert.deepEqual(deployments(account), [
    ['PRIMARY', 'web:2', 5],
    ['ACTIVE', 'web:1', 3],
  ])
})

test('a service scales with a task definition that was deregistered, and does not start anew with it', () => {
  const account = new EcsAccount()
  account.service()
  account.run(DeregisterTaskDefinition, { taskDefinition: 'web:1' })
  assert.equal(account.run(UpdateService, { service: 'web', desiredCount: 1 }).service?.desiredCount, 1)
  assert.throws(
    () => account.run(UpdateService, { service: 'web', forceNewDeployment: true }),
    awsError('ClientException', 'TaskDefinition is inactive'),
  )
})

test("task sets follow their share of the service's desired count", () => {
  const account = new EcsAccount()
  account.service({ deploymentController: { type: 'EXTERNAL' } })
  account.definition()
  account.taskSet({ scale: { value: 100, unit: 'PERCENT' } })
  account.taskSet({ scale: { value: 50, unit: 'PERCENT' } })
  account.run(UpdateService, { service: 'web', desiredCount: 5 })
  assert.deepEqual(
    account.described().taskSets?.map(taskSet => taskSet.computedDesiredCount),
    [3, 5],
  )
})

test('the rollout keeps what is not given', () => {
  const account = new EcsAccount()
  const deploymentCircuitBreaker = { enable: true, rollback: true }
  account.service({ deploymentConfiguration: { minimumHealthyPercent: 50, deploymentCircuitBreaker } })
  account.run(UpdateService, { service: 'web', deploymentConfiguration: { maximumPercent: 150 } })
  assert.deepEqual(account.described().deploymentConfiguration, {
    minimumHealthyPercent: 50,
    maximumPercent: 150,
    deploymentCircuitBreaker,
    strategy: 'ROLLING',
  })
})

for (const [what, input, text] of [
  [
    'task definition',
    { taskDefinition: 'web:1' },
    'Unable to update task definition on services with a CODE_DEPLOY deployment controller. Use AWS CodeDeploy to trigger a new deployment.',
  ],
  ['force', { forceNewDeployment: true }, 'Cannot force a new deployment on services with a CODE_DEPLOY'],
  ['load balancers', { loadBalancers: [] }, 'Unable to update load balancers on services with a CODE_DEPLOY'],
  ['network', { networkConfiguration: {} }, 'Unable to update network parameters on services with a CODE_DEPLOY'],
  ['controller', { deploymentController: { type: 'ECS' } }, 'cannot change its deployment controller here yet'],
] as const satisfies readonly (readonly [string, Partial<UpdateServiceRequest>, string])[]) {
  test(`UpdateService does not change the ${what} of a service that CodeDeploy deploys`, () => {
    const account = new EcsAccount()
    account.service({ deploymentController: { type: 'CODE_DEPLOY' } })
    assert.throws(
      () => account.run(UpdateService, { service: 'web', ...input }),
      awsError('InvalidParameterException', text),
    )
  })
}

test('a service that CodeDeploy deploys scales, and one of an external controller keeps its configuration', () => {
  const account = new EcsAccount()
  account.service({ deploymentController: { type: 'CODE_DEPLOY' } })
  const deploymentConfiguration = { maximumPercent: 150 }
  const { service } = account.run(UpdateService, { service: 'web', desiredCount: 4, deploymentConfiguration })
  assert.equal(service?.taskSets?.[0]?.computedDesiredCount, 4)
  account.service({ serviceName: 'own', deploymentController: { type: 'EXTERNAL' } })
  assert.throws(
    () => account.run(UpdateService, { service: 'own', deploymentConfiguration }),
    awsError('InvalidParameterException', 'Unable to update deployment configuration on services with an EXTERNAL'),
  )
})

test('only an active service is updated', () => {
  const account = new EcsAccount()
  account.service()
  assert.throws(
    () => account.run(UpdateService, { service: 'api' }),
    awsError('ServiceNotFoundException', 'Service not found.'),
  )
  account.run(DeleteService, { service: 'web', force: true })
  assert.throws(
    () => account.run(UpdateService, { service: 'web' }),
    awsError('ServiceNotActiveException', 'Service was not ACTIVE.'),
  )
})
