import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeploymentConfiguration } from '@aws-sdk/client-ecs'
import type { DeploymentSettings } from '../../domain/service-deployment.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { deploymentIn, describeSettings } from './deployment-settings.ts'

const rollout = {
  minimumHealthyPercent: 100,
  maximumPercent: 200,
  circuitBreaker: { enable: true, rollback: true },
}

const hook = {
  targetType: 'AWS_LAMBDA',
  hookTargetArn: 'arn:aws:lambda:us-east-1:000000000000:function:check',
  roleArn: 'arn:aws:iam::000000000000:role/hook',
  lifecycleStages: ['POST_TEST_TRAFFIC_SHIFT', 'PRE_PRODUCTION_TRAFFIC_SHIFT'],
  hookDetails: { deep: [1, { two: null }] },
} as const satisfies NonNullable<DeploymentConfiguration['lifecycleHooks']>[number]

const canary: DeploymentSettings = {
  strategy: 'CANARY',
  bakeMinutes: 5,
  step: { percent: 0.1, bakeMinutes: 0 },
  hooks: [],
  alarms: { names: ['errors'], enable: true, rollback: true },
}

test('what was given is given back whole, with what AWS takes where nothing was given', () => {
  const given: DeploymentConfiguration = {
    strategy: 'LINEAR',
    bakeTimeInMinutes: 3,
    linearConfiguration: { stepPercent: 16.1 },
    lifecycleHooks: [
      { ...hook, lifecycleStages: [...hook.lifecycleStages] },
      {
        targetType: 'PAUSE',
        lifecycleStages: ['PRE_SCALE_UP'],
        timeoutConfiguration: { timeoutInMinutes: 10, action: 'CONTINUE' },
      },
    ],
    alarms: { alarmNames: ['errors'], enable: true, rollback: false },
  }
  const described = describeSettings(deploymentIn(given, undefined), rollout)
  assert.deepEqual(JSON.parse(JSON.stringify(described)), {
    ...given,
    minimumHealthyPercent: 100,
    maximumPercent: 200,
    deploymentCircuitBreaker: { enable: true, rollback: true },
    linearConfiguration: { stepPercent: 16.1, stepBakeTimeInMinutes: 6 },
    lifecycleHooks: [
      { ...hook, timeoutConfiguration: { timeoutInMinutes: 1440, action: 'ROLLBACK' } },
      given.lifecycleHooks?.[1],
    ],
  })
})

test('what is not given stays as far as the strategy has it', () => {
  assert.deepEqual(deploymentIn({ bakeTimeInMinutes: 9 }, canary), { ...canary, bakeMinutes: 9 })
  assert.deepEqual(deploymentIn({ strategy: 'LINEAR' }, canary), {
    ...canary,
    strategy: 'LINEAR',
    step: { percent: 10, bakeMinutes: 6 },
  })
  const { step: _, ...rest } = canary
  assert.deepEqual(deploymentIn({ strategy: 'BLUE_GREEN' }, canary), { ...rest, strategy: 'BLUE_GREEN' })
  assert.deepEqual(deploymentIn({ strategy: 'ROLLING' }, canary), {
    strategy: 'ROLLING',
    bakeMinutes: 0,
    hooks: [],
    alarms: canary.alarms,
  })
})

test('rolling updates of which nothing is said leave no settings', () => {
  for (const given of [undefined, {}, { strategy: 'ROLLING' }, { maximumPercent: 150 }] as const) {
    assert.equal(deploymentIn(given, undefined), undefined)
  }
  assert.equal(describeSettings(undefined, rollout).strategy, 'ROLLING')
})

test('an empty list takes the hooks away', () => {
  const given: DeploymentConfiguration = {
    strategy: 'BLUE_GREEN',
    bakeTimeInMinutes: 0,
    lifecycleHooks: [{ ...hook, lifecycleStages: ['PRE_SCALE_UP'] }],
  }
  const before = deploymentIn(given, undefined)
  assert.equal(before?.hooks.length, 1)
  assert.deepEqual(deploymentIn({ lifecycleHooks: [] }, before)?.hooks, [])
})

const blueGreen = { strategy: 'BLUE_GREEN', bakeTimeInMinutes: 0 } as const

for (const [what, given, text] of [
  ['BLUE_GREEN without a bake time', { strategy: 'BLUE_GREEN' }, 'bakeTimeInMinutes must be specified'],
  ['a bake time of rolling updates', { bakeTimeInMinutes: 5 }, 'bakeTimeInMinutes is only supported with'],
  ['hooks of rolling updates', { lifecycleHooks: [{}] }, 'lifecycleHooks is only supported with'],
  [
    'steps of a canary',
    { ...blueGreen, strategy: 'CANARY', linearConfiguration: {} },
    'only supported with the deployment strategy LINEAR',
  ],
  [
    'a first share of BLUE_GREEN',
    { ...blueGreen, canaryConfiguration: {} },
    'only supported with the deployment strategy CANARY',
  ],
  [
    'a step below 3 %',
    { strategy: 'LINEAR', linearConfiguration: { stepPercent: 2.9 } },
    'linearConfiguration.stepPercent must be a multiple of 0.1 from 3.0 to 100.0.',
  ],
  [
    'a share between tenths',
    { strategy: 'CANARY', canaryConfiguration: { canaryPercent: 0.15 } },
    'canaryConfiguration.canaryPercent must be a multiple of 0.1 from 0.1 to 100.0.',
  ],
  [
    'a hook of another kind',
    { ...blueGreen, lifecycleHooks: [{ targetType: 'SNS' as 'PAUSE' }] },
    'Invalid targetType. Valid values are: AWS_LAMBDA, PAUSE',
  ],
  [
    'a hook without a stage',
    { ...blueGreen, lifecycleHooks: [{ hookTargetArn: 'f' }] },
    'lifecycleStages must be specified',
  ],
  [
    'a hook without a function',
    { ...blueGreen, lifecycleHooks: [{ lifecycleStages: ['PRE_SCALE_UP'] }] },
    'hookTargetArn must be specified',
  ],
  [
    'a pause while traffic moves',
    { ...blueGreen, lifecycleHooks: [{ targetType: 'PAUSE', lifecycleStages: ['TEST_TRAFFIC_SHIFT'] }] },
    'Invalid lifecycle stage provided for Pause Hook',
  ],
  [
    'a pause with a function',
    { ...blueGreen, lifecycleHooks: [{ targetType: 'PAUSE', hookTargetArn: 'f', lifecycleStages: ['PRE_SCALE_UP'] }] },
    'must not be specified for PAUSE',
  ],
  [
    'alarms without names',
    { alarms: { alarmNames: [], enable: true, rollback: true } },
    'alarmNames must be specified',
  ],
  [
    'another threshold',
    { deploymentCircuitBreaker: { enable: true, rollback: true, thresholdConfiguration: { type: 'COUNT', value: 5 } } },
    'BOUNDED_PERCENT 50',
  ],
] as const satisfies readonly (readonly [string, DeploymentConfiguration, string])[]) {
  test(`no service has ${what}`, () => {
    assert.throws(() => deploymentIn(given, undefined), awsError('InvalidParameterException', text))
  })
}
