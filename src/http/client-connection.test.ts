import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, httpGroup, httpListener, ok, requests, Stage, statuses, targetNamed } from './wires.fixture.ts'

const one = (listener = httpListener()) => new Stage([httpGroup([targetNamed('a')])], listener)

const fixed = httpListener({
  rules: [
    { priority: 0, conditions: [], action: { forward: [], answer: { type: 'fixed-response', statusCode: 200 } } },
  ],
})

test('pipelined requests are handled one after the other, and nothing is read meanwhile', () => {
  const stage = one()
  const client = stage.client()
  client.receive('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nGET /3 HTTP/1.1\r\nHo')
  assert.ok(client.isPaused)
  const target = stage.nextTarget()
  assert.deepEqual(requests(target.take()), ['GET /1'])
  target.receive(ok('1'))
  assert.deepEqual(requests(target.take()), ['GET /2'])
  target.receive(ok('2'))
  assert.match(client.take(), /\r\n\r\n1HTTP.*\r\n\r\n2$/s)
  assert.ok(!client.isPaused)
  client.receive('st: a\r\n\r\n')
  assert.deepEqual(requests(target.take()), ['GET /3'])
})

test('a client that takes no more has no other request begun', () => {
  const stage = one(fixed)
  const client = stage.client()
  client.takesMore = false
  client.receive(`${get}${get}${get}`)
  assert.deepEqual(statuses(client.take()), [200])
  client.takesMore = false
  client.receiver.onDrain()
  assert.deepEqual(statuses(client.take()), [200])
  client.drain()
  assert.deepEqual(statuses(client.take()), [200])
  assert.ok(!client.isPaused)
})

test('an idle connection is closed without a word, one with half a head gets 408', async () => {
  const stage = one()
  const [idle, slow] = [stage.client(), stage.client()]
  slow.receive('GET / HT')
  await stage.clock.advance(50_000)
  slow.receive('TP')
  await stage.clock.advance(9_500)
  assert.equal(idle.end, 'open')
  await stage.clock.advance(1_500)
  assert.equal(idle.end, 'closed')
  assert.equal(idle.take(), '')
  assert.deepEqual(statuses(slow.take()), [408])
  assert.equal(slow.end, 'closed')
  assert.equal(stage.front.tally.rejections.get('header-timeout'), 1)
})

test('a client that stops in its body gets 408, a target that stops 504', async () => {
  const stage = one()
  const [slow, waiting] = [stage.client(), stage.client()]
  slow.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc')
  const target = stage.nextTarget()
  waiting.receive(get)
  stage.nextTarget()
  await stage.clock.advance(30_000)
  slow.receive('d')
  await stage.clock.advance(31_000)
  assert.deepEqual(statuses(waiting.take()), [504])
  assert.equal(waiting.end, 'open')
  assert.equal(slow.take(), '')
  await stage.clock.advance(30_000)
  assert.deepEqual(statuses(slow.take()), [408])
  assert.equal(slow.end, 'closed')
  assert.equal(target.end, 'reset')
  assert.equal(stage.front.tally.rejections.get('body-timeout'), 1)
})

test('a target that takes nothing of a body gives 504, not 408', async () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n')
  const target = stage.nextTarget()
  target.takesMore = false
  client.receive('abc')
  await stage.clock.advance(61_000)
  assert.deepEqual(statuses(client.take()), [504])
})

test('a client that takes nothing of its answer is reset at last', async () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  client.takesMore = false
  target.receive('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
  await stage.clock.advance(61_000)
  assert.equal(client.end, 'reset')
  assert.equal(target.end, 'reset')
})

test('a tunnel that is idle ends', async () => {
  const stage = one()
  const client = stage.client()
  client.receive('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const target = stage.nextTarget()
  target.receive('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  await stage.clock.advance(59_000)
  target.receive('still here')
  await stage.clock.advance(59_000)
  assert.equal(client.end, 'open')
  await stage.clock.advance(2_000)
  assert.equal(client.end, 'closed')
  assert.equal(target.end, 'closed')
})

test('a connection that has lived long enough is closed after its next answer, or when it is idle', async () => {
  const stage = one(httpListener({ settings: { clientKeepAliveMs: 100_000, idleTimeoutMs: 4_000_000 } }))
  const [busy, idle] = [stage.client(), stage.client()]
  busy.receive(get)
  const target = stage.nextTarget()
  await stage.clock.advance(101_000)
  target.receive(ok())
  assert.match(busy.take(), /Connection: close\r\n/)
  assert.equal(busy.end, 'closed')
  assert.equal(idle.end, 'closed')
})

test('a kept connection to a target is closed after the idle timeout', async () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  target.receive(ok())
  await stage.clock.advance(59_000)
  assert.equal(target.end, 'open')
  await stage.clock.advance(2_000)
  assert.equal(target.end, 'closed')
})

test('what is no request gets 400 and the end', () => {
  const stage = one()
  const client = stage.client()
  client.receive('GET / HTTP/1.1\r\nHost : a\r\n\r\n')
  assert.deepEqual(statuses(client.take()), [400])
  assert.equal(client.end, 'closed')
  client.closes()
  assert.equal(stage.closed, 1)
  assert.equal(stage.front.tally.activeRequests, 0)
})

test('a chunk that is none ends a request under way with 400', () => {
  const stage = one()
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const target = stage.nextTarget()
  client.receive('5\r\nhelloXX')
  assert.deepEqual(statuses(client.take()), [400])
  assert.equal(client.end, 'closed')
  assert.equal(target.end, 'reset')
})

test('a listener that ends answers what is under way, closes what is idle, and takes no more', () => {
  const stage = one()
  const [busy, idle] = [stage.client(), stage.client()]
  busy.receive(`${get}${get}`)
  const target = stage.nextTarget()
  stage.front.drain()
  assert.equal(idle.end, 'closed')
  target.take()
  target.receive(ok())
  assert.match(busy.take(), /Connection: close\r\n/)
  assert.equal(busy.end, 'closed')
  assert.equal(target.take(), '')
})

test('a process that is far behind answers 503 at once, and counts it', () => {
  const stage = one()
  const client = stage.client()
  stage.load.lagMs = 1_001
  client.receive(get)
  assert.deepEqual(statuses(client.take()), [503])
  assert.equal(stage.front.tally.rejections.get('overload'), 1)
  stage.load.lagMs = 0
  client.receive(get)
  stage.nextTarget().receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('what is under way when the listener begins to drain is answered, and its connection closed', () => {
  const stage = one()
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  target.receive('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok')
  stage.front.drain()
  assert.equal(client.end, 'open')
  target.receive('ok')
  assert.equal(client.end, 'closed')
})
