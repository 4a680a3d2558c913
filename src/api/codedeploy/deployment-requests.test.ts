import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment, DeploymentStep } from '../../domain/code-deploy.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { DeployAccount } from './code-deploy.fixture.ts'
import { ContinueDeployment, PutLifecycleEventHookExecutionStatus, StopDeployment } from './deployment-requests.ts'

/** An account with a deployment at `step`. */
function at(step: DeploymentStep, change: Partial<Deployment> = {}): { account: DeployAccount; deploymentId: string } {
  const account = new DeployAccount()
  account.application()
  account.group()
  const deploymentId = account.deploy()
  account.advance(deploymentId, {
    status: 'InProgress',
    progress: { step, since: account.now, shifted: 0 },
    ...change,
  })
  return { account, deploymentId }
}

test('a deployment that is ready is told to go on', () => {
  for (const input of [{}, { deploymentWaitType: 'READY_WAIT' }] as const) {
    const { account, deploymentId } = at('ReadyWait', { status: 'Ready' })
    account.run(ContinueDeployment, { deploymentId, ...input })
    assert.deepEqual(account.deployment(deploymentId).asked, { continueReady: true })
  }
})

test('a deployment that waits to terminate is told to', () => {
  const { account, deploymentId } = at('TerminationWait')
  account.run(ContinueDeployment, { deploymentId, deploymentWaitType: 'TERMINATION_WAIT' })
  assert.deepEqual(account.deployment(deploymentId).asked, { continueTermination: true })
})

for (const [what, step, change, deploymentWaitType, code] of [
  ['is not ready', 'Install', {}, 'READY_WAIT', 'DeploymentIsNotInReadyStateException'],
  ['does not wait to terminate', 'AllowTraffic', {}, 'TERMINATION_WAIT', 'InvalidDeploymentStatusException'],
  ['waits, for something unknown', 'ReadyWait', {}, 'COFFEE', 'InvalidDeploymentWaitTypeException'],
  ['is over', 'Done', { status: 'Succeeded' }, 'READY_WAIT', 'DeploymentAlreadyCompletedException'],
] as const) {
  test(`a deployment that ${what} cannot be continued`, () => {
    const { account, deploymentId } = at(step, change)
    const input = { deploymentId, deploymentWaitType: deploymentWaitType as never }
    assert.throws(() => account.run(ContinueDeployment, input), awsError(code, ''))
  })
}

test('a stop is asked for once, with a rollback or without', () => {
  for (const [input, rollback] of [
    [{}, false],
    [{ autoRollbackEnabled: true }, true],
  ] as const) {
    const { account, deploymentId } = at('AllowTraffic')
    const answer = account.run(StopDeployment, { deploymentId, ...input })
    assert.equal(answer.status, 'Pending')
    const asked = { stop: { rollback, at: account.now } }
    assert.deepEqual(account.deployment(deploymentId).asked, asked)
    account.now += 1000
    assert.deepEqual(account.run(StopDeployment, { deploymentId }), answer)
    assert.deepEqual(account.deployment(deploymentId).asked, asked)
  }
})

test('what is over, going back or terminating its original tasks cannot be stopped', () => {
  for (const [step, status] of [
    ['Done', 'Stopped'],
    ['Rollback', 'InProgress'],
    ['Terminate', 'InProgress'],
  ] as const) {
    const { account, deploymentId } = at(step, { status })
    assert.throws(
      () => account.run(StopDeployment, { deploymentId }),
      awsError('DeploymentAlreadyCompletedException', deploymentId),
    )
  }
})

test('a hook that runs answers once', () => {
  const { account, deploymentId } = at('AfterInstall', {
    events: [
      { name: 'BeforeInstall', status: 'Succeeded', executionId: 'one' },
      { name: 'AfterInstall', status: 'InProgress', executionId: 'two' },
      { name: 'BeforeAllowTraffic', status: 'Pending' },
    ],
  })
  const put = (lifecycleEventHookExecutionId: string | undefined, status: string) =>
    account.run(PutLifecycleEventHookExecutionStatus, {
      deploymentId,
      lifecycleEventHookExecutionId,
      status: status as 'Succeeded',
    })
  assert.throws(() => put('two', 'InProgress'), awsError('InvalidLifecycleEventHookExecutionStatusException', ''))
  assert.throws(() => put('three', 'Succeeded'), awsError('InvalidLifecycleEventHookExecutionIdException', 'three'))
  assert.throws(() => put(undefined, 'Succeeded'), awsError('InvalidLifecycleEventHookExecutionIdException', ''))
  assert.throws(() => put('one', 'Failed'), awsError('LifecycleEventAlreadyCompletedException', 'BeforeInstall'))
  assert.deepEqual(put('two', 'Failed'), { lifecycleEventHookExecutionId: 'two' })
  assert.equal(account.deployment(deploymentId).events[1]?.answer, 'Failed')
  assert.throws(() => put('two', 'Succeeded'), awsError('LifecycleEventAlreadyCompletedException', 'AfterInstall'))
})
