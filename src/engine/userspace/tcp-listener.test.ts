import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type Clock, systemClock } from '../../clock.ts'
import { Choice } from '../../domain/choice.ts'
import type { SnapshotGroup, SnapshotListener, SnapshotTarget } from '../../domain/snapshot.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import type { Suspicion } from '../engine.ts'
import { bindTcp } from '../tcp-handle.ts'
import { until } from '../until.fixture.ts'
import { Suspects } from './suspects.ts'
import { clientOf, ending, groupOf, listenerOn, serveAt, serveEcho, take, targetAt } from './tcp.fixture.ts'
import { TcpFlows } from './tcp-flows.ts'
import { TcpListener } from './tcp-listener.ts'
import { tlsOptions } from './tls.fixture.ts'

interface Setup {
  readonly listener: SnapshotListener
  readonly group: SnapshotGroup
  readonly clock?: Clock
  readonly limit?: number
  readonly applicationAt?: ConstructorParameters<typeof TcpListener>[0]['applicationAt']
}

function open(
  t: TestContext,
  { listener, group, clock = systemClock, limit = 1_000, applicationAt = () => undefined }: Setup,
) {
  const suspicions: Suspicion[] = []
  const flows = new TcpFlows(limit)
  const suspects = new Suspects({ clock, onSuspicion: suspicion => suspicions.push(suspicion) })
  const choice = new Choice(listener, new Map([[group.id, group]]))
  const handle = bindTcp(listener.address, listener.port)
  const server = new TcpListener({ listener, choice, handle, clock, flows, suspects, tls: tlsOptions(), applicationAt })
  t.after(() => server.close())
  return { server, flows, suspects, suspicions }
}

test('bytes go both ways, each side closes when it likes, and both are counted', async t => {
  await serveAt(t, 21600, socket => {
    let request = ''
    socket.on('data', chunk => {
      request += chunk
    })
    // Answers only when the client has closed its side: a proxy that closes both on one FIN loses this.
    socket.on('end', () => socket.end(`got ${request}`))
  })
  const { server, flows } = open(t, { listener: listenerOn(21601), group: groupOf([targetAt(21600)]) })
  const client = clientOf(t, 21601)
  client.end('hello')
  assert.equal(await take(client, 9), 'got hello')
  client.resume()
  await once(client, 'end')
  await until(() => server.counters().listener.activeFlows === 0)
  const { newFlows, bytesIn, bytesOut, drops } = server.counters().listener
  assert.deepEqual({ newFlows, bytesIn, bytesOut, drops }, { newFlows: 1, bytesIn: 5, bytesOut: 9, drops: {} })
  assert.deepEqual(flows.counters(), [{ target: 'target-21600', newFlows: 1, activeFlows: 0, bytesIn: 5, bytesOut: 9 }])
})

test('an Application Load Balancer behind it gets the client itself, one that is not here a connection', async t => {
  await serveAt(t, 21640, socket => {
    socket.end('by a connection')
  })
  const given: (string | number)[] = []
  const { server, flows } = open(t, {
    listener: listenerOn(21641),
    group: groupOf([targetAt(21640)], { ofLoadBalancers: true }),
    applicationAt: (address, port) =>
      given.length > 0
        ? undefined
        : {
            admit(client, source, sourcePort) {
              given.push(address, port, source, sourcePort)
              client.close()
            },
          },
  })
  const client = clientOf(t, 21641)
  await once(client, 'connect')
  const { localPort } = client
  assert.equal(await ending(client.resume()), 'end')
  assert.deepEqual(given, ['127.0.0.1', 21640, '127.0.0.1', localPort])
  assert.equal(server.counters().listener.newFlows, 1)
  assert.equal(flows.counters()[0]?.newFlows, 1)
  assert.equal(flows.active, 0)
  assert.equal(await take(clientOf(t, 21641), 15), 'by a connection')
})

test('a target that closes first still gets what the client says', async t => {
  const heard = Promise.withResolvers<string>()
  await serveAt(t, 21602, socket => {
    socket.end('bye')
    let text = ''
    socket.on('data', chunk => {
      text += chunk
    })
    socket.on('end', () => heard.resolve(text))
  })
  open(t, { listener: listenerOn(21603), group: groupOf([targetAt(21602)]) })
  const client = clientOf(t, 21603)
  client.resume()
  await once(client, 'end')
  client.end('still here')
  assert.equal(await heard.promise, 'still here')
})

test('1 GiB each way with random pauses arrives whole and in order', { timeout: 60_000 }, async t => {
  const seed = Math.floor(Math.random() * 2 ** 32)
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const target = Promise.withResolvers<Pumped>()
  await serveAt(t, 21604, socket => target.resolve(pump(socket, 1 << 30, random)))
  open(t, { listener: listenerOn(21605), group: groupOf([targetAt(21604)]) })
  const start = performance.now()
  const [client, server] = await Promise.all([pump(clientOf(t, 21605), 1 << 30, random), target.promise])
  t.diagnostic(`${Math.round(performance.now() - start)} ms`)
  assert.equal(client.received, server.sent)
  assert.equal(server.received, client.sent)
})

/** Hashes of what went out and of what came in. */
interface Pumped {
  readonly sent: string
  readonly received: string
}

const noise = randomBytes(512 << 10)

/** Sends `total` bytes of pieces of noise, and receives until the other side ends; either way it pauses at random. */
async function pump(socket: net.Socket, total: number, random: () => number): Promise<Pumped> {
  const received = createHash('sha1')
  const ended = once(socket, 'end')
  socket.on('data', chunk => {
    received.update(chunk)
    if (random() > 0.002) return
    socket.pause()
    setTimeout(() => socket.resume(), random() * 5)
  })
  const sent = createHash('sha1')
  for (let left = total; left > 0; ) {
    const from = Math.floor(random() * (noise.length / 2))
    const chunk = noise.subarray(from, from + Math.min(left, Math.ceil(random() * (noise.length / 2))))
    sent.update(chunk)
    left -= chunk.length
    if (!socket.write(chunk)) await once(socket, 'drain')
    if (random() < 0.002) await new Promise(resolve => setTimeout(resolve, random() * 5))
  }
  socket.end()
  await ended
  return { sent: sent.digest('hex'), received: received.digest('hex') }
}

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('a side that does not read stops the other, and nothing piles up', async t => {
  const stopped = Promise.withResolvers<net.Socket>()
  await serveAt(t, 21606, socket => stopped.resolve(socket.pause()))
  const { server } = open(t, { listener: listenerOn(21607), group: groupOf([targetAt(21606)]) })
  const client = clientOf(t, 21607)
  const total = 64 << 20
  client.end(Buffer.alloc(total, 'x'))
  const target = await stopped.promise
  let before = -1
  await until(async () => {
    const { bytesIn } = server.counters().listener
    const isStill = bytesIn > 0 && bytesIn === before
    before = bytesIn
    await new Promise(resolve => setTimeout(resolve, 50))
    return isStill
  })
  // What the kernel's buffers on both sides of the proxy hold, and one buffer of its own.
  assert.ok(before < 32 << 20, `${before} bytes were taken from the client`)
  let length = 0
  target.on('data', chunk => {
    length += chunk.length
  })
  target.resume()
  await once(target, 'end')
  assert.equal(length, total)
})

test('a reset of either side reaches the other as a reset', async t => {
  const sockets: net.Socket[] = []
  await serveAt(t, 21608, socket => {
    sockets.push(socket)
    socket.write('hi')
  })
  const { server } = open(t, { listener: listenerOn(21609), group: groupOf([targetAt(21608)]) })
  const one = clientOf(t, 21609)
  assert.equal(await take(one, 2), 'hi')
  const targetSees = ending(sockets[0]!)
  sockets[0]!.resume()
  one.resetAndDestroy()
  assert.equal(await targetSees, 'ECONNRESET')

  const two = clientOf(t, 21609)
  assert.equal(await take(two, 2), 'hi')
  two.resume()
  sockets[1]!.resetAndDestroy()
  assert.equal(await ending(two), 'ECONNRESET')
  await until(() => server.counters().listener.activeFlows === 0)
})

test('a connection without traffic for the idle timeout is reset on both sides, and one with traffic either way is not', async t => {
  const clock = new VirtualClock()
  const sockets: net.Socket[] = []
  await serveAt(t, 21610, socket => {
    sockets.push(socket)
    socket.write('hi')
    socket.resume()
  })
  const { server } = open(t, {
    listener: listenerOn(21611, { idleTimeoutMs: 350_000 }),
    group: groupOf([targetAt(21610)]),
    clock,
  })
  const idle = clientOf(t, 21611)
  assert.equal(await take(idle, 2), 'hi')
  const busy = clientOf(t, 21611)
  assert.equal(await take(busy, 2), 'hi')
  const targetSees = ending(sockets[0]!)
  await until(() => server.counters().listener.bytesOut === 4)
  await clock.advance(340_000)
  sockets[1]!.write('one way only')
  assert.equal(await take(busy, 12), 'one way only')
  await clock.advance(9_000)
  assert.equal(server.counters().listener.activeFlows, 2)
  const clientSees = ending(idle)
  idle.resume()
  await clock.advance(1_500)
  assert.equal(await clientSees, 'ECONNRESET')
  assert.equal(await targetSees, 'ECONNRESET')
  await until(() => server.counters().listener.activeFlows === 1)
  sockets[1]!.write('still here')
  assert.equal(await take(busy, 10), 'still here')
})

test('a target that refuses is passed over at once, is suspect, and is avoided for a second', async t => {
  const clock = new VirtualClock()
  await serveEcho(t, 21612, 'b')
  const { server, suspicions, suspects } = open(t, {
    listener: listenerOn(21613),
    group: groupOf([targetAt(21614), targetAt(21612)]),
    clock,
  })
  for (let n = 0; n < 20; n++) assert.equal(await take(clientOf(t, 21613), 1), 'b')
  assert.deepEqual(suspicions, [{ target: 'target-21614', reason: 'connection refused' }])
  assert.ok(suspects.has('target-21614'))
  await clock.advance(1_000)
  assert.ok(!suspects.has('target-21614'))
  for (let n = 0; n < 20; n++) assert.equal(await take(clientOf(t, 21613), 1), 'b')
  assert.equal(suspicions.length, 2)
  assert.deepEqual(server.counters().listener.drops, {})
  assert.equal(server.counters().listener.newFlows, 40)
})

test('a target that does not answer for 250 ms gets another beside it, and is avoided for a second', {
  timeout: 10_000,
}, async t => {
  const clock = new VirtualClock()
  await silent(t, 21615)
  await serveEcho(t, 21616, 'b')
  const group = groupOf([targetAt(21615), targetAt(21616)])
  const { server, flows, suspects, suspicions } = open(t, { listener: listenerOn(21617), group, clock })
  // Which of the two a connection tries first is a matter of its port.
  const clients: net.Socket[] = []
  for (let n = 0; n < 12; n++) {
    const client = clientOf(t, 21617)
    client.write('early')
    clients.push(client)
  }
  await until(() => flows.active === clients.length && server.counters().listener.newFlows > 0)
  await clock.advance(100)
  assert.ok(server.counters().listener.newFlows < clients.length, 'none tried the silent target')
  await clock.advance(200)
  for (const client of clients) assert.equal(await take(client, 6), 'bearly')
  // For a second nobody waits for it again. That is this process's affair: its health check may still pass.
  for (let n = 0; n < 12; n++) assert.equal(await take(clientOf(t, 21617), 1), 'b')
  assert.ok(suspects.has('target-21615'))
  await clock.advance(1_000)
  assert.ok(!suspects.has('target-21615'))
  assert.deepEqual(suspicions, [])
})

test('without any answer a client is reset after 10 s', async t => {
  const clock = new VirtualClock()
  await silent(t, 21618)
  const { server } = open(t, { listener: listenerOn(21619), group: groupOf([targetAt(21618)]), clock })
  const client = clientOf(t, 21619)
  await once(client, 'connect')
  const seen = ending(client)
  client.resume()
  // The connection is accepted a moment after the client sees it.
  await until(async () => {
    await clock.advance(500)
    return server.counters().listener.drops.refused === 1
  })
  assert.equal(await seen, 'ECONNRESET')
})

test('no target, a target that is the listener itself, and all targets refusing: a reset and a count', async t => {
  const seen = async (port: number, targets: readonly SnapshotTarget[]) => {
    const { server } = open(t, { listener: listenerOn(port), group: groupOf(targets) })
    const client = clientOf(t, port)
    client.resume()
    assert.equal(await ending(client), 'ECONNRESET')
    return server.counters().listener.drops
  }
  assert.deepEqual(await seen(21620, []), { 'no-target': 1 })
  assert.deepEqual(await seen(21621, [targetAt(21621)]), { 'no-target': 1 })
  assert.deepEqual(await seen(21622, [targetAt(21623), targetAt(21624)]), { refused: 1 })
})

test('who is not admitted is reset and counted; a changed rule ends nothing that is established', async t => {
  await serveEcho(t, 21625, 'a')
  const listener = listenerOn(21626, { admit: [{ cidr: '127.0.0.1/32' }] })
  const group = groupOf([targetAt(21625)])
  const { server } = open(t, { listener, group })
  const old = clientOf(t, 21626)
  assert.equal(await take(old, 1), 'a')
  server.update({ ...listener, admit: [{ cidr: '192.0.2.0/24' }] }, new Choice(listener, new Map([['group', group]])))
  const late = clientOf(t, 21626)
  late.resume()
  assert.equal(await ending(late), 'ECONNRESET')
  assert.deepEqual(server.counters().listener.drops, { 'security-group': 1 })
  old.write('more')
  assert.equal(await take(old, 4), 'more')
})

test('a cut target resets its own connections, established or trying, and no others', async t => {
  const clock = new VirtualClock()
  await serveEcho(t, 21627, 'a')
  await serveEcho(t, 21628, 'b')
  const group = groupOf([targetAt(21627), targetAt(21628)])
  const { server, flows } = open(t, { listener: listenerOn(21629), group, clock })
  const clients = { a: [] as net.Socket[], b: [] as net.Socket[] }
  for (let n = 0; n < 20; n++) {
    const client = clientOf(t, 21629)
    clients[(await take(client, 1)) as 'a' | 'b'].push(client)
  }
  assert.ok(clients.a.length > 0 && clients.b.length > 0)
  const withoutA = [targetAt(21627, 'cut'), targetAt(21628)]
  flows.cut(groupOf(withoutA, { id: 'the same targets for UDP' }), () => false)
  for (const client of clients.a) {
    client.write('more')
    assert.equal(await take(client, 4), 'more')
  }
  const seen = clients.a.map(ending)
  for (const client of clients.a) client.resume()
  flows.cut(groupOf(withoutA), () => false)
  for (const end of seen) assert.equal(await end, 'ECONNRESET')
  for (const client of clients.b) {
    client.write('more')
    assert.equal(await take(client, 4), 'more')
  }
  await until(() => server.counters().listener.activeFlows === clients.b.length)
})

test('a connection that is trying a target when it is cut goes to another', async t => {
  const clock = new VirtualClock()
  await silent(t, 21630)
  const silentOnly = groupOf([targetAt(21630)])
  const listener = listenerOn(21631)
  const { server, flows } = open(t, { listener, group: silentOnly, clock })
  const client = clientOf(t, 21631)
  await until(() => flows.active === 1)
  await serveEcho(t, 21632, 'b')
  const both = groupOf([targetAt(21630, 'cut'), targetAt(21632)])
  server.update(listener, new Choice(listener, new Map([['group', both]])))
  flows.cut(both, () => false)
  assert.equal(await take(client, 1), 'b')
})

test('a group with proxy protocol tells its target the client, before the first byte', async t => {
  const heard = Promise.withResolvers<Buffer>()
  await serveAt(t, 21633, socket => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => heard.resolve(Buffer.concat(chunks)))
  })
  open(t, { listener: listenerOn(21634), group: groupOf([targetAt(21633)], { proxyProtocol: true }) })
  const client = clientOf(t, 21634)
  await once(client, 'connect')
  client.end('hello')
  const bytes = await heard.promise
  assert.equal(bytes.subarray(28).toString(), 'hello')
  assert.equal(bytes.readUInt16BE(24), client.localPort)
  assert.equal(bytes.readUInt16BE(26), 21634)
})

test('beyond its limit of connections the listener resets, counts, and serves again afterwards', async t => {
  await serveEcho(t, 21635, 'a')
  const { server, flows } = open(t, { listener: listenerOn(21636), group: groupOf([targetAt(21635)]), limit: 2 })
  const clients = [clientOf(t, 21636), clientOf(t, 21636)]
  for (const client of clients) assert.equal(await take(client, 1), 'a')
  const third = clientOf(t, 21636)
  third.resume()
  assert.equal(await ending(third), 'ECONNRESET')
  assert.deepEqual(server.counters().listener.drops, { 'flow-limit': 1 })
  for (const client of clients) client.destroy()
  await until(() => flows.active === 0)
  assert.equal(await take(clientOf(t, 21636), 1), 'a')
})

/** A port that takes no connections and refuses none: its queue is full and nobody accepts. */
async function silent(t: TestContext, port: number): Promise<void> {
  const source = `const { parentPort, workerData } = require('node:worker_threads')
    const server = require('node:net').createServer().listen(workerData, '127.0.0.1', 1, () => {
      parentPort.postMessage('listening')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const worker = new Worker(source, { eval: true, workerData: port })
  await once(worker, 'message')
  const fillers = [0, 1, 2].map(() => clientOf(t, port))
  await Promise.all(fillers.slice(0, 2).map(filler => once(filler, 'connect')))
  t.after(() => worker.terminate())
}
