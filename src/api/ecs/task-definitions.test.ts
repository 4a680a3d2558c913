import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerDefinition, RegisterTaskDefinitionRequest } from '@aws-sdk/client-ecs'
import { awsError } from '../elbv2/account.fixture.ts'
import { EcsAccount } from './ecs.fixture.ts'
import {
  DeregisterTaskDefinition,
  DescribeTaskDefinition,
  ListTaskDefinitionFamilies,
  ListTaskDefinitions,
  RegisterTaskDefinition,
} from './task-definitions.ts'

const arn = (name: string) => `arn:aws:ecs:us-east-1:000000000000:task-definition/${name}`

test('each registration is a revision, and the family names its newest active one', () => {
  const account = new EcsAccount()
  assert.equal(account.definition(), arn('web:1'))
  assert.equal(account.definition(), arn('web:2'))
  const named = (taskDefinition: string) =>
    account.run(DescribeTaskDefinition, { taskDefinition }).taskDefinition?.revision
  assert.deepEqual([named('web'), named('web:1'), named(arn('web:1')), named(arn('web'))], [2, 1, 1, 2])
  account.run(DeregisterTaskDefinition, { taskDefinition: 'web:2' })
  assert.equal(named('web'), 1)
  assert.equal(account.definition(), arn('web:3'))
})

test('a task definition is given back as it was registered, with what was left out', () => {
  const account = new EcsAccount()
  account.definition({ cpu: '256', tags: [{ key: 'team', value: 'a' }] })
  const { taskDefinition, tags } = account.run(DescribeTaskDefinition, { taskDefinition: 'web', include: ['TAGS'] })
  assert.deepEqual(tags, [{ key: 'team', value: 'a' }])
  assert.deepEqual(taskDefinition, {
    family: 'web',
    cpu: '256',
    volumes: [],
    placementConstraints: [],
    requiresAttributes: [],
    compatibilities: ['EC2'],
    containerDefinitions: [
      {
        name: 'web',
        image: 'nginx',
        cpu: 0,
        essential: true,
        environment: [],
        mountPoints: [],
        volumesFrom: [],
        systemControls: [],
        portMappings: [{ containerPort: 80, hostPort: 0, protocol: 'tcp' }],
      },
    ],
    taskDefinitionArn: arn('web:1'),
    revision: 1,
    status: 'ACTIVE',
    registeredAt: new Date(account.now),
  })
})

test('what a runtime needs is kept apart, with its defaults', () => {
  const account = new EcsAccount()
  account.definition({
    networkMode: 'awsvpc',
    containerDefinitions: [
      {
        name: 'web',
        image: 'nginx',
        entryPoint: ['node'],
        command: ['server.js'],
        workingDirectory: '/srv',
        environment: [{ name: 'COLOUR', value: 'blue' }],
        portMappings: [{ containerPort: 80 }, { containerPort: 53, protocol: 'udp' }],
        healthCheck: { command: ['CMD-SHELL', 'true'], interval: 5 },
      },
      { name: 'log', image: 'log', essential: false, stopTimeout: 2, healthCheck: { command: ['NONE'] } },
    ],
  })
  assert.deepEqual(account.state.taskDefinitions.get(arn('web:1'))?.containers, [
    {
      name: 'web',
      image: 'nginx',
      entryPoint: ['node'],
      command: ['server.js'],
      workingDirectory: '/srv',
      environment: { COLOUR: 'blue' },
      portMappings: [
        { containerPort: 80, protocol: 'tcp' },
        { containerPort: 53, protocol: 'udp' },
      ],
      stopTimeoutMs: 30_000,
      healthCheck: {
        command: ['CMD-SHELL', 'true'],
        intervalSeconds: 5,
        timeoutSeconds: 5,
        retries: 3,
        startPeriodSeconds: 0,
      },
    },
    { name: 'log', image: 'log', entryPoint: [], command: [], environment: {}, portMappings: [], stopTimeoutMs: 2000 },
  ])
})

test('what of the environment would have to be fetched is known to be withheld, and given back', () => {
  const account = new EcsAccount()
  const secrets = [{ name: 'PASSWORD', valueFrom: 'arn:aws:ssm:us-east-1:000000000000:parameter/password' }]
  account.definition({ containerDefinitions: [{ name: 'web', image: 'nginx', secrets, environmentFiles: [] }] })
  assert.deepEqual(account.state.taskDefinitions.get(arn('web:1'))?.containers[0]?.withheld, ['secrets'])
  const { taskDefinition } = account.run(DescribeTaskDefinition, { taskDefinition: 'web' })
  assert.deepEqual(taskDefinition?.containerDefinitions?.[0]?.secrets, secrets)
})

const container = (more: Partial<ContainerDefinition>): Partial<RegisterTaskDefinitionRequest> => ({
  containerDefinitions: [{ name: 'web', image: 'nginx', ...more }],
})
for (const [what, input, text] of [
  ['no family', { family: '' }, 'Family can not be blank.'],
  ['a family of other characters', { family: 'a/b' }, 'Family contains invalid characters.'],
  ['no container', { containerDefinitions: [] }, 'Container list cannot be empty.'],
  ['a container without a name', container({ name: undefined }), 'Container.name should not be null or empty.'],
  ['a container without an image', container({ image: '' }), 'Container.image should not be null or empty.'],
  ['no essential container', container({ essential: false }), 'at least one essential container'],
  ['port 0', container({ portMappings: [{ hostPort: 80 }] }), "Invalid 'containerPort' setting for container 'web'"],
  [
    'another host port with awsvpc',
    { ...container({ portMappings: [{ containerPort: 80, hostPort: 81 }] }), networkMode: 'awsvpc' },
    'the host ports and container ports in port mappings must match',
  ],
  ['Fargate without awsvpc', { requiresCompatibilities: ['FARGATE'] }, 'Fargate only supports network mode'],
] as const satisfies readonly (readonly [string, Partial<RegisterTaskDefinitionRequest>, string])[]) {
  test(`no task definition has ${what}`, () => {
    assert.throws(() => new EcsAccount().definition(input), awsError('ClientException', text))
  })
}

test('one container may have a name once', () => {
  const twice = [
    { name: 'web', image: 'a' },
    { name: 'web', image: 'b' },
  ]
  assert.throws(
    () => new EcsAccount().run(RegisterTaskDefinition, { family: 'web', containerDefinitions: twice }),
    awsError('ClientException', 'Container names must be unique'),
  )
})

test('what is not there cannot be described, and only revisions can be deregistered', () => {
  const account = new EcsAccount()
  account.definition()
  assert.throws(
    () => account.run(DescribeTaskDefinition, { taskDefinition: 'other' }),
    awsError('ClientException', 'Unable to describe task definition.'),
  )
  assert.throws(
    () => account.run(DeregisterTaskDefinition, { taskDefinition: 'web' }),
    awsError('ClientException', 'Revision is missing.'),
  )
  const { taskDefinition } = account.run(DeregisterTaskDefinition, { taskDefinition: 'web:1' })
  assert.equal(taskDefinition?.status, 'INACTIVE')
  assert.deepEqual(taskDefinition?.deregisteredAt, new Date(account.now))
})

test('task definitions are listed by family and revision, either way round, page by page', () => {
  const account = new EcsAccount()
  for (let revision = 1; revision <= 10; revision++) account.definition()
  account.definition({ family: 'web-2' })
  account.definition({ family: 'api' })
  const list = (sort: 'ASC' | 'DESC') => {
    const arns: string[] = []
    let nextToken: string | undefined
    do {
      const page = account.run(ListTaskDefinitions, { sort, maxResults: 5, nextToken })
      arns.push(...(page.taskDefinitionArns ?? []))
      nextToken = page.nextToken
    } while (nextToken !== undefined)
    return arns.map(each => each.slice(each.lastIndexOf('/') + 1))
  }
  const ascending = ['api:1', ...Array.from({ length: 10 }, (_, i) => `web:${i + 1}`), 'web-2:1']
  assert.deepEqual(list('ASC'), ascending)
  assert.deepEqual(list('DESC'), ascending.toReversed())
  assert.deepEqual(account.run(ListTaskDefinitions, { familyPrefix: 'api' }).taskDefinitionArns, [arn('api:1')])
  assert.throws(
    () => account.run(ListTaskDefinitions, { nextToken: '?' }),
    awsError('InvalidParameterException', 'Invalid token'),
  )
})

test('families are listed by whether a revision of theirs is active', () => {
  const account = new EcsAccount()
  account.definition()
  account.definition({ family: 'old' })
  account.run(DeregisterTaskDefinition, { taskDefinition: 'old:1' })
  const families = (status?: 'ACTIVE' | 'INACTIVE') => account.run(ListTaskDefinitionFamilies, { status }).families
  assert.deepEqual([families(), families('ACTIVE'), families('INACTIVE')], [['old', 'web'], ['web'], ['old']])
  assert.deepEqual(account.run(ListTaskDefinitions, { status: 'INACTIVE' }).taskDefinitionArns, [arn('old:1')])
})
