import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunTaskRequest } from '@aws-sdk/client-ecs'
import { awsError } from '../elbv2/account.fixture.ts'
import { CreateCluster } from './clusters.ts'
import { DescribeTasks } from './describe-tasks.ts'
import { EcsAccount } from './ecs.fixture.ts'
import { DeregisterTaskDefinition } from './task-definitions.ts'
import { ListTasks, RunTask, StopTask } from './tasks.ts'

function accountWithDefinition(): EcsAccount {
  const account = new EcsAccount()
  account.definition()
  return account
}

test('tasks are put as PROVISIONING, of their family', () => {
  const account = accountWithDefinition()
  const { tasks, failures } = account.run(RunTask, { taskDefinition: 'web', count: 2, startedBy: 'me' })
  assert.deepEqual([tasks?.length, failures], [2, []])
  const [task] = tasks ?? []
  assert.match(task?.taskArn ?? '', /^arn:aws:ecs:us-east-1:000000000000:task\/default\/[0-9a-f]{32}$/)
  assert.deepEqual(
    [task?.lastStatus, task?.desiredStatus, task?.group, task?.startedBy, task?.launchType],
    ['PROVISIONING', 'RUNNING', 'family:web', 'me', 'EC2'],
  )
  assert.equal(task?.containers?.[0]?.lastStatus, 'PENDING')
  assert.equal(account.state.tasks.size, 2)
})

test('tasks that are asked for twice with one client token are run once', () => {
  const account = accountWithDefinition()
  const input = { taskDefinition: 'web', count: 2, clientToken: 'a' }
  const { tasks } = account.run(RunTask, input)
  account.run(DeregisterTaskDefinition, { taskDefinition: 'web:1' })
  assert.deepEqual(account.run(RunTask, input).tasks, tasks)
  assert.equal(account.state.tasks.size, 2)
  assert.throws(() => account.run(RunTask, { ...input, count: 3 }), {
    code: 'ConflictException',
    members: { resourceIds: tasks?.map(task => task.taskArn) },
  })
})

test('a client token is one of its cluster', () => {
  const account = accountWithDefinition()
  account.run(CreateCluster, { clusterName: 'other' })
  account.run(RunTask, { taskDefinition: 'web', clientToken: 'a' })
  account.run(RunTask, { cluster: 'other', taskDefinition: 'web', clientToken: 'a' })
  account.run(RunTask, { taskDefinition: 'web', clientToken: 'ab' })
  assert.equal(account.state.tasks.size, 3)
})

test('of several containers the first runs, and the others say that they do not', () => {
  const account = new EcsAccount()
  account.definition({
    containerDefinitions: [
      { name: 'web', image: 'nginx' },
      { name: 'log', image: 'fluent' },
    ],
  })
  const { tasks } = account.run(RunTask, { taskDefinition: 'web' })
  const [web, log] = tasks?.[0]?.containers ?? []
  assert.deepEqual([web?.name, web?.lastStatus, web?.reason], ['web', 'PENDING', undefined])
  assert.deepEqual([log?.name, log?.lastStatus], ['log', 'STOPPED'])
  assert.match(log?.reason ?? '', /^NotRun: of a task definition with several containers only the first one runs here$/)
})

test('a task is named by its id or ARN, old or new, and not by an ARN of another cluster', () => {
  const account = accountWithDefinition()
  account.run(CreateCluster, { clusterName: 'other' })
  const arn = account.run(RunTask, { taskDefinition: 'web' }).tasks?.[0]?.taskArn ?? ''
  const names = [arn, arn.slice(-32), arn.replace('/default/', '/')]
  const { tasks } = account.run(DescribeTasks, { tasks: names })
  assert.deepEqual(
    tasks?.map(task => task.taskArn),
    [arn, arn, arn],
  )
  const mixedUp = awsError(
    'InvalidParameterException',
    'Invalid identifier: Identifier is for cluster default. Your cluster is other',
  )
  assert.throws(() => account.run(DescribeTasks, { cluster: 'other', tasks: [arn] }), mixedUp)
  assert.throws(() => account.run(StopTask, { cluster: 'other', task: arn }), mixedUp)
})

test('overrides of the first container are what the task runs', () => {
  const account = accountWithDefinition()
  const overrides = {
    containerOverrides: [{ name: 'web', command: ['once'], environment: [{ name: 'A', value: 'b' }] }],
  }
  const { tasks } = account.run(RunTask, { taskDefinition: 'web', overrides })
  assert.deepEqual(tasks?.[0]?.overrides, overrides)
  const [task] = account.state.tasks.values()
  assert.deepEqual(task?.overrides, { command: ['once'], environment: { A: 'b' } })
})

for (const [what, input, text] of [
  ['more than ten', { count: 11 }, 'must be between 1 and 10'],
  ['in the group of a service', { group: 'service:web' }, "cannot start with 'service:'"],
  [
    'with another container',
    { overrides: { containerOverrides: [{ name: 'api' }] } },
    'Override for container named api is not a container in the TaskDefinition.',
  ],
  ['of no definition', { taskDefinition: 'api' }, 'TaskDefinition not found.'],
] as const satisfies readonly (readonly [string, Partial<RunTaskRequest>, string])[]) {
  test(`no tasks are run ${what}`, () => {
    const account = accountWithDefinition()
    assert.throws(
      () => account.run(RunTask, { taskDefinition: 'web', ...input }),
      awsError('InvalidParameterException', text),
    )
  })
}

test('no task is run of a definition that was deregistered', () => {
  const account = accountWithDefinition()
  account.run(DeregisterTaskDefinition, { taskDefinition: 'web:1' })
  assert.throws(
    () => account.run(RunTask, { taskDefinition: 'web:1' }),
    awsError('InvalidParameterException', 'TaskDefinition is inactive'),
  )
})

test('tasks take over the tags of their definition where they are asked to', () => {
  const account = new EcsAccount()
  account.definition({
    tags: [
      { key: 'team', value: 'a' },
      { key: 'tier', value: '1' },
    ],
  })
  const tags = [{ key: 'team', value: 'b' }]
  const { tasks } = account.run(RunTask, { taskDefinition: 'web', propagateTags: 'TASK_DEFINITION', tags })
  assert.deepEqual(tasks?.[0]?.tags, [{ key: 'tier', value: '1' }, ...tags])
})

test('tasks are listed by what they are to be, their service, family, and who started them', () => {
  const account = new EcsAccount()
  account.service()
  const [taskSet] = account.state.taskSets.values()
  const running = account.putTask(taskSet?.arn ?? '', 'RUNNING').arn
  const stopped = account.putTask(taskSet?.arn ?? '', 'STOPPED').arn
  const [single] = account.run(RunTask, { taskDefinition: 'web', startedBy: 'me' }).tasks ?? []
  const list = (input: Parameters<typeof ListTasks>[0]) => account.run(ListTasks, input).taskArns
  assert.deepEqual(list({})?.length, 2)
  assert.deepEqual(list({ serviceName: 'web' }), [running])
  assert.deepEqual(list({ startedBy: taskSet?.id }), [running])
  assert.deepEqual(list({ startedBy: 'me' }), [single?.taskArn])
  assert.deepEqual(list({ desiredStatus: 'STOPPED' }), [stopped])
  assert.deepEqual(list({ family: 'we' }), [])
  assert.deepEqual(list({ family: 'web' })?.length, 2)
  assert.throws(() => list({ serviceName: 'api' }), awsError('ServiceNotFoundException', 'Service not found.'))
})

test('a task that runs shows where its container is reached', () => {
  const account = new EcsAccount()
  account.service()
  const [taskSet = ''] = account.state.taskSets.keys()
  const started = { address: '127.66.0.1', ports: { 80: 8080 }, startedAt: account.now }
  const { arn } = account.putTask(taskSet, 'RUNNING', started)
  const missing = arn.replace(/\w$/, 'f')
  const { tasks, failures } = account.run(DescribeTasks, { tasks: [arn, arn.slice(-32), missing] })
  assert.equal(tasks?.length, 2)
  assert.deepEqual(failures, [{ arn: missing, reason: 'MISSING' }])
  const [container] = tasks?.[0]?.containers ?? []
  assert.equal(container?.lastStatus, 'RUNNING')
  assert.deepEqual(container?.networkBindings, [
    { bindIP: '127.66.0.1', containerPort: 80, hostPort: 8080, protocol: 'tcp' },
  ])
  assert.equal(container?.networkInterfaces?.[0]?.privateIpv4Address, '127.66.0.1')
  assert.deepEqual(tasks?.[0]?.startedAt, new Date(account.now))
})

test('a task that stopped says why', () => {
  const account = new EcsAccount()
  account.service()
  const [taskSet = ''] = account.state.taskSets.keys()
  const { arn } = account.putTask(taskSet, 'STOPPED', {
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    exitCode: 3,
    stoppedAt: account.now,
  })
  const [task] = account.run(DescribeTasks, { tasks: [arn] }).tasks ?? []
  assert.deepEqual(
    [task?.stopCode, task?.stoppedReason, task?.containers?.[0]?.exitCode, task?.stoppedAt],
    ['EssentialContainerExited', 'Essential container in task exited', 3, new Date(account.now)],
  )
})

test('a task is asked to stop once, with a reason', () => {
  const account = accountWithDefinition()
  const { tasks } = account.run(RunTask, { taskDefinition: 'web' })
  const task = tasks?.[0]?.taskArn ?? ''
  const stopped = account.run(StopTask, { task, reason: 'enough' }).task
  assert.deepEqual(
    [stopped?.desiredStatus, stopped?.stopCode, stopped?.stoppedReason],
    ['STOPPED', 'UserInitiated', 'enough'],
  )
  assert.equal(account.run(StopTask, { task, reason: 'again' }).task?.stoppedReason, 'enough')
  assert.throws(
    () => account.run(StopTask, { task: 'a' }),
    awsError('InvalidParameterException', 'The referenced task was not found.'),
  )
})
