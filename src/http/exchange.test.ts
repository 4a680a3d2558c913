import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  forwardRule,
  get,
  groupId,
  httpGroup,
  httpListener,
  ok,
  requests,
  Stage,
  statuses,
  targetNamed,
} from './wires.fixture.ts'

const one = () => new Stage([httpGroup([targetNamed('a')])])
const two = () => new Stage([httpGroup([targetNamed('a'), targetNamed('b')])])

const log = { bucket: 'b', prefix: '', account: '1', region: 'r', loadBalancer: 'app.web.1' }

test('a request goes to a target and its answer back, over connections that stay', () => {
  const stage = one()
  const client = stage.client()
  client.receive('GET /x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n')
  const target = stage.nextTarget()
  assert.match(target.take(), /^GET \/x\?y=1 HTTP\/1\.1\r\n.*X-Forwarded-For: 203\.0\.113\.7\r\n.*\r\n\r\n$/s)
  target.receive(ok('hello'))
  assert.match(client.take(), /^HTTP\/1\.1 200 OK\r\n.*\r\n\r\nhello$/s)
  client.receive(get)
  assert.deepEqual(requests(target.take()), ['GET /'])
  target.receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
  assert.equal(client.end, 'open')
  assert.equal(stage.dials.length, 0)
})

test('of the kept connections the one used last is taken', () => {
  const stage = one()
  const [first, second] = [stage.client(), stage.client()]
  first.receive(get)
  second.receive(get)
  const [a, b] = [stage.nextTarget(), stage.nextTarget()]
  b.receive(ok())
  a.receive(ok())
  b.take()
  a.take()
  second.receive(get)
  assert.deepEqual(requests(a.take()), ['GET /'])
  assert.equal(b.take(), '')
})

test('body bytes that come before there is a connection wait for it, and the client with them', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234')
  assert.ok(client.isPaused)
  const target = stage.nextTarget()
  assert.match(target.take(), /Content-Length: 10\r\n\r\n01234$/s)
  assert.ok(!client.isPaused)
  client.receive('56789')
  assert.equal(target.take(), '56789')
  target.receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('chunks and trailers go on as chunks and trailers, both ways', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const target = stage.nextTarget()
  assert.match(target.take(), /Transfer-Encoding: chunked\r\n/)
  client.receive('5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n')
  assert.equal(target.take(), '5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n')
  target.receive('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
  assert.match(client.take(), /Transfer-Encoding: chunked\r\n.*\r\n\r\n3\r\nabc\r\n$/s)
  target.receive('0\r\nX-Sum: 2\r\n\r\n')
  assert.equal(client.take(), '0\r\nX-Sum: 2\r\n\r\n')
})

test('a client that takes no more stops the target, and its connection is used again only when all is out', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  client.takesMore = false
  target.receive('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab')
  assert.ok(target.isPaused)
  client.drain()
  assert.ok(!target.isPaused)
  client.takesMore = false
  target.receive('cd')
  const other = stage.client()
  other.receive(get)
  assert.equal(stage.dials.length, 1)
  client.drain()
  assert.match(client.take(), /abcd$/)
  assert.ok(!target.isPaused)
})

test('a target that takes no more stops the client', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n')
  const target = stage.nextTarget()
  target.takesMore = false
  client.receive('ab')
  assert.ok(client.isPaused)
  target.drain()
  assert.ok(!client.isPaused)
})

test('a target that hangs up after an answer with a whole body to a stalled client spoils nothing', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  client.takesMore = false
  target.receive(ok('abc'))
  target.closes('ECONNRESET')
  client.drain()
  assert.match(client.take(), /abc$/)
  assert.equal(client.end, 'open')
})

test('a kept connection that drops an idempotent request unanswered is replaced, once', () => {
  for (const ending of ['fin', 'reset'] as const) {
    const stage = one()
    const client = stage.client()
    client.receive(get)
    const target = stage.nextTarget()
    target.receive(ok())
    client.take()
    client.receive(get)
    if (ending === 'fin') target.peerFinishes()
    else target.closes('ECONNRESET')
    const second = stage.nextTarget()
    assert.deepEqual(requests(second.take()), ['GET /'])
    second.closes('ECONNRESET')
    assert.deepEqual(statuses(client.take()), [502])
    assert.equal(client.end, 'open')
  }
})

test('what is not idempotent, had a body, or was answered in part is not sent twice', () => {
  for (const [request, answer] of [
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n', ''],
    ['PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx', ''],
    [get, 'HTTP/1.1 2'],
  ] as const) {
    const stage = one()
    const client = stage.client()
    client.receive(get)
    const target = stage.nextTarget()
    target.receive(ok())
    client.take()
    client.receive(request)
    if (answer !== '') target.receive(answer)
    target.closes('ECONNRESET')
    assert.equal(stage.dials.length, 0, request)
    assert.deepEqual(statuses(client.take()), [502])
  }
})

test('a new connection that drops the request is 502, where there is no other target for it', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  stage.nextTarget().peerFinishes()
  assert.equal(stage.dials.length, 0)
  assert.deepEqual(statuses(client.take()), [502])
})

test('an idempotent request that a new connection drops unanswered goes to another target, once', () => {
  const stage = two()
  const client = stage.client()
  client.receive(get)
  const first = stage.nextTarget()
  first.closes('ECONNRESET')
  const second = stage.nextTarget()
  assert.deepEqual(requests(second.take()), ['GET /'])
  second.closes('ECONNRESET')
  assert.equal(stage.dials.length, 0)
  assert.deepEqual(statuses(client.take()), [502])

  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n')
  stage.nextTarget().closes('ECONNRESET')
  assert.deepEqual(statuses(client.take()), [502])
})

test('an answer that breaks off breaks off for the client', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  target.receive('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
  target.peerFinishes()
  assert.equal(client.end, 'reset')
})

test('an answer that ends with its connection is chunked for HTTP/1.1, and ends with the connection for HTTP/1.0', () => {
  for (const [version, expected, end] of [
    ['1.1', /Transfer-Encoding: chunked.*3\r\nabc\r\n0\r\n\r\n$/s, 'open'],
    ['1.0', /\r\n\r\nabc$/, 'closed'],
  ] as const) {
    const stage = one()
    const client = stage.client()
    client.receive(`GET / HTTP/${version}\r\nHost: a\r\nConnection: keep-alive\r\n\r\n`)
    const target = stage.nextTarget()
    target.receive('HTTP/1.1 200 OK\r\n\r\nabc')
    target.peerFinishes()
    assert.match(client.take(), expected)
    assert.equal(client.end, end)
  }
})

test('more than was asked for is thrown away with its connection', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  target.receive(`${ok('a')}${ok('smuggled')}`)
  assert.match(client.take(), /a$/)
  assert.equal(target.end, 'closed')
  client.receive(get)
  stage.nextTarget().receive(ok('b'))
  assert.match(client.take(), /b$/)
})

test('what a target says unasked ends its connection', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  target.receive(ok())
  target.receive('HTTP/1.1 408 Request Timeout\r\n\r\n')
  assert.equal(target.end, 'reset')
  client.take()
  client.receive(get)
  stage.nextTarget().receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('an answer before the request is whole closes both connections after it', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n')
  const target = stage.nextTarget()
  target.receive('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n')
  assert.match(client.take(), /^HTTP\/1\.1 413 .*Connection: close\r\n/s)
  assert.equal(client.end, 'closed')
  assert.equal(target.end, 'closed')
})

test('an ambiguous request is answered, and both connections closed', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc')
  const target = stage.nextTarget()
  target.receive(ok())
  assert.match(client.take(), /^HTTP\/1\.1 200 .*Connection: close\r\n/s)
  assert.equal(client.end, 'closed')
  assert.equal(target.end, 'closed')
  assert.equal(stage.front.tally.desync.nonCompliant, 1)
})

test('interim answers pass, but not to HTTP/1.0', () => {
  for (const [version, expected] of [
    ['1.1', [100, 200]],
    ['1.0', [200]],
  ] as const) {
    const stage = one()
    const client = stage.client()
    client.receive(`POST / HTTP/${version}\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`)
    const target = stage.nextTarget()
    target.receive('HTTP/1.1 100 Continue\r\n\r\n')
    client.receive('ab')
    target.receive(ok())
    assert.deepEqual(statuses(client.take()), expected)
  }
})

test('an upgrade makes a tunnel, which ends on both sides', () => {
  const stage = one()
  const client = stage.client()
  client.receive('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly')
  assert.ok(client.isPaused)
  const target = stage.nextTarget()
  assert.match(target.take(), /Upgrade: websocket\r\n\r\n$/s)
  target.receive('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome')
  assert.match(client.take(), /^HTTP\/1\.1 101 .*Upgrade: websocket\r\n.*\r\nwelcome$/s)
  assert.equal(target.take(), 'early')
  client.receive('GET / HTTP/1.1\r\n\r\n')
  assert.equal(target.take(), 'GET / HTTP/1.1\r\n\r\n')
  target.receive('bye')
  target.peerFinishes()
  assert.equal(client.take(), 'bye')
  assert.equal(client.end, 'finished')
  client.peerFinishes()
  assert.equal(target.end, 'finished')
  target.closes()
  client.closes()
  assert.equal(stage.front.tally.activeRequests, 0)
  assert.equal(stage.closed, 1)
})

test('an upgrade that the target declines is an answer like any other', () => {
  const stage = one()
  const client = stage.client()
  client.receive('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  stage.nextTarget().receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
  client.receive(get)
  assert.equal(client.end, 'open')
})

test('a client that leaves before its answer is 460, and its target hears of it', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])], httpListener({ settings: { accessLog: log } }))
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  client.closes('ECONNRESET')
  assert.equal(target.end, 'reset')
  assert.equal(stage.entries[0]?.elbStatus, 460)
  assert.equal(stage.front.tally.elb.get(460), 1)
  assert.equal(stage.front.tally.activeRequests, 0)
})

test('a client that says it sends no more gets its answer, and is closed then', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  client.peerFinishes()
  stage.nextTarget().receive(ok())
  assert.match(client.take(), /^HTTP\/1\.1 200 .*Connection: close\r\n/s)
  assert.equal(client.end, 'closed')
})

test('a client that sends no more in the midst of its body gets 400', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
  const target = stage.nextTarget()
  client.peerFinishes()
  assert.deepEqual(statuses(client.take()), [400])
  assert.equal(target.end, 'reset')
})

test('redirects and fixed responses are made here, and the connection stays where the body is short', () => {
  const fixed = { type: 'fixed-response', statusCode: 404, contentType: 'text/plain', body: 'no' } as const
  const stage = new Stage(
    [],
    httpListener({ rules: [{ priority: 0, conditions: [], action: { forward: [], answer: fixed } }] }),
  )
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab')
  client.receive(`cd${get}`)
  assert.deepEqual(statuses(client.take()), [404, 404])
  assert.equal(client.end, 'open')
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nab')
  assert.match(client.take(), /^HTTP\/1\.1 404 .*Connection: close\r\n/s)
  assert.equal(client.end, 'closed')
})

test('no target is 503, another protocol version 464, too many addresses 463', () => {
  const request = (stage: Stage, text: string) => {
    const client = stage.client()
    client.receive(text)
    return statuses(client.take())
  }
  assert.deepEqual(request(new Stage([]), get), [503])
  assert.deepEqual(request(new Stage([httpGroup([])]), get), [503])
  assert.deepEqual(
    request(new Stage([httpGroup([targetNamed('a')], { http: { protocolVersion: 'GRPC' } })]), get),
    [464],
  )
  const addresses = Array.from({ length: 31 }, (_, n) => `10.0.0.${n}`).join(', ')
  assert.deepEqual(request(one(), `GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: ${addresses}\r\n\r\n`), [463])
})

test('a listener that is its own target gives 503 instead of going round for ever', () => {
  const stage = new Stage([httpGroup([targetNamed('a', { address: '10.0.0.5' })])])
  const client = stage.client()
  client.receive(get)
  assert.deepEqual(statuses(client.take()), [503])
})

test('the access log has the whole way of a request', async () => {
  const stage = new Stage([httpGroup([targetNamed('10.0.0.9')])], httpListener({ settings: { accessLog: log } }))
  const client = stage.client()
  client.receive('GET /x?q HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl\r\n\r\n')
  await stage.clock.advance(10)
  const target = stage.nextTarget()
  await stage.clock.advance(20)
  target.receive('HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n')
  await stage.clock.advance(5)
  target.receive('ab')
  const [entry] = stage.entries
  assert.equal(entry?.url, 'http://example.com:80/x?q')
  assert.equal(entry?.userAgent, 'curl')
  assert.equal(entry?.target, '10.0.0.9:80')
  assert.deepEqual([entry?.requestProcessingMs, entry?.targetProcessingMs, entry?.responseProcessingMs], [10, 20, 5])
  assert.deepEqual(
    [entry?.elbStatus, entry?.targetStatus, entry?.rulePriority, entry?.actions],
    [201, 201, 0, 'forward'],
  )
  assert.match(entry?.traceId ?? '', /^Root=1-/)
  assert.equal(entry?.createdAt, (entry?.time ?? 0) - 35)
})

test('a snapshot that comes while a request is under way leaves it alone', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  stage.front.update(httpListener({ rules: [{ ...forwardRule, action: { forward: [{ group: 'gone', weight: 1 }] } }] }))
  stage.update([], [groupId])
  target.receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
  client.receive(get)
  assert.deepEqual(statuses(client.take()), [503])
})

test('a client whose body waited for a target that refused goes on with its next request', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
  stage.dials.shift()!.closes('ECONNREFUSED')
  assert.deepEqual(statuses(client.take()), [502])
  client.receive(get)
  stage.nextTarget().receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('a target that answers before it has taken all of a body has no other request, and the client goes on', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n')
  const target = stage.nextTarget()
  target.takesMore = false
  client.receive('0123456789')
  target.receive(ok())
  assert.equal(target.end, 'reset')
  assert.deepEqual(statuses(client.take()), [200])
  client.receive(get)
  stage.nextTarget().receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('in monitor mode too the target of a request that another might read differently has no other one', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])], httpListener({ settings: { desyncMode: 'monitor' } }))
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')
  const target = stage.nextTarget()
  assert.match(target.take(), /Connection: close/)
  target.receive(ok())
  assert.deepEqual([target.end, client.end], ['closed', 'closed'])
})
