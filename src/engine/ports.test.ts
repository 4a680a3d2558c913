import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { openPorts, type Ports } from './ports.ts'
import { clientOf, ending, listenerOn, serveEcho } from './userspace/tcp.fixture.ts'

function open(t: TestContext): Ports {
  const ports = openPorts()
  t.after(() => ports.close())
  return ports
}

const udp = (port: number, address = '127.0.0.1') =>
  listenerOn(port, { protocol: 'UDP', address, id: `UDP ${address} ${port}` })
const tcp = (port: number, address = '127.0.0.1') => listenerOn(port, { address, id: `TCP ${address} ${port}` })

/** What another program hears that wants the port: `bound`, or the system's error. */
function attempt(protocol: 'TCP' | 'UDP', address: string, port: number): string {
  const script = `
    const udp = ${protocol === 'UDP'}
    const type = '${address.includes(':') ? 'udp6' : 'udp4'}'
    const socket = udp ? require('dgram').createSocket(type) : require('net').createServer()
    socket.on('error', ({ code }) => { console.log(code); process.exit() })
    socket.on('listening', () => { console.log('bound'); process.exit() })
    udp ? socket.bind(${port}, '${address}') : socket.listen(${port}, '${address}')`
  return execFileSync(process.execPath, ['--eval', script], { encoding: 'utf8' }).trim()
}

async function boundUdp(t: TestContext): Promise<Socket> {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

test('while a port is held another program can’t have it, not even on all addresses; released, it can at once', t => {
  const ports = open(t)
  const listeners = [tcp(22400), udp(22401), tcp(22402, '::1'), udp(22403, '::1')]
  assert.deepEqual(ports.hold(listeners), new Map())
  for (const { protocol, address, port } of listeners) {
    assert.equal(attempt(protocol, address, port), 'EADDRINUSE')
    assert.equal(attempt(protocol, address === '::1' ? '::' : '0.0.0.0', port), 'EADDRINUSE')
  }
  ports.release(id => id !== 'UDP 127.0.0.1 22401')
  assert.deepEqual(
    listeners.map(({ protocol, address, port }) => attempt(protocol, address, port)),
    ['bound', 'EADDRINUSE', 'bound', 'bound'],
  )
  ports.close()
  assert.equal(attempt('UDP', '127.0.0.1', 22401), 'bound')
})

test('an IPv6 port does not take the same one of IPv4', t => {
  assert.deepEqual(open(t).hold([tcp(22404, '::1'), tcp(22404), udp(22404, '::1'), udp(22404)]), new Map())
})

test('what can’t be held is told by the system’s error, and the others are held', async t => {
  await serveEcho(t, 22405)
  const other = await boundUdp(t)
  const ports = open(t)
  const taken = [tcp(22405), udp(other.address().port), tcp(22406, '203.0.113.9'), udp(22406, '203.0.113.9')]
  assert.deepEqual(
    [...ports.hold([...taken, tcp(22407)])],
    taken.map(({ id }, n) => [id, n < 2 ? 'EADDRINUSE' : 'EADDRNOTAVAIL']),
  )
  assert.equal(attempt('TCP', '127.0.0.1', 22407), 'EADDRINUSE')
})

test('a port is tried again until it can be had, and held once', async t => {
  const server = await serveEcho(t, 22408)
  const ports = open(t)
  assert.equal(ports.hold([tcp(22408)]).size, 1)
  server.close()
  await once(server, 'close')
  for (let n = 0; n < 2; n++) assert.equal(ports.hold([tcp(22408)]).size, 0)
  ports.release(() => true)
  assert.equal(attempt('TCP', '127.0.0.1', 22408), 'bound')
})

test('whoever comes past the kernel is reset at once, and datagrams are not answered', async t => {
  const ports = open(t)
  ports.hold([tcp(22409), udp(22409)])
  const client = clientOf(t, 22409)
  const seen = ending(client)
  client.resume()
  assert.equal(await seen, 'ECONNRESET')

  // A port that nobody has would be refused (ICMP), which a connected socket hears of.
  const sender = await boundUdp(t)
  sender.connect(22409, '127.0.0.1')
  await once(sender, 'connect')
  const heard: unknown[] = []
  sender.on('error', error => heard.push(error))
  sender.on('message', message => heard.push(message))
  sender.send('one')
  // A TCP exchange with the same process comes after the datagram.
  const second = ending(clientOf(t, 22409).resume())
  await second
  assert.deepEqual(heard, [])
})

test('a thousand ports are held in a moment', t => {
  const ports = open(t)
  const listeners = Array.from({ length: 1_000 }, (_, n) => (n % 2 === 0 ? tcp : udp)(23000 + (n >> 1)))
  const startedAt = performance.now()
  assert.deepEqual(ports.hold(listeners), new Map())
  t.diagnostic(`${(performance.now() - startedAt).toFixed(1)} ms`)
})
