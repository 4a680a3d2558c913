/** For how long an Application Load Balancer waits for clients and targets, and what it says then: reliability row R32. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lacking } from '../lacking.ts'
import { long, slackMs, timeout } from '../long.ts'
import { httpStage } from './http-stage.ts'
import { Network } from './network.ts'
import { type Conversation, converse } from './raw-http.ts'
import { has, startSluice } from './sluice.ts'

const idleSeconds = long ? 60 : 3
const idleMs = idleSeconds * 1_000
const attributes = { 'idle_timeout.timeout_seconds': String(idleSeconds) }
const host = 'Host: example.com\r\n'

/** That so much time was a timer's, give or take a second. */
function assertAfter(ms: number, wantedMs: number, what: string): void {
  const lateMs = ms - wantedMs
  assert.ok(lateMs >= -1_000 && lateMs <= 1_000 + slackMs, `${what}: after ${ms.toFixed(0)} ms of ${wantedMs}`)
}

async function assertEnds(conversation: Conversation, since: number, wantedMs: number, what: string): Promise<void> {
  await conversation.ended(wantedMs + 1_000)
  assertAfter(conversation.endedAt - since, wantedMs, what)
}

// They mostly wait, so they do it at once.
suite('R32', { concurrency: true }, () => {
  test(`clients: after ${idleSeconds} s without a byte, half a request is a 408, and an idle connection is closed`, {
    timeout,
  }, async t => {
    const port = 28_721
    await httpStage(t, { port, targets: 1, attributes })
    const since = performance.now()
    const silent = converse(t, port)
    const inHead = converse(t, port, `GET / HTTP/1.1\r\n${host}X-`)
    const kept = converse(t, port, `GET / HTTP/1.1\r\n${host}\r\n`)
    await kept.answered()
    assert.equal(kept.status, 200)
    // Bytes come all the time, but a head has only so long.
    const trickling = converse(t, port, `GET / HTTP/1.1\r\n${host}`)
    const trickle = setInterval(() => trickling.say('X-A: b\r\n'), idleMs / 10)
    t.after(() => clearInterval(trickle))

    await assertEnds(silent, since, idleMs, 'a connection on which nothing was said')
    assert.equal(silent.text, '')
    await assertEnds(inHead, since, idleMs, 'half a head')
    assert.equal(inHead.status, 408)
    await assertEnds(trickling, since, idleMs, 'a head that does not end')
    assert.equal(trickling.status, 408)
    clearInterval(trickle)
    await assertEnds(kept, kept.activeAt, idleMs, 'a connection that was used')
    assert.match(kept.text, /^HTTP\/1\.1 200 .*127\.74\.\d+\.1 GET \/\n/s)
    t.diagnostic(
      `of ${idleMs} ms: silent ${(silent.endedAt - since).toFixed(0)}, half a head ${(inHead.endedAt - since).toFixed(0)}, kept ${(kept.endedAt - kept.activeAt).toFixed(0)}`,
    )
  })

  test(`targets: after ${idleSeconds} s without a byte, a request is a 504 and an answer is broken off; bytes in time keep both`, {
    timeout,
  }, async t => {
    const port = 28_722
    const { targets } = await httpStage(t, {
      port,
      targets: 1,
      attributes,
      answer: async (request, response) => {
        // A body that does not end is never answered.
        if (request.url === '/never' || request.method === 'POST') return
        response.write('some')
        if (request.url === '/stuck') return
        if (request.url === '/slow') {
          for (let tenth = 0; tenth < 20; tenth++) {
            await pause(idleMs / 10)
            response.write('more')
          }
        }
        response.end('last')
      },
    })
    assert.ok(targets[0])
    const since = performance.now()
    const get = (path: string) => converse(t, port, `GET ${path} HTTP/1.1\r\n${host}\r\n`)
    const [never, stuck, slow] = [get('/never'), get('/stuck'), get('/slow')]
    const inBody = converse(t, port, `POST / HTTP/1.1\r\n${host}Content-Length: 10\r\n\r\nhello`)

    await never.answered(idleMs + 1_000)
    assertAfter(never.answeredAt - since, idleMs, 'no answer')
    assert.equal(never.status, 504)
    assert.match(never.text, /Server: awselb\/2\.0/)
    await assertEnds(stuck, since, idleMs, 'half an answer')
    assert.equal(stuck.status, 200)
    assert.doesNotMatch(stuck.text, /\r\n0\r\n/)
    await assertEnds(inBody, since, idleMs, 'half a body, before any answer')
    assert.equal(inBody.status, 408)
    await slow.ended(3 * idleMs + 1_000)
    assert.match(slow.text, /last\r\n0\r\n\r\n$/)
    const idleAfter = slow.endedAt - slow.activeAt
    assertAfter(idleAfter, idleMs, 'idle after a slow answer')
    t.diagnostic(
      `of ${idleMs} ms: 504 ${(never.answeredAt - since).toFixed(0)}, half an answer ${(stuck.endedAt - since).toFixed(0)}`,
    )
  })

  test(`targets: a kept connection is closed after ${idleSeconds} s`, { timeout }, async t => {
    const port = 28_723
    const address = '127.74.100.1'
    const spans: number[] = []
    // As bare as it can be: the target itself closes nothing.
    const server = createServer((socket: Socket) => {
      let answeredAt = 0
      socket.on('data', said => {
        if (String(said).includes('ELB-HealthChecker')) {
          socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
          return
        }
        answeredAt = performance.now()
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      })
      socket.on('end', () => answeredAt > 0 && spans.push(performance.now() - answeredAt))
      socket.on('error', () => {})
    })
    server.listen(port, address)
    await once(server, 'listening')
    t.after(() => server.close())
    const network = new Network((await startSluice(t)).url)
    const group = await network.targetGroup('HTTP', [{ address, port }])
    await network.listener(await network.applicationLoadBalancer(attributes), 'HTTP', port, { [group]: 1 })
    await network.allHealthy(group)
    const client = converse(t, port, `GET / HTTP/1.1\r\n${host}\r\n`)
    await client.answered()
    assert.equal(client.status, 200)
    await client.ended(idleMs + 2_000)
    await pause(1_000)
    assert.equal(spans.length, 1)
    assertAfter(spans[0] ?? 0, idleMs, 'a kept connection')
  })

  test('a target that answers no SYN is a 504 after 10 s', { timeout }, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root, for a network namespace')
    if (!has('nft')) return lacking(t, 'nft (Debian: nftables)')
    const port = 28_724
    const { targets } = await httpStage(t, { port, targets: 1 })
    const [target] = targets
    // No connection of before is to be had.
    target?.kill()
    await pause(100)
    const drop = `type filter hook input priority 0; ip daddr ${target?.address} tcp dport ${target?.port} drop;`
    execFileSync('nft', [`table inet silence-${port} { chain in { ${drop} }; }`])
    const since = performance.now()
    const client = converse(t, port, `GET / HTTP/1.1\r\n${host}\r\n`)
    await client.answered(11_000)
    assertAfter(client.answeredAt - since, 10_000, 'a connect')
    assert.equal(client.status, 504)
    t.diagnostic(`504 after ${(client.answeredAt - since).toFixed(0)} ms`)
  })

  test('a client’s connection lives for client_keep_alive.seconds, and its last answer says so', {
    timeout,
  }, async t => {
    if (!long) return t.skip('a minute: long form only')
    const port = 28_725
    await httpStage(t, { port, targets: 1, attributes: { 'client_keep_alive.seconds': '60' } })
    const since = performance.now()
    const client = converse(t, port)
    while (performance.now() - since < 59_000) {
      client.text = ''
      client.say(`GET / HTTP/1.1\r\n${host}\r\n`)
      await client.answered()
      assert.doesNotMatch(client.text, /connection: close/i)
      await pause(1_000)
    }
    await assertEnds(client, since, 60_000, 'a connection that is used')
  })
})
