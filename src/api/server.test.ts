import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { CreateVpcCommand, DeleteVpcCommand, DescribeVpcsCommand, EC2Client } from '@aws-sdk/client-ec2'
import {
  CreateTargetGroupCommand,
  DeleteTargetGroupCommand,
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import { openMemoryStore } from '../store/memory.ts'
import type { Action, Call } from './call.ts'
import { ApiError } from './errors.ts'
import type { Api, ApiOptions } from './server.ts'
import { sts } from './sts/service.ts'
import { clientOptions, openStubApi, queryRequest, sendRaw, stubEc2, stubElbv2 } from './stub-api.fixture.ts'

const createVpc: Action<{ CidrBlock: string }> = (input, { draft, hex }: Call) => {
  const id = `vpc-${hex(17)}`
  draft.put('vpcs', id, { id, cidrBlock: input.CidrBlock, isDefault: false, tags: [] })
  return { Vpc: { VpcId: id, CidrBlock: input.CidrBlock } }
}

const elbv2 = stubElbv2({
  actions: {
    CreateTargetGroup: ((input: { Name: string }) => ({
      TargetGroups: [{ TargetGroupName: input.Name }],
    })) satisfies Action<{ Name: string }>,
    DescribeTargetGroups: () => {
      throw new ApiError('TargetGroupNotFound', 'One or more target groups <not> found')
    },
    DeleteTargetGroup: () => {
      throw new TypeError('a bug of ours')
    },
  },
})

const ec2 = stubEc2({
  actions: {
    CreateVpc: createVpc,
    DescribeVpcs: (_, call) => ({ Vpcs: [...call.draft.state.vpcs.keys()].map(VpcId => ({ VpcId })) }),
    DeleteVpc: () => undefined,
  },
})

function open(t: TestContext, options: Partial<ApiOptions> = {}): Promise<Api> {
  return openStubApi(t, { services: [elbv2, ec2, sts], log: () => {}, ...options })
}

function elbv2Client(t: TestContext, api: Api): ElasticLoadBalancingV2Client {
  const client = new ElasticLoadBalancingV2Client(clientOptions(api))
  t.after(() => client.destroy())
  return client
}

function ec2Client(t: TestContext, api: Api, accessKeyId?: string, secret?: string): EC2Client {
  const client = new EC2Client(clientOptions(api, accessKeyId, secret))
  t.after(() => client.destroy())
  return client
}

const good = 'Action=CreateTargetGroup&Version=2015-12-01&Name=a'

test('the AWS SDK gets answers and errors of query services, each with its request id', async t => {
  const client = elbv2Client(t, await open(t))
  const answer = await client.send(new CreateTargetGroupCommand({ Name: 'a' }))
  assert.equal(answer.TargetGroups?.[0]?.TargetGroupName, 'a')
  assert.match(answer.$metadata.requestId ?? '', /^[0-9a-f-]{36}$/)
  await assert.rejects(client.send(new DescribeTargetGroupsCommand({})), {
    name: 'TargetGroupNotFoundException',
    message: 'One or more target groups <not> found',
    $fault: 'client',
  })
})

test('the AWS SDK gets answers and errors of EC2, and what a write changed is there for the next read', async t => {
  const client = ec2Client(t, await open(t))
  const { Vpc } = await client.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }))
  const { Vpcs } = await client.send(new DescribeVpcsCommand({}))
  assert.deepEqual(Vpcs, [{ VpcId: Vpc?.VpcId }])
  await client.send(new DeleteVpcCommand({ VpcId: 'vpc-1' }))
  await assert.rejects(client.send(new DeleteVpcCommand({ VpcId: undefined })), { name: 'MissingParameter' })
})

test('a dry run of EC2 answers DryRunOperation with status 412 and changes nothing', async t => {
  const store = openMemoryStore()
  const client = ec2Client(t, await open(t, { store }))
  await assert.rejects(client.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16', DryRun: true })), error => {
    const { name, $metadata } = error as { name: string; $metadata: { httpStatusCode: number } }
    return name === 'DryRunOperation' && $metadata.httpStatusCode === 412
  })
  assert.equal(store.read().revision, 0)
})

test('STS says who calls: the root while no credentials are configured, else the user of the key', async t => {
  const credentials = new Map([['AKIAALICE', 'secret']])
  for (const [options, arn] of [
    [{}, 'arn:aws:iam::000000000000:root'],
    [{ credentials }, 'arn:aws:iam::000000000000:user/AKIAALICE'],
  ] as const) {
    const client = new STSClient(clientOptions(await open(t, options), 'AKIAALICE', 'secret'))
    t.after(() => client.destroy())
    const { Account, Arn } = await client.send(new GetCallerIdentityCommand({}))
    assert.deepEqual([Account, Arn], ['000000000000', arn])
  }
})

test('with credentials the SDK is let in with the right secret only, and EC2 says so in its own words', async t => {
  const api = await open(t, { credentials: new Map([['AKIAALICE', 'secret']]) })
  await ec2Client(t, api, 'AKIAALICE', 'secret').send(new DescribeVpcsCommand({}))
  const refused = async (key: string, secret: string) => {
    const error = await ec2Client(t, api, key, secret)
      .send(new DescribeVpcsCommand({}))
      .then(
        () => undefined,
        (caught: { name: string; $metadata: { httpStatusCode: number } }) => caught,
      )
    return [error?.name, error?.$metadata.httpStatusCode]
  }
  assert.deepEqual(await refused('AKIAALICE', 'guess'), ['SignatureDoesNotMatch', 403])
  assert.deepEqual(await refused('AKIAMALLORY', 'secret'), ['AuthFailure', 401])
  assert.match(await sendRaw(api.port, queryRequest(good)), /^HTTP\/1.1 400 .*<Code>IncompleteSignature</s)
})

test('an unexpected failure is an InternalFailure for the caller and one line with the stack for the operator', async t => {
  const lines: string[] = []
  const client = elbv2Client(t, await open(t, { log: line => lines.push(line) }))
  await assert.rejects(client.send(new DeleteTargetGroupCommand({ TargetGroupArn: 'a' })), {
    name: 'InternalFailure',
    $fault: 'server',
    message: /unknown error/,
  })
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^request [0-9a-f-]{36} failed: TypeError: a bug of ours \| at .*server\.test\.ts/)
  assert.doesNotMatch(lines[0] ?? '', /\n/)
})

test('a service that could not be loaded is loaded again at the next request', async t => {
  let loads = 0
  const flaky = { ...elbv2, load: () => (++loads === 1 ? Promise.reject(new Error('no such file')) : elbv2.load()) }
  const api = await open(t, { services: [flaky] })
  assert.match(await sendRaw(api.port, queryRequest(good)), /^HTTP\/1.1 500 /)
  assert.match(await sendRaw(api.port, queryRequest(good)), /^HTTP\/1.1 200 /)
})

const elsewhere = 'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/execute-api/aws4_request'
const ec2Scope = 'AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/ec2/aws4_request'
const unsigned = undefined

for (const [what, request, status, text] of [
  ['an honest one', queryRequest(good), 200, /<CreateTargetGroupResult>/],
  ['another key in another form', queryRequest(good, { Authorization: 'Bearer x' }), 200, /<CreateTargetGroupResult>/],
  ['a scope of no service of ours', queryRequest(good, { Authorization: elsewhere }), 200, /<CreateTargetGroupResult>/],
  ['no Version', queryRequest('Action=CreateTargetGroup&Name=a'), 200, /<CreateTargetGroupResult>/],
  ['no Authorization', queryRequest(good, { Authorization: unsigned }), 403, /<Code>MissingAuthenticationToken</],
  ['no Action', queryRequest('Version=2015-12-01'), 400, /<Type>Sender<.*<Code>MissingAction</],
  ['an empty body', queryRequest(''), 400, /<Code>MissingAction</],
  [
    'an action that nobody has',
    queryRequest('Action=Fly&Version=2015-12-01'),
    400,
    /<Code>InvalidAction<.*Could not find operation Fly for version 2015-12-01</,
  ],
  [
    'an action that AWS has and we have not',
    queryRequest('Action=CreateRule&Version=2015-12-01'),
    400,
    /<Code>InvalidAction</,
  ],
  [
    'an action named like a property',
    queryRequest('Action=constructor&Version=2015-12-01'),
    400,
    /<Code>InvalidAction</,
  ],
  [
    'the version of the classic load balancer',
    queryRequest('Action=CreateTargetGroup&Version=2012-06-01'),
    400,
    /<Code>InvalidAction</,
  ],
  [
    'an unknown action of EC2',
    queryRequest('Action=Fly&Version=2016-11-15', { Authorization: ec2Scope }),
    400,
    /<Response><Errors><Error><Code>InvalidAction<\/Code><Message>The action Fly is not valid for this web service/,
  ],
  [
    'an unknown version of EC2',
    queryRequest('Action=DescribeVpcs&Version=1999-01-01', { Authorization: ec2Scope }),
    400,
    /<Code>NoSuchVersion</,
  ],
  ['a broken form', queryRequest('Action=%zz'), 400, /<Code>MalformedQueryString</],
  ['a name twice', queryRequest(`${good}&Name=b`), 400, /<Code>MalformedQueryString</],
  ['JSON without AWS’s type', queryRequest('{}', { 'Content-Type': 'application/json' }), 415, /application\/json/],
  ['no content type', queryRequest(good, { 'Content-Type': undefined }), 415, /<Code>UnsupportedMediaType</],
  [
    'another charset',
    queryRequest(good, { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-16' }),
    415,
    /utf-16/,
  ],
  ['a compressed body', queryRequest(good, { 'Content-Encoding': 'gzip' }), 415, /gzip/],
  ['a Host of ours with a port', queryRequest(good, { Host: 'LocalHost:4566' }), 200, /<CreateTargetGroupResult>/],
  ['a Host that is IPv6', queryRequest(good, { Host: '[::1]:4566' }), 200, /<CreateTargetGroupResult>/],
  ['a configured Host', queryRequest(good, { Host: 'lb.example.com' }), 200, /<CreateTargetGroupResult>/],
  ['a foreign Host', queryRequest(good, { Host: 'rebound.example.com' }), 403, /rebound.example.com/],
  ['a Host that only begins like ours', queryRequest(good, { Host: 'localhost.example.com' }), 403, /AccessDenied/],
  ['a Host that looks like a number', queryRequest(good, { Host: '2130706433' }), 403, /AccessDenied/],
  ['an empty Host', queryRequest(good, { Host: '' }), 403, /AccessDenied/],
  ['no Host', queryRequest(good, { Host: undefined }), 400, /./],
  ['two Hosts', queryRequest(good, { Host: '127.0.0.1\r\nHost: 127.0.0.1' }), 400, /more than once/],
  ['two Authorizations', queryRequest(good, { Authorization: 'a\r\nAuthorization: b' }), 400, /more than once/],
  ['our own Origin', queryRequest(good, { Origin: 'http://127.0.0.1' }), 200, /<CreateTargetGroupResult>/],
  ['a foreign Origin', queryRequest(good, { Origin: 'https://evil.example' }), 403, /evil.example/],
  ['the Origin of another port', queryRequest(good, { Origin: 'http://127.0.0.1:3000' }), 403, /AccessDenied/],
  ['the Origin "null"', queryRequest(good, { Origin: 'null' }), 403, /AccessDenied/],
  ['a page elsewhere without Origin', queryRequest(good, { 'Sec-Fetch-Site': 'cross-site' }), 403, /AccessDenied/],
  ['a GET', queryRequest('').replace('POST /', 'GET /'), 405, /<Code>MethodNotAllowed</],
  [
    'a preflight',
    queryRequest('', { Origin: 'https://evil.example' }).replace('POST /', 'OPTIONS /'),
    403,
    /AccessDenied/,
  ],
  ['a query string', queryRequest(good).replace('POST /', `POST /?${good}`), 400, /<Code>MalformedQueryString</],
  ['another path', queryRequest(good).replace('POST /', 'POST /x'), 404, /<Code>NotFound</],
  [
    'a whole URL as its target',
    queryRequest(good).replace('POST /', 'POST http://evil.example/'),
    404,
    /<Code>NotFound</,
  ],
  ['a body of over 1 MiB', queryRequest(good, { 'Content-Length': '1048577' }), 413, /<Code>RequestEntityTooLarge</],
  ['a body that is longer than it says', queryRequest(good, { 'Content-Length': '10' }), 400, /./],
  ['no HTTP', 'hello\r\n\r\n', 400, /./],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, /./],
  ['64 KiB of headers', queryRequest(good, { 'X-Long': 'a'.repeat(65_536) }), 431, /./],
] as const) {
  test(`a request with ${what} is answered with ${status}`, async t => {
    const store = openMemoryStore()
    const api = await open(t, { store, hostNames: ['lb.example.com'] })
    const answer = await sendRaw(api.port, request)
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(answer, text)
    assert.equal(store.read().revision, 0)
  })
}

test('every answer carries one request id, in its head and in its body', async t => {
  const api = await open(t)
  for (const body of [good, 'Action=Fly']) {
    const answer = await sendRaw(api.port, queryRequest(body))
    const id = /x-amzn-RequestId: ([0-9a-f-]{36})\r\n/i.exec(answer)?.[1]
    assert.match(answer, new RegExp(`<RequestId>${id}</RequestId>`))
  }
})

test('of a body that never ends only 1 MiB is taken, and the refusal comes while it is still being sent', {
  timeout: 10_000,
}, async t => {
  const api = await open(t)
  const socket = connect(api.port, '127.0.0.1')
  t.after(() => socket.destroy())
  const answer = new Promise<string>((resolve, reject) => {
    socket.once('data', chunk => resolve(chunk.toString()))
    socket.once('error', reject)
  })
  const head = queryRequest('', { 'Content-Length': undefined, 'Transfer-Encoding': 'chunked', Connection: undefined })
  socket.write(head)
  const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
  const more = () => {
    while (!socket.destroyed && socket.write(chunk)) {}
  }
  socket.on('drain', more)
  more()
  assert.match(await answer, /^HTTP\/1.1 413 /)
})

test('a client that goes away in the middle of its body disturbs nobody', async t => {
  const lines: string[] = []
  const api = await open(t, { log: line => lines.push(line) })
  for (let round = 0; round < 20; round++) {
    const socket = connect(api.port, '127.0.0.1')
    await new Promise<void>(resolve =>
      socket.write(queryRequest(good, { 'Content-Length': '500000' }), () => resolve()),
    )
    socket.destroy()
  }
  assert.match(await sendRaw(api.port, queryRequest(good)), /^HTTP\/1.1 200 /)
  assert.deepEqual(lines, [])
})

test('many calls on many connections all commit', async t => {
  const store = openMemoryStore()
  const client = ec2Client(t, await open(t, { store }))
  const calls = Array.from({ length: 100 }, () => client.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' })))
  await Promise.all(calls)
  assert.equal(store.read().vpcs.size, 100)
})

const plain = (request: string) => `${request} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`

test('health is answered to anybody', async t => {
  const api = await open(t, { credentials: new Map([['A', 'b']]) })
  assert.match(await sendRaw(api.port, plain('GET /healthz')), /^HTTP\/1.1 200 .*{"status":"ok"}/s)
})

test('reset answers when all is gone, not to a foreign page, and does not exist with credentials', async t => {
  let gone = 0
  const reset = async () => {
    await new Promise(resolve => setImmediate(resolve))
    gone++
  }
  const free = await open(t, { reset })
  assert.match(await sendRaw(free.port, plain('POST /_sluice/reset')), /^HTTP\/1.1 200 /)
  assert.equal(gone, 1)
  const foreign = plain('POST /_sluice/reset').replace('\r\n\r\n', '\r\nOrigin: https://evil.example\r\n\r\n')
  assert.match(await sendRaw(free.port, foreign), /^HTTP\/1.1 403 /)
  assert.match(await sendRaw(free.port, plain('GET /_sluice/reset')), /^HTTP\/1.1 404 /)
  const guarded = await open(t, { reset, credentials: new Map([['A', 'b']]) })
  assert.match(await sendRaw(guarded.port, plain('POST /_sluice/reset')), /^HTTP\/1.1 404 /)
  assert.equal(gone, 1)
})

test('a page is a text, to a program that cannot sign too, where it has a key if keys are configured', async t => {
  const pages = { 'GET /metrics': async () => ({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }) }
  const free = await open(t, { pages })
  assert.match(
    await sendRaw(free.port, plain('GET /metrics')),
    /^HTTP\/1.1 200 .*Content-Type: text\/plain; version=0.0.4.*\r\n\r\nup 1\n$/s,
  )
  const rebound = plain('GET /metrics').replace('localhost', 'evil.example')
  assert.match(await sendRaw(free.port, rebound), /^HTTP\/1.1 403 /)
  const guarded = await open(t, { pages, credentials: new Map([['AKIAALICE', 'se:cret']]) })
  const asked = (authorization: string) =>
    sendRaw(guarded.port, plain('GET /metrics').replace('\r\n\r\n', `\r\nAuthorization: ${authorization}\r\n\r\n`))
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
  assert.match(await asked(basic('AKIAALICE:se:cret')), /^HTTP\/1.1 200 .*up 1/s)
  for (const wrong of ['AKIAALICE:se:creT', 'AKIAALICE:', 'AKIABOB:se:cret', 'AKIAALICE', ':', ''])
    assert.match(await asked(basic(wrong)), /^HTTP\/1.1 401 .*WWW-Authenticate: Basic realm=/s, wrong)
  for (const other of ['Bearer se:cret', 'Basic', 'Basic %%%', ''])
    assert.match(await asked(other), /^HTTP\/1.1 401 /, other)
  assert.match(await sendRaw(guarded.port, plain('GET /metrics')), /^HTTP\/1.1 401 /)
})

test('a further route is answered as JSON, and only to who signs where credentials are configured', async t => {
  const routes = { 'GET /_sluice/state': () => ({ status: 200, body: { revision: 7 } }) }
  const free = await open(t, { routes })
  assert.match(await sendRaw(free.port, plain('GET /_sluice/state')), /^HTTP\/1.1 200 .*{"revision":7}/s)
  const guarded = await open(t, { routes, credentials: new Map([['A', 'b']]) })
  assert.match(await sendRaw(guarded.port, plain('GET /_sluice/state')), /^HTTP\/1.1 403 .*MissingAuthenticationToken/s)
})

test('closing lets a request that has begun end, and refuses new connections', { timeout: 10_000 }, async t => {
  let release = () => {}
  const held = new Promise<void>(resolve => {
    release = resolve
  })
  const store = openMemoryStore()
  let begun = () => {}
  const beginning = new Promise<void>(resolve => {
    begun = resolve
  })
  const slow = {
    ...store,
    transact: async (...args: Parameters<typeof store.transact>) => {
      begun()
      await held
      return store.transact(...args)
    },
  }
  const api = await open(t, { store: slow })
  const call = ec2Client(t, api).send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }))
  await beginning
  const closed = api.close(60_000)
  await assert.rejects(sendRaw(api.port, queryRequest(good)), { code: 'ECONNREFUSED' })
  release()
  await call
  await closed
  assert.equal(store.read().vpcs.size, 1)
})

test("a port that is taken is the system's own error", async t => {
  const { port } = await open(t)
  await assert.rejects(open(t, { port }), { code: 'EADDRINUSE' })
})
