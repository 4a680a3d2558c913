import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account, awsError } from './account.fixture.ts'
import { DescribeAccountLimits } from './account-limits.ts'
import { AddTags, DescribeTags, RemoveTags } from './tags.ts'

test('tags are added, replaced, removed and described in the order asked', () => {
  const account = new Account()
  const group = account.targetGroup({ Tags: [{ Key: 'team', Value: 'a' }] })
  const loadBalancer = account.loadBalancer()
  const listener = account.listener(loadBalancer, group)
  const ResourceArns = [listener, loadBalancer, group]
  account.run(AddTags, { ResourceArns, Tags: [{ Key: 'team', Value: 'b' }, { Key: 'empty' }] })
  account.run(RemoveTags, { ResourceArns: [group], TagKeys: ['empty', 'absent'] })
  const both = [
    { Key: 'team', Value: 'b' },
    { Key: 'empty', Value: '' },
  ]
  assert.deepEqual(account.run(DescribeTags, { ResourceArns }).TagDescriptions, [
    { ResourceArn: listener, Tags: both },
    { ResourceArn: loadBalancer, Tags: both },
    { ResourceArn: group, Tags: [both[0]] },
  ])
})

test('tags that break a rule are refused for all resources', () => {
  const account = new Account()
  const group = account.targetGroup()
  const full = account.targetGroup({
    Name: 'full',
    Tags: Array.from({ length: 50 }, (_, i) => ({ Key: `k${i}`, Value: '' })),
  })
  const { state } = account
  const add = (arns: string[], ...keys: string[]) =>
    account.run(AddTags, { ResourceArns: arns, Tags: keys.map(Key => ({ Key })) })
  assert.throws(() => add([group, full], 'one-more'), awsError('TooManyTags', 'more than 50'))
  assert.throws(() => add([group], 'a', 'a'), awsError('DuplicateTagKeys', "'a'"))
  assert.throws(() => add([group], 'aws:a'), awsError('ValidationError', 'reserved'))
  assert.throws(() => add([group, `${group}0`], 'a'), awsError('TargetGroupNotFound', 'not found'))
  assert.throws(() => add(['arn:aws:s3:::bucket'], 'a'), awsError('ValidationError', 'is not a valid resource ARN'))
  assert.equal(account.state, state)
})

test('account limits are described page by page', () => {
  const account = new Account()
  const first = account.run(DescribeAccountLimits, { PageSize: 10 })
  const rest = account.run(DescribeAccountLimits, { PageSize: 10, Marker: first.NextMarker })
  const limits = [...(first.Limits ?? []), ...(rest.Limits ?? [])]
  assert.equal(limits.length, 18)
  assert.equal(rest.NextMarker, undefined)
  assert.deepEqual(
    limits.find(limit => limit.Name === 'network-load-balancers'),
    { Name: 'network-load-balancers', Max: '50' },
  )
})
