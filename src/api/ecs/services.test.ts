import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CreateServiceRequest } from '@aws-sdk/client-ecs'
import { awsError } from '../elbv2/account.fixture.ts'
import { CreateCluster } from './clusters.ts'
import { DescribeServices } from './describe-services.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { CreateService, DeleteService, ListServices } from './services.ts'
import { DeregisterTaskDefinition } from './task-definitions.ts'
import { UpdateService } from './update-service.ts'

const arn = 'arn:aws:ecs:us-east-1:000000000000:service/default/web'

test('a service with the controller ECS comes with its first deployment', () => {
  const account = new EcsAccount()
  const service = account.service({ loadBalancers: account.loadBalancers, healthCheckGracePeriodSeconds: 5 })
  assert.equal(service.serviceArn, arn)
  assert.equal(service.status, 'ACTIVE')
  assert.equal(service.desiredCount, 3)
  assert.equal(service.launchType, 'EC2')
  assert.equal(service.healthCheckGracePeriodSeconds, 5)
  assert.equal(service.deploymentConfiguration?.maximumPercent, 200)
  assert.equal(service.taskSets, undefined)
  assert.deepEqual(service.loadBalancers, account.loadBalancers)
  const [deployment, ...others] = service.deployments ?? []
  assert.deepEqual(others, [])
  assert.match(deployment?.id ?? '', /^ecs-svc\/\d{19}$/)
  assert.equal(deployment?.status, 'PRIMARY')
  assert.equal(deployment?.desiredCount, 3)
  assert.equal(deployment?.rolloutState, 'IN_PROGRESS')
  assert.equal(deployment?.rolloutStateReason, `ECS deployment ${deployment?.id} in progress.`)
  const [taskSet] = account.state.taskSets.values()
  assert.deepEqual(taskSet?.loadBalancers, account.loadBalancers)
})

test('a service with the controller CODE_DEPLOY comes with its first task set, and shows no deployments', () => {
  const account = new EcsAccount()
  const service = account.service({ deploymentController: { type: 'CODE_DEPLOY' } })
  assert.deepEqual(service.deployments, [])
  assert.equal(service.taskSets?.length, 1)
  assert.equal(service.taskSets?.[0]?.status, 'PRIMARY')
  assert.equal(service.taskSets?.[0]?.computedDesiredCount, 3)
  assert.deepEqual(service.taskSets?.[0]?.loadBalancers, account.loadBalancers)
})

test('a service with the controller EXTERNAL has no task set, and nothing to run', () => {
  const account = new EcsAccount()
  const service = account.service({ deploymentController: { type: 'EXTERNAL' } })
  assert.deepEqual([service.taskSets, service.taskDefinition, service.launchType], [[], undefined, undefined])
})

test('the cluster default is there for the first service, and no other one is', () => {
  const account = new EcsAccount()
  assert.throws(() => account.service({ cluster: 'other' }), awsError('ClusterNotFoundException', 'Cluster not found.'))
  assert.equal(account.service().clusterArn, 'arn:aws:ecs:us-east-1:000000000000:cluster/default')
})

test('a service is created once', () => {
  const account = new EcsAccount()
  account.service()
  assert.equal(account.service().deployments?.length, 1)
  assert.throws(
    () => account.service({ desiredCount: 4 }),
    awsError('InvalidParameterException', 'Creation of service was not idempotent.'),
  )
})

for (const [what, input, text] of [
  ['without a count', { desiredCount: undefined }, 'The number of desired tasks must be specified.'],
  ['without a task definition', { taskDefinition: undefined }, 'TaskDefinition can not be blank.'],
  ['of another name', { serviceName: 'a b' }, 'Invalid service name.'],
  [
    'that CodeDeploy deploys without a load balancer',
    { deploymentController: { type: 'CODE_DEPLOY' }, loadBalancers: [] },
    'must have exactly one load balancer',
  ],
  [
    'of an external controller with a task definition',
    { deploymentController: { type: 'EXTERNAL' }, taskDefinition: 'web' },
    'TaskDefinition must be blank.',
  ],
  [
    'of an external controller with a launch type',
    { deploymentController: { type: 'EXTERNAL' }, launchType: 'FARGATE' },
    'LaunchType must be empty or null.',
  ],
  [
    'of a launch type and of capacity providers',
    { launchType: 'FARGATE', capacityProviderStrategy: [{ capacityProvider: 'FARGATE' }] },
    'Specifying both a launch type and capacity provider strategy is not supported.',
  ],
  ['of daemons', { schedulingStrategy: 'DAEMON' }, 'not offered here yet'],
  [
    'that CodeDeploy deploys by a strategy of its own',
    { deploymentController: { type: 'CODE_DEPLOY' }, deploymentConfiguration: { strategy: 'CANARY' } },
    'The deployment strategy CANARY is not supported with the deployment controller CODE_DEPLOY',
  ],
  [
    'of an external controller with alarms',
    {
      deploymentController: { type: 'EXTERNAL' },
      deploymentConfiguration: { alarms: { alarmNames: ['a'], enable: true, rollback: true } },
    },
    'Alarms of a service are not supported with the deployment controller EXTERNAL',
  ],
  [
    'that could never roll',
    { deploymentConfiguration: { maximumPercent: 100, minimumHealthyPercent: 100 } },
    'maximumPercent must be over 100% or the minimumHealthyPercent must be under 100%',
  ],
] as const satisfies readonly (readonly [string, Partial<CreateServiceRequest>, string])[]) {
  test(`no service is created ${what}`, () => {
    assert.throws(() => new EcsAccount().service(input), awsError('InvalidParameterException', text))
  })
}

test('a service runs a task definition that is active', () => {
  const account = new EcsAccount()
  account.definition()
  assert.throws(
    () => account.service({ taskDefinition: 'other' }),
    awsError('ClientException', 'TaskDefinition not found.'),
  )
  account.run(DeregisterTaskDefinition, { taskDefinition: 'web:1' })
  assert.throws(
    () => account.service({ taskDefinition: 'web:1' }),
    awsError('ClientException', 'TaskDefinition is inactive'),
  )
})

test('a task definition with awsvpc, and no other, wants a network configuration, which is given back whole', () => {
  const account = new EcsAccount()
  account.definition({ networkMode: 'awsvpc' })
  assert.throws(
    () => account.service(),
    awsError('InvalidParameterException', 'Network Configuration must be provided'),
  )
  const networkConfiguration = { awsvpcConfiguration: { subnets: ['subnet-1'] } }
  assert.throws(
    () => new EcsAccount().service({ networkConfiguration }),
    awsError('InvalidParameterException', 'Network Configuration is not valid for the given networkMode'),
  )
  const service = account.service({ networkConfiguration })
  const network = {
    awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: [], assignPublicIp: 'DISABLED' as const },
  }
  assert.deepEqual(service.networkConfiguration, network)
  assert.deepEqual(service.deployments?.[0]?.networkConfiguration, network)
})

test('a target group of a service exists, has targets by address, and is in use by a listener', () => {
  const account = new EcsAccount()
  const create = (targetGroupArn: string) => () =>
    account.service({ loadBalancers: [{ targetGroupArn, containerName: 'web', containerPort: 80 }] })
  const nowhere = account.group.replace('blue', 'red')
  assert.throws(create(nowhere), awsError('InvalidParameterException', `The target group ${nowhere} does not exist.`))
  const unused = account.targetGroup({ Name: 'green', Protocol: 'TCP' })
  assert.throws(
    create(unused),
    awsError(
      'InvalidParameterException',
      `The target group with targetGroupArn ${unused} does not have an associated load balancer.`,
    ),
  )
  const instances = account.targetGroup({ Name: 'old', Protocol: 'TCP', TargetType: 'instance' })
  assert.throws(create(instances), awsError('InvalidParameterException', 'has target type instance'))
})

test('a container and port of a load balancer are in the task definition', () => {
  const account = new EcsAccount()
  const create = (containerName: string, containerPort: number) => () =>
    account.service({ loadBalancers: [{ targetGroupArn: account.group, containerName, containerPort }] })
  assert.throws(
    create('api', 80),
    awsError('InvalidParameterException', 'The container api does not exist in the task definition.'),
  )
  assert.throws(
    create('web', 81),
    awsError('InvalidParameterException', 'The container web did not have a container port 81 defined.'),
  )
  account.definition({
    containerDefinitions: [
      { name: 'log', image: 'fluent' },
      { name: 'web', image: 'nginx', portMappings: [{ containerPort: 80 }] },
    ],
  })
  assert.throws(create('web', 80), awsError('InvalidParameterException', 'Put it first.'))
})

test('a service counts the tasks of each deployment, and is described by name or ARN', () => {
  const account = new EcsAccount()
  account.service()
  const [taskSet] = account.state.taskSets.keys()
  for (const status of ['RUNNING', 'RUNNING', 'PENDING', 'PROVISIONING', 'DEACTIVATING', 'STOPPED'] as const) {
    account.putTask(taskSet ?? '', status)
  }
  const { services, failures } = account.run(DescribeServices, { services: ['web', arn, 'api'] })
  assert.deepEqual(
    services?.map(({ runningCount, pendingCount }) => [runningCount, pendingCount]),
    [
      [2, 2],
      [2, 2],
    ],
  )
  assert.equal(services?.[0]?.deployments?.[0]?.runningCount, 2)
  assert.deepEqual(failures, [{ arn: arn.replace('/web', '/api'), reason: 'MISSING' }])
  assert.throws(
    () => account.run(DescribeServices, { services: [] }),
    awsError('InvalidParameterException', 'Services cannot be empty.'),
  )
})

test('a service of one cluster is not there in another, and its ARN names no service of that', () => {
  const account = new EcsAccount()
  account.service()
  account.run(CreateCluster, { clusterName: 'web' })
  const describe = (name: string) => account.run(DescribeServices, { cluster: 'web', services: [name] })
  assert.deepEqual(describe('web').failures, [{ arn: arn.replace('default', 'web'), reason: 'MISSING' }])
  assert.throws(
    () => describe(arn),
    awsError('InvalidParameterException', 'Invalid identifier: Identifier is for cluster default. Your cluster is web'),
  )
  assert.equal(account.described(arn.replace('/default/', '/')).serviceArn, arn)
})

test('what a service depends on elsewhere is given back, and with its deployment', () => {
  const account = new EcsAccount()
  const serviceConnectConfiguration = { enabled: true, namespace: 'shop' }
  const service = account.service({ role: 'arn:aws:iam::000000000000:role/ecs', serviceConnectConfiguration })
  assert.equal(service.roleArn, 'arn:aws:iam::000000000000:role/ecs')
  assert.deepEqual(service.deployments?.[0]?.serviceConnectConfiguration, serviceConnectConfiguration)
})

test('tags are shown where they are asked for', () => {
  const account = new EcsAccount()
  account.service({ tags: [{ key: 'team', value: 'a' }] })
  assert.equal(account.described().tags, undefined)
  const { services } = account.run(DescribeServices, { services: ['web'], include: ['TAGS'] })
  assert.deepEqual(services?.[0]?.tags, [{ key: 'team', value: 'a' }])
})

test('a service that is to have tasks is deleted by force, and drains', () => {
  const account = new EcsAccount()
  account.service()
  assert.throws(
    () => account.run(DeleteService, { service: 'web' }),
    awsError('InvalidParameterException', 'The service cannot be stopped while it is scaled above 0.'),
  )
  const { service } = account.run(DeleteService, { service: 'web', force: true })
  assert.deepEqual([service?.status, service?.desiredCount], ['DRAINING', 0])
  assert.deepEqual(
    Array.from(account.state.taskSets.values(), ({ status, desiredCount }) => [status, desiredCount]),
    [['DRAINING', 0]],
  )
  assert.deepEqual(account.run(ListServices, {}).serviceArns, [])
  assert.throws(
    () => account.service(),
    awsError('InvalidParameterException', 'Unable to Start a service that is still Draining.'),
  )
})

test('a service that is scaled to 0 is deleted when what it replaced has gone too', () => {
  const account = new EcsAccount()
  account.service()
  account.definition()
  account.run(UpdateService, { service: 'web', taskDefinition: 'web', desiredCount: 0 })
  const remove = () => account.run(DeleteService, { service: 'web' })
  assert.throws(
    remove,
    awsError('InvalidParameterException', 'The service cannot be stopped while deployments are active.'),
  )
  for (const taskSet of account.state.taskSets.values()) {
    account.change({ table: 'taskSets', key: taskSet.arn, value: { ...taskSet, desiredCount: 0 } })
  }
  assert.equal(remove().service?.status, 'DRAINING')
})

test('a service that is gone can be created again, and cannot be deleted again', () => {
  const account = new EcsAccount()
  account.service()
  account.run(DeleteService, { service: 'web', force: true })
  const service = account.state.services.get(arn) ?? assert.fail()
  account.change({ table: 'services', key: arn, value: { ...service, status: 'INACTIVE' } })
  assert.equal(account.described().status, 'INACTIVE')
  assert.throws(
    () => account.run(DeleteService, { service: 'web' }),
    awsError('ServiceNotFoundException', 'Service not found.'),
  )
  assert.equal(account.service().status, 'ACTIVE')
})

test('services are listed ten at a time', () => {
  const account = new EcsAccount()
  account.definition()
  for (let i = 0; i < 12; i++) {
    account.run(CreateService, { serviceName: `s${i}`, desiredCount: 1, taskDefinition: 'web' })
  }
  const first = account.run(ListServices, {})
  const second = account.run(ListServices, { nextToken: first.nextToken })
  assert.deepEqual([first.serviceArns?.length, second.serviceArns?.length, second.nextToken], [10, 2, undefined])
})
