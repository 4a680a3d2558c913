import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { lacking } from '../../../test/lacking.ts'
import { type Clock, systemClock } from '../../clock.ts'
import { securityPolicies } from '../../domain/security-policy.ts'
import type { SnapshotTls } from '../../domain/snapshot.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import { until } from '../until.fixture.ts'
import { certificateFor, snapshotTls, tlsOptions } from './tls.fixture.ts'
import { Handshakes, type SecureClient, TlsServer, type TlsSession } from './tls-server.ts'

const rsa = certificateFor(['a.test', '*.w.test'], 'RSA_2048')
const ecdsa = certificateFor(['a.test', 'e.test'])

interface Served {
  readonly port: number
  readonly server: TlsServer
  /** Sessions, and why handshakes failed. */
  readonly results: (TlsSession | string)[]
  /** Connections that are there. */
  readonly open: ReadonlySet<net.Socket>
}

/** A server that says to each client what was agreed on, and closes. */
async function serve(
  t: TestContext,
  snapshot: SnapshotTls,
  {
    clock = systemClock,
    options = tlsOptions(),
    protocols,
  }: {
    clock?: Clock
    options?: ReturnType<typeof tlsOptions>
    protocols?: readonly string[]
  } = {},
): Promise<Served> {
  const server = new TlsServer({ clock, ...options })
  server.update(snapshot, protocols)
  const results: (TlsSession | string)[] = []
  const open = new Set<net.Socket>()
  const done = (result: SecureClient | string) => {
    results.push(typeof result === 'string' ? result : result.session)
    if (typeof result === 'string') return
    result.tls.end(`${JSON.stringify({ ...result.session, reused: result.tls.isSessionReused() })}\n`)
    result.tls.resume()
  }
  const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    server.secure(socket, done)
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => {
    listener.close()
    for (const socket of open) socket.destroy()
  })
  return { port: (listener.address() as net.AddressInfo).port, server, results, open }
}

/** What `openssl s_client` prints. */
async function openssl({ port }: Served, ...options: readonly string[]): Promise<string> {
  return run('openssl', 's_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...options)
}

async function run(command: string, ...options: readonly string[]): Promise<string> {
  const child = spawn(command, options, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      output += chunk
    })
  await once(child, 'close')
  return output
}

/** What the server has said of the session. */
function said(output: string): TlsSession & { readonly reused: boolean } {
  const line = /^\{.*\}$/m.exec(output)?.[0]
  assert.ok(line, output)
  return JSON.parse(line)
}

const missing = ['openssl', 'curl'].filter(program => spawnSync(program, ['version']).error !== undefined)

/** A test with the clients that people have. */
function withClients(title: string, body: (t: TestContext) => Promise<void>): void {
  test(title, t => (missing.length === 0 ? body(t) : lacking(t, missing.join(' and '))))
}

const oldest = ['-cipher', 'ALL:@SECLEVEL=0']

withClients('the name chooses the certificate, and what the client can check the key', async t => {
  const served = await serve(t, snapshotTls([rsa, ecdsa]))
  const rows: readonly [readonly string[], string, string | undefined][] = [
    [['-noservername'], rsa.arn, undefined],
    [['-servername', 'x.test'], rsa.arn, 'x.test'],
    [['-servername', 'A.Test'], ecdsa.arn, 'a.test'],
    [['-servername', 'a.test', '-sigalgs', 'RSA-PSS+SHA256'], rsa.arn, 'a.test'],
    [['-servername', 'a.test', '-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'], rsa.arn, 'a.test'],
    [['-servername', 'b.w.test'], rsa.arn, 'b.w.test'],
    [['-servername', 'e.test', '-tls1_2'], ecdsa.arn, 'e.test'],
  ]
  for (const [options, arn, serverName] of rows) {
    const output = await openssl(served, ...options)
    const session = said(output)
    assert.deepEqual([session.certificateArn, session.serverName], [arn, serverName], options.join(' '))
    assert.match(output, arn === rsa.arn ? /a:PKEY: rsaEncryption/ : /a:PKEY: id-ecPublicKey/)
  }
})

withClients(
  'the security policy says which versions and ciphers there are, and the listener’s order decides',
  async t => {
    const old = await serve(t, snapshotTls([rsa], { sslPolicy: 'ELBSecurityPolicy-2016-08' }))
    for (const [option, version] of [
      ['-tls1', 'TLSv1'],
      ['-tls1_1', 'TLSv1.1'],
      ['-tls1_2', 'TLSv1.2'],
    ] as const)
      assert.equal(said(await openssl(old, option, ...oldest)).version, version)
    const both = 'AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256'
    assert.equal(said(await openssl(old, '-tls1_2', '-cipher', both)).cipher, 'ECDHE-RSA-AES128-GCM-SHA256')
    assert.match(await openssl(old, '-tls1_3'), /alert protocol version/)

    const modern = await serve(t, snapshotTls([rsa], { sslPolicy: 'ELBSecurityPolicy-TLS13-1-2-Res-2021-06' }))
    const session = said(await openssl(modern))
    assert.deepEqual([session.version, session.cipher], ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'])
    assert.match(await openssl(modern, '-tls1_1', ...oldest), /alert protocol version/)
    assert.match(await openssl(modern, '-tls1_2', '-cipher', 'AES128-SHA'), /alert handshake failure/)
    assert.deepEqual(modern.results.slice(1), ['unsupported protocol', 'no shared cipher'])
  },
)

test('every policy of the list makes a context, and hybrid key exchange is had where its name says so', async t => {
  const problems: string[] = []
  const server = new TlsServer({ clock: systemClock, ...tlsOptions(problems) })
  for (const policy of securityPolicies) {
    server.update(snapshotTls([rsa, ecdsa], { sslPolicy: policy.name }))
    assert.deepEqual(problems, [], policy.name)
  }
  const curves = { ecdhCurve: 'X25519MLKEM768', rejectUnauthorized: false }
  const answers = async (sslPolicy: string) => {
    const { port } = await serve(t, snapshotTls([rsa], { sslPolicy }))
    const client = tls.connect({ host: '127.0.0.1', port, ...curves })
    t.after(() => client.destroy())
    return Promise.race([once(client, 'secureConnect').then(() => true), once(client, 'error').then(() => false)])
  }
  assert.equal(await answers('ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09'), true)
  assert.equal(await answers('ELBSecurityPolicy-TLS13-1-2-Res-2021-06').catch(() => false), false)
})

withClients('ALPN is by the listener’s order, and not used where there is nothing in common', async t => {
  const rows: readonly [Partial<SnapshotTls>, readonly string[] | undefined, string, string | undefined][] = [
    [{ alpnPolicy: 'HTTP2Preferred' }, undefined, 'http/1.1,h2', 'h2'],
    [{ alpnPolicy: 'HTTP2Optional' }, undefined, 'h2,http/1.1', 'http/1.1'],
    [{ alpnPolicy: 'HTTP2Only' }, undefined, 'http/1.1', undefined],
    [{ alpnPolicy: 'HTTP1Only' }, undefined, 'h2,http/1.0', 'http/1.0'],
    [{ alpnPolicy: 'None' }, undefined, 'h2', undefined],
    [{}, ['http/1.1'], 'h2,http/1.1', 'http/1.1'],
    [{}, ['http/1.1'], 'h2', undefined],
  ]
  for (const [changes, protocols, offered, agreed] of rows) {
    const served = await serve(t, snapshotTls([ecdsa], changes), protocols && { protocols })
    const output = await openssl(served, '-alpn', offered)
    assert.equal(said(output).alpn, agreed)
    assert.match(output, agreed === undefined ? /No ALPN negotiated/ : new RegExp(`ALPN protocol: ${agreed}`))
  }
})

withClients(
  'another worker resumes what one began, until the day ends, and only for the same load balancer and policy',
  async t => {
    const clock = new VirtualClock()
    const file = join(tmpdir(), `sluice-session-${process.pid}`)
    t.after(() => rmSync(file, { force: true }))
    // Each has contexts of its own, as another process has.
    const one = await serve(t, snapshotTls([rsa, ecdsa]), { clock })
    const another = await serve(t, snapshotTls([rsa, ecdsa]), { clock })
    const stranger = await serve(t, snapshotTls([rsa, ecdsa], { secret: 'cd34' }), { clock })
    const policy = await serve(t, snapshotTls([rsa, ecdsa], { sslPolicy: 'ELBSecurityPolicy-TLS13-1-0-2021-06' }), {
      clock,
    })
    for (const version of ['-tls1_2', '-tls1_3']) {
      const first = await openssl(one, version, '-servername', 'a.test', '-sess_out', file)
      assert.equal(said(first).reused, false)
      const resume = async (served: Served) =>
        said(await openssl(served, version, '-servername', 'a.test', '-sess_in', file))
      assert.deepEqual(await resume(another), { ...said(first), handshakeMs: 0, reused: true })
      assert.equal((await resume(stranger)).reused, false)
      assert.equal((await resume(policy)).reused, false)
      await clock.advance(86_400_000)
      assert.equal((await resume(another)).reused, false, 'its key has died')
    }
  },
)

withClients('curl and a listener that gets another certificate agree at once', async t => {
  const served = await serve(t, snapshotTls([rsa]))
  const url = `https://a.test:${served.port}`
  const curl = () => run('curl', '-sS', '-k', '--http0.9', '--resolve', `a.test:${served.port}:127.0.0.1`, url)
  assert.equal(said(await curl()).certificateArn, rsa.arn)
  served.server.update(snapshotTls([ecdsa]))
  assert.equal(said(await curl()).certificateArn, ecdsa.arn)
})

test('who says nothing, little, or stalls in the handshake is reset after 10 s', async t => {
  const clock = new VirtualClock()
  const served = await serve(t, snapshotTls([ecdsa]), { clock })
  const ends = ['', '\x16\x03\x01\x02\x00\x01', await helloBytes()].map(async text => {
    const client = net.connect({ host: '127.0.0.1', port: served.port })
    client.write(text, 'latin1')
    client.on('data', () => {})
    const [error] = await once(client, 'close').then(
      () => [client.errored],
      error => [error],
    )
    return (error as NodeJS.ErrnoException | null)?.code
  })
  await until(() => served.open.size === 3)
  await clock.advance(9_999)
  assert.deepEqual(served.results, [])
  await clock.advance(1)
  assert.deepEqual(await Promise.all(ends), ['ECONNRESET', 'ECONNRESET', 'ECONNRESET'])
  assert.deepEqual(served.results, ['timed out', 'timed out', 'timed out'])
})

test('what is no TLS, and who leaves in the middle, fails with a word why', async t => {
  const served = await serve(t, snapshotTls([ecdsa]))
  const talk = async (text: string) => {
    const client = net.connect({ host: '127.0.0.1', port: served.port })
    client.on('error', () => {})
    client.end(text, 'latin1')
    client.resume()
    await new Promise(resolve => client.once('close', resolve))
  }
  await talk('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await talk('\x16\x03\x01\x00')
  await talk('\x80\x2e\x01\x03\x01nonsense')
  await until(() => served.results.length === 3)
  assert.deepEqual(served.results, ['http request', 'closed by the client', 'closed by the client'])
})

test('a session with a fault in it is told so, and ends', async t => {
  const server = new TlsServer({ clock: systemClock, ...tlsOptions() })
  server.update(snapshotTls([ecdsa]))
  const sessions: SecureClient[] = []
  const faults: (string | undefined)[] = []
  const listener = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket =>
    server.secure(socket, result => {
      assert.ok(typeof result !== 'string', String(result))
      sessions.push(result)
      result.tls.on('error', (error: NodeJS.ErrnoException) => faults.push(error.code)).resume()
    }),
  )
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  t.after(() => listener.close())
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const { port } = listener.address() as net.AddressInfo
    const lower = net.connect({ host: '127.0.0.1', port })
    const client = tls.connect({ socket: lower, rejectUnauthorized: false, maxVersion })
    client.on('error', () => {})
    await until(() => sessions.some(({ session }) => session.version === maxVersion))
    faults.length = 0
    lower.write('\x17\x03\x03\x00\x28nobody has encrypted this, nor signed it', 'latin1')
    await until(() => sessions.every(({ tls, lower }) => tls.destroyed && lower.destroyed))
    assert.match(faults[0] ?? '', /^ERR_SSL_/)
    client.destroy()
  }
})

withClients('handshakes under way are bounded: who has stalled for a second gives way, and nobody else', async t => {
  const clock = new VirtualClock()
  const options = { ...tlsOptions(), handshakes: new Handshakes(1) }
  const served = await serve(t, snapshotTls([ecdsa]), { clock, options })
  const hello = await helloBytes()
  const stall = async () => {
    const client = net.connect({ host: '127.0.0.1', port: served.port })
    t.after(() => client.destroy())
    client.on('error', () => {})
    client.write(hello, 'latin1')
    await new Promise(resolve => {
      client.once('data', resolve)
      client.once('close', resolve)
    })
  }
  await stall()
  await stall()
  assert.deepEqual(served.results, ['too many handshakes'])
  await clock.advance(1_000)
  await stall()
  assert.deepEqual(served.results.slice(1), ['gave way to others'])
  await clock.advance(1_000)
  assert.equal(said(await openssl(served)).version, 'TLSv1.3')
})

withClients('a certificate that can’t be used is told of and passed over; without any, handshakes fail', async t => {
  const problems: string[] = []
  const broken = { ...rsa, privateKey: ecdsa.privateKey }
  const served = await serve(t, snapshotTls([broken, ecdsa]), { options: tlsOptions(problems) })
  assert.equal(problems.length, 1)
  assert.match(problems[0] ?? '', /^arn:a\.test\/RSA_2048 can't be used, import it anew: .*private key/)
  assert.equal(said(await openssl(served)).certificateArn, ecdsa.arn)
  served.server.update(snapshotTls([broken]))
  await openssl(served)
  assert.equal(served.results.at(-1), 'no certificate')
})

test('a certificate is made ready once, whichever listeners show it', () => {
  const { contexts } = tlsOptions()
  const [policy, other] = securityPolicies as [(typeof securityPolicies)[0], (typeof securityPolicies)[0]]
  const first = contexts.of(rsa, policy, 'ab', 0)
  assert.equal(contexts.of({ ...rsa }, policy, 'ab', 0), first)
  assert.notEqual(contexts.of(rsa, other, 'ab', 0), first)
  assert.notEqual(contexts.of(rsa, policy, 'cd', 0), first)
})

/** The first flight of a client, as text. */
async function helloBytes(): Promise<string> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = tls.connect({ host: '127.0.0.1', port: (server.address() as net.AddressInfo).port })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  client.destroy()
  socket.destroy()
  server.close()
  return chunk.toString('latin1')
}
