import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { DeployAccount, serviceRoleArn } from './code-deploy.fixture.ts'
import {
  BatchGetDeploymentGroups,
  DeleteDeploymentGroup,
  GetDeploymentGroup,
  ListDeploymentGroups,
  UpdateDeploymentGroup,
} from './deployment-groups.ts'
import { ListDeployments } from './deployments.ts'

const named = { applicationName: 'app', deploymentGroupName: 'group' }

/** With what does not fit: a rolling service, a TCP target group, and another load balancer. */
class WiderAccount extends DeployAccount {
  readonly rolling = this.ecsService('rolling', { controller: 'ECS' })
  readonly tcpArn = this.targetGroup({ Name: 'tcp', Protocol: 'TCP' })
  readonly elsewhereArn = this.listener(this.loadBalancer({ Name: 'two' }), this.targetGroup({ Name: 'elsewhere' }), {
    Port: 8090,
  })
}

function ready(): DeployAccount {
  const account = new DeployAccount()
  account.application()
  return account
}

test('a deployment group has AWS’s defaults, and both waiting times where they are 0', () => {
  const account = ready()
  const deploymentGroupId = account.group()
  assert.deepEqual(JSON.parse(JSON.stringify(account.run(GetDeploymentGroup, named).deploymentGroupInfo)), {
    ...named,
    deploymentGroupId,
    deploymentConfigName: 'CodeDeployDefault.ECSAllAtOnce',
    ec2TagFilters: [],
    onPremisesInstanceTagFilters: [],
    autoScalingGroups: [],
    serviceRoleArn,
    triggerConfigurations: [],
    deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
    blueGreenDeploymentConfiguration: {
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 0 },
      deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
    },
    loadBalancerInfo: account.groupInput().loadBalancerInfo,
    computePlatform: 'ECS',
    ecsServices: [{ clusterName: 'main', serviceName: 'web' }],
    terminationHookEnabled: false,
  })
})

test('what is switched off is given back and not heeded', () => {
  const account = ready()
  const alarmConfiguration = { enabled: false, alarms: [{ name: 'high' }] }
  const autoRollbackConfiguration = { enabled: false, events: ['DEPLOYMENT_FAILURE'] } as const
  account.group({ alarmConfiguration, autoRollbackConfiguration: autoRollbackConfiguration as never })
  const group = account.state.deploymentGroups.get('app/group')
  assert.deepEqual([group?.alarms.names, group?.autoRollback], [[], []])
  const info = account.run(GetDeploymentGroup, named).deploymentGroupInfo
  assert.deepEqual(info?.alarmConfiguration, alarmConfiguration)
  assert.deepEqual(info?.autoRollbackConfiguration, autoRollbackConfiguration)
})

test('an update replaces what it names and keeps the rest', () => {
  const account = ready()
  account.group({
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 60 },
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 5 },
    },
  })
  account.run(UpdateDeploymentGroup, {
    applicationName: 'app',
    currentDeploymentGroupName: 'group',
    blueGreenDeploymentConfiguration: { terminateBlueInstancesOnDeploymentSuccess: { action: 'KEEP_ALIVE' } },
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_STOP_ON_ALARM'] },
    alarmConfiguration: { enabled: true, alarms: [{ name: 'high' }], ignorePollAlarmFailure: true },
  })
  const group = account.state.deploymentGroups.get('app/group')
  assert.deepEqual(group?.readyOption, { action: 'STOP_DEPLOYMENT', waitMinutes: 60 })
  assert.deepEqual(group?.termination, { action: 'KEEP_ALIVE', waitMinutes: 0 })
  assert.deepEqual(group?.autoRollback, ['DEPLOYMENT_STOP_ON_ALARM'])
  assert.deepEqual(group?.alarms, { names: ['high'], ignorePollAlarmFailure: true })
  assert.equal(group?.testListenerArn, account.testArn)
})

test('an update can take the test listener away', () => {
  const account = ready()
  account.group()
  const [pair] = account.groupInput().loadBalancerInfo?.targetGroupPairInfoList ?? []
  account.run(UpdateDeploymentGroup, {
    applicationName: 'app',
    currentDeploymentGroupName: 'group',
    loadBalancerInfo: { targetGroupPairInfoList: [{ ...pair, testTrafficRoute: undefined }] },
  })
  assert.equal(account.state.deploymentGroups.get('app/group')?.testListenerArn, undefined)
})

test('a renamed group takes its deployments along', () => {
  const account = ready()
  account.group()
  const id = account.deploy()
  account.run(UpdateDeploymentGroup, {
    applicationName: 'app',
    currentDeploymentGroupName: 'group',
    newDeploymentGroupName: 'renamed',
  })
  assert.deepEqual(account.run(ListDeploymentGroups, { applicationName: 'app' }).deploymentGroups, ['renamed'])
  const listed = account.run(ListDeployments, { applicationName: 'app', deploymentGroupName: 'renamed' })
  assert.deepEqual(listed.deployments, [id])
})

test('a batch gives the groups that are there, and names the others', () => {
  const account = ready()
  account.group()
  const batch = account.run(BatchGetDeploymentGroups, {
    applicationName: 'app',
    deploymentGroupNames: ['group', 'nope'],
  })
  assert.deepEqual(
    batch.deploymentGroupsInfo?.map(group => group.deploymentGroupName),
    ['group'],
  )
  assert.match(batch.errorMessage ?? '', /nope/)
})

test('a deleted group is gone, and its deployments are not', () => {
  const account = ready()
  account.group()
  const id = account.deploy()
  assert.deepEqual(account.run(DeleteDeploymentGroup, named), { hooksNotCleanedUp: [] })
  account.run(DeleteDeploymentGroup, named)
  assert.throws(
    () => account.run(GetDeploymentGroup, named),
    awsError('DeploymentGroupDoesNotExistException', 'No Deployment Group found for name: group'),
  )
  assert.equal(account.describe(id).deploymentId, id)
})

test('the last deployments are told: the last one, and the last one that succeeded', () => {
  const account = ready()
  account.group()
  const first = account.deploy()
  account.now += 1000
  account.advance(first, { status: 'Succeeded', completedAt: account.now })
  const second = account.deploy()
  account.advance(second, { status: 'Failed', completedAt: account.now })
  const info = account.run(GetDeploymentGroup, named).deploymentGroupInfo
  assert.equal(info?.lastAttemptedDeployment?.deploymentId, second)
  assert.deepEqual(info?.lastSuccessfulDeployment, {
    deploymentId: first,
    status: 'Succeeded',
    createTime: new Date(account.now - 1000),
    endTime: new Date(account.now),
  })
  assert.equal(info?.targetRevision?.appSpecContent?.sha256, account.deployment(first).revision.sha256)
})

test('a revision that was taken back is nobody’s target, and not the next deployment’s previous one', () => {
  const account = ready()
  account.group()
  account.advance(account.deploy(), { status: 'Stopped' })
  const record = account.deploy()
  account.advance(record, { status: 'Succeeded', creator: 'codeDeployRollback' })
  account.now += 1000
  assert.equal(account.describe(account.deploy()).previousRevision, undefined)
  const info = account.run(GetDeploymentGroup, named).deploymentGroupInfo
  assert.equal(info?.lastSuccessfulDeployment?.deploymentId, record)
  assert.equal(info?.targetRevision, undefined)
})

test('a service is in one group only', () => {
  const account = ready()
  account.group()
  assert.throws(() => account.group(), awsError('DeploymentGroupAlreadyExistsException', 'group'))
  assert.throws(
    () => account.group({ deploymentGroupName: 'other' }),
    awsError('ECSServiceMappingLimitExceededException', 'already associated with the deployment group group of app'),
  )
})

const pairOf = (account: DeployAccount, change: object) => ({
  loadBalancerInfo: {
    targetGroupPairInfoList: [{ ...account.groupInput().loadBalancerInfo?.targetGroupPairInfoList?.[0], ...change }],
  },
})
const waiting = (blueGreen: object) => () => ({ blueGreenDeploymentConfiguration: blueGreen })
const alarms = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `alarm-${i}` }))

for (const [what, inputOf, code, text] of [
  ['no name', () => ({ deploymentGroupName: '' }), 'DeploymentGroupNameRequiredException', ''],
  ['an unknown application', () => ({ applicationName: 'nope' }), 'ApplicationDoesNotExistException', 'nope'],
  ['no role', () => ({ serviceRoleArn: undefined }), 'RoleRequiredException', ''],
  ['a role that is no ARN', () => ({ serviceRoleArn: 'deployer' }), 'InvalidRoleException', 'deployer'],
  [
    'an unknown configuration',
    () => ({ deploymentConfigName: 'nope' }),
    'DeploymentConfigDoesNotExistException',
    'nope',
  ],
  ['no style', () => ({ deploymentStyle: undefined }), 'InvalidDeploymentStyleException', 'BLUE_GREEN'],
  [
    'deployments in place',
    () => ({ deploymentStyle: { deploymentType: 'IN_PLACE', deploymentOption: 'WITH_TRAFFIC_CONTROL' } }),
    'InvalidDeploymentStyleException',
    'BLUE_GREEN',
  ],
  ['instances', () => ({ autoScalingGroups: ['asg'] }), 'InvalidInputException', 'autoScalingGroups must not'],
  ['no service', () => ({ ecsServices: [] }), 'InvalidECSServiceException', 'exactly one'],
  [
    'a service that is not there',
    () => ({ ecsServices: [{ clusterName: 'main', serviceName: 'nope' }] }),
    'InvalidECSServiceException',
    'nope could not be found in the cluster main',
  ],
  [
    'a service that rolls',
    () => ({ ecsServices: [{ clusterName: 'main', serviceName: 'rolling' }] }),
    'InvalidECSServiceException',
    'must be configured for a CODE_DEPLOY deployment controller',
  ],
  ['no load balancer', () => ({ loadBalancerInfo: undefined }), 'InvalidLoadBalancerInfoException', 'exactly one'],
  [
    'a Classic Load Balancer',
    () => ({ loadBalancerInfo: { elbInfoList: [{ name: 'a' }] } }),
    'InvalidLoadBalancerInfoException',
    'must not contain elbInfo list',
  ],
  [
    'one target group',
    account => pairOf(account, { targetGroups: [{ name: 'blue' }] }),
    'InvalidTargetGroupPairException',
    'exactly two different',
  ],
  [
    'the same target group twice',
    account => pairOf(account, { targetGroups: [{ name: 'blue' }, { name: 'blue' }] }),
    'InvalidTargetGroupPairException',
    'exactly two different',
  ],
  [
    'a target group that is not there',
    account => pairOf(account, { targetGroups: [{ name: 'blue' }, { name: 'nope' }] }),
    'InvalidTargetGroupPairException',
    'nope could not be found',
  ],
  [
    'a target group that the listener cannot forward to',
    account => pairOf(account, { targetGroups: [{ name: 'blue' }, { name: 'tcp' }] }),
    'InvalidTargetGroupPairException',
    'incompatible protocols',
  ],
  [
    'a target group of another load balancer',
    account => pairOf(account, { targetGroups: [{ name: 'blue' }, { name: 'elsewhere' }] }),
    'InvalidTargetGroupPairException',
    'more than one load balancer',
  ],
  [
    'no production listener',
    account => pairOf(account, { prodTrafficRoute: undefined }),
    'InvalidLoadBalancerInfoException',
    'exactly one listener',
  ],
  [
    'two test listeners',
    account => pairOf(account, { testTrafficRoute: { listenerArns: ['a', 'b'] } }),
    'InvalidLoadBalancerInfoException',
    'at most one listener',
  ],
  [
    'a listener that is not there',
    account => pairOf(account, { testTrafficRoute: { listenerArns: ['nope'] } }),
    'InvalidLoadBalancerInfoException',
    'nope could not be found',
  ],
  [
    'one listener for both routes',
    account => pairOf(account, { testTrafficRoute: { listenerArns: [account.productionArn] } }),
    'InvalidLoadBalancerInfoException',
    'another one than the production listener',
  ],
  [
    'listeners of two load balancers',
    account => pairOf(account, { testTrafficRoute: { listenerArns: [account.elsewhereArn] } }),
    'InvalidLoadBalancerInfoException',
    'the same load balancer',
  ],
  [
    'a wait before traffic that goes on by itself',
    waiting({ deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 1 } }),
    'InvalidBlueGreenDeploymentConfigurationException',
    'CONTINUE_DEPLOYMENT',
  ],
  [
    'a termination after more than two days',
    waiting({ terminateBlueInstancesOnDeploymentSuccess: { terminationWaitTimeInMinutes: 2881 } }),
    'InvalidBlueGreenDeploymentConfigurationException',
    '0 to 2880',
  ],
  [
    'an unknown action',
    waiting({ terminateBlueInstancesOnDeploymentSuccess: { action: 'SELL' } }),
    'InvalidBlueGreenDeploymentConfigurationException',
    'TERMINATE or KEEP_ALIVE',
  ],
  [
    'a green fleet',
    waiting({ greenFleetProvisioningOption: { action: 'DISCOVER_EXISTING' } }),
    'InvalidBlueGreenDeploymentConfigurationException',
    'greenFleetProvisioningOption',
  ],
  [
    'a rollback on nothing',
    () => ({ autoRollbackConfiguration: { enabled: true } }),
    'InvalidAutoRollbackConfigException',
    'no event types',
  ],
  [
    'a rollback on an unknown event',
    () => ({ autoRollbackConfiguration: { enabled: true, events: ['FULL_MOON'] } }),
    'InvalidAutoRollbackConfigException',
    'FULL_MOON',
  ],
  [
    'no alarms that it watches',
    () => ({ alarmConfiguration: { enabled: true } }),
    'InvalidAlarmConfigException',
    'the alarm list is empty',
  ],
  [
    'eleven alarms',
    () => ({ alarmConfiguration: { enabled: true, alarms: alarms(11) } }),
    'AlarmsLimitExceededException',
    '10',
  ],
  [
    'an alarm twice',
    () => ({ alarmConfiguration: { enabled: true, alarms: [...alarms(1), ...alarms(1)] } }),
    'InvalidAlarmConfigException',
    'same name',
  ],
  ['eleven triggers', () => ({ triggerConfigurations: alarms(11) }), 'TriggerTargetsLimitExceededException', ''],
] as readonly [string, (account: WiderAccount) => object, string, string][]) {
  test(`a deployment group with ${what} is refused`, () => {
    const account = new WiderAccount()
    account.application()
    assert.throws(() => account.group(inputOf(account)), awsError(code, text))
    assert.equal(account.state.deploymentGroups.size, 0)
  })
}
