import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { DeployAccount } from './code-deploy.fixture.ts'
import { ListTagsForResource, TagResource, UntagResource } from './tags.ts'

const prefix = 'arn:aws:codedeploy:us-east-1:000000000000:'

for (const ResourceArn of [`${prefix}application:app`, `${prefix}deploymentgroup:app/group`]) {
  test(`${ResourceArn} is tagged and untagged`, () => {
    const account = new DeployAccount()
    account.application()
    account.group()
    account.run(TagResource, {
      ResourceArn,
      Tags: [
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '2' },
      ],
    })
    account.run(TagResource, { ResourceArn, Tags: [{ Key: 'a', Value: '3' }] })
    account.run(UntagResource, { ResourceArn, TagKeys: ['b'] })
    assert.deepEqual(account.run(ListTagsForResource, { ResourceArn }).Tags, [{ Key: 'a', Value: '3' }])
  })
}

for (const [what, ResourceArn, code] of [
  ['no ARN', undefined, 'ResourceArnRequiredException'],
  ['what is no ARN', 'app', 'InvalidArnException'],
  ['a deployment configuration', `${prefix}deploymentconfig:a`, 'ArnNotSupportedException'],
  ['an application that is not there', `${prefix}application:nope`, 'ApplicationDoesNotExistException'],
  ['a group that is not there', `${prefix}deploymentgroup:app/nope`, 'DeploymentGroupDoesNotExistException'],
] as const) {
  test(`${what} has no tags`, () => {
    const account = new DeployAccount()
    account.application()
    assert.throws(() => account.run(ListTagsForResource, { ResourceArn }), awsError(code, ''))
  })
}

test('a call that names no tag is refused', () => {
  const account = new DeployAccount()
  account.application()
  const ResourceArn = `${prefix}application:app`
  assert.throws(() => account.run(TagResource, { ResourceArn, Tags: [] }), awsError('TagRequiredException', 'tag'))
  assert.throws(() => account.run(UntagResource, { ResourceArn, TagKeys: [] }), awsError('TagRequiredException', 'tag'))
})
