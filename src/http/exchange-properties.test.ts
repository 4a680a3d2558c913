import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { httpGroup, type MemoryDial, type MemoryWire, Stage, targetNamed } from './wires.fixture.ts'

/** A client that sends numbered requests, and reads what comes. */
interface Client {
  readonly wire: MemoryWire
  readonly asked: string[]
  /** Not sent yet. */
  rest: string
  got: string
  isGone: boolean
}

/** A target's connection: the requests it has understood, and what it has still to say. */
interface Peer {
  readonly wire: MemoryDial
  heard: string
  rest: string
  isGone: boolean
}

/** Takes whole answers off the front: `[status, body]` each. */
function answersOf(client: Client): (readonly [number, string])[] {
  const answers: (readonly [number, string])[] = []
  for (;;) {
    client.got = client.got.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '')
    const head = /^HTTP\/1\.1 (\d{3})[^\r]*\r\n(.*?)\r\n\r\n/s.exec(client.got)
    if (head === null) return answers
    const length = Number(/Content-Length: (\d+)/.exec(head[0])?.[1] ?? 0)
    if (client.got.length < head[0].length + length) return answers
    answers.push([Number(head[1]), client.got.slice(head[0].length, head[0].length + length)])
    client.got = client.got.slice(head[0].length + length)
  }
}

/** Takes whole requests off the front: the token of each. */
function tokensOf(peer: Peer): string[] {
  const tokens: string[] = []
  for (;;) {
    const head = /^(?:GET|POST) \/(\w+) HTTP\/1\.1\r\n.*?\r\n\r\n/s.exec(peer.heard)
    if (head === null) return tokens
    const length = Number(/Content-Length: (\d+)/.exec(head[0])?.[1] ?? 0)
    if (peer.heard.length < head[0].length + length) return tokens
    const body = peer.heard.slice(head[0].length, head[0].length + length)
    assert.ok(body === '' || body === `body of ${head[1]}`, `another's body: ${body}`)
    peer.heard = peer.heard.slice(head[0].length + length)
    tokens.push(head[1]!)
  }
}

test('whatever ends when, no client gets the answer to another request, and nothing is left behind', async () => {
  const seed = anySeed()
  const below = randomFrom(seed)
  const pick = <T>(list: readonly T[]) => list[below(list.length)]!
  const names = ['a', 'b', 'c']
  const modes = ['serve', 'serve', 'serve', 'drain', 'cut'] as const
  const stage = new Stage([httpGroup(names.map(name => targetNamed(name)))])
  const clients: Client[] = []
  const peers: Peer[] = []
  let token = 0
  let answered = 0

  const ask = (client: Client) => {
    const name = `t${token++}`
    client.asked.push(name)
    const body = `body of ${name}`
    client.rest +=
      below(3) === 0
        ? `POST /${name} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        : `GET /${name} HTTP/1.1\r\nHost: a\r\n\r\n`
  }
  const read = (client: Client) => {
    client.got += client.wire.take()
    for (const [status, body] of answersOf(client)) {
      const name = client.asked.shift()
      assert.ok(name !== undefined, `seed ${seed}: an answer that nobody asked for`)
      if (status === 200) {
        answered++
        assert.equal(body, `answer to ${name}`, `seed ${seed}`)
      } else assert.ok([400, 408, 502, 503, 504].includes(status), `seed ${seed}: ${status}`)
    }
  }
  const step = async () => {
    while (stage.dials.length > 0) {
      const wire = stage.dials.shift()!
      if (below(10) === 0) wire.closes('ECONNREFUSED')
      else if (wire.end === 'open') peers.push({ wire: wire.opens(), heard: '', rest: '', isGone: false })
      else wire.closes()
    }
    for (const peer of peers) {
      peer.heard += peer.wire.take()
      for (const name of tokensOf(peer)) {
        const body = `answer to ${name}`
        peer.rest +=
          below(2) === 0
            ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
            : `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nX: y\r\n\r\n${body}`
      }
    }
    const client = pick(clients)
    const peer = peers.length > 0 ? pick(peers) : undefined
    switch (below(12)) {
      case 0:
        if (clients.length < 12) clients.push({ wire: stage.client(), asked: [], rest: '', got: '', isGone: false })
        break
      case 1:
      case 2:
        ask(client)
        break
      case 3:
      case 4:
      case 5: {
        if (client.isGone || client.wire.isPaused || client.rest === '') break
        const length = below(3) === 0 ? 1 + below(client.rest.length) : client.rest.length
        const part = client.rest.slice(0, length)
        client.rest = client.rest.slice(length)
        client.wire.takesMore = below(4) > 0
        client.wire.receive(part)
        break
      }
      case 6:
      case 7:
      case 8: {
        if (peer === undefined || peer.isGone || peer.wire.isPaused || peer.rest === '') break
        const length = below(3) === 0 ? 1 + below(peer.rest.length) : peer.rest.length
        const part = peer.rest.slice(0, length)
        peer.rest = peer.rest.slice(length)
        peer.wire.receive(part)
        break
      }
      case 9:
        if (!client.isGone && !client.wire.takesMore) client.wire.drain()
        break
      case 10:
        if (peer !== undefined && !peer.isGone && below(3) === 0) {
          if (below(2) === 0 && !peer.wire.isPaused) peer.wire.peerFinishes()
          peer.wire.closes(below(2) === 0 ? 'ECONNRESET' : undefined)
          peer.isGone = true
        } else if (!client.isGone && below(4) === 0) {
          client.wire.closes('ECONNRESET')
          client.isGone = true
        }
        break
      default:
        await rarely(below(20))
    }
    for (const each of clients) if (!each.isGone) read(each)
    // What the load balancer has closed is gone a moment later.
    for (const each of [...clients, ...peers]) {
      if (each.isGone || each.wire.end === 'open') continue
      each.isGone = true
      each.wire.closes()
    }
    for (const list of [clients, peers])
      for (let at = list.length - 1; at >= 0; at--) if (list[at]!.isGone) list.splice(at, 1)
    if (clients.length === 0) clients.push({ wire: stage.client(), asked: [], rest: '', got: '', isGone: false })
  }

  const rarely = async (what: number) => {
    if (what === 0) await stage.clock.advance(below(70_000))
    if (what === 1) stage.update([httpGroup(names.map(name => targetNamed(name, { mode: pick(modes) })))])
    for (const { wire, isGone } of peers) {
      if (isGone) continue
      if (what === 2) wire.takesMore = false
      else if (!wire.takesMore) wire.drain()
    }
  }

  clients.push({ wire: stage.client(), asked: [], rest: '', got: '', isGone: false })
  for (let n = 0; n < 20_000; n++) {
    try {
      await step()
    } catch (error) {
      throw new Error(`seed ${seed}, step ${n}`, { cause: error })
    }
  }
  for (const { wire } of clients) wire.closes()
  for (const { wire } of peers) wire.closes()
  for (const wire of stage.dials) wire.closes()
  assert.ok(answered > 500, `seed ${seed}: only ${answered} answers`)
  const { activeRequests, activeConnections } = stage.front.tally
  assert.deepEqual({ activeRequests, activeConnections }, { activeRequests: 0, activeConnections: 0 }, `seed ${seed}`)
  for (const { key, tally, connections } of stage.targets.counters()) {
    assert.equal(tally.activeRequests, 0, `seed ${seed}, ${key}`)
    assert.equal(connections, 0, `seed ${seed}, ${key}`)
  }
})
