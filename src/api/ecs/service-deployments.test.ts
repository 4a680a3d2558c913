import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceDeployment as SdkServiceDeployment } from '@aws-sdk/client-ecs'
import type { LifecycleHookRun, ServiceDeployment, ServiceDeploymentProgress } from '../../domain/service-deployment.ts'
import { newTaskSet, type TaskSet } from '../../domain/task-set.ts'
import { awsError } from '../elbv2/account.fixture.ts'
import { EcsAccount } from './ecs.fixture.ts'
import {
  ContinueServiceDeployment,
  DescribeServiceDeployments,
  ListServiceDeployments,
  StopServiceDeployment,
} from './service-deployments.ts'
import { DescribeServiceRevisions } from './service-revisions.ts'
import { DeleteService } from './services.ts'
import { UpdateService } from './update-service.ts'

const briefs = (account: EcsAccount) => account.run(ListServiceDeployments, { service: 'web' }).serviceDeployments ?? []

const describedDeployment = (account: EcsAccount, arn: string): SdkServiceDeployment =>
  account.run(DescribeServiceDeployments, { serviceDeploymentArns: [arn] }).serviceDeployments?.[0] ?? assert.fail()

/** Runs another revision of the task definition, a minute later; answers the deployment. */
function update(account: EcsAccount): ServiceDeployment {
  account.now += 60_000
  account.definition()
  account.run(UpdateService, { service: 'web', taskDefinition: 'web' })
  return account.moveDeployment({})
}

/** What a deployment is in the midst of: the green task set runs beside `blue`, and half of production goes there. */
function halfShifted(account: EcsAccount, deployment: ServiceDeployment, blue: TaskSet): TaskSet {
  const service = account.state.services.get(deployment.serviceArn) ?? assert.fail()
  const revision = account.state.serviceRevisions.get(deployment.targetRevisionArn) ?? assert.fail()
  const digits = BigInt(revision.arn.split('/').at(-1) ?? '')
  const [{ advanced, ...loadBalancer } = assert.fail()] = revision.loadBalancers
  const greenTargetGroupArn = advanced?.alternateTargetGroupArn ?? ''
  const green = newTaskSet(service, digits.toString(16).padStart(16, '0'), account.now, {
    taskDefinitionArn: revision.taskDefinitionArn,
    status: 'ACTIVE',
    loadBalancers: [{ ...loadBalancer, targetGroupArn: greenTargetGroupArn }],
  })
  account.change({ table: 'taskSets', key: green.arn, value: green })
  const route = {
    production: advanced?.productionListenerRule ?? '',
    test: advanced?.testListenerRule ?? '',
    blueTargetGroupArn: account.group,
    greenTargetGroupArn,
  }
  const progress: ServiceDeploymentProgress = {
    stage: 'PRODUCTION_TRAFFIC_SHIFT',
    phase: 'bake',
    since: account.now,
    plan: { blueTaskSetArn: blue.arn, greenTaskSetArn: green.arn, routes: [route] },
    shifted: 50,
    testShifted: 100,
  }
  account.moveDeployment({ status: 'IN_PROGRESS', startedAt: account.now, progress })
  return green
}

function onlyTaskSet(account: EcsAccount): TaskSet {
  const [taskSet = assert.fail(), ...others] = account.state.taskSets.values()
  assert.deepEqual(others, [])
  return taskSet
}

test('a service comes with a deployment of its first revision', () => {
  const account = new EcsAccount()
  const service = account.service({ loadBalancers: account.loadBalancers })
  const [brief, ...others] = briefs(account)
  assert.deepEqual(others, [])
  assert.match(
    brief?.serviceDeploymentArn ?? '',
    /^arn:aws:ecs:us-east-1:000000000000:service-deployment\/default\/web\/[\w-]{21}$/,
  )
  assert.equal(brief?.status, 'PENDING')
  assert.equal(service.currentServiceDeployment, brief?.serviceDeploymentArn)
  const digits = service.deployments?.[0]?.id?.replace('ecs-svc/', '')
  const revisionArn = `arn:aws:ecs:us-east-1:000000000000:service-revision/default/web/${digits}`
  assert.equal(brief?.targetServiceRevisionArn, revisionArn)
  assert.deepEqual(service.currentServiceRevisions, [
    { arn: revisionArn, requestedTaskCount: 3, runningTaskCount: 0, pendingTaskCount: 0 },
  ])
  const { sourceServiceRevisions, targetServiceRevision, ...its } = describedDeployment(
    account,
    brief?.serviceDeploymentArn ?? '',
  )
  assert.deepEqual([sourceServiceRevisions, targetServiceRevision], [[], service.currentServiceRevisions?.[0]])
  assert.deepEqual(its.deploymentCircuitBreaker, { status: 'DISABLED', failureCount: 0, threshold: 3 })
  assert.deepEqual(its.alarms, { status: 'DISABLED', alarmNames: [], triggeredAlarmNames: [] })
})

test('services of other controllers have none', () => {
  const account = new EcsAccount()
  const service = account.service({ deploymentController: { type: 'CODE_DEPLOY' } })
  assert.deepEqual(briefs(account), [])
  assert.equal(service.currentServiceDeployment, undefined)
})

test('a rolling update stops the one before it, and its task set is there at once', () => {
  const account = new EcsAccount()
  account.service()
  const first = onlyTaskSet(account)
  const second = update(account)
  assert.equal(second.targetRevisionArn.split('/').at(-1), account.described().deployments?.[0]?.id?.split('/')[1])
  assert.equal(second.sourceRevisionArns[0]?.split('/').at(-1), first.id.split('/')[1])
  assert.deepEqual(
    briefs(account).map(({ status, finishedAt }) => [status, finishedAt?.getTime()]),
    [
      ['PENDING', undefined],
      ['STOPPED', account.now],
    ],
  )
})

test('a deployment that shifts traffic is the primary one from its beginning, and gets its task set later', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const blue = onlyTaskSet(account)
  assert.equal(blue.rolloutState, undefined)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  const deployment = update(account)
  assert.deepEqual([...account.state.taskSets.values()], [blue])
  const { deployments = [], taskDefinition } = account.described()
  assert.equal(taskDefinition?.endsWith('web:2'), true)
  assert.deepEqual(
    deployments.map(({ id, status, rolloutState, desiredCount }) => [id, status, rolloutState, desiredCount]),
    [
      [`ecs-svc/${deployment.targetRevisionArn.split('/').at(-1)}`, 'PRIMARY', 'IN_PROGRESS', 3],
      [blue.id, 'ACTIVE', 'COMPLETED', 3],
    ],
  )
  assert.equal(deployments[0]?.createdAt?.getTime(), account.now)
  const green = halfShifted(account, deployment, blue)
  assert.deepEqual(
    account.described().deployments?.map(({ id, status }) => [id, status]),
    [
      [green.id, 'PRIMARY'],
      [blue.id, 'ACTIVE'],
    ],
  )
  const rollback = { reason: 'why', startedAt: account.now, revisionArn: deployment.sourceRevisionArns[0] ?? '' }
  account.moveDeployment({ status: 'ROLLBACK_IN_PROGRESS', rollback })
  assert.deepEqual(
    account.described().deployments?.map(({ id, status, rolloutState }) => [id, status, rolloutState]),
    [
      [green.id, 'ACTIVE', 'FAILED'],
      [blue.id, 'PRIMARY', 'COMPLETED'],
    ],
  )
})

test('a deployment under way shows its stage, its shares, its hooks and what watches it', () => {
  const account = new EcsAccount()
  account.shiftingService({
    deploymentConfiguration: {
      strategy: 'CANARY',
      canaryConfiguration: { canaryPercent: 50 },
      lifecycleHooks: [{ targetType: 'PAUSE', lifecycleStages: ['PRE_PRODUCTION_TRAFFIC_SHIFT'] }],
      alarms: { alarmNames: ['errors'], enable: true, rollback: true },
      deploymentCircuitBreaker: { enable: true, rollback: true },
    },
  })
  const blue = onlyTaskSet(account)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  const deployment = update(account)
  halfShifted(account, deployment, blue)
  account.moveDeployment({ hookRuns: [paused(account.now)] })
  const described = describedDeployment(account, deployment.arn)
  assert.equal(described.lifecycleStage, 'PRODUCTION_TRAFFIC_SHIFT')
  const counts = { requestedTaskCount: 3, runningTaskCount: 0, pendingTaskCount: 0 }
  assert.deepEqual(described.sourceServiceRevisions, [
    {
      arn: deployment.sourceRevisionArns[0],
      ...counts,
      requestedProductionTrafficWeight: 50,
      requestedTestTrafficWeight: 0,
    },
  ])
  assert.deepEqual(described.targetServiceRevision, {
    arn: deployment.targetRevisionArn,
    ...counts,
    requestedProductionTrafficWeight: 50,
    requestedTestTrafficWeight: 100,
  })
  account.moveDeployment({ progress: { ...account.moveDeployment({}).progress!, shifted: 99.9 } })
  const [source] = describedDeployment(account, deployment.arn).sourceServiceRevisions ?? []
  assert.equal(source?.requestedProductionTrafficWeight, 0.1)
  assert.deepEqual(described.lifecycleHookDetails, [
    {
      hookId: hookId(),
      targetType: 'PAUSE',
      targetArn: undefined,
      status: 'AWAITING_ACTION',
      expiresAt: new Date(account.now + 1),
      timeoutAction: 'ROLLBACK',
    },
  ])
  assert.equal(described.deploymentConfiguration?.canaryConfiguration?.canaryBakeTimeInMinutes, 10)
  assert.deepEqual(described.alarms, { status: 'MONITORING', alarmNames: ['errors'], triggeredAlarmNames: [] })
  assert.equal(described.deploymentCircuitBreaker?.status, 'MONITORING')
  const reason = 'ECS deployment circuit breaker: tasks failed to start.'
  account.moveDeployment({ status: 'ROLLBACK_SUCCESSFUL', statusReason: reason })
  const over = describedDeployment(account, deployment.arn)
  assert.deepEqual(over.deploymentCircuitBreaker, { status: 'TRIGGERED', failureCount: 3, threshold: 3 })
  assert.equal(over.alarms?.status, 'MONITORING_COMPLETE')
  account.moveDeployment({ statusReason: 'The alarm errors is in the state ALARM.' })
  assert.deepEqual(describedDeployment(account, deployment.arn).alarms, {
    status: 'TRIGGERED',
    alarmNames: ['errors'],
    triggeredAlarmNames: ['errors'],
  })
})

test('a newer deployment waits until the one that shifts traffic has brought it back', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const blue = onlyTaskSet(account)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  const second = update(account)
  const green = halfShifted(account, second, blue)
  const third = update(account)
  assert.deepEqual(
    briefs(account).map(({ status }) => status),
    ['PENDING', 'STOP_REQUESTED', 'SUCCESSFUL'],
  )
  assert.deepEqual(account.state.serviceDeployments.get(second.arn)?.asked, {
    stop: { type: 'ROLLBACK', at: account.now, supersededBy: third.arn },
  })
  assert.deepEqual(
    third.sourceRevisionArns.map(arn => arn.split('/').at(-1)),
    [green, blue].map(({ id }) => id.split('/')[1]),
  )
  const fourth = update(account)
  assert.deepEqual(
    briefs(account).map(({ status }) => status),
    ['PENDING', 'STOPPED', 'STOP_REQUESTED', 'SUCCESSFUL'],
  )
  assert.equal(account.state.serviceDeployments.get(second.arn)?.asked.stop?.supersededBy, fourth.arn)
})

test('all task sets of a service that shifts traffic follow its desired count', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const blue = onlyTaskSet(account)
  halfShifted(account, update(account), blue)
  account.run(UpdateService, { service: 'web', desiredCount: 5 })
  assert.deepEqual(
    account.described().deployments?.map(({ desiredCount }) => desiredCount),
    [5, 5],
  )
  assert.equal(briefs(account).length, 2)
})

test('the strategy changes between deployments only, and rolling updates stay where traffic is', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const rolling = { service: 'web', deploymentConfiguration: { strategy: 'ROLLING' } } as const
  assert.throws(
    () => account.run(UpdateService, rolling),
    awsError('InvalidParameterException', 'cannot be changed while a deployment of the service is in progress'),
  )
  const blue = onlyTaskSet(account)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  const green = halfShifted(account, update(account), blue)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  account.change(
    { table: 'taskSets', key: blue.arn },
    { table: 'taskSets', key: green.arn, value: { ...green, status: 'PRIMARY' } },
  )
  const { service } = account.run(UpdateService, rolling)
  assert.equal(service?.deployments?.[0]?.rolloutState, 'COMPLETED')
  assert.equal(briefs(account).length, 2)
  update(account)
  const newest = [...account.state.taskSets.values()].at(-1)
  assert.equal(newest?.rolloutState, 'IN_PROGRESS')
  assert.equal(newest?.loadBalancers[0]?.targetGroupArn, green.loadBalancers[0]?.targetGroupArn)
  assert.equal(account.described().loadBalancers?.[0]?.targetGroupArn, account.group)
})

test('deployments are listed newest first, by status and time, a page at a time', () => {
  const account = new EcsAccount()
  account.service()
  for (let i = 0; i < 24; i++) update(account)
  const { serviceDeployments = [], nextToken } = account.run(ListServiceDeployments, { service: 'web' })
  assert.equal(serviceDeployments.length, 20)
  assert.equal(serviceDeployments[0]?.status, 'PENDING')
  const rest = account.run(ListServiceDeployments, { service: 'web', nextToken })
  assert.deepEqual([rest.serviceDeployments?.length, rest.nextToken], [5, undefined])
  const times = [...serviceDeployments, ...(rest.serviceDeployments ?? [])].map(
    ({ createdAt }) => createdAt?.getTime() ?? 0,
  )
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  )
  assert.equal(new Set(serviceDeployments.map(({ serviceDeploymentArn }) => serviceDeploymentArn)).size, 20)
  const pending = account.run(ListServiceDeployments, { service: 'web', status: ['PENDING', 'SUCCESSFUL'] })
  assert.equal(pending.serviceDeployments?.length, 1)
  const after = new Date(account.now - 120_000)
  const newest = account.run(ListServiceDeployments, { service: 'web', createdAt: { after } })
  assert.equal(newest.serviceDeployments?.length, 2)
  const before = new Date(account.now)
  const older = account.run(ListServiceDeployments, { service: 'web', createdAt: { after, before } })
  assert.equal(older.serviceDeployments?.length, 1)
  assert.throws(
    () => account.run(ListServiceDeployments, { service: 'api' }),
    awsError('ServiceNotFoundException', 'Service not found.'),
  )
})

test('deployments that have been over for 90 days are forgotten with their revisions, and all with their service', () => {
  const account = new EcsAccount()
  account.service()
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  account.change({ table: 'taskSets', key: onlyTaskSet(account).arn })
  account.now += 91 * 24 * 3_600_000
  update(account)
  assert.equal(briefs(account).length, 1)
  assert.equal(account.state.serviceRevisions.size, 1)
  account.run(DeleteService, { service: 'web', force: true })
  assert.deepEqual([account.state.serviceDeployments.size, account.state.serviceRevisions.size], [0, 0])
})

test('what is not there is a failure', () => {
  const account = new EcsAccount()
  account.service()
  assert.deepEqual(account.run(DescribeServiceDeployments, { serviceDeploymentArns: ['arn:a'] }), {
    serviceDeployments: [],
    failures: [{ arn: 'arn:a', reason: 'MISSING' }],
  })
  assert.deepEqual(account.run(DescribeServiceRevisions, { serviceRevisionArns: ['arn:a'] }), {
    serviceRevisions: [],
    failures: [{ arn: 'arn:a', reason: 'MISSING' }],
  })
  assert.throws(
    () => account.run(DescribeServiceRevisions, { serviceRevisionArns: Array(21).fill('arn:a') }),
    awsError('InvalidParameterException', 'serviceRevisionArns cannot have more than 20 elements.'),
  )
})

test('a revision says what runs, and in which target group it does', () => {
  const account = new EcsAccount()
  const { loadBalancers } = account.shiftingService({ launchType: 'FARGATE' })
  const blue = onlyTaskSet(account)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  const deployment = update(account)
  const green = halfShifted(account, deployment, blue)
  const serviceRevisionArns = [...deployment.sourceRevisionArns, deployment.targetRevisionArn]
  const resolved = () =>
    account
      .run(DescribeServiceRevisions, { serviceRevisionArns })
      .serviceRevisions?.map(({ resolvedConfiguration }) => resolvedConfiguration?.loadBalancers?.[0]?.targetGroupArn)
  const [revision] = account.run(DescribeServiceRevisions, { serviceRevisionArns }).serviceRevisions ?? []
  assert.deepEqual(revision?.loadBalancers, loadBalancers)
  assert.equal(revision?.launchType, 'FARGATE')
  assert.equal(revision?.taskDefinition, blue.taskDefinitionArn)
  assert.deepEqual(revision?.containerImages, [{ containerName: 'web', image: 'nginx' }])
  assert.deepEqual(revision?.resolvedConfiguration?.loadBalancers, [
    { targetGroupArn: account.group, productionListenerRule: account.listenerArn },
  ])
  const groups = [account.group, green.loadBalancers[0]?.targetGroupArn]
  assert.deepEqual(resolved(), groups)
  for (const { arn } of [blue, green]) account.change({ table: 'taskSets', key: arn })
  assert.deepEqual(resolved(), groups)
})

for (const [stopType, status, type] of [
  [undefined, 'ROLLBACK_REQUESTED', 'ROLLBACK'],
  ['ROLLBACK', 'ROLLBACK_REQUESTED', 'ROLLBACK'],
  ['ABORT', 'STOP_REQUESTED', 'ABORT'],
] as const) {
  test(`StopServiceDeployment with ${stopType ?? 'no type'} asks for it once`, () => {
    const account = new EcsAccount()
    account.shiftingService()
    const { arn: serviceDeploymentArn } = account.moveDeployment({ status: 'IN_PROGRESS' })
    assert.deepEqual(account.run(StopServiceDeployment, { serviceDeploymentArn, stopType }), { serviceDeploymentArn })
    const at = account.now
    account.now += 1
    account.run(StopServiceDeployment, { serviceDeploymentArn })
    const asked = account.state.serviceDeployments.get(serviceDeploymentArn)
    assert.deepEqual([asked?.status, asked?.asked], [status, { stop: { type, at } }])
  })
}

test('what is over, or was never there, is neither stopped nor continued', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const { arn: serviceDeploymentArn } = account.moveDeployment({ status: 'STOPPED' })
  assert.throws(
    () => account.run(StopServiceDeployment, { serviceDeploymentArn }),
    awsError('ConflictException', 'Stopping a service deployment is not allowed'),
  )
  assert.throws(
    () => account.run(ContinueServiceDeployment, { serviceDeploymentArn, hookId: hookId() }),
    awsError(
      'InvalidParameterException',
      'Continuing a service deployment is not allowed for service deployment in terminal states.',
    ),
  )
  for (const run of [
    () => account.run(StopServiceDeployment, { serviceDeploymentArn: 'arn:a' }),
    () => account.run(ContinueServiceDeployment, { serviceDeploymentArn: 'arn:a', hookId: hookId() }),
  ]) {
    assert.throws(run, awsError('ServiceDeploymentNotFoundException', 'The service deployment does not exist.'))
  }
})

test('ContinueServiceDeployment answers the hook that waits, and no other', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const waiting = paused(account.now)
  const done: LifecycleHookRun = { ...waiting, id: hookId('b'), status: 'SUCCEEDED' }
  const { arn: serviceDeploymentArn } = account.moveDeployment({ status: 'IN_PROGRESS', hookRuns: [done, waiting] })
  const resume = (id: string, action?: 'CONTINUE' | 'ROLLBACK') =>
    account.run(ContinueServiceDeployment, { serviceDeploymentArn, hookId: id, action })
  assert.throws(
    () => resume('1'),
    awsError('InvalidParameterException', 'Invalid hookId: hookId must follow the format: ecs-{hookType}-{id}'),
  )
  for (const id of [hookId('b'), hookId('c')]) {
    assert.throws(
      () => resume(id),
      awsError(
        'InvalidParameterException',
        'Provided hookId is either completed, unavailable, or not associated with the given Resource ARN',
      ),
    )
  }
  const before = account.state
  resume(hookId())
  const runs = () => account.state.serviceDeployments.get(serviceDeploymentArn)?.hookRuns
  assert.deepEqual(runs(), [done, { ...waiting, status: 'SUCCEEDED', endedAt: account.now }])
  account.state = before
  resume(hookId(), 'ROLLBACK')
  assert.deepEqual(runs()?.[1]?.status, 'FAILED')
})

function hookId(letter = 'a'): string {
  return `ecs-pause-${letter.repeat(43)}`
}

function paused(now: number): LifecycleHookRun {
  return {
    id: hookId(),
    hook: 0,
    stage: 'PRE_PRODUCTION_TRAFFIC_SHIFT',
    status: 'AWAITING_ACTION',
    startedAt: now,
    expiresAt: now + 1,
  }
}

test('what was cut short is deployed anew when it is named again; until its tasks are gone the strategy stays', () => {
  const account = new EcsAccount()
  account.shiftingService()
  const blue = onlyTaskSet(account)
  account.moveDeployment({ status: 'SUCCESSFUL', finishedAt: account.now })
  halfShifted(account, update(account), blue)
  const again = { service: 'web', taskDefinition: 'web:2' }
  account.run(UpdateService, again)
  assert.equal(briefs(account).length, 2)
  account.moveDeployment({ status: 'STOPPED', finishedAt: account.now })
  account.run(UpdateService, { service: 'web', desiredCount: 2 })
  assert.equal(briefs(account).length, 2)
  const rolling = { service: 'web', deploymentConfiguration: { strategy: 'ROLLING' } } as const
  const text =
    'The deployment strategy cannot be changed while tasks of a deployment that was cut short are left. Force a new deployment first, which ends them.'
  assert.throws(() => account.run(UpdateService, rolling), awsError('InvalidParameterException', text))
  account.now += 60_000
  account.run(UpdateService, again)
  assert.deepEqual([briefs(account).length, briefs(account)[0]?.status], [3, 'PENDING'])
})
