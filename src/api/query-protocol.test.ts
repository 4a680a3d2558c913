import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cloudWatchSdk from '@aws-sdk/client-cloudwatch'
import * as ec2Sdk from '@aws-sdk/client-ec2'
import * as elbv2Sdk from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Action } from './call.ts'
import { ApiError } from './errors.ts'
import { parseForm } from './form.ts'
import { decodeInput, findOperation, type Protocol } from './query-protocol.ts'
import { actionsOf, ShapeGenerator } from './shapes.fixture.ts'
import { clientOptions, openStubApi, stubEc2, stubElbv2 } from './stub-api.fixture.ts'

const sdks = {
  query: { sdk: elbv2Sdk as Readonly<Record<string, unknown>>, stub: stubElbv2, open: elbv2Client },
  ec2: { sdk: ec2Sdk as Readonly<Record<string, unknown>>, stub: stubEc2, open: ec2Client },
}

function elbv2Client(options: ReturnType<typeof clientOptions>): Client {
  return new elbv2Sdk.ElasticLoadBalancingV2Client(options) as unknown as Client
}

function ec2Client(options: ReturnType<typeof clientOptions>): Client {
  return new ec2Sdk.EC2Client(options) as unknown as Client
}

interface Client {
  send(command: object): Promise<Record<string, unknown>>
  destroy(): void
}

// All of ELBv2's; of EC2's 823 those that move the most kinds of shapes, and some more by chance.
const ec2Always = [
  'AuthorizeSecurityGroupIngress',
  'RevokeSecurityGroupEgress',
  'CreateSecurityGroup',
  'DescribeSecurityGroups',
  'DescribeSecurityGroupRules',
  'RunInstances',
  'DescribeInstances',
  'TerminateInstances',
  'CreateSubnet',
  'DescribeSubnets',
  'CreateVpc',
  'DeleteVpc',
  'DescribeVpcs',
  'DescribeNetworkInterfaces',
  'DescribeAvailabilityZones',
]

for (const protocol of ['query', 'ec2'] as const) {
  test(`whatever the AWS SDK sends over ${protocol} arrives, and whatever is answered arrives there`, async t => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9)
    t.diagnostic(`SEED=${seed}`)
    const generate = new ShapeGenerator(seed, protocol)
    const { sdk, stub, open } = sdks[protocol]
    const all = actionsOf(sdk)
    const chosen = protocol === 'query' ? all : [...ec2Always, ...Array.from({ length: 40 }, () => generate.pick(all))]
    let received: unknown
    let answer: unknown
    const action: Action<unknown> = input => {
      received = input
      return answer
    }
    const actions = Object.fromEntries(all.map(name => [name, action as Action]))
    const api = await openStubApi(t, { services: [stub({ actions })] })
    const client = open(clientOptions(api))
    t.after(() => client.destroy())
    for (const name of chosen) {
      const operation = findOperation(sdk, name)
      const Command = sdk[`${name}Command`] as new (input: object) => object
      assert.ok(operation && Command, name)
      for (let round = 0; round < 3; round++) {
        const input: object = operation.input.isUnitSchema() ? {} : generate.structure(operation.input, 0, true)
        answer = operation.output.isUnitSchema() ? {} : generate.structure(operation.output, 0, false)
        const { $metadata, ...output } = await client.send(new Command(input)).catch(error => {
          throw new Error(`${name}, SEED=${seed}, ${JSON.stringify(input)}`, { cause: error })
        })
        assert.deepEqual(received, input, `input of ${name}`)
        assert.deepEqual(output, answer, `output of ${name}`)
      }
    }
  })
}

const decode = (protocol: Protocol, action: string, form: string) => {
  const operation = findOperation(sdks[protocol].sdk, action)
  assert.ok(operation)
  return decodeInput(parseForm(Buffer.from(form)), operation, protocol)
}

test('unknown parameters are ignored, and inherited names are no parameters', () => {
  assert.deepEqual(decode('query', 'CreateTargetGroup', 'Name=a&Colour=red&toString=x&__proto__.x=1'), { Name: 'a' })
})

test('an empty list is a name without a value', () => {
  assert.deepEqual(decode('query', 'CreateListener', 'DefaultActions='), { DefaultActions: [] })
})

for (const [what, protocol, action, form, code] of [
  ['a number that is none', 'query', 'CreateTargetGroup', 'Port=abc', 'ValidationError'],
  ['a number with a fraction', 'query', 'CreateTargetGroup', 'Port=80.5', 'ValidationError'],
  ['an empty number', 'query', 'CreateTargetGroup', 'Port=', 'ValidationError'],
  ['a number beyond all sizes', 'query', 'CreateTargetGroup', `Port=${'9'.repeat(400)}`, 'ValidationError'],
  ['a boolean that is none', 'query', 'CreateTargetGroup', 'HealthCheckEnabled=yes', 'ValidationError'],
  ['a number that is none', 'ec2', 'DescribeVpcs', 'MaxResults=1e3', 'InvalidParameterValue'],
  ['a boolean that is none', 'ec2', 'DescribeVpcs', 'DryRun=1', 'InvalidParameterValue'],
  ['a time that is none', 'ec2', 'DescribeSpotFleetRequestHistory', 'StartTime=tomorrow', 'InvalidParameterValue'],
  ['a list with a gap', 'query', 'CreateLoadBalancer', 'Subnets.member.1=a&Subnets.member.3=b', 'MalformedQueryString'],
  ['a list that begins at 0', 'query', 'CreateLoadBalancer', 'Subnets.member.0=a', 'MalformedQueryString'],
  ['a huge index', 'query', 'CreateLoadBalancer', 'Subnets.member.4294967296=a', 'MalformedQueryString'],
  ['an index with leading zeros', 'ec2', 'DescribeVpcs', 'VpcId.01=a', 'MalformedQueryString'],
  ['an index that is a word', 'ec2', 'DescribeVpcs', 'VpcId.first=a', 'MalformedQueryString'],
  ['a list without "member"', 'query', 'CreateLoadBalancer', 'Subnets.1=a', 'MalformedQueryString'],
  ['a list with a value', 'query', 'CreateLoadBalancer', 'Subnets=a', 'MalformedQueryString'],
  ['a structure with a value', 'query', 'CreateTargetGroup', 'Matcher=200', 'MalformedQueryString'],
  ['a value with members', 'query', 'CreateTargetGroup', 'Name.member.1=a', 'MalformedQueryString'],
] as const) {
  test(`${what} is refused as ${code} over ${protocol}`, () => {
    assert.throws(
      () => decode(protocol, action, form),
      (error: unknown) => error instanceof ApiError && error.code === code && error.status === 400,
    )
  })
}

for (const [text, threshold] of [
  ['0.5', 0.5],
  ['-1', -1],
  ['1e-3', 0.001],
  ['1.0E10', 1e10],
  ['.5.', undefined],
  ['1e999', undefined],
  ['Infinity', undefined],
] as const) {
  test(`a threshold of ${text} is ${threshold === undefined ? 'no number' : threshold}`, () => {
    const operation = findOperation(cloudWatchSdk, 'PutMetricAlarm')
    assert.ok(operation)
    const decoded = () => decodeInput(parseForm(Buffer.from(`Threshold=${text}`)), operation, 'query').Threshold
    if (threshold === undefined) assert.throws(decoded, { code: 'ValidationError' })
    else assert.equal(decoded(), threshold)
  })
}
