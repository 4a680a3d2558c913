import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newTaskSet } from '../../domain/task-set.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { ModifyListener } from '../elbv2/listeners.ts'
import { appSpec, DeployAccount, taskDefinitionArn } from './code-deploy.fixture.ts'
import { UpdateDeploymentGroup } from './deployment-groups.ts'
import { BatchGetDeployments, GetDeployment, ListDeployments } from './deployments.ts'

function ready(): DeployAccount {
  const account = new DeployAccount()
  account.application()
  account.group()
  return account
}

test('a deployment is created with all that its group says, and nothing of it has happened', () => {
  const account = ready()
  account.run(UpdateDeploymentGroup, {
    applicationName: 'app',
    currentDeploymentGroupName: 'group',
    deploymentConfigName: 'CodeDeployDefault.ECSCanary10Percent5Minutes',
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
  })
  const id = account.deploy({ description: 'the second' })
  assert.match(id, /^d-[0-9A-Z]{9}$/)
  const { revision, ...deployment } = account.deployment(id)
  assert.equal(revision.content, appSpec())
  assert.deepEqual(deployment, {
    id,
    applicationName: 'app',
    deploymentGroupName: 'group',
    deploymentConfigName: 'CodeDeployDefault.ECSCanary10Percent5Minutes',
    routing: { type: 'TimeBasedCanary', percentage: 10, intervalMinutes: 5 },
    description: 'the second',
    creator: 'user',
    appSpec: { taskDefinitionArn, containerName: 'web', containerPort: 9000, hooks: {} },
    readyOption: { action: 'CONTINUE_DEPLOYMENT', waitMinutes: 0 },
    termination: { action: 'TERMINATE', waitMinutes: 0 },
    autoRollback: ['DEPLOYMENT_FAILURE'],
    alarms: { names: [], ignorePollAlarmFailure: false },
    status: 'Created',
    createdAt: account.now,
    events: [
      'BeforeInstall',
      'Install',
      'AfterInstall',
      'AllowTestTraffic',
      'AfterAllowTestTraffic',
      'BeforeAllowTraffic',
      'AllowTraffic',
      'AfterAllowTraffic',
    ].map(name => ({ name, status: 'Pending' })),
    progress: { step: 'BeforeInstall', since: account.now, shifted: 0 },
    asked: {},
  })
})

test('a deployment is described with all of AWS’s members', () => {
  const account = ready()
  const id = account.deploy()
  account.advance(id, {
    status: 'Failed',
    startedAt: account.now + 1,
    completedAt: account.now + 2,
    error: { code: 'HOOK_EXECUTION_FAILURE', message: 'it said no' },
    rollback: { deploymentId: 'd-ROLLBACK1', message: 'put back' },
  })
  const { revision, ...info } = account.describe(id)
  assert.deepEqual(JSON.parse(JSON.stringify(info)), {
    applicationName: 'app',
    deploymentGroupName: 'group',
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    deploymentId: id,
    status: 'Failed',
    errorInformation: { code: 'HOOK_EXECUTION_FAILURE', message: 'it said no' },
    createTime: '2026-01-01T00:00:00.000Z',
    startTime: '2026-01-01T00:00:00.001Z',
    completeTime: '2026-01-01T00:00:00.002Z',
    deploymentOverview: { Pending: 0, InProgress: 0, Succeeded: 0, Failed: 1, Skipped: 0, Ready: 0 },
    creator: 'user',
    ignoreApplicationStopFailures: false,
    autoRollbackConfiguration: { enabled: false, events: [] },
    updateOutdatedInstancesOnly: false,
    rollbackInfo: { rollbackDeploymentId: 'd-ROLLBACK1', rollbackMessage: 'put back' },
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    instanceTerminationWaitTimeStarted: false,
    blueGreenDeploymentConfiguration: {
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 0 },
      deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
    },
    loadBalancerInfo: account.groupInput().loadBalancerInfo,
    fileExistsBehavior: 'DISALLOW',
    deploymentStatusMessages: [],
    computePlatform: 'ECS',
  })
})

test('options of the call replace those of the group', () => {
  const account = ready()
  const id = account.deploy({
    deploymentConfigName: 'CodeDeployDefault.ECSLinear10PercentEvery1Minutes',
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_STOP_ON_REQUEST'] },
    overrideAlarmConfiguration: { enabled: true, alarms: [{ name: 'high' }] },
  })
  const { routing, autoRollback, alarms } = account.deployment(id)
  assert.deepEqual(routing, { type: 'TimeBasedLinear', percentage: 10, intervalMinutes: 1 })
  assert.deepEqual(autoRollback, ['DEPLOYMENT_STOP_ON_REQUEST'])
  assert.deepEqual(alarms, { names: ['high'], ignorePollAlarmFailure: false })
})

test('a group has one deployment at a time', () => {
  const account = ready()
  const first = account.deploy()
  const text = `The Deployment Group 'group' already has an active Deployment '${first}'`
  assert.throws(() => account.deploy(), awsError('DeploymentLimitExceededException', text))
  account.advance(first, { status: 'Stopped' })
  account.deploy()
})

test('no two deployments move the same listener, whichever groups they are of', () => {
  const account = ready()
  const settings = { taskDefinitionArn, status: 'PRIMARY' } as const
  const primary = newTaskSet(account.ecsService('api'), '3'.repeat(16), account.now, settings)
  account.put({ table: 'taskSets', key: primary.arn, value: primary })
  account.group({ deploymentGroupName: 'other', ecsServices: [{ clusterName: 'main', serviceName: 'api' }] })
  const first = account.deploy()
  const text = `'${first}' of the Deployment Group 'group' also moves the listener ${account.productionArn}`
  const other = { deploymentGroupName: 'other' }
  assert.throws(() => account.deploy(other), awsError('DeploymentLimitExceededException', text))
  const green = account.plan(first)
  assert.throws(() => account.deploy(other), awsError('DeploymentLimitExceededException', text))
  account.advance(first, { status: 'Stopped' })
  account.put({ table: 'taskSets', key: green.arn })
  account.deploy(other)
})

test('no two deployments move the same service, even if its group was given another one meanwhile', () => {
  const account = ready()
  const first = account.deploy()
  account.plan(first)
  account.ecsService('api')
  const applicationName = 'app'
  account.run(UpdateDeploymentGroup, {
    applicationName,
    currentDeploymentGroupName: 'group',
    ecsServices: [{ clusterName: 'main', serviceName: 'api' }],
  })
  const listenerArns = [account.listener(account.loadBalancerArn, account.blueArn, { Port: 8082 })]
  const targetGroups = [{ name: 'blue' }, { name: 'green' }]
  const loadBalancerInfo = { targetGroupPairInfoList: [{ targetGroups, prodTrafficRoute: { listenerArns } }] }
  account.group({ deploymentGroupName: 'other', loadBalancerInfo })
  assert.throws(
    () => account.deploy({ deploymentGroupName: 'other' }),
    awsError('DeploymentLimitExceededException', 'also moves the service web'),
  )
})

test('what an earlier deployment left in the way is named: first a listener, then the task set behind it', () => {
  const account = ready()
  const first = account.deploy()
  const green = account.plan(first)
  account.advance(first, { status: 'Stopped' })
  const forward = (blue: number, green: number) =>
    account.run(ModifyListener, {
      ListenerArn: account.productionArn,
      DefaultActions: [
        {
          Type: 'forward',
          ForwardConfig: {
            TargetGroups: [
              { TargetGroupArn: account.blueArn, Weight: blue },
              { TargetGroupArn: account.greenArn, Weight: green },
            ],
          },
        },
      ],
    })
  for (const share of [10, 100]) {
    forward(100 - share, share)
    const text = `blue must be all that listener ${account.productionArn} forwards to: point it there (aws elbv2 modify-listener`
    assert.throws(() => account.deploy(), awsError('InvalidLoadBalancerInfoException', text))
  }
  forward(100, 0)
  const text =
    `The target group green still holds the tasks of task set ${green.id}: delete it first ` +
    `(aws ecs delete-task-set --cluster main --service web --task-set ${green.id} --force).`
  assert.throws(() => account.deploy(), awsError('InvalidECSServiceException', text))
  assert.equal(account.state.deployments.size, 1)
  account.put({ table: 'taskSets', key: green.arn, value: { ...green, status: 'DRAINING' } })
  account.deploy()
})

test('a service without a primary task set is not deployed', () => {
  const account = ready()
  account.put({ table: 'taskSets', key: account.primary.arn })
  assert.throws(() => account.deploy(), awsError('InvalidECSServiceException', 'web does not have a primary task set'))
})

const content = (text: string) => ({
  revision: { revisionType: 'AppSpecContent', appSpecContent: { content: text } },
})
for (const [what, input, code, text] of [
  ['no group', { deploymentGroupName: undefined }, 'DeploymentGroupNameRequiredException', ''],
  ['an unknown group', { deploymentGroupName: 'nope' }, 'DeploymentGroupDoesNotExistException', 'nope'],
  ['no revision', { revision: undefined }, 'RevisionRequiredException', ''],
  ['a broken AppSpec', content('version: 1'), 'InvalidRevisionException', "version must be '0.0'"],
  [
    'a task definition that is not there',
    content(appSpec().replace('hello:2', 'hello:3')),
    'InvalidRevisionException',
    'no active task definition arn:aws:ecs:us-east-1:000000000000:task-definition/hello:3',
  ],
  [
    'a container that is not there',
    content(appSpec().replace('Name: web', 'Name: db')),
    'InvalidRevisionException',
    'db',
  ],
  ['a port that is not there', content(appSpec().replace('9000', '9001')), 'InvalidRevisionException', 'no port 9001'],
  ['an unknown configuration', { deploymentConfigName: 'nope' }, 'DeploymentConfigDoesNotExistException', 'nope'],
  ['a long description', { description: 'x'.repeat(257) }, 'DescriptionTooLongException', '256'],
  ['a restart', { deploymentMode: 'RESTART' }, 'InvalidInputException', 'RESTART'],
  [
    'a rollback on nothing',
    { autoRollbackConfiguration: { enabled: true } },
    'InvalidAutoRollbackConfigException',
    'no event types',
  ],
] as const) {
  test(`a deployment with ${what} is refused`, () => {
    const account = ready()
    assert.throws(() => account.deploy(input as never), awsError(code, text))
    assert.equal(account.state.deployments.size, 0)
  })
}

test('deployments are listed newest first, by group, status and time', () => {
  const account = ready()
  const ids = ['Succeeded', 'Failed', 'Stopped'].map(status => {
    const id = account.deploy()
    account.advance(id, { status: status as 'Failed' })
    account.now += 1000
    return id
  })
  const [first, second, third] = ids
  const list = (input: Parameters<typeof ListDeployments>[0]) => account.run(ListDeployments, input).deployments
  const group = { applicationName: 'app', deploymentGroupName: 'group' }
  assert.deepEqual(list({}), [third, second, first])
  assert.deepEqual(list(group), [third, second, first])
  assert.deepEqual(list({ ...group, includeOnlyStatuses: ['Failed', 'Succeeded'] }), [second, first])
  assert.deepEqual(list({ createTimeRange: { start: new Date(account.now - 2000) } }), [third, second])
  assert.deepEqual(list({ createTimeRange: { end: new Date(account.now - 3000) } }), [first])
  assert.deepEqual(list({ externalId: 'stack' }), [])
  for (const [input, code] of [
    [{ applicationName: 'app' }, 'DeploymentGroupNameRequiredException'],
    [{ deploymentGroupName: 'group' }, 'ApplicationNameRequiredException'],
    [{ includeOnlyStatuses: ['Done'] as never }, 'InvalidDeploymentStatusException'],
    [{ createTimeRange: { start: new Date(2), end: new Date(1) } }, 'InvalidTimeRangeException'],
  ] as const) {
    assert.throws(() => list(input), awsError(code, ''))
  }
})

test('deployments are found by their ids, one or 25 at a time', () => {
  const account = ready()
  const id = account.deploy()
  const infos = account.run(BatchGetDeployments, { deploymentIds: [id, 'd-NOTTHERE1'] }).deploymentsInfo
  assert.deepEqual(infos, [account.describe(id)])
  for (const [deploymentId, code] of [
    [undefined, 'DeploymentIdRequiredException'],
    ['nope', 'InvalidDeploymentIdException'],
    ['d-NOTTHERE1', 'DeploymentDoesNotExistException'],
  ] as const) {
    assert.throws(() => account.run(GetDeployment, { deploymentId }), awsError(code, ''))
  }
  assert.throws(
    () => account.run(BatchGetDeployments, { deploymentIds: Array.from({ length: 26 }, () => id) }),
    awsError('BatchLimitExceededException', '25'),
  )
})
