import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cloudWatchSdk from '@aws-sdk/client-cloudwatch'
import * as codeDeploySdk from '@aws-sdk/client-codedeploy'
import * as ecsSdk from '@aws-sdk/client-ecs'
import type { Action, Service } from './call.ts'
import { ApiError } from './errors.ts'
import { decodeJsonInput, encodeJsonAnswer, encodeJsonError } from './json-protocol.ts'
import { findOperation } from './query-protocol.ts'
import { actionsOf, ShapeGenerator } from './shapes.fixture.ts'
import { clientOptions, openStubApi, queryRequest, sendRaw } from './stub-api.fixture.ts'

type Sdk = Readonly<Record<string, unknown>>

const ecsStub = { signingName: 'ecs', targetPrefix: 'AmazonEC2ContainerServiceV20141113', version: '2014-11-13' }
const codeDeployStub = { signingName: 'codedeploy', targetPrefix: 'CodeDeploy_20141006', version: '2014-10-06' }

function stubJson(
  names: { signingName: string; targetPrefix: string; version: string },
  schemas: Sdk,
  actions: Readonly<Record<string, Action>>,
): Service {
  const load = async () => ({ schemas, actions, constraints: {} })
  return { ...names, protocol: 'json', actionNames: Object.keys(actions), load }
}

interface Client {
  send(command: object): Promise<Record<string, unknown>>
  destroy(): void
}

for (const [names, sdk, open] of [
  [ecsStub, ecsSdk as Sdk, options => new ecsSdk.ECSClient(options) as unknown as Client],
  [codeDeployStub, codeDeploySdk as Sdk, options => new codeDeploySdk.CodeDeployClient(options) as unknown as Client],
] as [typeof ecsStub, Sdk, (options: ReturnType<typeof clientOptions>) => Client][]) {
  test(`whatever the AWS SDK sends to ${names.signingName} arrives, and whatever is answered arrives there`, async t => {
    const seed = Number(process.env.SEED ?? Date.now() % 1e9)
    t.diagnostic(`SEED=${seed}`)
    const generate = new ShapeGenerator(seed, 'json')
    let received: unknown
    let answer: unknown
    const action: Action<unknown> = input => {
      received = input
      return answer
    }
    const all = actionsOf(sdk)
    const service = stubJson(names, sdk, Object.fromEntries(all.map(name => [name, action as Action])))
    const client = open(clientOptions(await openStubApi(t, { services: [service] })))
    t.after(() => client.destroy())
    for (const name of all) {
      const operation = findOperation(sdk, name)
      const Command = sdk[`${name}Command`] as new (input: object) => object
      assert.ok(operation && Command, name)
      const input: object = operation.input.isUnitSchema() ? {} : generate.structure(operation.input, 0, true)
      answer = operation.output.isUnitSchema() ? {} : generate.structure(operation.output, 0, false)
      const { $metadata, ...output } = await client.send(new Command(input)).catch(error => {
        throw new Error(`${name}, SEED=${seed}, ${JSON.stringify(input)}`, { cause: error })
      })
      assert.deepEqual(received, input, `input of ${name}`)
      assert.deepEqual(output, answer, `output of ${name}`)
    }
  })
}

test('the AWS SDK throws the error that the action threw', async t => {
  const service = stubJson(ecsStub, ecsSdk, {
    DescribeServices: () => {
      throw new ApiError('ClusterNotFoundException', 'Cluster not found.')
    },
    ListClusters: () => {
      throw new TypeError('a bug of ours')
    },
  })
  const api = await openStubApi(t, { services: [service], log: () => {} })
  const client = new ecsSdk.ECSClient(clientOptions(api))
  t.after(() => client.destroy())
  await assert.rejects(
    client.send(new ecsSdk.DescribeServicesCommand({ services: ['a'] })),
    (error: unknown) => error instanceof ecsSdk.ClusterNotFoundException && error.message === 'Cluster not found.',
  )
  await assert.rejects(client.send(new ecsSdk.DescribeServicesCommand({ services: undefined })), {
    name: 'InvalidParameterException',
    message:
      "1 validation error detected: Value null at 'services' failed to satisfy constraint: Member must not be null",
  })
  await assert.rejects(client.send(new ecsSdk.ListClustersCommand({})), { name: 'InternalFailure' })
  await assert.rejects(client.send(new ecsSdk.ListServicesCommand({})), { name: 'UnknownOperationException' })
})

test('with credentials a JSON call is let in with the right secret only, and errors bear their JSON names', async t => {
  const service = stubJson(ecsStub, ecsSdk, { ListClusters: () => ({ clusterArns: ['arn'] }) })
  const api = await openStubApi(t, { services: [service], credentials: new Map([['AKIAALICE', 'secret']]) })
  const list = async (key: string, secret: string) => {
    const client = new ecsSdk.ECSClient(clientOptions(api, key, secret))
    t.after(() => client.destroy())
    return (await client.send(new ecsSdk.ListClustersCommand({}))).clusterArns
  }
  assert.deepEqual(await list('AKIAALICE', 'secret'), ['arn'])
  await assert.rejects(list('AKIAALICE', 'guess'), { name: 'InvalidSignatureException' })
  await assert.rejects(list('AKIABOB', 'secret'), { name: 'UnrecognizedClientException' })
})

test('a service that speaks Query answers JSON too, and names its errors in both', async t => {
  const service: Service = {
    signingName: 'monitoring',
    version: '2010-08-01',
    protocol: 'query',
    targetPrefix: 'GraniteServiceVersion20100801',
    xmlNamespace: 'http://monitoring.amazonaws.com/doc/2010-08-01/',
    actionNames: ['DescribeAlarms', 'SetAlarmState'],
    load: async () => ({
      schemas: cloudWatchSdk,
      constraints: {},
      actions: {
        DescribeAlarms: () => ({ MetricAlarms: [{ AlarmName: 'a', StateUpdatedTimestamp: new Date(1500) }] }),
        SetAlarmState: () => {
          throw new ApiError('ResourceNotFound', '', 404)
        },
      },
    }),
  }
  const client = new cloudWatchSdk.CloudWatchClient(clientOptions(await openStubApi(t, { services: [service] })))
  t.after(() => client.destroy())
  const { MetricAlarms } = await client.send(new cloudWatchSdk.DescribeAlarmsCommand({}))
  assert.deepEqual(MetricAlarms, [{ AlarmName: 'a', StateUpdatedTimestamp: new Date(1500) }])
  const set = { AlarmName: 'a', StateValue: 'OK', StateReason: 'x' } as const
  await assert.rejects(client.send(new cloudWatchSdk.SetAlarmStateCommand(set)), cloudWatchSdk.ResourceNotFound)
})

const jsonHeaders = {
  'Content-Type': 'application/x-amz-json-1.0',
  'X-Amz-Target': `${ecsStub.targetPrefix}.ListClusters`,
}

test('the answer is written in the version of JSON that was asked in', async t => {
  const api = await openStubApi(t, {
    services: [stubJson(ecsStub, ecsSdk, { ListClusters: () => ({ clusterArns: [] }) })],
  })
  const answer = await sendRaw(api.port, queryRequest('{}', jsonHeaders))
  assert.match(answer, /^HTTP\/1.1 200 OK\r\nContent-Type: application\/x-amz-json-1\.0\r\n/)
  assert.match(answer, /\r\n\r\n\{"clusterArns":\[\]\}$/)
})

for (const [what, target] of [
  ['of another service', 'Lambda.ListClusters'],
  ['without an action', ecsStub.targetPrefix],
  ['that is absent', undefined],
  ['that came twice', `${ecsStub.targetPrefix}.ListClusters\r\nX-Amz-Target: ${ecsStub.targetPrefix}.DeleteCluster`],
] as const) {
  test(`a target ${what} is an unknown operation`, async t => {
    const service = stubJson(ecsStub, ecsSdk, { ListClusters: () => ({}), DeleteCluster: () => ({}) })
    const api = await openStubApi(t, { services: [service] })
    const answer = await sendRaw(api.port, queryRequest('{}', { ...jsonHeaders, 'X-Amz-Target': target }))
    assert.match(answer, /^HTTP\/1.1 400 /)
    assert.match(answer, /x-amzn-ErrorType: UnknownOperationException\r\n/)
  })
}

test('what has a target is JSON, whatever curl says of its type without being asked', async t => {
  const service = stubJson(ecsStub, ecsSdk, { ListClusters: () => ({ clusterArns: [] }) })
  const api = await openStubApi(t, { services: [service] })
  const send = (change: Readonly<Record<string, string | undefined>>) =>
    sendRaw(
      api.port,
      queryRequest('{}', { ...jsonHeaders, 'Content-Type': 'application/x-www-form-urlencoded', ...change }),
    )
  assert.match(
    await send({}),
    /^HTTP\/1.1 200 OK\r\nContent-Type: application\/x-amz-json-1\.1\r\n.*\{"clusterArns":\[\]\}$/s,
  )
  for (const [change, status, type] of [
    [{ 'X-Amz-Target': `${ecsStub.targetPrefix}.Fly` }, 400, 'UnknownOperationException'],
    [{ 'X-Amz-Target': 'Lambda.Invoke' }, 400, 'UnknownOperationException'],
    [{ Authorization: undefined }, 400, 'MissingAuthenticationTokenException'],
    [{ 'Content-Type': 'text/plain' }, 415, 'UnsupportedMediaType'],
  ] as const) {
    const answer = await send(change)
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(answer, new RegExp(`\r\n\r\n\\{"__type":"${type}"`))
  }
})

test('a form does not reach a service that speaks JSON alone', async t => {
  const service = stubJson(ecsStub, ecsSdk, { ListClusters: () => assert.fail() })
  const api = await openStubApi(t, { services: [service] })
  const form = 'Action=ListClusters&Version=2014-11-13'
  for (const scope of ['ecs', 'other']) {
    const Authorization = `AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/${scope}/aws4_request`
    assert.match(await sendRaw(api.port, queryRequest(form, { Authorization })), /<Code>InvalidAction<\/Code>/)
  }
})

function decode(action: string, body: string) {
  const operation = findOperation(ecsSdk, action)
  assert.ok(operation)
  return decodeJsonInput(Buffer.from(body), operation)
}

test('an empty body has no members; null and unknown members and inherited names are none', () => {
  assert.deepEqual(decode('CreateService', ''), {})
  const body = '{"serviceName":"a","cluster":null,"colour":1,"toString":"x","__proto__":{"cluster":"b"}}'
  assert.deepEqual(decode('CreateService', body), { serviceName: 'a' })
})

for (const [what, body, text] of [
  ['what is no JSON', '{"a":', 'The request body is not valid JSON.'],
  ['a body that is no object', '[1]', 'The request body must be a JSON object.'],
  ['a number where a string belongs', '{"serviceName":1}', 'NUMBER_VALUE cannot be converted to String'],
  ['a string where a number belongs', '{"desiredCount":"1"}', 'STRING_VALUE cannot be converted to Integer'],
  ['a fraction where an integer belongs', '{"desiredCount":1.5}', 'NUMBER_VALUE cannot be converted to Integer'],
  ['a number beyond all sizes', '{"desiredCount":1e999}', 'NUMBER_VALUE cannot be converted to Integer'],
  [
    'a string where a boolean belongs',
    '{"enableECSManagedTags":"true"}',
    'STRING_VALUE cannot be converted to Boolean',
  ],
  ['a boolean where a string belongs', '{"serviceName":true}', 'TRUE_VALUE cannot be converted to String'],
  ['an object where a string belongs', '{"serviceName":{}}', 'Start of structure or map found where not expected.'],
  ['a list where a string belongs', '{"serviceName":[]}', 'Start of list found where not expected.'],
  ['a string where a list belongs', '{"loadBalancers":"a"}', 'Expected list or null'],
  ['a string where an object belongs', '{"deploymentController":"ECS"}', 'Expected structure or null'],
  ['nothing where an item belongs', '{"loadBalancers":[null]}', 'Expected structure or null'],
] as const) {
  test(`${what} is refused as SerializationException`, () => {
    assert.throws(() => decode('CreateService', body), { code: 'SerializationException', status: 400, message: text })
  })
}

test('a scale may have a fraction, and is finite', () => {
  assert.deepEqual(decode('UpdateTaskSet', '{"scale":{"value":12.5}}'), { scale: { value: 12.5 } })
  assert.throws(() => decode('UpdateTaskSet', '{"scale":{"value":1e999}}'), { code: 'SerializationException' })
})

test('times are seconds with a fraction, and what the output does not have is left out', () => {
  const operation = findOperation(ecsSdk, 'DescribeTasks')
  assert.ok(operation)
  const tasks = [{ taskArn: 'arn', createdAt: new Date(1_700_000_000_123), stoppedAt: undefined, secret: 'x' }]
  assert.equal(encodeJsonAnswer(operation, { tasks }), '{"tasks":[{"createdAt":1700000000.123,"taskArn":"arn"}]}')
})

test('a common error of the client has status 400 in JSON, one of ours keeps its own', () => {
  const refused = encodeJsonError(new ApiError('SignatureDoesNotMatch', 'no', 403), true)
  assert.deepEqual(refused, {
    status: 400,
    headers: {
      'x-amzn-ErrorType': 'InvalidSignatureException',
      'x-amzn-query-error': 'SignatureDoesNotMatch;Sender',
    },
    body: '{"__type":"InvalidSignatureException","message":"no"}',
  })
  assert.equal(encodeJsonError(new ApiError('ServiceUnavailable', 'later', 503), false).status, 503)
})
