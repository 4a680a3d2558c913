import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts'
import { RunTask } from './tasks.ts'

test('every kind of resource is tagged and untagged by its ARN', () => {
  const account = new EcsAccount()
  account.service()
  account.run(RunTask, { taskDefinition: 'web' })
  const { clusters, services, taskDefinitions, taskSets, tasks } = account.state
  for (const table of [clusters, services, taskDefinitions, taskSets, tasks]) {
    const [resourceArn = ''] = table.keys()
    account.run(TagResource, { resourceArn, tags: [{ key: 'a', value: '1' }, { key: 'b' }] })
    account.run(TagResource, { resourceArn, tags: [{ key: 'a', value: '2' }] })
    assert.deepEqual(account.run(ListTagsForResource, { resourceArn }).tags, [
      { key: 'b', value: '' },
      { key: 'a', value: '2' },
    ])
    account.run(UntagResource, { resourceArn, tagKeys: ['b'] })
    assert.deepEqual(account.run(ListTagsForResource, { resourceArn }).tags, [{ key: 'a', value: '2' }])
  }
})

test('what is not there has no tags', () => {
  const account = new EcsAccount()
  const list = (resourceArn: string) => () => account.run(ListTagsForResource, { resourceArn })
  assert.throws(
    list('arn:aws:ecs:us-east-1:000000000000:cluster/default'),
    awsError('ClusterNotFoundException', 'Cluster not found.'),
  )
  assert.throws(
    list('arn:aws:ecs:us-east-1:000000000000:service/default/web'),
    awsError('ResourceNotFoundException', 'was not found'),
  )
  assert.throws(list('web'), awsError('InvalidParameterException', 'Invalid resource ARN: web'))
})

test('a resource has 50 tags at most, each key once, and none of AWS', () => {
  const account = new EcsAccount()
  const tagged = (keys: readonly string[]) => () => account.definition({ tags: keys.map(key => ({ key, value: '' })) })
  assert.throws(tagged(['a', 'a']), awsError('InvalidParameterException', "Duplicate tag key 'a' found."))
  assert.throws(tagged(['aws:a']), awsError('InvalidParameterException', "prefix 'aws:' are reserved"))
  assert.throws(
    tagged(Array.from({ length: 51 }, (_, i) => `k${i}`)),
    awsError('InvalidParameterException', 'more than 50 tags'),
  )
})
