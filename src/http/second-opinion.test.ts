import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, METHODS, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { forwardingWith } from './head.fixture.ts'
import { noise } from './noise.fixture.ts'
import { RequestParser } from './request-parser.ts'
import { targetHead } from './target-head.ts'
import { lastChunk } from './trailers.ts'

interface Forwarded {
  readonly method: string
  readonly url: string
  framing: string
  /** The head as a target gets it. */
  readonly text: string
  body: string
}

/** What is accepted of these bytes and whole, as it goes on to a target. */
function forwarded(text: string, desyncMode: 'monitor' | 'defensive'): Forwarded[] {
  const all: Forwarded[] = []
  let isWhole = true
  const parser = new RequestParser(
    {
      onHead: head => {
        isWhole = false
        const url = head.hasQuery ? `${head.path}?${head.query}` : head.path
        const sent = targetHead(head, forwardingWith({ keepAlive: true, settings: { desyncMode } }))
        all.push({ method: head.method, url, framing: head.framing, text: sent, body: '' })
      },
      onBody: bytes => {
        all.at(-1)!.body += bytes.toString('latin1')
      },
      onEnd: () => {
        isWhole = true
      },
      onRefused: () => {},
    },
    { desyncMode },
  )
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; ) at = parser.feed(bytes, at)
  return isWhole ? all : all.slice(0, -1)
}

function framed({ framing, text, body }: Forwarded): string {
  if (framing !== 'chunked') return text + body
  return `${text}${body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`}${lastChunk(undefined, false)}`
}

/**
 * Whether `node:http` goes on behind it: it takes neither raw UTF-8 in a target nor methods of one's own, which an ALB passes on, and
 * an upgrade is the last that it parses.
 */
function isForNode({ method, url, text }: Forwarded): boolean {
  return METHODS.includes(method) && !url.includes('\xc3') && !text.includes('\r\nUpgrade:')
}

/** What a `node:http` server makes of these bytes on one connection, up to one that says close. */
async function opinionOn(text: string): Promise<string[]> {
  const seen: string[] = []
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    // Told in the order of the heads; its body is added as it comes.
    const i = seen.push(`${request.method} ${request.url} `) - 1
    request.setEncoding('latin1')
    request.on('data', part => {
      seen[i] += part
    })
    request.on('end', () => response.end())
  }
  const server = createServer(serve)
  server.on('checkExpectation', serve)
  server.on('clientError', (error, socket) => {
    seen.push(`refused: ${error.message}`)
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  // A reset shows in what was seen.
  socket.on('error', () => {})
  socket.resume()
  socket.write(text, 'latin1')
  await new Promise(resolve => socket.on('close', resolve))
  server.close()
  return seen
}

test('node:http frames in the same way whatever is accepted and sent on, one behind the other on a connection', async () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const { request } = noise(random)
  const sent: Forwarded[] = []
  while (sent.length < 2_000) {
    const accepted = forwarded(request() + request(), random(2) === 0 ? 'monitor' : 'defensive')
    sent.push(...accepted.filter(isForNode))
  }
  const end = 'GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
  const seen = await opinionOn(sent.map(framed).join('') + end)
  const bodies = new Set(sent.map(one => one.framing))
  assert.deepEqual([...bodies].sort(), ['chunked', 'length', 'none'], `seed ${seed}`)
  for (const [i, one] of sent.entries()) {
    assert.equal(
      seen[i],
      `${one.method} ${one.url} ${one.body}`,
      `seed ${seed}: ${JSON.stringify(sent.slice(Math.max(0, i - 1), i + 1).map(framed))}`,
    )
  }
  assert.deepEqual(seen.slice(sent.length), ['GET /end '])
})
