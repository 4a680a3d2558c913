import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import {
  BatchGetApplications,
  CreateApplication,
  DeleteApplication,
  GetApplication,
  ListApplications,
  UpdateApplication,
} from './applications.ts'
import { DeployAccount } from './code-deploy.fixture.ts'
import { ListDeploymentGroups } from './deployment-groups.ts'

test('an application is created once, and found by its name', () => {
  const account = new DeployAccount()
  const { applicationId } = account.run(CreateApplication, { applicationName: 'app', computePlatform: 'ECS' })
  assert.match(applicationId ?? '', /^[0-9a-f]{8}-/)
  const expected = {
    applicationId,
    applicationName: 'app',
    createTime: new Date(account.now),
    linkedToGitHub: false,
    computePlatform: 'ECS',
  }
  assert.deepEqual(account.run(GetApplication, { applicationName: 'app' }).application, expected)
  assert.deepEqual(account.run(BatchGetApplications, { applicationNames: ['app'] }).applicationsInfo, [expected])
  assert.throws(() => account.application(), awsError('ApplicationAlreadyExistsException', 'app'))
})

for (const [what, input, code, text] of [
  ['no name', { computePlatform: 'ECS' }, 'ApplicationNameRequiredException', 'required'],
  ['a slash in its name', { applicationName: 'a/b', computePlatform: 'ECS' }, 'InvalidApplicationNameException', 'a/b'],
  ['no platform', { applicationName: 'app' }, 'InvalidComputePlatformException', 'Server is not offered here'],
  [
    'an unknown platform',
    { applicationName: 'app', computePlatform: 'Moon' },
    'InvalidComputePlatformException',
    'or ECS',
  ],
  [
    'a reserved tag',
    { applicationName: 'app', computePlatform: 'ECS', tags: [{ Key: 'aws:x', Value: '' }] },
    'InvalidTagsToAddException',
    'reserved',
  ],
] as const) {
  test(`an application with ${what} is refused`, () => {
    const account = new DeployAccount()
    assert.throws(() => account.run(CreateApplication, input as never), awsError(code, text))
  })
}

test('applications are listed in pages of a hundred', () => {
  const account = new DeployAccount()
  for (let i = 0; i < 101; i++) account.application(`app-${String(i).padStart(3, '0')}`)
  const first = account.run(ListApplications, {})
  assert.equal(first.applications?.length, 100)
  assert.deepEqual(account.run(ListApplications, { nextToken: first.nextToken }).applications, ['app-100'])
  assert.throws(() => account.run(ListApplications, { nextToken: '?' }), awsError('InvalidNextTokenException', 'token'))
  const names = first.applications ?? []
  assert.throws(
    () => account.run(BatchGetApplications, { applicationNames: [...names, 'app-100'] }),
    awsError('BatchLimitExceededException', '100'),
  )
})

test('a renamed application takes its groups and its deployments along', () => {
  const account = new DeployAccount()
  account.application()
  account.group()
  const id = account.deploy()
  account.application('other')
  assert.throws(
    () => account.run(UpdateApplication, { applicationName: 'app', newApplicationName: 'other' }),
    awsError('ApplicationAlreadyExistsException', 'other'),
  )
  account.run(UpdateApplication, { applicationName: 'app', newApplicationName: 'renamed' })
  assert.deepEqual(account.run(ListApplications, {}).applications, ['other', 'renamed'])
  assert.deepEqual(account.run(ListDeploymentGroups, { applicationName: 'renamed' }).deploymentGroups, ['group'])
  assert.equal(account.describe(id).applicationName, 'renamed')
  assert.equal(account.describe(id).loadBalancerInfo?.targetGroupPairInfoList?.length, 1)
})

test('a deleted application takes its groups and its history along, but no deployment that runs', () => {
  const account = new DeployAccount()
  account.application()
  account.group()
  const over = account.deploy()
  account.advance(over, { status: 'Succeeded' })
  const running = account.deploy()
  account.run(DeleteApplication, { applicationName: 'app' })
  account.run(DeleteApplication, { applicationName: 'app' })
  assert.throws(
    () => account.run(GetApplication, { applicationName: 'app' }),
    awsError('ApplicationDoesNotExistException', 'No application found for name: app'),
  )
  assert.equal(account.state.deploymentGroups.size, 0)
  assert.deepEqual([...account.state.deployments.keys()], [running])
})
