import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../clock.ts'
import type { Snapshot, SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import type { SnapshotRule } from '../../domain/snapshot-http.ts'
import { forwardRule, groupId, httpGroup, httpListener } from '../../http/wires.fixture.ts'
import { until } from '../until.fixture.ts'
import { openUserspaceEngine } from './engine.ts'
import { clientOf, groupOf, listenerOn, serveEcho, take, targetAt } from './tcp.fixture.ts'

async function open(t: TestContext) {
  const engine = await openUserspaceEngine({
    workers: 2,
    clock: systemClock,
    udpFlowLimit: 100,
    directory: tmpdir(),
    onSuspicion() {},
    log() {},
  })
  t.after(() => engine.close())
  return engine
}

async function serveHttp(t: TestContext, port: number, answer: http.RequestListener): Promise<void> {
  const server = http.createServer(answer)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
}

function httpOn(port: number, rules?: readonly SnapshotRule[]): SnapshotListener {
  return { ...httpListener(rules && { rules }), id: `TCP 127.0.0.1 ${port}`, address: '127.0.0.1', port }
}

function snapshot(
  revision: number,
  listeners: readonly SnapshotListener[],
  groups: readonly SnapshotGroup[],
): Snapshot {
  return { revision, listeners, groups, guards: [] }
}

test('workers serve an HTTP listener together, follow its rules, and count as one', async t => {
  await serveHttp(t, 22750, (_, response) => response.end('target'))
  const engine = await open(t)
  const groups = [httpGroup([targetAt(22750)])]
  assert.deepEqual((await engine.apply(snapshot(1, [httpOn(22751)], groups))).problems, [])
  for (let n = 0; n < 10; n++) {
    const response = await fetch('http://127.0.0.1:22751/', { headers: { connection: 'close' } })
    assert.equal(await response.text(), 'target')
  }
  const seen = await engine.observe()
  assert.equal(seen.listeners[0]?.http?.requests, 10)
  assert.equal(seen.listeners[0]?.newFlows, 10)
  assert.deepEqual(seen.targets[0]?.http?.classes, [0, 0, 10, 0, 0, 0])
  const fixed: SnapshotRule = {
    priority: 1,
    conditions: [{ field: 'path-pattern', values: ['/fixed'], regexValues: [] }],
    action: { forward: [], answer: { type: 'fixed-response', statusCode: 418, body: 'tea' } },
  }
  await engine.apply(snapshot(2, [httpOn(22751, [fixed, forwardRule])], groups))
  assert.equal((await fetch('http://127.0.0.1:22751/fixed')).status, 418)
  assert.equal((await fetch('http://127.0.0.1:22751/other')).status, 200)
})

test('a group of a rule changes without its listener, and what is cut ends', async t => {
  const asked = Promise.withResolvers<void>()
  await serveHttp(t, 22752, () => asked.resolve())
  await serveHttp(t, 22753, (_, response) => response.end('second'))
  const engine = await open(t)
  const listeners = [httpOn(22754)]
  await engine.apply(snapshot(1, listeners, [httpGroup([targetAt(22752)])]))
  const hanging = fetch('http://127.0.0.1:22754/')
  await asked.promise
  await engine.apply(snapshot(2, listeners, [httpGroup([targetAt(22752, 'drain'), targetAt(22753)])]))
  assert.equal(await (await fetch('http://127.0.0.1:22754/')).text(), 'second')
  await engine.apply(snapshot(3, listeners, [httpGroup([targetAt(22752, 'cut'), targetAt(22753)])]))
  assert.equal((await hanging).status, 502)
})

test('a port that changes from TCP to HTTP and back is served as what it is', async t => {
  await serveEcho(t, 22755, 'tcp')
  await serveHttp(t, 22756, (_, response) => response.end('http'))
  const engine = await open(t)
  const groups = [groupOf([targetAt(22755)]), httpGroup([targetAt(22756)])]
  for (const revision of [1, 3]) {
    await engine.apply(snapshot(revision, [listenerOn(22757)], groups))
    const client = clientOf(t, 22757)
    assert.equal(await take(client, 3), 'tcp')
    const applied = await engine.apply(snapshot(revision + 1, [httpOn(22757)], groups))
    assert.deepEqual(applied.problems, [])
    await until(async () => (await (await fetch('http://127.0.0.1:22757/')).text()) === 'http')
  }
})

test('closing answers what is under way', async t => {
  const asked = Promise.withResolvers<http.ServerResponse>()
  await serveHttp(t, 22758, (request, response) => {
    if (request.url === '/slow') asked.resolve(response)
    else response.end()
  })
  const engine = await open(t)
  await engine.apply(snapshot(1, [httpOn(22759)], [httpGroup([targetAt(22758)], { id: groupId })]))
  const answer = fetch('http://127.0.0.1:22759/slow')
  const response = await asked.promise
  const closed = engine.close(5_000)
  await until(async () => !(await fetch('http://127.0.0.1:22759/').then(Boolean, () => false)))
  response.end('last')
  assert.equal(await (await answer).text(), 'last')
  await closed
})
