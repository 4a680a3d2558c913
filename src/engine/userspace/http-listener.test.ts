import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import { lacking } from '../../../test/lacking.ts'
import { systemClock } from '../../clock.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import { Targets } from '../../http/targets.ts'
import { groupId, httpGroup, httpListener } from '../../http/wires.fixture.ts'
import type { Suspicion } from '../engine.ts'
import { bindTcp } from '../tcp-handle.ts'
import { until } from '../until.fixture.ts'
import { countersOf, HttpListener } from './http-listener.ts'
import { NetDialer } from './net-dialer.ts'
import { Suspects } from './suspects.ts'
import { clientOf, ending, serveAt, take, targetAt } from './tcp.fixture.ts'
import { TcpFlows } from './tcp-flows.ts'
import { certificateFor, tlsOptions } from './tls.fixture.ts'

const run = promisify(execFile)

interface Setup {
  readonly port: number
  readonly targets?: readonly number[]
  readonly listener?: Partial<SnapshotListener>
  readonly group?: Partial<Omit<SnapshotGroup, 'http'>>
  readonly limit?: number
}

function open(t: TestContext, { port, targets: ports = [], listener: changes, group, limit = 1_000 }: Setup) {
  const suspicions: Suspicion[] = []
  const clock = systemClock
  const suspects = new Suspects({ clock, onSuspicion: suspicion => suspicions.push(suspicion) })
  const targets = new Targets({ dialer: new NetDialer(clock), timing: clock, suspects, random: Math.random })
  targets.update([
    httpGroup(
      ports.map(number => targetAt(number)),
      group,
    ),
  ])
  const flows = new TcpFlows(limit)
  const load = { lagMs: 0 }
  const listener = { ...httpListener(), address: '127.0.0.1', port, ...changes }
  const server = new HttpListener({
    listener,
    handle: bindTcp('127.0.0.1', port),
    clock,
    flows,
    targets,
    load,
    tls: tlsOptions(),
    log: { access() {}, connection() {} },
  })
  t.after(() => server.close())
  return { server, targets, flows, load, suspicions, listener }
}

/** A target of node's own HTTP. */
async function serveHttp(t: TestContext, port: number, answer: http.RequestListener): Promise<http.Server> {
  const server = http.createServer({ keepAliveTimeout: 60_000 }, answer)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return server
}

const digest = (text: Buffer) => createHash('sha256').update(text).digest('hex')

/** curl's output; skips the test where there is no curl. */
async function curl(t: TestContext, ...args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout } = await run('curl', ['-sS', '-m', '20', ...args], { maxBuffer: 64 << 20 })
    return stdout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    lacking(t, 'curl')
    return undefined
  }
}

test("curl's requests go to a target and back over kept connections, and all is counted", async t => {
  const ports = new Set<number | undefined>()
  await serveHttp(t, 22700, (request, response) => {
    ports.add(request.socket.remotePort)
    response.end(`${request.method} ${request.url} ${request.headers.host} ${request.headers['x-forwarded-for']}`)
  })
  const { server, targets } = open(t, { port: 22701, targets: [22700] })
  const output = await curl(t, 'http://127.0.0.1:22701/a?b', 'http://127.0.0.1:22701/c')
  if (output === undefined) return
  assert.equal(output, 'GET /a?b 127.0.0.1:22701 127.0.0.1GET /c 127.0.0.1:22701 127.0.0.1')
  assert.equal(ports.size, 1)
  const { newFlows, http: counted } = server.counters().listener
  assert.deepEqual([newFlows, counted?.requests, counted?.activeRequests], [1, 2, 0])
  const [target] = countersOf(targets)
  assert.deepEqual(
    [target?.target, target?.newFlows, target?.http?.requests, target?.http?.classes[2]],
    ['target-22700', 1, 2, 2],
  )
})

test('large bodies arrive whole in both directions, with a length and in chunks', async t => {
  await serveHttp(t, 22702, (request, response) => {
    if (request.headers['content-length'] !== undefined)
      response.setHeader('Content-Length', request.headers['content-length'])
    request.pipe(response)
  })
  open(t, { port: 22703, targets: [22702] })
  const body = Buffer.alloc(20 << 20, 'sluice ')
  for (const headers of [{ 'Content-Length': body.length }, { 'Transfer-Encoding': 'chunked' }]) {
    const request = http.request({ port: 22703, host: '127.0.0.1', method: 'POST', headers })
    // In pieces of odd sizes, so that chunks and reads never agree.
    Readable.from(pieces(body, 70_001)).pipe(request)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    const received: Buffer[] = []
    for await (const chunk of response) received.push(chunk)
    assert.equal(digest(Buffer.concat(received)), digest(body))
  }
})

function* pieces(body: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < body.length; at += size) yield body.subarray(at, at + size)
}

test('a client that reads nothing stops the target, and a target that reads nothing stops the client', async t => {
  let offered = 0
  await serveAt(t, 22704, socket => {
    socket.once('data', head => {
      if (head.toString().startsWith('POST')) {
        socket.pause()
        return
      }
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const chunk = Buffer.alloc(64 << 10)
      const more = () => {
        while (offered < 1 << 30 && socket.write(chunk)) offered += chunk.length
      }
      socket.on('drain', more)
      more()
    })
  })
  open(t, { port: 22705, targets: [22704] })
  const client = clientOf(t, 22705)
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await isStill(() => offered)
  assert.ok(offered < 32 << 20, `${offered} bytes were taken`)
  const uploader = clientOf(t, 22705)
  uploader.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n')
  const chunk = Buffer.alloc(64 << 10)
  let uploaded = 0
  const more = () => {
    while (uploaded < 1 << 30 && uploader.write(chunk)) uploaded += chunk.length
  }
  uploader.on('drain', more)
  more()
  await isStill(() => uploaded)
  assert.ok(uploaded < 32 << 20, `${uploaded} bytes were taken`)
})

/** Waits until a number has grown, and then stays. */
async function isStill(count: () => number): Promise<void> {
  let last = -1
  let since = performance.now()
  await until(() => {
    if (count() !== last) {
      last = count()
      since = performance.now()
    }
    return last > 0 && performance.now() - since > 300
  }, 20_000)
}

test('pipelined requests are answered in order', async t => {
  await serveHttp(t, 22706, (request, response) => {
    setTimeout(() => response.end(request.url), request.url === '/1' ? 30 : 0)
  })
  open(t, { port: 22707, targets: [22706] })
  const client = clientOf(t, 22707)
  client.end([1, 2, 3].map(n => `GET /${n} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''))
  let text = ''
  for await (const chunk of client) text += chunk
  assert.deepEqual(
    [...text.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path),
    ['/1', '/2', '/3'],
  )
})

test('a WebSocket talks through the tunnel', async t => {
  const server = await serveHttp(t, 22708, (_, response) => response.end())
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(`echo ${data}`)))
  const { server: listener } = open(t, { port: 22709, targets: [22708] })
  const socket = new WebSocket('ws://127.0.0.1:22709/chat')
  await once(socket, 'open')
  const large = 'x'.repeat(1 << 20)
  for (const text of ['hello', large]) {
    socket.send(text)
    const [data] = (await once(socket, 'message')) as [Buffer]
    assert.equal(data.toString(), `echo ${text}`)
  }
  socket.close()
  await once(socket, 'close')
  await until(() => listener.counters().listener.activeFlows === 0)
  assert.equal(listener.counters().listener.http?.activeRequests, 0)
})

test('a target that refuses is suspect and the next one answers; where none does, it is 502', async t => {
  await serveHttp(t, 22710, (_, response) => response.end('alive'))
  const { suspicions, targets } = open(t, { port: 22711, targets: [22712, 22710] })
  for (let n = 0; n < 6; n++) assert.equal(await (await fetch('http://127.0.0.1:22711/')).text(), 'alive')
  assert.deepEqual(suspicions, [{ target: 'target-22712', reason: 'connection refused' }])
  targets.update([httpGroup([targetAt(22712)])])
  const dead = await fetch('http://127.0.0.1:22711/')
  assert.equal(dead.status, 502)
  assert.match(await dead.text(), /<h1>502 Bad Gateway<\/h1>/)
})

test('a target killed between requests costs no idempotent request', async t => {
  const servers = [
    await serveHttp(t, 22713, (_, response) => response.end('first')),
    await serveHttp(t, 22714, (_, response) => response.end('second')),
  ]
  open(t, { port: 22715, targets: [22713, 22714] })
  for (let n = 0; n < 100; n++) {
    if (n === 50) {
      servers[0]!.close()
      servers[0]!.closeAllConnections()
    }
    const response = await fetch('http://127.0.0.1:22715/')
    assert.equal(response.status, 200)
    await response.text()
  }
})

test('a client that is not admitted, or one too many, is reset, and counted', async t => {
  const { server } = open(t, { port: 22716, listener: { admit: [{ cidr: '10.0.0.0/8' }] } })
  const stranger = clientOf(t, 22716)
  assert.equal(await ending(stranger), 'ECONNRESET')
  const { server: small } = open(t, { port: 22717, limit: 1 })
  await once(clientOf(t, 22717), 'connect')
  assert.equal(await ending(clientOf(t, 22717)), 'ECONNRESET')
  assert.deepEqual(server.counters().listener.drops, { 'security-group': 1 })
  assert.deepEqual(small.counters().listener.drops, { 'flow-limit': 1 })
  assert.deepEqual(small.counters().listener.http?.rejections, { 'connection-limit': 1 })
})

test('a process that is behind refuses new connections, and counts them', async t => {
  const { server, load } = open(t, { port: 22724 })
  load.lagMs = 251
  assert.equal(await ending(clientOf(t, 22724)), 'ECONNRESET')
  assert.deepEqual(server.counters().listener.http?.rejections, { overload: 1 })
  load.lagMs = 0
  assert.equal((await fetch('http://127.0.0.1:22724/')).status, 503)
})

test('an answer that closes the connection arrives whole although the client still sends', async t => {
  open(t, { port: 22718 })
  const client = clientOf(t, 22718)
  client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n')
  const body = Buffer.alloc(1 << 20)
  client.write(body)
  const text = await take(client, 200)
  assert.match(text, /^HTTP\/1\.1 503 Service Temporarily Unavailable\r\n/)
  client.write(body)
  client.resume()
  assert.equal(await ending(client), 'end')
})

test('HTTP without TLS at an HTTPS listener is told so', async t => {
  const tls = { certificates: [certificateFor(['a.example'])], sslPolicy: 'ELBSecurityPolicy-2016-08' }
  const { server } = open(t, { port: 22726, listener: { tls } })
  const client = clientOf(t, 22726)
  client.write('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n')
  const text = await take(client, 300)
  assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n.*The plain HTTP request was sent to HTTPS port/s)
  assert.deepEqual(server.counters().listener.http?.answers, { 400: 1 })
})

test('HTTPS clients and HTTPS targets: TLS is ended here, and begun anew', async t => {
  const certificate = certificateFor(['web.test'])
  const target = tls.createServer({ cert: certificate.certificates, key: certificate.privateKey }, socket => {
    socket.on('error', () => {})
    socket.on('data', data => {
      const proto = /X-Forwarded-Proto: (\w+)/.exec(data.toString())?.[1] ?? ''
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${proto.length}\r\n\r\n${proto}`)
    })
  })
  target.listen(22719, '127.0.0.1')
  await once(target, 'listening')
  t.after(() => target.close())
  const { server, flows, suspicions } = open(t, {
    port: 22720,
    // Nobody listens on the first.
    targets: [22726, 22719],
    group: { tls: true },
    listener: { tls: { certificates: [certificate], sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06' } },
  })
  const client = tls.connect({
    port: 22720,
    host: '127.0.0.1',
    servername: 'web.test',
    ca: certificate.certificates,
    ALPNProtocols: ['h2', 'http/1.1'],
  })
  await once(client, 'secureConnect')
  assert.equal(client.alpnProtocol, 'http/1.1')
  // Two, so that the one that is not there is chosen too.
  client.write('GET / HTTP/1.1\r\nHost: web.test\r\n\r\n')
  client.write('GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n')
  let text = ''
  for await (const chunk of client) text += chunk
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n.*\r\nhttpsHTTP\/1\.1 200 OK\r\n.*\r\nhttps$/s)
  assert.deepEqual(suspicions, [{ target: 'target-22726', reason: 'connection refused' }])
  const plain = clientOf(t, 22720)
  plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  plain.resume()
  assert.equal(await ending(plain), 'end')
  await until(() => flows.active === 0)
  assert.equal(server.counters().listener.http?.clientTlsErrors, 1)
})

test('who begins a handshake with a listener that ends meanwhile is not served', async t => {
  const certificate = certificateFor(['web.test'])
  const { server, flows } = open(t, {
    port: 22728,
    listener: { tls: { certificates: [certificate], sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-2021-06' } },
  })
  const socket = clientOf(t, 22728)
  await until(() => flows.active === 1)
  server.close()
  const client = tls.connect({ socket, rejectUnauthorized: false })
  client.on('error', () => {})
  assert.equal(await ending(client), 'ECONNRESET')
  assert.equal(flows.active, 0)
})

test('a listener that stops accepting finishes what is under way and gives the port back', async t => {
  const asked = Promise.withResolvers<http.ServerResponse>()
  await serveHttp(t, 22721, (_, response) => asked.resolve(response))
  const { server, flows } = open(t, { port: 22722, targets: [22721] })
  const idle = clientOf(t, 22722)
  await once(idle, 'connect')
  const answer = fetch('http://127.0.0.1:22722/')
  const response = await asked.promise
  server.stopAccepting()
  assert.equal(await ending(idle), 'end')
  idle.destroy()
  await assert.rejects(once(net.connect(22722, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  response.end('last')
  const last = await answer
  assert.equal(last.headers.get('connection'), 'close')
  assert.equal(await last.text(), 'last')
  await until(() => flows.active === 0)
})

test('a snapshot every 20 ms under load disturbs no request', async t => {
  for (const port of [22723, 22724]) await serveHttp(t, port, (_, response) => response.end('ok'))
  const { server, targets, listener } = open(t, { port: 22725, targets: [22723, 22724] })
  let updates = 0
  const changing = setInterval(() => {
    const weight = 1 + (updates++ % 9)
    const groups = [httpGroup([targetAt(22723), targetAt(22724, updates % 2 === 0 ? 'serve' : 'drain')])]
    targets.update(groups)
    const rule = { priority: 0, conditions: [], action: { forward: [{ group: groupId, weight }] } }
    server.update({ ...listener, http: { ...listener.http!, rules: [rule] } })
    targets.settle(groups, [])
  }, 20)
  t.after(() => clearInterval(changing))
  const agent = new http.Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const one = () =>
    new Promise<number | undefined>((resolve, reject) => {
      http
        .get({ port: 22725, host: '127.0.0.1', agent }, response => {
          response.resume()
          response.once('end', () => resolve(response.statusCode))
        })
        .once('error', reject)
    })
  const loop = async () => {
    for (let n = 0; n < 200; n++) assert.equal(await one(), 200)
  }
  await Promise.all([loop(), loop(), loop(), loop()])
  assert.ok(updates > 2)
})
