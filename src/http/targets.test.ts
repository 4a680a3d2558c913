import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, groupId, httpGroup, ok, Stage, statuses, targetNamed } from './wires.fixture.ts'

test('a draining target gets no new request, finishes its own, and its kept connections are closed', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])])
  const [busy, other, late] = [stage.client(), stage.client(), stage.client()]
  busy.receive(get)
  other.receive(get)
  const [working, kept] = [stage.nextTarget(), stage.nextTarget()]
  kept.receive(ok())
  stage.update([httpGroup([targetNamed('a', { mode: 'drain' }), targetNamed('b')])])
  assert.equal(kept.end, 'closed')
  late.receive(get)
  assert.equal(stage.nextTarget().address, 'b')
  working.receive(ok())
  assert.deepEqual(statuses(busy.take()), [200])
  assert.equal(working.end, 'closed')
})

test('a target that is cut ends its requests with 502, its answers with a reset, and its races', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])])
  const [waiting, answered, connecting] = [stage.client(), stage.client(), stage.client()]
  waiting.receive(get)
  stage.nextTarget()
  answered.receive(get)
  stage.nextTarget().receive('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc')
  connecting.receive(get)
  stage.update([httpGroup([targetNamed('a', { mode: 'cut' })])])
  assert.deepEqual(statuses(waiting.take()), [502])
  assert.equal(answered.end, 'reset')
  assert.deepEqual(statuses(connecting.take()), [502])
  assert.equal(stage.dials[0]!.end, 'reset')
})

test('only what came through the group that cuts is cut', () => {
  const other = 'arn:tg HTTP zone'
  const stage = new Stage([httpGroup([targetNamed('a')]), httpGroup([targetNamed('a')], { id: other })])
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  stage.update([httpGroup([targetNamed('a', { mode: 'cut' })], { id: other })])
  target.receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
  stage.front.update(stage.front.site.listener)
  client.receive(get)
  stage.update([httpGroup([targetNamed('a', { mode: 'cut' })], { id: other })], [groupId])
  assert.deepEqual(statuses(client.take()), [502])
})

test('a registration whose address changes is reached at the new one', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])])
  const client = stage.client()
  client.receive(get)
  const old = stage.nextTarget()
  old.receive(ok())
  client.take()
  stage.update([httpGroup([targetNamed('a', { address: 'b' })])])
  client.receive(get)
  const next = stage.nextTarget()
  assert.equal(next.address, 'b')
  assert.equal(old.end, 'closed')
  next.receive(ok())
  assert.equal(stage.targets.counters()[0]?.tally.requests, 2)
})

test('an answer beyond 5xx is passed on and is of no class', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])])
  const client = stage.client()
  client.receive(get)
  stage.nextTarget().receive('HTTP/1.1 999 No\r\nContent-Length: 0\r\n\r\n')
  assert.deepEqual(statuses(client.take()), [999])
  assert.deepEqual(stage.targets.counters()[0]?.tally.classes, [0, 0, 0, 0, 0, 0])
})

test('a connection whose target takes nothing more does not close for ever', async () => {
  const stage = new Stage([httpGroup([targetNamed('a')])])
  const client = stage.client()
  client.receive('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  const target = stage.nextTarget()
  target.receive('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n')
  target.takesMore = false
  client.receive('frames')
  await stage.clock.advance(61_000)
  assert.equal(target.end, 'closed')
  await stage.clock.advance(11_000)
  assert.equal(target.end, 'reset')
})

test('targets count requests, answers and bytes, and are forgotten when they are gone', () => {
  const stage = new Stage([httpGroup([targetNamed('a')])])
  const client = stage.client()
  client.receive(get)
  const target = stage.nextTarget()
  target.receive('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')
  const [{ key, tally, connections } = assert.fail()] = stage.targets.counters()
  assert.equal(key, 'a')
  assert.equal(connections, 1)
  assert.deepEqual([tally.requests, tally.activeRequests, tally.newConnections], [1, 0, 1])
  assert.deepEqual(tally.classes, [0, 0, 0, 0, 0, 1])
  assert.ok(tally.bytesIn > 0 && tally.bytesOut > 0)
  target.closes()
  stage.update([httpGroup([])])
  assert.deepEqual(stage.targets.counters(), [])
})
