/** WebSockets through an Application Load Balancer, by the package ws at both ends. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { slackMs } from '../long.ts'
import { albStage, albStory } from './alb-stage.ts'
import { forward, Network } from './network.ts'
import { until } from './sluice.ts'

const port = 28780

/** Echoes what it is sent; `who?` is answered with its address, and `close` with 4002. */
async function startEchoSocket(t: TestContext, address: string) {
  const server = createServer((_, response) => response.end('ok'))
  const sockets = new WebSocketServer({ server })
  const closed: string[] = []
  sockets.on('connection', socket => {
    socket.on('message', (data, isBinary) => {
      const text = isBinary ? '' : String(data)
      if (text === 'close') socket.close(4002, 'as you wish')
      else socket.send(text === 'who?' ? address : data, { binary: isBinary })
    })
    socket.on('close', (code, reason) => closed.push(`${code} ${reason}`))
  })
  server.listen(0, address)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
  })
  return { address, port: (server.address() as AddressInfo).port, closed }
}

async function open(t: TestContext, url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { rejectUnauthorized: false })
  t.after(() => socket.terminate())
  await once(socket, 'open')
  socket.on('error', () => {})
  return socket
}

async function ask(socket: WebSocket, message: string | Buffer): Promise<string | Buffer> {
  if (socket.readyState !== WebSocket.OPEN) throw new Error('it is closed')
  const closed = new AbortController()
  const onClose = () => closed.abort(new Error('closed without an answer'))
  socket.once('close', onClose)
  socket.send(message)
  const [data, isBinary] = await once(socket, 'message', { signal: closed.signal })
  socket.off('close', onClose)
  return isBinary ? data : String(data)
}

async function closeCode(socket: WebSocket): Promise<string> {
  const [code, reason] = await once(socket, 'close', { signal: AbortSignal.timeout(20_000) })
  return `${code} ${reason}`
}

albStory(
  'WebSockets pass through HTTP and HTTPS listeners, and stay until their target’s delay or idle time ends',
  [],
  async t => {
    const { sluice, network, elbv2, acm } = await albStage(t)
    const [one, two] = await Promise.all(['127.80.6.1', '127.80.6.2'].map(address => startEchoSocket(t, address)))
    assert.ok(one && two)
    const delay = { 'deregistration_delay.timeout_seconds': '4' }
    const [LoadBalancerArn, toOne, toTwo, { CertificateArn }] = await Promise.all([
      network.applicationLoadBalancer(),
      network.targetGroup('HTTP', [one], delay),
      network.targetGroup('HTTP', [two]),
      acm.requestCertificate({ DomainName: 'ws.test' }),
    ])
    const listener = await network.listener(LoadBalancerArn, 'HTTP', port, { [toOne]: 1, [toTwo]: 0 })
    await elbv2.createListener({
      LoadBalancerArn,
      Protocol: 'HTTPS',
      Port: port + 1,
      Certificates: [{ CertificateArn }],
      DefaultActions: [{ Type: 'forward', TargetGroupArn: toOne }],
    })
    await Promise.all([toOne, toTwo].map(group => network.allHealthy(group)))
    await network.inPlace()
    const plain = `ws://127.0.0.1:${port}/chat?room=1`

    for (const url of [plain, `wss://127.0.0.1:${port + 1}/chat`]) {
      await t.test(
        `${url.slice(0, url.indexOf(':'))}: a mebibyte of text and of bytes, pings, and codes of both sides’ ends`,
        async () => {
          const socket = await open(t, url)
          const text = 'äöü€'.repeat(120_000)
          assert.equal(await ask(socket, text), text)
          const bytes = Buffer.alloc(
            1 << 20,
            Uint8Array.from({ length: 251 }, (_, n) => n),
          )
          assert.ok(bytes.equals((await ask(socket, bytes)) as Buffer))
          socket.ping('are you there')
          assert.equal(String((await once(socket, 'pong'))[0]), 'are you there')
          socket.close(4001, 'bye')
          await until('the target has been told', () => one.closed.includes('4001 bye'))
          const other = await open(t, url)
          other.send('close')
          assert.equal(await closeCode(other), '4002 as you wish')
        },
      )
    }

    await t.test('fifty of them live through twenty changes of the rules under way', async () => {
      const sockets = await Promise.all(Array.from({ length: 50 }, () => open(t, plain)))
      // The SDK is faster than the AWS CLI.
      const quick = new Network(sluice.url)
      for (let change = 0; change < 20; change++) {
        await quick.forward(listener, change % 2 === 0 ? { [toOne]: 0, [toTwo]: 1 } : { [toOne]: 1, [toTwo]: 0 })
        const answers = await Promise.all(sockets.map((socket, n) => ask(socket, `${change} ${n}`)))
        assert.deepEqual(
          answers,
          sockets.map((_, n) => `${change} ${n}`),
        )
      }
      assert.deepEqual(new Set(await Promise.all(sockets.map(socket => ask(socket, 'who?')))), new Set([one.address]))
      for (const socket of sockets) socket.close()
    })

    await t.test(
      'a rule that changed is for new ones; after deregistration there is the delay, and then the end',
      async () => {
        const socket = await open(t, plain)
        await elbv2.modifyListener({ ListenerArn: listener, DefaultActions: [forward({ [toOne]: 0, [toTwo]: 1 })] })
        await network.inPlace()
        assert.equal(await ask(socket, 'who?'), one.address)
        assert.equal(await ask(await open(t, plain), 'who?'), two.address)
        const closed = closeCode(socket)
        const deregistered = performance.now()
        // The AWS CLI may take a good part of the delay to come back.
        await new Network(sluice.url).deregister(toOne, one)
        await network.inPlace()
        assert.equal(await ask(socket, 'who?'), one.address, 'within the delay')
        assert.match(await closed, /^1006/)
        const lasted = performance.now() - deregistered
        t.diagnostic(`it lasted ${lasted.toFixed(0)} ms after the deregistration, with a delay of 4 s`)
        assert.ok(lasted > 3_900 && lasted < 6_000 + slackMs)
      },
    )

    await t.test('one that says nothing is closed when the idle timeout is over, one that pings is not', async () => {
      await elbv2.modifyLoadBalancerAttributes({
        LoadBalancerArn,
        Attributes: [{ Key: 'idle_timeout.timeout_seconds', Value: '2' }],
      })
      await network.inPlace()
      const [idle, lively] = await Promise.all([open(t, plain), open(t, plain)])
      const timer = setInterval(() => lively.ping(), 200)
      t.after(() => clearInterval(timer))
      const opened = performance.now()
      assert.match(await closeCode(idle), /^1006/)
      const lasted = performance.now() - opened
      assert.ok(lasted > 1_900 && lasted < 4_000 + slackMs, `${lasted.toFixed(0)} ms`)
      assert.equal(await ask(lively, 'who?'), two.address)
    })
  },
)
