import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Task } from '../../domain/task.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { ModifyListener } from '../elbv2/listeners.ts'
import { DeployAccount, taskDefinitionArn } from './code-deploy.fixture.ts'
import { DeleteDeploymentGroup } from './deployment-groups.ts'
import { BatchGetDeploymentTargets, GetDeploymentTarget, ListDeploymentTargets } from './deployment-targets.ts'

const targetId = 'main:web'

function started(): { account: DeployAccount; deploymentId: string } {
  const account = new DeployAccount()
  account.application()
  account.group()
  const deploymentId = account.deploy()
  account.advance(deploymentId, { status: 'InProgress' })
  return { account, deploymentId }
}

function target(account: DeployAccount, deploymentId: string) {
  return account.run(GetDeploymentTarget, { deploymentId, targetId }).deploymentTarget?.ecsTarget
}

function task(taskSetArn: string, id: string, lastStatus: Task['lastStatus']): Task {
  return {
    arn: `arn:aws:ecs:us-east-1:000000000000:task/main/${id}`,
    clusterArn: 'arn:aws:ecs:us-east-1:000000000000:cluster/main',
    taskDefinitionArn,
    group: 'service:web',
    taskSetArn,
    desiredStatus: 'RUNNING',
    lastStatus,
    healthStatus: 'UNKNOWN',
    createdAt: 0,
    recorded: {},
    tags: [],
  }
}

test('a deployment’s one target is its service', () => {
  const { account, deploymentId } = started()
  assert.deepEqual(account.run(ListDeploymentTargets, { deploymentId }).targetIds, [targetId])
  const filtered = (status: string) =>
    account.run(ListDeploymentTargets, { deploymentId, targetFilters: { TargetStatus: [status] } }).targetIds
  assert.deepEqual([filtered('InProgress'), filtered('Failed')], [[targetId], []])
  const batch = account.run(BatchGetDeploymentTargets, { deploymentId, targetIds: [targetId] }).deploymentTargets
  assert.deepEqual(batch, [account.run(GetDeploymentTarget, { deploymentId, targetId }).deploymentTarget])
  assert.equal(batch?.[0]?.deploymentTargetType, 'ECSTarget')
})

test('before there is a green task set, all traffic is on blue', () => {
  const { account, deploymentId } = started()
  assert.deepEqual(target(account, deploymentId)?.taskSetsInfo, [
    {
      identifer: account.primary.id,
      desiredCount: 2,
      pendingCount: 0,
      runningCount: 0,
      status: 'PRIMARY',
      trafficWeight: 100,
      targetGroup: { name: 'blue' },
      taskSetLabel: 'Blue',
    },
  ])
})

test('both task sets are told with their tasks and their shares of the traffic, as the listener has them', () => {
  const { account, deploymentId } = started()
  const green = account.plan(deploymentId)
  for (const [id, set, status] of [
    ['a', account.primary, 'RUNNING'],
    ['b', green, 'RUNNING'],
    ['c', green, 'PENDING'],
  ] as const) {
    const value = task(set.arn, id, status)
    account.put({ table: 'tasks', key: value.arn, value })
  }
  account.run(ModifyListener, {
    ListenerArn: account.productionArn,
    DefaultActions: [
      {
        Type: 'forward',
        ForwardConfig: {
          TargetGroups: [
            { TargetGroupArn: account.blueArn, Weight: 90 },
            { TargetGroupArn: account.greenArn, Weight: 10 },
          ],
        },
      },
    ],
  })
  const sets = target(account, deploymentId)?.taskSetsInfo?.map(set => [
    set.taskSetLabel,
    set.identifer,
    set.targetGroup?.name,
    set.status,
    set.runningCount,
    set.pendingCount,
    set.trafficWeight,
  ])
  assert.deepEqual(sets, [
    ['Blue', account.primary.id, 'blue', 'PRIMARY', 1, 0, 90],
    ['Green', green.id, 'green', 'ACTIVE', 1, 1, 10],
  ])
})

test('of a deployment that is over the traffic is told as it left it, and a task set that is gone has no tasks', () => {
  const { account, deploymentId } = started()
  account.plan(deploymentId)
  const { progress } = account.deployment(deploymentId)
  account.advance(deploymentId, { status: 'Succeeded', progress: { ...progress, step: 'Done', shifted: 100 } })
  account.put({ table: 'taskSets', key: account.primary.arn })
  const told = target(account, deploymentId)
  assert.equal(told?.status, 'Succeeded')
  assert.deepEqual(
    told?.taskSetsInfo?.map(set => [set.taskSetLabel, set.desiredCount, set.status, set.trafficWeight]),
    [
      ['Blue', 0, 'DRAINING', 0],
      ['Green', 2, 'ACTIVE', 100],
    ],
  )
})

test('lifecycle events are told with their times and what a failed hook said', () => {
  const { account, deploymentId } = started()
  const at = account.now
  account.advance(deploymentId, {
    status: 'Stopped',
    events: [
      {
        name: 'BeforeInstall',
        status: 'Failed',
        startedAt: at + 1,
        endedAt: at + 2,
        diagnostics: { errorCode: 'ScriptFailed', message: 'exit code 1', logTail: 'no' },
      },
      { name: 'Install', status: 'Skipped' },
    ],
  })
  const told = target(account, deploymentId)
  assert.equal(told?.status, 'Failed')
  assert.equal(told?.targetArn, account.service.arn)
  assert.deepEqual(told?.lastUpdatedAt, new Date(at + 2))
  assert.deepEqual(JSON.parse(JSON.stringify(told?.lifecycleEvents)), [
    {
      lifecycleEventName: 'BeforeInstall',
      status: 'Failed',
      startTime: '2026-01-01T00:00:00.001Z',
      endTime: '2026-01-01T00:00:00.002Z',
      diagnostics: { errorCode: 'ScriptFailed', message: 'exit code 1', logTail: 'no' },
    },
    { lifecycleEventName: 'Install', status: 'Skipped' },
  ])
})

test('a deployment has no targets before it starts, and none but its own', () => {
  const { account, deploymentId } = started()
  for (const [asked, code] of [
    [undefined, 'DeploymentTargetIdRequiredException'],
    ['web', 'InvalidDeploymentTargetIdException'],
    ['main:other', 'DeploymentTargetDoesNotExistException'],
  ] as const) {
    assert.throws(() => account.run(GetDeploymentTarget, { deploymentId, targetId: asked }), awsError(code, ''))
  }
  assert.throws(
    () => account.run(BatchGetDeploymentTargets, { deploymentId, targetIds: [targetId, targetId] }),
    awsError('DeploymentTargetListSizeExceededException', ''),
  )
  account.advance(deploymentId, { status: 'Created' })
  assert.throws(
    () => account.run(ListDeploymentTargets, { deploymentId }),
    awsError('DeploymentNotStartedException', deploymentId),
  )
})

test('a deployment whose group was deleted before it began to plan has no target', () => {
  const { account, deploymentId } = started()
  account.run(DeleteDeploymentGroup, { applicationName: 'app', deploymentGroupName: 'group' })
  assert.deepEqual(account.run(ListDeploymentTargets, { deploymentId }).targetIds, [])
  assert.throws(() => target(account, deploymentId), awsError('DeploymentTargetDoesNotExistException', targetId))
})
