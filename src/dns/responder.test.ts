import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, it, type TestContext } from 'node:test'
import { type DecodedPacket, decode, encode, type Packet, streamEncode } from 'dns-packet'
import type { Resolve } from './answer.ts'
import { openDnsResponder } from './responder.ts'

const zone = 'elb.sluice.internal'
const many = Array.from({ length: 40 }, (_, i) => `10.0.0.${i}`)
const names: Record<string, readonly string[]> = {
  [`hello-1.${zone}`]: ['10.0.1.4', '10.0.2.4', 'fd00:1::4'],
  [`a.hello-1.${zone}`]: ['10.0.1.4'],
  [`many-1.${zone}`]: many,
}

async function open(t: TestContext, resolve: Resolve = name => names[name], host = '127.0.0.1') {
  const lines: string[] = []
  const responder = await openDnsResponder({ host, port: 0, zone, resolve, log: line => lines.push(line) })
  let open = true
  t.after(() => (open ? responder.close() : undefined))
  const resolver = new Resolver({ timeout: 2_000, tries: 1 })
  resolver.setServers([`${host.includes(':') ? `[${host}]` : host}:${responder.port}`])
  const close = () => {
    open = false
    return responder.close()
  }
  return { port: responder.port, resolver, lines, close }
}

/** Sends each message from one socket; answers the first reply. */
async function ask(port: number, ...messages: Buffer[]): Promise<DecodedPacket & { rcode: string }> {
  const socket = createSocket('udp4')
  for (const message of messages) socket.send(message, port, '127.0.0.1')
  const [reply] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return decode(reply) as DecodedPacket & { rcode: string }
}

function query(name: string, extra: Partial<Packet> = {}, type: 'A' | 'SOA' | 'TXT' = 'A'): Buffer {
  return encode({ type: 'query', id: 7, flags: 0x100, questions: [{ name, type }], ...extra })
}

describe('the DNS responder', () => {
  it("answers a load balancer's name, and a zone's, with addresses of the family asked for", async t => {
    const { resolver } = await open(t)
    assert.deepEqual(await resolver.resolve4(`hello-1.${zone}`, { ttl: true }), [
      { address: '10.0.1.4', ttl: 60 },
      { address: '10.0.2.4', ttl: 60 },
    ])
    assert.deepEqual(await resolver.resolve6(`hello-1.${zone}`), ['fd00:1::4'])
    assert.deepEqual(await resolver.resolve4(`a.hello-1.${zone}`), ['10.0.1.4'])
  })

  it('answers over IPv6', async t => {
    const { resolver } = await open(t, undefined, '::1')
    assert.deepEqual(await resolver.resolve4(`a.hello-1.${zone}`), ['10.0.1.4'])
  })

  it('tells a name that does not exist from one without such a record, and refuses other zones', async t => {
    const { resolver } = await open(t)
    await assert.rejects(resolver.resolve4(`nobody.${zone}`), { code: 'ENOTFOUND' })
    await assert.rejects(resolver.resolve6(`a.hello-1.${zone}`), { code: 'ENODATA' })
    await assert.rejects(resolver.resolveTxt(`hello-1.${zone}`), { code: 'ENODATA' })
    await assert.rejects(resolver.resolve4(zone), { code: 'ENODATA' })
    await assert.rejects(resolver.resolve4('example.com'), { code: 'EREFUSED' })
    await assert.rejects(resolver.resolve4(`evil${zone}`), { code: 'EREFUSED' })
  })

  it('says with an SOA how long a negative answer holds', async t => {
    const { port } = await open(t)
    const reply = await ask(port, query(`nobody.${zone}`))
    assert.equal(reply.rcode, 'NXDOMAIN')
    assert.equal(reply.flag_aa && reply.flag_rd, true)
    const [soa] = reply.authorities ?? []
    assert.ok(soa?.type === 'SOA')
    assert.deepEqual([soa.name, soa.ttl, soa.data.minimum], [zone, 5, 5])
    assert.equal((await ask(port, query(zone, {}, 'SOA'))).answers?.[0]?.type, 'SOA')
  })

  it('repeats the name as it was asked', async t => {
    const { port } = await open(t)
    const reply = await ask(port, query(`HeLLo-1.${zone}`))
    assert.equal(reply.questions?.[0]?.name, `HeLLo-1.${zone}`)
    assert.equal(reply.answers?.[0]?.name, `HeLLo-1.${zone}`)
    assert.equal(reply.id, 7)
  })

  it('sends a long answer over TCP', async t => {
    const { port, resolver } = await open(t)
    const cut = await ask(port, query(`many-1.${zone}`))
    assert.equal(cut.flag_tc, true)
    assert.equal(cut.answers?.length, 0)
    assert.deepEqual((await resolver.resolve4(`many-1.${zone}`)).sort(), [...many].sort())
  })

  it('takes several queries in pieces from one TCP connection', async t => {
    const { port } = await open(t)
    const socket = connect(port, '127.0.0.1')
    const questions = [{ name: `hello-1.${zone}`, type: 'A' }] as const
    const stream = Buffer.concat([1, 2].map(id => streamEncode({ type: 'query', id, questions: [...questions] })))
    for (let i = 0; i < stream.length; i += 7) {
      await new Promise(resolve => socket.write(stream.subarray(i, i + 7), resolve))
    }
    let received: Buffer = Buffer.alloc(0)
    while (received.length < 2 || received.length < 2 * (2 + received.readUInt16BE(0))) {
      const [chunk] = (await once(socket, 'data')) as [Buffer]
      received = Buffer.concat([received, chunk])
    }
    const half = 2 + received.readUInt16BE(0)
    assert.deepEqual([decode(received, 2).id, decode(received, half + 2).id], [1, 2])
    socket.destroy()
  })

  it('ignores what is no query, and answers what comes after it', async t => {
    const { port } = await open(t)
    const reply = encode({ type: 'response', id: 6, questions: [{ name: `hello-1.${zone}`, type: 'A' }] })
    const lies = Buffer.from(query(`hello-1.${zone}`))
    lies.writeUInt16BE(0xffff, 4)
    const loop = Buffer.concat([query(`hello-1.${zone}`).subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])])
    const got = await ask(port, Buffer.alloc(0), Buffer.alloc(300, 255), reply, lies, loop, query(`hello-1.${zone}`))
    assert.deepEqual([got.id, got.answers?.length], [7, 2])
  })

  it('says what it does not do', async t => {
    const { port } = await open(t)
    const question = { name: `hello-1.${zone}`, type: 'A' } as const
    assert.equal((await ask(port, query(zone, { questions: [question, question] }))).rcode, 'FORMERR')
    assert.equal((await ask(port, query(zone, { flags: 5 << 11 }))).rcode, 'NOTIMP')
    assert.equal((await ask(port, query(zone, { questions: [{ ...question, class: 'CH' }] }))).rcode, 'REFUSED')
  })

  it('answers SERVFAIL and tells the operator when the addresses cannot be found out', async t => {
    const { resolver, lines } = await open(t, () => {
      throw new Error('no state')
    })
    await assert.rejects(resolver.resolve4(`hello-1.${zone}`), { code: 'ESERVFAIL' })
    assert.deepEqual(lines, ['no answer: no state'])
  })

  it('holds 64 TCP clients, and the longest connected makes room', async t => {
    const { port } = await open(t)
    const first = connect(port, '127.0.0.1')
    await once(first, 'connect')
    const closed = once(first, 'close')
    first.resume()
    const others = Array.from({ length: 64 }, () => connect(port, '127.0.0.1'))
    await closed
    for (const other of others) other.destroy()
  })

  it('refuses a port that is taken, and frees its own', async t => {
    const { port, close } = await open(t)
    const again = { host: '127.0.0.1', port, zone, resolve: () => undefined, log: () => {} }
    await assert.rejects(openDnsResponder(again), { code: 'EADDRINUSE' })
    await close()
    await (await openDnsResponder(again)).close()
  })
})
