import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { lacking } from '../../test/lacking.ts'
import { systemClock } from '../clock.ts'
import type { Probe } from '../domain/health.ts'
import type { Outcome, Source } from './dial.ts'
import { httpProbe, matches } from './http-probe.ts'
import { tcpProbe } from './tcp-probe.ts'

const base: Probe = {
  key: 't',
  protocol: 'HTTP',
  address: '127.0.0.1',
  port: 1,
  path: '/health?x=1',
  matcher: '200-299',
  intervalMs: 5_000,
  timeoutMs: 2_000,
  healthyThreshold: 3,
  unhealthyThreshold: 2,
  host: '10.0.0.1:8080',
}

function ask(probe: Partial<Probe>, source?: Source): Promise<Outcome> {
  const whole = { ...base, ...probe }
  const attempt = whole.protocol === 'TCP' ? tcpProbe : httpProbe
  return new Promise(resolve => attempt(whole, source, systemClock, resolve))
}

async function listen(t: TestContext, server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

/** A server that gives `answer` to whatever it is sent, in pieces, then ends. */
async function says(t: TestContext, ...answer: string[]): Promise<number> {
  return listen(
    t,
    createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', async () => {
        for (const piece of answer) await new Promise(resolve => socket.write(piece, resolve))
        socket.end()
      })
    }),
  )
}

describe('the matcher', () => {
  for (const [matcher, yes, no] of [
    ['200', [200], [199, 201, 404]],
    ['200,202', [200, 202], [201]],
    ['200-399', [200, 302, 399], [199, 400]],
    ['200-204,301,500-599', [204, 301, 503], [205, 302, 499]],
  ] as const) {
    it(`${matcher} takes ${yes} and not ${no}`, () => {
      for (const status of yes) assert.equal(matches(matcher, status), true)
      for (const status of no) assert.equal(matches(matcher, status), false)
    })
  }
})

describe('an HTTP check', () => {
  it('sends what an NLB sends', async t => {
    const requests: { line: string; headers: unknown }[] = []
    const server = createHttpServer((request, response) => {
      requests.push({ line: `${request.method} ${request.url}`, headers: request.headers })
      response.end('fine')
    })
    const outcome = await ask({ port: await listen(t, server) })
    assert.equal(outcome.kind, 'passed')
    assert.match(outcome.reason, /^passed with 200 in \d+ ms$/)
    assert.deepEqual(requests, [
      {
        line: 'GET /health?x=1',
        headers: {
          host: '10.0.0.1:8080',
          connection: 'close',
          'user-agent': 'ELB-HealthChecker/2.0',
          'accept-encoding': 'gzip, compressed',
        },
      },
    ])
  })

  for (const [answer, kind, reason] of [
    [['HTTP/1.1 503 Service Unavailable\r\n\r\n'], 'failed', /^expected 200-299, got 503 in \d+ ms$/],
    [['HTTP/1.0 204 \r\n\r\n'], 'passed', /^passed with 204/],
    [['HTTP/1.1 200\r\n\r\n'], 'passed', /^passed with 200/],
    [['HT', 'TP/1.1 2', '0', '0', ' OK\r\n'], 'passed', /^passed with 200/],
    [['HTTP/1.1 2000 OK\r\n\r\n'], 'failed', /^the answer is not HTTP\/1.1$/],
    [['SSH-2.0-OpenSSH_9.2\r\n'], 'failed', /^the answer is not HTTP\/1.1$/],
    [['hi\n'], 'failed', /^the answer is not HTTP\/1.1$/],
    [['HTTP/1.1 2'], 'failed', /^connection closed without an answer$/],
    [[], 'failed', /^connection closed without an answer$/],
  ] as const) {
    it(`answered ${JSON.stringify(answer.join('|'))} has ${kind}`, async t => {
      const outcome = await ask({ port: await says(t, ...answer) })
      assert.equal(outcome.kind, kind)
      assert.match(outcome.reason, reason)
    })
  }

  it('names a reset connection', async t => {
    const server = createServer(socket => socket.once('data', () => socket.resetAndDestroy()))
    assert.deepEqual(await ask({ port: await listen(t, server) }), { kind: 'failed', reason: 'connection reset' })
  })

  it('lets the target finish a short answer', async t => {
    const server = createHttpServer((_, response) => {
      response.write('a'.repeat(1_000))
      response.end('b'.repeat(30_000))
    })
    const port = await listen(t, server)
    const closed = once(server, 'connection').then(([socket]) => once(socket, 'close'))
    assert.equal((await ask({ port })).kind, 'passed')
    assert.deepEqual(await closed, [false])
  })

  it('cuts off an answer without end', async t => {
    const cut = Promise.withResolvers<void>()
    const server = createServer(socket => {
      const more = (error?: Error | null) => {
        if (!error) socket.write('c'.repeat(10_000), more)
      }
      socket.on('error', () => {})
      socket.on('close', cut.resolve)
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\n', more))
    })
    assert.equal((await ask({ port: await listen(t, server) })).kind, 'passed')
    await cut.promise
  })

  it('over TLS takes any certificate, and says when there is no TLS', async t => {
    if (spawnSync('openssl', ['version']).status !== 0) return lacking(t, 'openssl')
    const directory = mkdtempSync(join(tmpdir(), 'sluice-health-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-days', '1', '-subj', '/CN=x', '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    )
    const options = { key: readFileSync(key), cert: readFileSync(cert), ciphers: 'DEFAULT:@SECLEVEL=0' }
    const server = createHttpsServer(options, (_, response) => response.writeHead(201).end())
    const passed = await ask({ protocol: 'HTTPS', port: await listen(t, server) })
    assert.equal(passed.kind, 'passed')
    const plain = await ask({ protocol: 'HTTPS', port: await says(t, 'HTTP/1.1 400 Bad Request\r\n\r\n') })
    assert.deepEqual(plain, { kind: 'failed', reason: 'TLS handshake failed' })
  })
})

describe('a TCP check', () => {
  it('sends nothing and closes without an error at the target', async t => {
    const ended = Promise.withResolvers<string>()
    const server = createServer(socket => {
      let data = ''
      socket.on('data', chunk => {
        data += chunk
      })
      socket.on('end', () => ended.resolve(data))
      socket.on('error', ended.reject)
    })
    assert.equal((await ask({ protocol: 'TCP', port: await listen(t, server) })).kind, 'passed')
    assert.equal(await ended.promise, '')
  })

  it('that cannot be made from the source asked for says so, and not that the target failed', async () => {
    for (const [source, address] of [
      ['192.0.2.77', '127.0.0.1'],
      ['2001:db8::77', '::1'],
    ] as const) {
      assert.equal((await ask({ protocol: 'TCP', address }, { address: source, port: 0 })).kind, 'address')
    }
  })

  it('that finds its source port taken says so', async t => {
    const port = await listen(t, createServer())
    const outcome = await ask({ protocol: 'TCP', port }, { address: '127.0.0.1', port })
    assert.equal(outcome.kind, 'port')
  })

  it('is survived by nc -k', async t => {
    if (spawnSync('nc', ['-h']).error) return lacking(t, 'nc')
    const port = 21_007
    const nc = spawn('nc', ['-klv', '127.0.0.1', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] })
    t.after(() => nc.kill())
    await once(nc.stderr, 'data')
    for (let i = 0; i < 10; i++) {
      const outcome = await ask({ protocol: 'TCP', port })
      assert.equal(outcome.kind, 'passed', `check ${i}: ${outcome.reason}`)
    }
    assert.equal(nc.exitCode, null)
  })
})
