import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { type TestContext, test } from 'node:test'
import tls from 'node:tls'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import { readClientHello } from './client-hello.ts'

/** The first flight of node's own client. */
async function helloOf(t: TestContext, options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const client = tls.connect({ host: '127.0.0.1', port, ...options })
  client.on('error', () => {})
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  t.after(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  let received = Buffer.alloc(0)
  while (readClientHello(received) === undefined) received = Buffer.concat([received, (await once(socket, 'data'))[0]])
  return received
}

/** The same message in records of `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) {
    const part = message.subarray(at, at + size)
    const head = Buffer.from([22, 3, 1, 0, 0])
    head.writeUInt16BE(part.length, 3)
    records.push(head, part)
  }
  return Buffer.concat(records)
}

test('it reads the name, ALPN, versions, ciphers and signatures', async t => {
  const modern = readClientHello(await helloOf(t, { servername: 'A.example.com', ALPNProtocols: ['h2', 'http/1.1'] }))
  assert.ok(modern !== undefined && modern !== 'unreadable')
  assert.equal(modern.serverName, 'a.example.com')
  assert.deepEqual(modern.protocols, ['h2', 'http/1.1'])
  assert.equal(modern.tls13, true)
  assert.ok(modern.ciphers.includes(0x1301) && modern.ciphers.includes(0xc02f))
  assert.ok(modern.signatures?.includes(0x0403) && modern.signatures.includes(0x0804))

  const old = readClientHello(await helloOf(t, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }))
  assert.ok(old !== undefined && old !== 'unreadable')
  assert.deepEqual([old.tls13, old.serverName, old.protocols], [false, undefined, []])
  assert.deepEqual(
    old.ciphers.filter(code => code !== 0xff),
    [0xc02f],
  )
})

test('it waits for all of it, however it comes', async t => {
  const hello = await helloOf(t, { servername: 'a.test', ALPNProtocols: ['http/1.1'] })
  const whole = readClientHello(hello)
  for (let length = 0; length < hello.length; length++)
    assert.equal(readClientHello(hello.subarray(0, length)), undefined, `${length}`)
  for (const size of [16, 100, 16_384]) assert.deepEqual(readClientHello(inRecords(hello, size)), whole)
  const short = await helloOf(t, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })
  for (const size of [1, 3, 4, 5]) assert.deepEqual(readClientHello(inRecords(short, size)), readClientHello(short))
  assert.deepEqual(readClientHello(Buffer.concat([hello, Buffer.from('more')])), whole)
})

test('one in a great many records is left to OpenSSL', async t => {
  const hello = await helloOf(t, {
    servername: `${'a'.repeat(60)}.test`,
    ALPNProtocols: [...'abcdefghijklmnopqrstuvwxyz'],
  })
  assert.equal(readClientHello(inRecords(hello, 1)), 'unreadable')
})

test('what is no hello is unreadable, and nothing makes it throw', async t => {
  for (const text of [
    'GET / HTTP/1.1\r\n',
    '\x80\x2e\x01\x03\x01',
    '\x16\x03\x01\x00\x00',
    '\x16\x03\x01\x00\x04\x02\x00\x00\x01',
    '\x16\x03\x01\x00\x04\x01\x01\x00\x00',
    '\x16\x03\x01\x00\x04\x01\x00\x00\x00',
  ])
    assert.equal(readClientHello(Buffer.from(text, 'latin1')), 'unreadable', JSON.stringify(text))
  assert.equal(readClientHello(Buffer.alloc(33 << 10, 22)), 'unreadable')
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const hello = await helloOf(t, { servername: 'a.test', ALPNProtocols: ['http/1.1'] })
  for (let turn = 0; turn < 5_000; turn++) {
    const bent = Buffer.from(hello.subarray(0, 10 + random(hello.length - 9)))
    bent.writeUInt16BE(bent.length - 5, 3)
    bent.writeUIntBE(bent.length - 9, 6, 3)
    for (let times = 0; times < 3; times++) bent[9 + random(bent.length - 9)] = random(256)
    readClientHello(bent)
  }
})
