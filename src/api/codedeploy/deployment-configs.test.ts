import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { DeployAccount } from './code-deploy.fixture.ts'
import {
  CreateDeploymentConfig,
  DeleteDeploymentConfig,
  GetDeploymentConfig,
  ListDeploymentConfigs,
} from './deployment-configs.ts'

const canary = { type: 'TimeBasedCanary', timeBasedCanary: { canaryPercentage: 25, canaryInterval: 2 } } as const

test('AWS’s configurations for ECS are always there, and stay', () => {
  const account = new DeployAccount()
  const names = account.run(ListDeploymentConfigs, {}).deploymentConfigsList ?? []
  assert.deepEqual(names, [
    'CodeDeployDefault.ECSAllAtOnce',
    'CodeDeployDefault.ECSCanary10Percent15Minutes',
    'CodeDeployDefault.ECSCanary10Percent5Minutes',
    'CodeDeployDefault.ECSLinear10PercentEvery1Minutes',
    'CodeDeployDefault.ECSLinear10PercentEvery3Minutes',
  ])
  const routing = (deploymentConfigName: string) =>
    account.run(GetDeploymentConfig, { deploymentConfigName }).deploymentConfigInfo?.trafficRoutingConfig
  assert.deepEqual(routing('CodeDeployDefault.ECSAllAtOnce'), { type: 'AllAtOnce' })
  assert.deepEqual(routing('CodeDeployDefault.ECSCanary10Percent5Minutes'), {
    type: 'TimeBasedCanary',
    timeBasedCanary: { canaryPercentage: 10, canaryInterval: 5 },
  })
  assert.deepEqual(routing('CodeDeployDefault.ECSLinear10PercentEvery3Minutes'), {
    type: 'TimeBasedLinear',
    timeBasedLinear: { linearPercentage: 10, linearInterval: 3 },
  })
  for (const deploymentConfigName of names) {
    assert.throws(
      () => account.run(DeleteDeploymentConfig, { deploymentConfigName }),
      awsError('InvalidOperationException', 'predefined'),
    )
  }
})

test('a configuration of one’s own is there until it is deleted, which takes that no group uses it', () => {
  const account = new DeployAccount()
  const config = { deploymentConfigName: 'quarter', computePlatform: 'ECS', trafficRoutingConfig: canary } as const
  const { deploymentConfigId } = account.run(CreateDeploymentConfig, config)
  assert.deepEqual(account.run(GetDeploymentConfig, config).deploymentConfigInfo, {
    deploymentConfigId,
    createTime: new Date(account.now),
    ...config,
  })
  assert.throws(
    () => account.run(CreateDeploymentConfig, config),
    awsError('DeploymentConfigAlreadyExistsException', 'quarter'),
  )
  account.application()
  account.group({ deploymentConfigName: 'quarter' })
  assert.throws(
    () => account.run(DeleteDeploymentConfig, config),
    awsError('DeploymentConfigInUseException', 'still in use by the deployment group group'),
  )
  const free = new DeployAccount()
  free.run(CreateDeploymentConfig, config)
  free.run(DeleteDeploymentConfig, config)
  assert.throws(
    () => free.run(GetDeploymentConfig, config),
    awsError('DeploymentConfigDoesNotExistException', 'No Deployment Configuration found for name: quarter'),
  )
})

const invalidRouting = 'InvalidTrafficRoutingConfigurationException'
for (const [what, input, code] of [
  ['no name', { deploymentConfigName: undefined }, 'DeploymentConfigNameRequiredException'],
  ['a name of AWS’s', { deploymentConfigName: 'CodeDeployDefault.X' }, 'InvalidDeploymentConfigNameException'],
  ['another platform', { computePlatform: 'Lambda' }, 'InvalidComputePlatformException'],
  ['minimum healthy hosts', { minimumHealthyHosts: {} }, 'InvalidMinimumHealthyHostValueException'],
  ['no routing', { trafficRoutingConfig: undefined }, invalidRouting],
  ['a canary without a share', { trafficRoutingConfig: { type: 'TimeBasedCanary' } }, invalidRouting],
  [
    'a share of a hundred per cent',
    { trafficRoutingConfig: { ...canary, timeBasedCanary: { canaryPercentage: 100, canaryInterval: 1 } } },
    invalidRouting,
  ],
  [
    'a shift of more than two days',
    {
      trafficRoutingConfig: { type: 'TimeBasedLinear', timeBasedLinear: { linearPercentage: 10, linearInterval: 321 } },
    },
    invalidRouting,
  ],
  ['two routings', { trafficRoutingConfig: { ...canary, type: 'AllAtOnce' } }, invalidRouting],
] as const) {
  test(`a configuration with ${what} is refused`, () => {
    const account = new DeployAccount()
    const right = { deploymentConfigName: 'a', computePlatform: 'ECS', trafficRoutingConfig: canary }
    assert.throws(() => account.run(CreateDeploymentConfig, { ...right, ...input } as never), awsError(code, ''))
  })
}
