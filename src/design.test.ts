import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Design, designOf, stateOf } from './design.ts'
import { applicationLoadBalancer, certificate, stateWith } from './domain/state.fixture.ts'
import { applyChanges, type Change, emptyState, tableNames } from './domain/state.ts'
import type { Task } from './domain/task.ts'
import { clusterArn, definition, ecsState, taskSetArn } from './tasks/service.fixture.ts'

const secret = 'hush'

function stateWithSecrets() {
  const container = definition(1, {
    entryPoint: ['serve', `--password=${secret}`],
    command: [secret],
    environment: { PASSWORD: secret },
    healthCheck: {
      command: ['CMD', 'curl', `http://:${secret}@localhost/`],
      intervalSeconds: 5,
      timeoutSeconds: 2,
      retries: 3,
      startPeriodSeconds: 0,
    },
  })
  const task: Task = {
    arn: 'arn:task',
    clusterArn,
    taskDefinitionArn: container.arn,
    group: 'service:web',
    taskSetArn: taskSetArn(1),
    desiredStatus: 'RUNNING',
    lastStatus: 'RUNNING',
    healthStatus: 'UNKNOWN',
    overrides: { environment: { PASSWORD: secret } },
    createdAt: 0,
    recorded: { overrides: { containerOverrides: [{ environment: [{ name: 'PASSWORD', value: secret }] }] } },
    tags: [],
  }
  const changes: readonly Change[] = [
    { table: 'taskDefinitions', key: container.arn, value: { ...container, registered: { container: secret } } },
    { table: 'tasks', key: task.arn, value: task },
    { table: 'certificateAuthorities', key: 'local', value: { certificate: 'ROOT', privateKey: secret } },
  ]
  const base = stateWith(
    {
      loadBalancers: [applicationLoadBalancer({ secret })],
      certificates: [certificate('arn:cert', { privateKey: secret })],
    },
    ecsState({}),
  )
  return applyChanges(base, 7, changes)
}

test('a design has all that was asked for and nothing that is to stay secret', () => {
  const state = stateWithSecrets()
  const text = JSON.stringify(designOf(state))
  assert.equal(text.includes(secret), false)
  const design: Design = JSON.parse(text)
  const back = stateOf(design)
  assert.equal(back.revision, 7)
  for (const name of tableNames) assert.deepEqual([...back[name].keys()], [...state[name].keys()], name)
  const open = ['subnets', 'listeners', 'targetGroups', 'services', 'taskSets'] as const
  for (const name of open) assert.deepEqual(back[name], state[name])
  const [container] = back.taskDefinitions.get(definition(1).arn)?.containers ?? []
  assert.deepEqual(container?.portMappings, [{ containerPort: 8080, protocol: 'tcp' }])
  assert.equal(container?.healthCheck?.intervalSeconds, 5)
})

test('a design that was written before a kind of things was known has none of them', () => {
  const { alarms, ...tables } = designOf(stateWithSecrets()).tables
  assert.equal(alarms.length, 0)
  assert.deepEqual(stateOf({ revision: 1, tables } as Design).alarms, emptyState.alarms)
})
