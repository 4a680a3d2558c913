import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { CreateCluster, DeleteCluster, DescribeClusters, ListClusters, UpdateCluster } from './clusters.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { DeleteService } from './services.ts'
import { RunTask, StopTask } from './tasks.ts'

const arn = (name: string) => `arn:aws:ecs:us-east-1:000000000000:cluster/${name}`

test('a cluster without a name is the default one, and is created once', () => {
  const account = new EcsAccount()
  const { cluster } = account.run(CreateCluster, { tags: [{ key: 'a', value: 'b' }] })
  assert.equal(cluster?.clusterArn, arn('default'))
  assert.equal(cluster?.status, 'ACTIVE')
  assert.deepEqual(account.run(CreateCluster, { clusterName: 'default' }).cluster?.tags, [{ key: 'a', value: 'b' }])
  assert.deepEqual(account.run(ListClusters, {}).clusterArns, [arn('default')])
})

test('clusters are described by name or ARN, and those that are missing are failures', () => {
  const account = new EcsAccount()
  account.run(CreateCluster, { clusterName: 'one' })
  const { clusters, failures } = account.run(DescribeClusters, { clusters: ['one', arn('one'), 'two'] })
  assert.deepEqual(
    clusters?.map(cluster => cluster.clusterName),
    ['one', 'one'],
  )
  assert.deepEqual(failures, [{ arn: arn('two'), reason: 'MISSING' }])
  assert.deepEqual(account.run(DescribeClusters, {}).failures, [{ arn: arn('default'), reason: 'MISSING' }])
})

const given = {
  settings: [{ name: 'containerInsights' as const, value: 'enhanced' }],
  configuration: { executeCommandConfiguration: { logging: 'DEFAULT' as const } },
  capacityProviders: ['FARGATE'],
  defaultCapacityProviderStrategy: [{ capacityProvider: 'FARGATE', weight: 1 }],
  serviceConnectDefaults: { namespace: 'arn:aws:servicediscovery:us-east-1:000000000000:namespace/ns-1' },
}

test('a cluster gives back what it was given, settings and configuration where they are asked for', () => {
  const account = new EcsAccount()
  const tags = [{ key: 'a', value: 'b' }]
  account.run(CreateCluster, { clusterName: 'one', ...given, tags })
  const describe = (include: ('CONFIGURATIONS' | 'SETTINGS' | 'TAGS')[]) => {
    const [cluster] = account.run(DescribeClusters, { clusters: ['one'], include }).clusters ?? []
    return Object.fromEntries(['tags', ...Object.keys(given)].map(name => [name, cluster?.[name as 'tags']]))
  }
  assert.deepEqual(describe(['CONFIGURATIONS', 'SETTINGS', 'TAGS']), { ...given, tags })
  assert.deepEqual(describe([]), { ...given, settings: [], configuration: undefined, tags: [] })
})

test('a cluster is updated in what is given', () => {
  const account = new EcsAccount()
  account.run(CreateCluster, given)
  const settings = [{ name: 'containerInsights' as const, value: 'enabled' }]
  assert.deepEqual(account.run(UpdateCluster, { cluster: 'default', settings }).cluster?.settings, settings)
  const none = { capacityProviders: [], defaultCapacityProviderStrategy: [] }
  const { cluster } = account.run(UpdateCluster, { cluster: 'default', ...none })
  assert.deepEqual([cluster?.capacityProviders, cluster?.settings], [[], settings])
  assert.deepEqual(cluster?.configuration, given.configuration)
})

test('a cluster is not created again with other settings', () => {
  const account = new EcsAccount()
  account.run(CreateCluster, {})
  const settings = [{ name: 'containerInsights' as const, value: 'disabled' }]
  assert.equal(account.run(CreateCluster, { settings }).cluster?.status, 'ACTIVE', 'what it is without being asked')
  assert.throws(
    () => account.run(CreateCluster, given),
    awsError('InvalidParameterException', 'Arguments on this idempotent request are inconsistent'),
  )
})

test('a cluster counts its services and tasks', () => {
  const account = new EcsAccount()
  account.service()
  account.run(RunTask, { taskDefinition: 'web', count: 2 })
  const [cluster] = account.run(DescribeClusters, {}).clusters ?? []
  assert.equal(cluster?.activeServicesCount, 1)
  assert.equal(cluster?.pendingTasksCount, 2)
  assert.equal(cluster?.runningTasksCount, 0)
})

test('a cluster with services or tasks stays', () => {
  const account = new EcsAccount()
  account.service()
  const remove = () => account.run(DeleteCluster, { cluster: 'default' })
  assert.throws(remove, awsError('ClusterContainsServicesException', 'cannot be deleted while Services are active'))
  account.run(DeleteService, { service: 'web', force: true })
  assert.throws(remove, awsError('ClusterContainsServicesException', 'cannot be deleted while Services are active'))
  const other = new EcsAccount()
  other.definition()
  const task = other.run(RunTask, { taskDefinition: 'web' }).tasks?.[0]?.taskArn ?? ''
  other.run(StopTask, { task })
  assert.throws(
    () => other.run(DeleteCluster, { cluster: 'default' }),
    awsError('ClusterContainsTasksException', 'cannot be deleted while Tasks are active'),
  )
})

test('a deleted cluster is inactive, takes nothing new, and can be created again', () => {
  const account = new EcsAccount()
  account.definition()
  account.run(CreateCluster, { clusterName: 'one' })
  assert.equal(account.run(DeleteCluster, { cluster: 'one' }).cluster?.status, 'INACTIVE')
  assert.deepEqual(account.run(ListClusters, {}).clusterArns, [])
  assert.throws(
    () => account.run(RunTask, { cluster: 'one', taskDefinition: 'web' }),
    awsError('ClusterNotFoundException', 'The referenced cluster was inactive.'),
  )
  assert.throws(
    () => account.run(DeleteCluster, { cluster: 'two' }),
    awsError('ClusterNotFoundException', 'Cluster not found.'),
  )
  assert.equal(account.run(CreateCluster, { clusterName: 'one' }).cluster?.status, 'ACTIVE')
})

test('a cluster has a name of letters, digits, hyphens and underscores', () => {
  const account = new EcsAccount()
  assert.throws(
    () => account.run(CreateCluster, { clusterName: 'a b' }),
    awsError('InvalidParameterException', 'Invalid cluster name.'),
  )
})
