import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsError } from '../elbv2/account.fixture.ts'
import { parseAppSpec } from './app-spec.ts'

const arn = 'arn:aws:ecs:us-east-1:000000000000:task-definition/hello:2'

const yaml = `
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: "${arn}"
        LoadBalancerInfo:
          ContainerName: "web"
          ContainerPort: 8080
`

const minimal = { taskDefinitionArn: arn, containerName: 'web', containerPort: 8080, hooks: {} }

test('the smallest AppSpec of AWS’s guide is read', () => {
  assert.deepEqual(parseAppSpec(yaml), minimal)
})

test('JSON is read, with keys in any case, as the AWS CLI writes them', () => {
  const json = {
    version: '0.0',
    resources: [
      {
        anyName: {
          type: 'AWS::ECS::Service',
          properties: { taskDefinition: arn, loadBalancerInfo: { containerName: 'web', containerPort: '8080' } },
        },
      },
    ],
    hooks: [],
  }
  assert.deepEqual(parseAppSpec(JSON.stringify(json)), minimal)
})

for (const port of ['0', '65536', '80.5', 'true', '[8080]', '{ a: 1 }', 'null', '" 8080 "', '"0x50"', '&a [*a]', '']) {
  test(`the container port ${port} is refused`, () => {
    const why = 'LoadBalancerInfo must have a ContainerPort from 1 to 65535'
    assert.throws(() => parseAppSpec(yaml.replace('8080', port)), awsError('InvalidRevisionException', why))
  })
}

test('what is no YAML is refused with its place, and a tag of somebody’s says nothing on the terminal', async () => {
  const warnings: Error[] = []
  const hear = (warning: Error) => warnings.push(warning)
  process.on('warning', hear)
  assert.throws(() => parseAppSpec('a: [b'), awsError('InvalidRevisionException', /at line 1, column 6$/))
  assert.throws(() => parseAppSpec('!!js/function x'), awsError('InvalidRevisionException', /must be a map/))
  await new Promise(setImmediate)
  process.off('warning', hear)
  assert.deepEqual(warnings, [])
})

test('all hooks, the platform version and the network are read', () => {
  const spec = parseAppSpec(`${yaml}
        PlatformVersion: LATEST
        NetworkConfiguration:
          AwsvpcConfiguration:
            Subnets: [subnet-1]
            SecurityGroups: [sg-1]
            AssignPublicIp: DISABLED
Hooks:
  - BeforeInstall: "one"
  - AfterInstall: "two"
  - AfterAllowTestTraffic: "arn:aws:lambda:us-east-1:000000000000:function:three"
  - BeforeAllowTraffic: "four"
  - AfterAllowTraffic: "five"
`)
  assert.deepEqual(spec, {
    ...minimal,
    platformVersion: 'LATEST',
    networkConfiguration: {
      awsvpcConfiguration: { subnets: ['subnet-1'], securityGroups: ['sg-1'], assignPublicIp: 'DISABLED' },
    },
    hooks: {
      BeforeInstall: 'one',
      AfterInstall: 'two',
      AfterAllowTestTraffic: 'arn:aws:lambda:us-east-1:000000000000:function:three',
      BeforeAllowTraffic: 'four',
      AfterAllowTraffic: 'five',
    },
  })
})

for (const [what, text, why] of [
  ['nothing', '', 'it must be a map'],
  ['what is no YAML', 'a: [', 'invalid configuration: '],
  ['another version', yaml.replace('0.0', '1.0'), "version must be '0.0'"],
  ['no version', yaml.replace('version: 0.0', ''), "version must be '0.0'"],
  ['no resources', 'version: 0.0', 'exactly one resource'],
  ['two resources', yaml.replace('Resources:', 'Resources:\n  - Other: {}'), 'exactly one resource'],
  ['a Lambda function', yaml.replace('ECS::Service', 'Lambda::Function'), 'must be of Type AWS::ECS::Service'],
  ['no task definition', yaml.replace(`TaskDefinition: "${arn}"`, ''), 'TaskDefinition must be a text'],
  ['a family alone', yaml.replace(arn, 'hello'), 'the ARN of a task definition with its revision'],
  ['no container', yaml.replace('ContainerName: "web"', ''), 'ContainerName must be a text'],
  ['a resource that is nothing', 'version: 0.0\nResources: [{}]', 'exactly one resource'],
  ['a number for a platform', `${yaml}        PlatformVersion: 1.4`, 'PlatformVersion must be a text'],
  ['too many characters', yaml + '#'.repeat(32_768), 'it has more than 32768 characters'],
  ['5,000 brackets', '['.repeat(5000), /: it is nested too deeply$/],
  ['8,000 lists of one list', '- '.repeat(8000), /: it is nested too deeply$/],
  [
    'half a network',
    `${yaml}        NetworkConfiguration: { AwsvpcConfiguration: { Subnets: [a] } }`,
    'AssignPublicIp',
  ],
  ['hooks that are no list', `${yaml}Hooks: { BeforeInstall: a }`, 'Hooks must be a list'],
  ['a hook at an event that has none', `${yaml}Hooks: [{ AllowTraffic: a }]`, "'AllowTraffic' is no event"],
  ['two hooks for one event', `${yaml}Hooks: [{ AfterInstall: a }, { AfterInstall: b }]`, 'more than one hook'],
  ['a hook without a function', `${yaml}Hooks: [{ AfterInstall: }]`, 'the hook for AfterInstall must be a text'],
] as const) {
  test(`an AppSpec with ${what} is refused`, () => {
    assert.throws(() => parseAppSpec(text), awsError('InvalidRevisionException', why))
  })
}
