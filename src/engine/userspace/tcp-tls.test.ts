import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { type Clock, systemClock } from '../../clock.ts'
import { Choice } from '../../domain/choice.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import { bindTcp } from '../tcp-handle.ts'
import { until } from '../until.fixture.ts'
import { Suspects } from './suspects.ts'
import { clientOf, ending, groupOf, listenerOn, serveAt, serveEcho, take, targetAt } from './tcp.fixture.ts'
import { TcpFlows } from './tcp-flows.ts'
import { TcpListener } from './tcp-listener.ts'
import { certificateFor, snapshotTls, tlsOptions } from './tls.fixture.ts'

const certificate = certificateFor(['a.test'])
const secured = (port: number, changes: Partial<SnapshotListener> = {}) =>
  listenerOn(port, { tls: snapshotTls([certificate]), ...changes })

function open(t: TestContext, listener: SnapshotListener, group: SnapshotGroup, clock: Clock = systemClock) {
  const suspects = new Suspects({ clock, onSuspicion: () => {} })
  const flows = new TcpFlows(1_000)
  const choose = (to: SnapshotListener) => new Choice(to, new Map([[group.id, group]]))
  const handle = bindTcp(listener.address, listener.port)
  const server = new TcpListener({
    listener,
    choice: choose(listener),
    handle,
    clock,
    flows,
    suspects,
    tls: tlsOptions(),
    applicationAt: () => undefined,
  })
  t.after(() => server.close())
  return { server, flows, update: (changed: SnapshotListener) => server.update(changed, choose(changed)) }
}

function tlsClient(t: TestContext, port: number, options: tls.ConnectionOptions = {}): tls.TLSSocket {
  const client = tls.connect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    allowHalfOpen: true,
    ...options,
  } as tls.ConnectionOptions)
  client.on('error', () => {})
  t.after(() => client.destroy())
  return client
}

/** A target that speaks TLS; what came before it, in front of the handshake, is cut off by `head` bytes. */
async function serveTls(
  t: TestContext,
  port: number,
  onConnection: (socket: tls.TLSSocket, head: Buffer) => void,
  head = 0,
) {
  const secureContext = tls.createSecureContext({ cert: certificate.certificates, key: certificate.privateKey })
  await serveAt(t, port, async socket => {
    while (head > 0 && socket.readableLength < head) await once(socket, 'readable')
    const first: Buffer = head > 0 ? socket.read(head) : Buffer.alloc(0)
    const over = new tls.TLSSocket(socket, { isServer: true, secureContext })
    over.on('error', () => {})
    over.once('secure', () => onConnection(over, first))
  })
}

test('TLS is ended: the target gets plain bytes, each side closes when it likes, and both are counted', async t => {
  await serveAt(t, 24700, socket => {
    let request = ''
    socket.on('data', chunk => {
      request += chunk
    })
    socket.on('end', () => socket.end(`got ${request}`))
  })
  const { server } = open(t, secured(24701), groupOf([targetAt(24700)]))
  const client = tlsClient(t, 24701)
  client.end('hello')
  assert.equal(await take(client, 9), 'got hello')
  client.resume()
  await until(() => server.counters().listener.activeFlows === 0)
  const { newFlows, bytesIn, bytesOut, drops } = server.counters().listener
  assert.deepEqual({ newFlows, bytesIn, bytesOut, drops }, { newFlows: 1, bytesIn: 5, bytesOut: 9, drops: {} })
})

test('a TLS target gets TLS, after the proxy protocol’s header if there is one, and its session is resumed', async t => {
  const seen: { head: string; reused: boolean; version: string | null }[] = []
  const onConnection = (socket: tls.TLSSocket, head: Buffer) => {
    seen.push({ head: head.toString('latin1', 0, 12), reused: socket.isSessionReused(), version: socket.getProtocol() })
    socket.pipe(socket)
  }
  await serveTls(t, 24702, onConnection)
  await serveTls(t, 24703, onConnection, 28)
  open(t, secured(24704), groupOf([targetAt(24702)], { tls: true }))
  open(t, secured(24705), groupOf([targetAt(24703)], { tls: true, proxyProtocol: true }))
  for (const port of [24704, 24704, 24705]) {
    const client = tlsClient(t, port)
    client.write('ping')
    assert.equal(await take(client, 4), 'ping')
    client.end()
    await once(client, 'end').catch(() => {})
  }
  assert.deepEqual(seen, [
    { head: '', reused: false, version: 'TLSv1.3' },
    { head: '', reused: true, version: 'TLSv1.3' },
    { head: '\r\n\r\n\0\r\nQUIT\n', reused: false, version: 'TLSv1.3' },
  ])
})

test('a listener without TLS 1.3 speaks none of it with targets', async t => {
  await serveTls(t, 24706, socket => socket.end(socket.getProtocol() ?? ''))
  const old = snapshotTls([certificate], { sslPolicy: 'ELBSecurityPolicy-FS-1-2-Res-2020-10' })
  open(t, secured(24707, { tls: old }), groupOf([targetAt(24706)], { tls: true }))
  assert.equal(await take(tlsClient(t, 24707), 7), 'TLSv1.2')
})

for (const isTls of [false, true]) {
  test(`64 MiB each way arrive whole, ${isTls ? 'by TLS' : 'plain'} to the target`, async t => {
    const [at, port] = isTls ? [24708, 24709] : [24710, 24711]
    const sides = Promise.withResolvers<Sums>()
    const onConnection = (socket: net.Socket) => sides.resolve(exchange(socket, 64 << 20))
    if (isTls) await serveTls(t, at, onConnection)
    else await serveAt(t, at, onConnection)
    open(t, secured(port), groupOf([targetAt(at)], isTls ? { tls: true } : {}))
    const client = await exchange(tlsClient(t, port), 64 << 20)
    const target = await sides.promise
    assert.equal(client.received, target.sent)
    assert.equal(target.received, client.sent)
  })
}

interface Sums {
  readonly sent: string
  readonly received: string
}

const noise = randomBytes(300_000)

async function exchange(socket: net.Socket, total: number): Promise<Sums> {
  const [sent, received] = [createHash('sha1'), createHash('sha1')]
  socket.on('data', chunk => received.update(chunk))
  const incoming = once(socket, 'end')
  for (let left = total; left > 0; ) {
    const piece = noise.subarray(0, Math.min(left, noise.length))
    sent.update(piece)
    left -= piece.length
    if (!socket.write(piece)) await once(socket, 'drain')
  }
  socket.end()
  await incoming
  return { sent: sent.digest('hex'), received: received.digest('hex') }
}

test('a side that does not read stops the other', async t => {
  await serveAt(t, 24712, socket => {
    const fill = () => {
      while (socket.write(noise));
    }
    socket.on('drain', fill)
    fill()
  })
  const { server } = open(t, secured(24713), groupOf([targetAt(24712)]))
  const client = tlsClient(t, 24713)
  client.pause()
  await once(client, 'secureConnect')
  let before = -1
  await until(async () => {
    const same = before === server.counters().listener.bytesOut && before > 0
    before = server.counters().listener.bytesOut
    if (!same) await new Promise(resolve => setTimeout(resolve, 50))
    return same
  })
  assert.ok(before < 32 << 20, `${before}`)
})

test('a reset of either side reaches the other as a reset', async t => {
  const accepted: net.Socket[] = []
  await serveAt(t, 24714, socket => accepted.push(socket))
  const { server } = open(t, secured(24715), groupOf([targetAt(24714)]))
  const first = tlsClient(t, 24715)
  await until(() => accepted.length === 1)
  accepted[0]?.resetAndDestroy()
  assert.equal(await ending(first), 'ECONNRESET')
  const lower = clientOf(t, 24715)
  await once(lower, 'connect')
  const second = tlsClient(t, 24715, { socket: lower })
  await once(second, 'secureConnect')
  await until(() => accepted.length === 2)
  const end = ending(accepted[1]!)
  accepted[1]?.resume()
  lower.resetAndDestroy()
  assert.equal(await end, 'ECONNRESET')
  await until(() => server.counters().listener.activeFlows === 0)
})

test('a failed handshake is counted, and reaches no target', async t => {
  let connections = 0
  await serveAt(t, 24716, () => connections++)
  const { server, flows } = open(t, secured(24717), groupOf([targetAt(24716)]))
  const plain = clientOf(t, 24717)
  plain.end('GET / HTTP/1.1\r\n\r\n')
  plain.resume()
  const old = tlsClient(t, 24717, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' })
  assert.match(await ending(old), /ALERT_PROTOCOL_VERSION/)
  await until(() => server.counters().listener.drops['client-tls'] === 2)
  assert.deepEqual([connections, flows.active], [0, 0])
})

test('a target whose handshake fails is passed over; where all do, the client is reset and it is counted', async t => {
  await serveEcho(t, 24718)
  await serveTls(t, 24719, socket => socket.pipe(socket))
  const both = open(t, secured(24720), groupOf([targetAt(24718), targetAt(24719)], { tls: true }))
  for (let turn = 0; turn < 6; turn++) {
    const client = tlsClient(t, 24720)
    client.write('ping')
    assert.equal(await take(client, 4), 'ping')
    client.destroy()
  }
  assert.deepEqual(both.server.counters().listener.drops, {})
  const { server } = open(t, secured(24721), groupOf([targetAt(24718)], { tls: true }))
  assert.equal(await ending(tlsClient(t, 24721)), 'ECONNRESET')
  await until(() => server.counters().listener.drops['target-tls'] === 1)
})

test('where there is no target a client is reset right after its handshake', async t => {
  const { server } = open(t, secured(24728), groupOf([]))
  for (let n = 0; n < 3; n++) assert.equal(await ending(tlsClient(t, 24728)), 'ECONNRESET')
  assert.deepEqual(server.counters().listener.drops, { 'no-target': 3 })
})

test('a client whose target accepts and never answers the handshake is reset after 10 s', async t => {
  const clock = new VirtualClock()
  await serveAt(t, 24722, () => {})
  const { server } = open(t, secured(24723), groupOf([targetAt(24722)], { tls: true }), clock)
  const client = tlsClient(t, 24723)
  await once(client, 'secureConnect')
  const end = ending(client)
  await clock.advance(10_000)
  assert.equal(await end, 'ECONNRESET')
  assert.deepEqual(server.counters().listener.drops, { refused: 1 })
})

test('an idle connection is reset on both sides after its listener’s time', async t => {
  const clock = new VirtualClock()
  const accepted: net.Socket[] = []
  await serveAt(t, 24724, socket => accepted.push(socket))
  open(t, secured(24725), groupOf([targetAt(24724)]), clock)
  const client = tlsClient(t, 24725)
  await until(() => accepted.length === 1)
  const ends = [ending(client), ending(accepted[0]!)]
  accepted[0]?.resume()
  await clock.advance(349_000)
  assert.ok(!client.destroyed)
  await clock.advance(2_000)
  assert.deepEqual(await Promise.all(ends), ['ECONNRESET', 'ECONNRESET'])
})

test('a listener may become a TLS one and back: what is established goes on as it began', async t => {
  await serveEcho(t, 24726)
  const { update } = open(t, listenerOn(24727), groupOf([targetAt(24726)]))
  const ping = async (client: net.Socket) => {
    client.write('ping')
    assert.equal(await take(client, 4), 'ping')
  }
  const plain = clientOf(t, 24727)
  await ping(plain)
  update(secured(24727))
  const first = tlsClient(t, 24727)
  await ping(first)
  update(secured(24727, { tls: snapshotTls([certificateFor(['b.test'])]) }))
  const second = tlsClient(t, 24727)
  await ping(second)
  assert.equal(second.getPeerCertificate().subject.CN, 'b.test')
  update(listenerOn(24727))
  await ping(clientOf(t, 24727))
  for (const client of [plain, first, second]) await ping(client)
})
