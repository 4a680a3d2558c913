import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ConflictException,
  type DeploymentLifecycleHook,
  ECS,
  ServiceDeploymentNotFoundException,
  ServiceNotFoundException,
} from '@aws-sdk/client-ecs'
import { lacking } from '../../../test/lacking.ts'
import type { Task } from '../../domain/task.ts'
import { openMemoryStore } from '../../store/memory.ts'
import { awsCli, awsPrograms } from '../aws-cli.fixture.ts'
import { serviceContract } from '../service.contract.ts'
import { clientOptions, openStubApi } from '../stub-api.fixture.ts'
import { ecs } from './service.ts'

serviceContract(ecs)

const containerDefinitions = [{ name: 'web', image: 'nginx', portMappings: [{ containerPort: 80 }] }]

test('the SDK reads what is answered, and knows the errors', async t => {
  const api = await openStubApi(t, { services: [ecs] })
  const client = new ECS(clientOptions(api))
  t.after(() => client.destroy())
  const { taskDefinition } = await client.registerTaskDefinition({ family: 'web', containerDefinitions })
  assert(taskDefinition?.registeredAt instanceof Date)
  const deploymentController = { type: 'EXTERNAL' } as const
  await client.createService({ serviceName: 'web', desiredCount: 3, deploymentController })
  const at = { cluster: 'default', service: 'web' }
  const scale = { value: 33.5, unit: 'PERCENT' } as const
  const { taskSet } = await client.createTaskSet({ ...at, taskDefinition: 'web', scale })
  assert.equal(taskSet?.computedDesiredCount, 2)
  await client.updateServicePrimaryTaskSet({ ...at, primaryTaskSet: taskSet?.id })
  const { services } = await client.describeServices({ services: ['web'] })
  assert.equal(services?.[0]?.taskSets?.[0]?.status, 'PRIMARY')
  assert.deepEqual(services?.[0]?.taskSets?.[0]?.scale, scale)
  await assert.rejects(client.updateService({ service: 'api' }), ServiceNotFoundException)
  const run = { taskDefinition: 'web', clientToken: 'a' }
  const { tasks } = await client.runTask(run)
  await assert.rejects(client.runTask({ ...run, count: 2 }), (error: unknown) => {
    assert(error instanceof ConflictException)
    assert.deepEqual(error.resourceIds, [tasks?.[0]?.taskArn])
    return true
  })
})

test('the SDK reads deployments whole, with their times and documents, and knows their errors', async t => {
  const api = await openStubApi(t, { services: [ecs] })
  const client = new ECS(clientOptions(api))
  t.after(() => client.destroy())
  await client.registerTaskDefinition({ family: 'web', containerDefinitions })
  const hook: DeploymentLifecycleHook = {
    targetType: 'AWS_LAMBDA',
    hookTargetArn: 'arn:aws:lambda:us-east-1:000000000000:function:check',
    lifecycleStages: ['PRE_SCALE_UP'],
    hookDetails: { nested: [1, { text: 'a' }] },
  }
  const { service } = await client.createService({
    serviceName: 'web',
    taskDefinition: 'web',
    desiredCount: 1,
    deploymentConfiguration: {
      strategy: 'LINEAR',
      linearConfiguration: { stepPercent: 33.3, stepBakeTimeInMinutes: 0 },
      lifecycleHooks: [hook],
    },
  })
  const { linearConfiguration, lifecycleHooks } = service?.deploymentConfiguration ?? {}
  assert.deepEqual(linearConfiguration, { stepPercent: 33.3, stepBakeTimeInMinutes: 0 })
  assert.deepEqual(lifecycleHooks, [{ ...hook, timeoutConfiguration: { timeoutInMinutes: 1440, action: 'ROLLBACK' } }])
  const createdAt = { after: new Date(Date.now() - 60_000) }
  const { serviceDeployments = [] } = await client.listServiceDeployments({ service: 'web', createdAt })
  const [{ serviceDeploymentArn = '', targetServiceRevisionArn = '' } = {}] = serviceDeployments
  assert.equal(serviceDeploymentArn, service?.currentServiceDeployment)
  const { serviceDeployments: [described] = [] } = await client.describeServiceDeployments({
    serviceDeploymentArns: [serviceDeploymentArn],
  })
  assert(described?.createdAt instanceof Date)
  assert.deepEqual(described.deploymentConfiguration, service?.deploymentConfiguration)
  const { serviceRevisions: [revision] = [] } = await client.describeServiceRevisions({
    serviceRevisionArns: [targetServiceRevisionArn],
  })
  assert.equal(revision?.taskDefinition, service?.taskDefinition)
  await client.stopServiceDeployment({ serviceDeploymentArn, stopType: 'ROLLBACK' })
  const hookId = `ecs-pause-${'a'.repeat(43)}`
  await assert.rejects(
    client.continueServiceDeployment({ serviceDeploymentArn: 'arn:a', hookId }),
    ServiceDeploymentNotFoundException,
  )
  await assert.rejects(
    client.listServiceDeployments({ service: 'web', status: ['GONE' as 'PENDING'] }),
    /failed to satisfy constraint: Member must satisfy enum value set: \[PENDING, /,
  )
})

test('the AWS CLI runs a service, and waits until it is stable', async t => {
  if (awsPrograms().length === 0) return lacking(t, 'aws (Debian: awscli)')
  const store = openMemoryStore()
  const api = await openStubApi(t, { services: [ecs], store })
  const { run: aws } = awsCli(api.url)
  const definition = await aws(
    'ecs register-task-definition --family web --container-definitions',
    JSON.stringify(containerDefinitions),
  )
  assert.equal(definition.taskDefinition.revision, 1)
  const { service } = await aws('ecs create-service --service-name web --task-definition web --desired-count 1')
  assert.equal(service.deployments[0].rolloutState, 'IN_PROGRESS')
  const [taskSet] = store.read().taskSets.values()
  const task: Task = {
    arn: 'arn:aws:ecs:us-east-1:000000000000:task/default/0123456789abcdef0123456789abcdef',
    clusterArn: service.clusterArn,
    taskDefinitionArn: service.taskDefinition,
    group: 'service:web',
    taskSetArn: taskSet?.arn ?? '',
    desiredStatus: 'RUNNING',
    lastStatus: 'RUNNING',
    healthStatus: 'UNKNOWN',
    createdAt: 0,
    recorded: {},
    tags: [],
  }
  await store.transact(store.read().revision, [{ table: 'tasks', key: task.arn, value: task }])
  await aws('ecs wait services-stable --services web')
  await aws(`ecs wait tasks-running --tasks ${task.arn}`)
  assert.deepEqual((await aws('ecs list-tasks --service-name web')).taskArns, [task.arn])
  await assert.rejects(
    aws('ecs delete-service --service web'),
    /\(InvalidParameterException\) when calling the DeleteService operation: The service cannot be stopped while it is scaled above 0\./,
  )
  assert.equal((await aws('ecs delete-service --service web --force')).service.status, 'DRAINING')
})
