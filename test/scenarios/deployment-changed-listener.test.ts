/** Somebody else changes a listener that a deployment moves: it stops there, and leaves everything as it is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import {
  application,
  askTcp,
  blueGreen,
  deploy,
  deploymentGroup,
  productionPort,
  registerVersion,
  testPort,
  untilStatus,
} from './blue-green.ts'

test('a deployment whose listener somebody else changed fails with that reason and touches nothing more', async t => {
  const { clients, codedeploy, ecs, elbv2, address, production, groups } = await blueGreen(t)
  await codedeploy.updateDeploymentGroup({
    applicationName: application,
    currentDeploymentGroupName: deploymentGroup,
    blueGreenDeploymentConfiguration: {
      deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 5 },
      terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 0 },
    },
    // A rollback would touch what somebody else holds now.
    autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
  })
  const id = await deploy(clients, await registerVersion(clients, 'v2'))
  await untilStatus(clients, id, 'Ready')
  const theirs = groups.map((TargetGroupArn, n) => ({ TargetGroupArn, Weight: [900, 0][n] }))
  await elbv2.modifyListener({
    ListenerArn: production,
    DefaultActions: [{ Type: 'forward', ForwardConfig: { TargetGroups: theirs } }],
  })
  const { status, errorInformation, rollbackInfo } = await untilStatus(clients, id, 'Failed')
  assert.deepEqual([status, errorInformation?.code], ['Failed', 'ELASTIC_LOAD_BALANCING_INVALID'])
  assert.match(errorInformation?.message ?? '', new RegExp(`${production} was changed by somebody else`))
  assert.equal(rollbackInfo?.rollbackDeploymentId, undefined)

  // Longer than blue, or green, would take to go.
  await pause(1_500)
  const { Listeners = [] } = await elbv2.describeListeners({ ListenerArns: [production] })
  assert.deepEqual(Listeners[0]?.DefaultActions?.[0]?.ForwardConfig?.TargetGroups, theirs)
  const { services = [] } = await ecs.describeServices({ services: ['shop'] })
  const sides = services[0]?.taskSets?.map(({ status, runningCount }) => `${status} ${runningCount}`)
  assert.deepEqual(sides?.sort(), ['ACTIVE 2', 'PRIMARY 2'])
  assert.deepEqual([await askTcp(address, productionPort), await askTcp(address, testPort)], ['v1', 'v2'])
})
