import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get, httpGroup, ok, requests, Stage, statuses, targetNamed } from './wires.fixture.ts'

const of = (...names: string[]) => new Stage([httpGroup(names.map(name => targetNamed(name)))])

test('a target that refuses is suspect, and the next one gets the request, body and all', () => {
  const stage = of('a', 'b')
  const client = stage.client()
  client.receive('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc')
  const refused = stage.dials.shift()!
  refused.closes('ECONNREFUSED')
  assert.equal(stage.suspects.get(refused.address), 'connection refused')
  const target = stage.nextTarget()
  assert.notEqual(target.address, refused.address)
  assert.match(target.take(), /\r\n\r\nabc$/)
  target.receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('where all refuse, the answer is 502', () => {
  const stage = of('a', 'b')
  const client = stage.client()
  client.receive(get)
  while (stage.dials.length > 0) stage.dials.shift()!.closes('ECONNREFUSED')
  assert.deepEqual(statuses(client.take()), [502])
  assert.equal(client.end, 'open')
})

test('a target that is silent gets company after 250 ms, and is avoided once that was faster', async () => {
  const stage = of('a', 'b')
  const client = stage.client()
  client.receive(get)
  const silent = stage.dials.shift()!
  await stage.clock.advance(249)
  assert.equal(stage.dials.length, 0)
  await stage.clock.advance(1)
  const target = stage.nextTarget()
  assert.equal(silent.end, 'reset')
  assert.equal(stage.suspects.get(silent.address), 'slow')
  target.receive(ok())
  assert.deepEqual(statuses(client.take()), [200])
})

test('a kept connection ends the race at once', async () => {
  const stage = of('a', 'b')
  const [first, second] = [stage.client(), stage.client()]
  first.receive(get)
  const kept = stage.nextTarget()
  kept.receive(ok())
  kept.take()
  second.receive(get)
  const silent = stage.dials.shift()!
  assert.notEqual(silent.address, kept.address)
  await stage.clock.advance(250)
  assert.deepEqual(requests(kept.take()), ['GET /'])
  assert.equal(silent.end, 'reset')
  assert.equal(stage.suspects.get(silent.address), 'slow')
})

test('of a target that falls silent, requests on kept connections that may be sent again are', async () => {
  const stage = of('a', 'b')
  const clients = Array.from({ length: 7 }, () => stage.client())
  // The targets take turns: three kept connections to each.
  const kept = clients.slice(1).map(client => {
    client.receive(get)
    return stage.nextTarget()
  })
  for (const target of kept) {
    target.receive(ok())
    target.take()
  }
  for (const client of clients) client.take()
  const silent = kept.filter(({ address }) => address === kept[0]!.address)
  const speaking = kept.filter(target => !silent.includes(target))
  await stage.clock.advance(10)
  for (const [i, method] of ['GET', 'HEAD', 'POST', 'HEAD'].entries()) {
    clients[i]!.receive(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
    for (const target of speaking) if (target.take() !== '') target.receive('HTTP/1.1 204 No Content\r\n\r\n')
  }
  assert.deepEqual(silent.flatMap(({ sent }) => requests(sent)).sort(), ['GET /', 'POST /'])
  const [last] = silent.filter(({ sent }) => sent === '')
  await stage.clock.advance(10)
  last!.closes()
  clients[4]!.receive(get)
  assert.equal(stage.dials.shift()!.address, last!.address)
  await stage.clock.advance(250)
  assert.equal(stage.suspects.get(last!.address), 'slow')
  assert.deepEqual(silent.map(({ sent, end }) => `${requests(sent)} ${end}`).sort(), [
    ' open',
    'GET / reset',
    'POST / open',
  ])
  const again = stage.nextTarget()
  assert.equal(again.address, speaking[0]!.address)
  again.receive(ok())
  assert.deepEqual(statuses(clients[0]!.take()), [200])
  assert.equal(clients[2]!.take(), '', 'a POST may have been done')
})

test('with nothing but silence it is 504 after ten seconds', async () => {
  const stage = of('a')
  const client = stage.client()
  client.receive(get)
  await stage.clock.advance(9_900)
  assert.equal(client.take(), '')
  await stage.clock.advance(100)
  assert.deepEqual(statuses(client.take()), [504])
  assert.equal(stage.dials[0]!.end, 'reset')
  assert.equal(stage.suspects.get('a'), 'connect timed out')
})

test('a client that leaves ends the race', async () => {
  const stage = of('a')
  const client = stage.client()
  client.receive(get)
  client.closes()
  assert.equal(stage.dials[0]!.end, 'reset')
  await stage.clock.advance(20_000)
  assert.equal(stage.dials.length, 1)
})

test('a failed TLS handshake is 502, and counted', () => {
  const stage = new Stage([httpGroup([targetNamed('a')], { tls: true })])
  const client = stage.client()
  client.receive(get)
  assert.ok(stage.dials[0]!.isTls)
  stage.dials[0]!.closes('TLS')
  assert.deepEqual(statuses(client.take()), [502])
  const [count] = stage.targets.counters()
  assert.equal(count?.tally.tlsErrors, 1)
  assert.equal(count?.tally.connectionErrors, 1)
})

test('out of descriptors idle connections are given up, and no target is blamed', () => {
  const stage = of('a', 'b')
  const [first, second] = [stage.client(), stage.client()]
  first.receive(get)
  const kept = stage.nextTarget()
  kept.receive(ok())
  second.receive(get)
  const dial = stage.dials.shift()!
  assert.notEqual(dial.address, kept.address)
  dial.closes('EMFILE')
  assert.equal(kept.end, 'reset')
  const target = stage.nextTarget()
  assert.equal(target.address, dial.address)
  target.receive(ok())
  assert.deepEqual(statuses(second.take()), [200])
  assert.equal(stage.suspects.size, 0)
})

test('out of descriptors without an idle connection it is 502', () => {
  const stage = of('a')
  const client = stage.client()
  client.receive(get)
  stage.dials.shift()!.closes('EMFILE')
  assert.deepEqual(statuses(client.take()), [502])
  assert.equal(stage.dials.length, 0)
})
