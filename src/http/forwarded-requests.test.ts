import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import type { HttpSettings } from '../domain/snapshot-http.ts'
import { forwardingWith, requestOf } from './head.fixture.ts'
import { targetHead } from './target-head.ts'
import { traceIdFor } from './trace-id.ts'
import { lastChunk } from './trailers.ts'

const modes = ['monitor', 'defensive', 'strictest'] as const

const names = [
  ...[
    'Host',
    'HOST',
    'Content-Length',
    'content-length',
    'Transfer-Encoding',
    'transfer-encoding',
    'Transfer_Encoding',
  ],
  ...['Content-Length ', ' Content-Length', 'Content\0Length', 'Connection', 'connection', 'Upgrade', 'TE', 'Trailer'],
  ...['X-Forwarded-For', 'x-forwarded-for', 'X-Forwarded-Proto', 'X-Amzn-Trace-Id', 'X-Amzn-Tls-Version', 'Expect'],
  ...[
    'Cookie',
    'A',
    'b_c',
    '',
    'a b',
    'Keep-Alive',
    'Proxy-Connection',
    'User-Agent',
    'X\r\nHost',
    'D\nHost',
    'E\rHost',
  ],
]

const values = [
  ...[
    'a',
    'example.com:80',
    '0',
    '3',
    '03',
    '+3',
    '3, 3',
    '3\r\n 4',
    'chunked',
    'Chunked',
    ' chunked\t',
    'chunked, chunked',
  ],
  ...[
    'gzip, chunked',
    'identity',
    'xchunked',
    'close',
    'keep-alive',
    'upgrade',
    'websocket',
    'host, content-length, te',
  ],
  ...[
    'transfer-encoding, b_c',
    'trailers',
    '100-continue',
    'Root=1-2-3',
    '',
    'a\rb',
    'a\nb',
    'a\0b',
    '\u00e9\u00ff',
    '\x7f',
    '\t',
  ],
]

const targets = [
  '/',
  '/a?b',
  '*',
  'http://b/',
  'http://b:80/a',
  '/ a',
  '/\u00e9',
  '/a\rb',
  '//',
  'a',
  '',
  '/%',
  'http:///',
  '/a#b',
]

/** Fields that must not be there twice: a target that took another one would frame or route the request in another way. */
const once = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'x-forwarded-proto',
  'x-forwarded-port',
]

/** What is sent on, checked: nothing in it but one start line and fields in good order. Answers the fields. */
function checked(text: string): Map<string, string> {
  assert.ok(text.endsWith('\r\n\r\n'))
  const [startLine = '', ...lines] = text.slice(0, -4).split('\r\n')
  assert.match(startLine, /^[-!#$%&'*+.^_`|~0-9A-Za-z]+ [!-~\u0080-\u00ff]+ HTTP\/1\.1$/)
  const fields = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = /^([-!#$%&'*+.^_`|~0-9A-Za-z]+):([\t -~\u0080-\u00ff]*)$/.exec(line) ?? []
    assert.ok(name !== undefined && value !== undefined, `a bad line: ${JSON.stringify(line)}`)
    const key = name.toLowerCase()
    assert.ok(!once.includes(key) || !fields.has(key), `two of ${key}`)
    fields.set(key, value.trim().toLowerCase())
  }
  assert.ok(fields.has('host'))
  assert.ok(!(fields.has('content-length') && fields.has('transfer-encoding')))
  return fields
}

/** What a parser accepts of these lines in a mode, sent on and read again in the strictest one; false: it accepts none of it. */
function goesOn(lines: readonly string[], body: string, settings: Partial<HttpSettings>): boolean {
  const mode = settings.desyncMode ?? 'defensive'
  let came: ReturnType<typeof requestOf>
  try {
    came = requestOf(lines, mode, body)
  } catch {
    return false
  }
  const { head } = came
  const forwarding = forwardingWith({
    settings,
    traceId: traceIdFor(head, '1-2-3'),
    keepAlive: head.keepAlive,
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
  })
  const text = targetHead(head, forwarding)
  const fields = checked(text)
  assert.equal(fields.get('transfer-encoding') === 'chunked', head.framing === 'chunked')
  if (head.framing === 'length') assert.equal(fields.get('content-length'), String(head.contentLength))
  else assert.equal(fields.get('content-length') ?? '0', '0')
  const again = requestOf(text.slice(0, -4).split('\r\n'), 'monitor', framed(head.framing, came.body))
  assert.equal(again.head.framing === 'none' ? 0 : again.body.length, came.body.length)
  assert.equal(again.body, came.body)
  assert.equal(again.head.closesBoth, false, 'what goes on is beyond doubt')
  return true
}

function framed(framing: string, body: string): string {
  if (framing !== 'chunked') return body
  return body === ''
    ? lastChunk(undefined, false)
    : `${body.length.toString(16)}\r\n${body}\r\n${lastChunk(undefined, false)}`
}

test('whatever is accepted goes on in one reading', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const oneOf = <T>(list: readonly T[]): T => list[random(list.length)]!
  let accepted = 0
  for (let i = 0; i < 20_000; i++) {
    const lines = [`${oneOf(['GET', 'POST', 'HEAD', 'X-Y'])} ${oneOf(targets)} HTTP/1.${random(2)}`]
    if (random(10) > 0) lines.push('Host: a')
    for (let n = random(4); n > 0; n--) lines.push(`${oneOf(names)}:${random(4) > 0 ? ' ' : ''}${oneOf(values)}`)
    const body = oneOf(['', 'abc', '3\r\nabc\r\n0\r\n\r\n', '0\r\n\r\n'])
    const settings: Partial<HttpSettings> = {
      desyncMode: oneOf(modes),
      xff: oneOf(['append', 'preserve', 'remove'] as const),
      xffClientPort: random(2) === 0,
      preserveHost: random(2) === 0,
      dropInvalidHeaderFields: random(2) === 0,
      tlsHeaders: random(2) === 0,
    }
    try {
      if (goesOn(lines, body, settings)) accepted++
    } catch (error) {
      throw new Error(`seed ${seed}: ${JSON.stringify({ lines, body, settings })}`, { cause: error })
    }
  }
  assert.ok(accepted > 2_000, `seed ${seed}: only ${accepted} were accepted`)
})
