import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../domain/code-deploy.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { DescribeTaskSets } from './describe-task-sets.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { DeleteService } from './services.ts'
import { CreateTaskSet, DeleteTaskSet, UpdateServicePrimaryTaskSet, UpdateTaskSet } from './task-sets.ts'

const at = { cluster: 'default', service: 'web' }
const percent = (value: number) => ({ value, unit: 'PERCENT' as const })

function externalAccount(): EcsAccount {
  const account = new EcsAccount()
  account.service({ deploymentController: { type: 'EXTERNAL' } })
  return account
}

test('a task set is ACTIVE, and has no tasks until it is given a scale', () => {
  const account = externalAccount()
  const { taskSet } = account.run(CreateTaskSet, {
    ...at,
    taskDefinition: 'web',
    externalId: 'mine',
    loadBalancers: account.loadBalancers,
    launchType: 'FARGATE',
  })
  assert.match(taskSet?.id ?? '', /^ecs-svc\/\d{19}$/)
  assert.deepEqual(taskSet, {
    id: taskSet?.id,
    taskSetArn: `arn:aws:ecs:us-east-1:000000000000:task-set/default/web/${taskSet?.id}`,
    serviceArn: 'arn:aws:ecs:us-east-1:000000000000:service/default/web',
    clusterArn: 'arn:aws:ecs:us-east-1:000000000000:cluster/default',
    externalId: 'mine',
    status: 'ACTIVE',
    taskDefinition: 'arn:aws:ecs:us-east-1:000000000000:task-definition/web:1',
    computedDesiredCount: 0,
    pendingCount: 0,
    runningCount: 0,
    createdAt: new Date(account.now),
    updatedAt: new Date(account.now),
    launchType: 'FARGATE',
    loadBalancers: account.loadBalancers,
    serviceRegistries: [],
    scale: { value: 0, unit: 'PERCENT' },
    stabilityStatus: 'STABILIZING',
    stabilityStatusAt: new Date(account.now),
    tags: [],
  })
})

test("a task set's scale is a share of the service's desired count, rounded up, and makes it unsteady", () => {
  const account = externalAccount()
  const arn = account.taskSet({ scale: percent(100) })
  const steady = account.state.taskSets.get(arn) ?? assert.fail()
  account.change({ table: 'taskSets', key: arn, value: { ...steady, stabilityStatus: 'STEADY_STATE' } })
  account.now += 1000
  assert.equal(
    account.run(UpdateTaskSet, { ...at, taskSet: arn, scale: percent(100) }).taskSet?.stabilityStatus,
    'STEADY_STATE',
  )
  const { taskSet } = account.run(UpdateTaskSet, { ...at, taskSet: steady.id, scale: percent(40) })
  assert.equal(taskSet?.computedDesiredCount, 2)
  assert.equal(taskSet?.stabilityStatus, 'STABILIZING')
  assert.deepEqual(taskSet?.stabilityStatusAt, new Date(account.now))
})

test('the service shows what its primary task set runs, and nothing without one', () => {
  const account = externalAccount()
  const blue = account.taskSet({ loadBalancers: account.loadBalancers, launchType: 'FARGATE' })
  account.definition()
  const green = account.taskSet({ taskDefinition: 'web:2', loadBalancers: account.loadBalancers })
  assert.equal(account.described().taskDefinition, undefined)
  account.run(UpdateServicePrimaryTaskSet, { ...at, primaryTaskSet: blue })
  assert.equal(account.described().taskDefinition?.endsWith('web:1'), true)
  assert.equal(account.described().launchType, 'FARGATE')
  assert.deepEqual(account.described().loadBalancers, account.loadBalancers)
  const { taskSet } = account.run(UpdateServicePrimaryTaskSet, { ...at, primaryTaskSet: green })
  assert.equal(taskSet?.status, 'PRIMARY')
  assert.equal(account.described().taskDefinition?.endsWith('web:2'), true)
  assert.equal(account.described().launchType, 'EC2')
  assert.deepEqual(
    account.described().taskSets?.map(({ taskSetArn, status }) => [taskSetArn, status]),
    [
      [green, 'PRIMARY'],
      [blue, 'ACTIVE'],
    ],
  )
})

test('a service that CodeDeploy deploys takes over what its new primary task set runs', () => {
  const account = new EcsAccount()
  account.service({ deploymentController: { type: 'CODE_DEPLOY' } })
  account.definition()
  const green = account.taskSet({ loadBalancers: account.loadBalancers })
  account.run(UpdateServicePrimaryTaskSet, { ...at, primaryTaskSet: green })
  const [service] = account.state.services.values()
  assert.equal(service?.taskDefinitionArn?.endsWith('web:2'), true)
})

test('a deleted task set drains, and is scaled to 0 before or by force', () => {
  const account = externalAccount()
  const arn = account.taskSet({ scale: percent(100) })
  assert.throws(
    () => account.run(DeleteTaskSet, { ...at, taskSet: arn }),
    awsError('InvalidParameterException', 'cannot be deleted while it is scaled above 0'),
  )
  const { taskSet } = account.run(DeleteTaskSet, { ...at, taskSet: arn, force: true })
  assert.deepEqual([taskSet?.status, taskSet?.scale?.value, taskSet?.computedDesiredCount], ['DRAINING', 0, 0])
  assert.throws(
    () => account.run(UpdateTaskSet, { ...at, taskSet: arn, scale: percent(1) }),
    awsError('TaskSetNotFoundException', 'The specified task set does not exist.'),
  )
  const other = account.taskSet()
  assert.equal(account.run(DeleteTaskSet, { ...at, taskSet: other }).taskSet?.status, 'DRAINING')
})

test("the primary task set is not deleted, unless by force where it is nobody's but the caller's", () => {
  const account = externalAccount()
  const taskSet = account.taskSet()
  account.run(UpdateServicePrimaryTaskSet, { ...at, primaryTaskSet: taskSet })
  const refused = awsError('InvalidParameterException', 'Primary TaskSet cannot be deleted')
  assert.throws(() => account.run(DeleteTaskSet, { ...at, taskSet }), refused)
  assert.equal(account.run(DeleteTaskSet, { ...at, taskSet, force: true }).taskSet?.status, 'DRAINING')

  const other = new EcsAccount()
  const blue = other.service({ deploymentController: { type: 'CODE_DEPLOY' } }).taskSets?.[0]?.id ?? ''
  assert.throws(() => other.run(DeleteTaskSet, { ...at, taskSet: blue, force: true }), refused)
})

test('while CodeDeploy deploys a service its task sets are not to be touched; what it leaves behind may be deleted', () => {
  const account = new EcsAccount()
  const service = account.service({ deploymentController: { type: 'CODE_DEPLOY' } })
  const green = account.taskSet({ loadBalancers: account.loadBalancers, scale: percent(100) })
  const deploy = (status: 'InProgress' | 'Failed') => {
    const progress = { plan: { serviceArn: service.serviceArn } }
    const value = { id: 'd-1', status, progress } as unknown as Deployment
    account.change({ table: 'deployments', key: 'd-1', value })
  }
  const remove = () => account.run(DeleteTaskSet, { ...at, taskSet: green, force: true })
  deploy('InProgress')
  const refused = awsError('InvalidParameterException', 'Stop the deployment d-1 first.')
  assert.throws(remove, refused)
  assert.throws(() => account.run(UpdateTaskSet, { ...at, taskSet: green, scale: percent(0) }), refused)
  assert.throws(() => account.run(UpdateServicePrimaryTaskSet, { ...at, primaryTaskSet: green }), refused)
  assert.throws(() => account.taskSet({ loadBalancers: account.loadBalancers }), refused)
  deploy('Failed')
  assert.equal(remove().taskSet?.status, 'DRAINING')
})

test('a task set that is asked for twice with one client token is created once', () => {
  const account = externalAccount()
  const first = account.taskSet({ clientToken: 'a' })
  assert.equal(account.taskSet({ clientToken: 'a' }), first)
  assert.notEqual(account.taskSet({ clientToken: 'ab' }), first)
  assert.equal(account.state.taskSets.size, 2)
  assert.throws(
    () => account.taskSet({ clientToken: 'a', externalId: 'other' }),
    awsError('InvalidParameterException', 'Arguments on this idempotent request are inconsistent'),
  )
})

test('task sets are described all together, or by ARN, id or digits', () => {
  const account = externalAccount()
  const arn = account.taskSet({ scale: percent(100), tags: [{ key: 'a', value: 'b' }] })
  account.taskSet()
  account.putTask(arn, 'RUNNING')
  account.putTask(arn, 'PENDING')
  assert.equal(account.run(DescribeTaskSets, at).taskSets?.length, 2)
  const id = account.state.taskSets.get(arn)?.id ?? ''
  const named = account.run(DescribeTaskSets, {
    ...at,
    taskSets: [arn, id, id.slice(8), 'ecs-svc/1'],
    include: ['TAGS'],
  })
  assert.deepEqual(
    named.taskSets?.map(({ taskSetArn, runningCount, pendingCount }) => [taskSetArn, runningCount, pendingCount]),
    [
      [arn, 1, 1],
      [arn, 1, 1],
      [arn, 1, 1],
    ],
  )
  assert.deepEqual(named.taskSets?.[0]?.tags, [{ key: 'a', value: 'b' }])
  assert.deepEqual(named.failures, [{ arn: 'ecs-svc/1', reason: 'MISSING' }])
})

test('a service has five task sets at most', () => {
  const account = externalAccount()
  for (let i = 0; i < 5; i++) account.taskSet()
  assert.throws(
    () => account.taskSet(),
    awsError('InvalidParameterException', '5 deployments exist on the service. Unable to create new TaskSet'),
  )
})

test('all task sets of a service use a load balancer, or none', () => {
  const account = externalAccount()
  account.taskSet()
  assert.throws(
    () => account.taskSet({ loadBalancers: account.loadBalancers }),
    awsError('InvalidParameterException', 'Either all of the task sets'),
  )
})

test('the deployments of the controller ECS are no task sets', () => {
  const account = new EcsAccount()
  account.service()
  const refused = awsError('InvalidParameterException', 'Amazon ECS only supports task set management on services')
  const [taskSet = ''] = account.state.taskSets.keys()
  assert.throws(() => account.taskSet(), refused)
  assert.throws(() => account.run(DeleteTaskSet, { ...at, taskSet, force: true }), refused)
  assert.throws(() => account.run(UpdateServicePrimaryTaskSet, { ...at, primaryTaskSet: taskSet }), refused)
  assert.throws(() => account.run(DescribeTaskSets, at), refused)
})

test('a service that is being deleted gets no task set', () => {
  const account = externalAccount()
  account.run(DeleteService, { service: 'web', force: true })
  assert.throws(() => account.taskSet(), awsError('ServiceNotActiveException', 'Service was not ACTIVE.'))
})
