import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRequests } from './parse.fixture.ts'
import { RequestParser } from './request-parser.ts'

const host = 'Host: example.com'

/** One request without a body, given by its lines. */
function headOf(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

const first = (text: string, mode: 'monitor' | 'defensive' | 'strictest' = 'defensive') => {
  const { requests, refusal } = parseRequests([text], mode)
  assert.equal(refusal, undefined, `refused: ${JSON.stringify(refusal)}`)
  return requests[0]!
}

const statusOf = (text: string, mode: 'monitor' | 'defensive' | 'strictest' = 'defensive') =>
  parseRequests([text], mode).refusal?.status ?? 200

test('a usual request is told as it came', () => {
  const request = first(
    headOf('GET /a/b?c=d&e HTTP/1.1', 'Host: example.com:81', 'X-A:  b c \t', 'empty:', 'x_y: \xe9'),
  )
  assert.deepEqual(request, {
    method: 'GET',
    target: '/a/b?c=d&e',
    path: '/a/b',
    query: 'c=d&e',
    authority: 'example.com:81',
    version: '1.1',
    framing: 'none',
    keepAlive: true,
    closesBoth: false,
    expectsContinue: false,
    upgrade: '',
    verdict: 'Compliant',
    fields: ['Host: example.com:81', 'X-A: b c', 'empty: ', 'x_y: \xe9'],
    body: '',
    trailers: [],
  })
})

test('a target of any form becomes a path, a query and an authority', () => {
  const table: readonly (readonly [string, string, string | undefined, string])[] = [
    ['GET /', '/', undefined, 'example.com'],
    ['GET /?', '/', '', 'example.com'],
    ['GET //a?b?c#d', '//a', 'b?c#d', 'example.com'],
    ['GET ', '/', undefined, 'example.com'],
    ['GET http://other.org:8080/a?b', '/a', 'b', 'other.org:8080'],
    ['GET HTTPS://other.org', '/', undefined, 'other.org'],
    ['GET http://other.org?a/b', '/', 'a/b', 'other.org'],
    ['OPTIONS http://other.org', '*', undefined, 'other.org'],
    ['OPTIONS *', '*', undefined, 'example.com'],
    ['GET /a b?c d', '/a%20b', 'c%20d', 'example.com'],
    ['GET /a\x01\t', '/a%01%09', undefined, 'example.com'],
    ['GET /\xd1\x81', '/\xd1\x81', undefined, 'example.com'],
  ]
  for (const [line, path, query, authority] of table) {
    const request = first(headOf(`${line} HTTP/1.1`, host))
    assert.deepEqual([request.path, request.query, request.authority], [path, query, authority], line)
  }
})

test('a target that is none is answered 400', () => {
  for (const target of ['a', '*', 'example.com:80', 'ftp://a/', 'http:///a', 'http://a@b/', 'http://', '  /a', '\\']) {
    assert.equal(statusOf(headOf(`GET ${target} HTTP/1.1`, host)), 400, target)
  }
})

test('methods and versions that are not served are answered as an ALB does', () => {
  const table: readonly (readonly [string, number])[] = [
    ['CONNECT example.com:443 HTTP/1.1', 405],
    ['TRACE / HTTP/1.1', 405],
    ['PRI * HTTP/2.0', 505],
    ['GET / HTTP/9.9', 505],
    ['GET / HTTP/0.9', 400],
    ['GET /', 400],
    ['GET / ', 400],
    ['GET / http/1.1', 400],
    ['GET / HTTP/1.10', 400],
    ['GET / HTTP/1.1 HTTP/1.1', 400],
    ['GET\t/ HTTP/1.1', 400],
    ['G@T / HTTP/1.1', 400],
    ['Extra lineGET / HTTP/1.1', 400],
    ['\x16\x03\x01', 400],
    ['brew / HTTP/1.1', 200],
    ['GET / HTTP/1.7', 200],
  ]
  for (const [line, status] of table) assert.equal(statusOf(headOf(line, host)), status, line)
})

test('a request without the one Host that it needs is answered 400', () => {
  const table: readonly (readonly [number, ...string[]])[] = [
    [400, 'GET / HTTP/1.1'],
    [200, 'GET / HTTP/1.0'],
    [400, 'GET http://a/ HTTP/1.1'],
    [400, 'GET / HTTP/1.1', host, 'Host: example.org'],
    [400, 'GET / HTTP/1.1', host, host],
    [400, 'GET / HTTP/1.1', host, 'Host : example.org'],
    [400, 'GET / HTTP/1.1', host, '\x01host: example.org'],
    [400, 'GET / HTTP/1.1', 'Host: a@b'],
    [400, 'GET / HTTP/1.1', 'Host: a b'],
    [400, 'GET / HTTP/1.1', 'Host: a/b'],
    [200, 'GET / HTTP/1.1', 'Host:'],
    [200, 'GET / HTTP/1.1', 'Host: [::1]:80'],
    [200, 'GET / HTTP/1.1', 'Host: a:80'],
    [200, 'GET / HTTP/1.1', 'Host: a:'],
    [400, 'GET / HTTP/1.1', 'Host: a:b'],
    [400, 'GET / HTTP/1.1', 'Host: a:80:90'],
    [400, 'GET / HTTP/1.1', 'Host: :80'],
    [400, 'GET / HTTP/1.1', 'Host: ::1'],
    [400, 'GET / HTTP/1.1', 'Host: [::1]a'],
    [400, 'GET http://a:b/ HTTP/1.1', host],
  ]
  for (const mode of ['monitor', 'defensive', 'strictest'] as const) {
    for (const [status, ...lines] of table) assert.equal(statusOf(headOf(...lines), mode), status, `${mode} ${lines}`)
  }
})

test('what could begin or end a line elsewhere is answered 400 in each mode', () => {
  const bad = [
    `GET / HTTP/1.1\n${host}\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\n\n`,
    `GET / HTTP/1.1\r\n${host}\r\n\rX: y\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\rX: y\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\nX: y\rz\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\nX: y\r\n z\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\nX: y\r\n z: a\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}\r\nX\r\n\r\n`,
    `GET / HTTP/1.1\r\n X: y\r\n${host}\r\n\r\n`,
    `\rGET / HTTP/1.1\r\n${host}\r\n\r\n`,
    `\nGET / HTTP/1.1\r\n${host}\r\n\r\n`,
    `\r\n\r\nGET / HTTP/1.1\r\n${host}\r\n\r\n`,
  ]
  for (const mode of ['monitor', 'defensive', 'strictest'] as const) {
    for (const text of bad) assert.equal(statusOf(text, mode), 400, `${mode} ${JSON.stringify(text)}`)
  }
})

test('one empty line before a request is skipped', () => {
  assert.equal(first(`\r\n${headOf('GET / HTTP/1.1', host)}`).method, 'GET')
})

test('a body ends where its one framing says', () => {
  const table: readonly (readonly [readonly string[], string, string, string])[] = [
    [['Content-Length: 5'], 'helloGET', '5', 'hello'],
    [['content-length:\t5 '], 'hello', '5', 'hello'],
    [['Content-Length: 0'], '', '0', ''],
    [[], '', 'none', ''],
    [['Transfer-Encoding: Chunked'], '3\r\nabc\r\n002;x="y"\r\nde\r\n0\r\n\r\n', 'chunked', 'abcde'],
    [['Transfer-Encoding: identity'], '', 'none', ''],
  ]
  for (const [fields, sent, framing, body] of table) {
    const { requests } = parseRequests([headOf('POST / HTTP/1.1', host, ...fields) + sent])
    assert.deepEqual(
      [requests[0]?.framing, requests[0]?.body, requests[0]?.closesBoth],
      [framing, body, false],
      `${fields}`,
    )
    assert.notEqual(requests[0]?.trailers, undefined)
  }
})

test('a framing field that stands oddly is not sent on as it came', () => {
  for (const [field, framing] of [
    ['Content-Length:\t5', '5'],
    ['Content-Length: 5\t', '5'],
    ['Transfer-Encoding:\tchunked', 'chunked'],
    ['Transfer-Encoding: chunked ', 'chunked'],
  ] as const) {
    const request = first(headOf('POST / HTTP/1.1', host, field))
    assert.deepEqual([request.framing, request.fields.slice(1), request.closesBoth], [framing, [], false], field)
  }
})

test('an ambiguous body has one framing here, of which alone the target hears, and both connections close', () => {
  const table: readonly (readonly [readonly string[], string, readonly string[]])[] = [
    [['Content-Length: 5', 'Transfer-Encoding: chunked'], 'chunked', ['Transfer-Encoding: chunked']],
    [['Transfer-Encoding: chunked', 'Content-Length: 5'], 'chunked', ['Transfer-Encoding: chunked']],
    [['Transfer-Encoding: identity', 'Content-Length: 5'], '5', ['Content-Length: 5']],
    [['Content-Length: 5', 'Content-Length: 5'], '5', ['Content-Length: 5']],
    [['Content-Length: 05', 'Content-Length: 5'], '5', []],
    [['Transfer-Encoding : chunked'], 'none', []],
    [['Transfer_Encoding: chunked', 'Content-Length: 5'], '5', ['Content-Length: 5']],
    [['Content-Length : 5', 'Content-Length: 5'], '5', ['Content-Length: 5']],
    [[': x', '\x01Content-Length: 5'], 'none', []],
  ]
  for (const [fields, framing, kept] of table) {
    const request = first(headOf('POST / HTTP/1.1', host, ...fields))
    assert.deepEqual([request.framing, request.fields.slice(1)], [framing, kept], `${fields}`)
    assert.deepEqual([request.closesBoth, request.keepAlive], [true, false], `${fields}`)
  }
})

test('in monitor mode connections close only where another might have seen another body', () => {
  const closes = (...lines: string[]) => first(headOf(...lines), 'monitor').closesBoth
  assert.equal(closes('GET / HTTP/1.1', host, 'Content-Length: 5'), false)
  assert.equal(closes('POST / HTTP/1.1', host, 'Content-Length: 5', 'Content-Length: 5'), false)
  assert.equal(closes('POST / HTTP/1.1', host, 'Content-Length: 5', 'Transfer-Encoding: chunked'), true)
  assert.equal(closes('POST / HTTP/1.1', host, 'Transfer-Encoding\t: chunked'), true)
  assert.equal(closes('POST / HTTP/1.0', host, 'Transfer-Encoding: chunked'), true)
  assert.equal(closes('POST / HTTP/1.1', host, '\0Transfer-Encoding: chunked'), true)
})

test('a body without a framing that can be trusted is answered 400 in each mode, unknown codings 501', () => {
  const table: readonly (readonly [number, ...string[]])[] = [
    [400, 'Content-Length: -1'],
    [400, 'Content-Length: +1'],
    [400, 'Content-Length:'],
    [400, 'Content-Length: 1e3'],
    [400, 'Content-Length: 9007199254740992'],
    [400, 'Content-Length: 1', 'Content-Length: 2'],
    [400, 'Content-Length : 1', 'Content-Length: 2'],
    [400, 'Content-Length: 1\x0b'],
    [400, 'Transfer-Encoding: chunked, chunked'],
    [400, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    [400, 'Transfer-Encoding: chunked, gzip'],
    [400, 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    [400, 'Transfer-Encoding: cow'],
    [400, 'Transfer-Encoding:'],
    [400, 'Transfer-Encoding: ,chunked'],
    [400, 'Transfer-Encoding: \x0bchunked'],
    [501, 'Transfer-Encoding: gzip, chunked'],
    [501, 'Transfer-Encoding: gzip'],
    [501, 'Transfer-Encoding: chunked;a'],
  ]
  for (const mode of ['monitor', 'defensive', 'strictest'] as const) {
    for (const [status, ...fields] of table) {
      assert.equal(statusOf(headOf('POST / HTTP/1.1', host, ...fields), mode), status, `${mode} ${fields}`)
    }
  }
})

test('fields with characters that do not belong there are left out', () => {
  const request = first(headOf('GET / HTTP/1.1', host, 'a : b', 'c\x01: d', 'e: \x02', 'f[]: g', 'h: i'))
  assert.deepEqual(request.fields, [host, 'h: i'])
  assert.equal(request.verdict, 'Acceptable NonCompliantHeader')
  assert.equal(request.keepAlive, true)
})

test('malformed chunks end the connection with 400', () => {
  const bad = [
    ...['x', ' 3', '-1', '+3', '0x3', '3 \r\n', '3 ;a\r\n', '3;a\n', '3\n', '3\r\r', '3;\0\r\n', '00000000000003'],
    ...['3\r\nabcd', '3\r\nabc\n', '3\r\nabc\rx', ';\r\n', '\r\n', `3;${'x'.repeat(1_100)}`],
    ...[
      '0\r\nX: y\n\r\n',
      '0\r\n X: y\r\n\r\n',
      '0\r\nX\r\n\r\n',
      '0\r\nX : y\r\n\r\n',
      `0\r\nX: ${'y'.repeat(17_000)}`,
    ],
  ]
  for (const sent of bad) {
    const { requests, refusal } = parseRequests([headOf('POST / HTTP/1.1', host, 'Transfer-Encoding: chunked') + sent])
    assert.equal(requests.length, 1)
    assert.deepEqual([refusal?.status, refusal?.requestLine], [400, 'POST / HTTP/1.1'], JSON.stringify(sent))
    assert.equal(requests[0]?.trailers, undefined)
  }
})

test('trailers are told, but for those that would be taken for the head’s', () => {
  const trailers = [
    'X-Sum: 1',
    'Content-Length: 3',
    'Transfer_Encoding: chunked',
    'Host: a',
    'X-Forwarded-For: 1.2.3.4',
  ]
  const request = first(
    `${headOf('POST / HTTP/1.1', host, 'Transfer-Encoding: chunked')}1\r\na\r\n0\r\n${trailers.join('\r\n')}\r\n\r\n`,
  )
  assert.deepEqual(request.trailers, ['X-Sum: 1'])
})

test('pipelined requests come one after the other, and feed stops behind each', () => {
  const told: string[] = []
  const parser = new RequestParser(
    {
      onHead: head => told.push(head.path),
      onBody: bytes => told.push(bytes.toString()),
      onEnd: () => told.push('end'),
      onRefused: ({ status }) => told.push(String(status)),
    },
    { desyncMode: 'defensive' },
  )
  const one = `${headOf('POST /1 HTTP/1.1', host, 'Content-Length: 2')}ab`
  const two = `${headOf('POST /2 HTTP/1.1', host, 'Transfer-Encoding: chunked')}1\r\nc\r\n0\r\n\r\n`
  const bytes = Buffer.from(`${one}${two}${headOf('GET /3 HTTP/1.1', host)}\n`)
  assert.equal(parser.feed(bytes, 0), one.length)
  assert.equal(parser.phase, 'idle')
  assert.equal(parser.feed(bytes, one.length), one.length + two.length)
  assert.equal(parser.feed(bytes, one.length + two.length), bytes.length - 1)
  assert.equal(parser.feed(bytes, bytes.length - 1), bytes.length)
  assert.deepEqual(told, ['/1', 'ab', 'end', '/2', 'c', 'end', '/3', 'end', '400'])
  assert.equal(parser.phase, 'refused')
})

test('the phase tells an idle connection from one in a head or a body, and stop ends it from within an event', () => {
  const told: string[] = []
  const parser: RequestParser = new RequestParser(
    {
      onHead: () => {},
      onBody: bytes => {
        told.push(bytes.toString())
        parser.stop()
      },
      onEnd: () => told.push('end'),
      onRefused: () => told.push('refused'),
    },
    { desyncMode: 'defensive' },
  )
  assert.equal(parser.phase, 'idle')
  parser.feed(Buffer.from('\r\n'), 0)
  assert.equal(parser.phase, 'idle')
  parser.feed(Buffer.from('P'), 0)
  assert.equal(parser.phase, 'head')
  parser.feed(Buffer.from(`OST / HTTP/1.1\r\n${host}\r\nTransfer-Encoding: chunked\r\n\r\n`), 0)
  assert.equal(parser.phase, 'body')
  parser.feed(Buffer.from('1\r\na\r\n1\r\nb\r\n0\r\n\r\n'), 0)
  assert.deepEqual([told, parser.phase], [['a'], 'refused'])
})

test('a head may be as long as an ALB lets it, and no longer, however it comes', () => {
  const filled = (length: number, around: (filler: string) => string) => around('x'.repeat(length - around('').length))
  const line = (length: number) => filled(length, filler => `GET /${filler} HTTP/1.1`)
  const field = (length: number) => filled(length, filler => `A: ${filler}`)
  const whole = (length: number) => {
    const lines = ['GET / HTTP/1.1', host, ...Array.from({ length: 4 }, () => field(16_000))].join('\r\n')
    return `${lines}\r\n${field(length - lines.length - 4)}\r\n\r\n`
  }
  const table: readonly (readonly [string, number])[] = [
    [headOf(line(16_384), host), 200],
    [headOf(line(16_385), host), 414],
    [headOf('GET / HTTP/1.1', host, field(16_384)), 200],
    [headOf('GET / HTTP/1.1', host, field(16_385)), 400],
    [whole(65_536), 200],
    [whole(65_537), 400],
    ['x'.repeat(16_386), 414],
    [`GET / HTTP/1.1\r\n${'x'.repeat(16_386)}`, 400],
    [`GET / HTTP/1.1\r\n${`${field(1_000)}\r\n`.repeat(66)}`, 400],
  ]
  for (const [text, status] of table) {
    assert.equal(statusOf(text), status)
    for (const size of [1, 1_449, 16_384]) {
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
        text.slice(i * size, (i + 1) * size),
      )
      assert.equal(parseRequests(pieces).refusal?.status ?? 200, status)
    }
  }
})

test('a long head’s bytes are not kept, nor told of, once it is refused', () => {
  const { requests, refusal } = parseRequests([`GET /${'x'.repeat(100_000)}`, headOf(' HTTP/1.1', host)])
  assert.deepEqual([requests.length, refusal?.status, refusal?.requestLine.length], [0, 414, 16_384])
})

test('many fields make room, which the next request gives back', () => {
  const many = Array.from({ length: 3_000 }, (_, i) => `n${i}: v`)
  const { requests } = parseRequests([headOf('GET / HTTP/1.1', host, ...many) + headOf('GET / HTTP/1.1', host)])
  assert.deepEqual([requests[0]?.fields.slice(1), requests[1]?.fields], [many, [host]])
})

test('keep-alive, Expect and Upgrade are what the client may ask for', () => {
  const table: readonly (readonly [string, readonly string[], Partial<ReturnType<typeof first>>])[] = [
    ['GET / HTTP/1.1', ['Connection: x, Close'], { keepAlive: false }],
    ['GET / HTTP/1.0', [], { keepAlive: false }],
    ['GET / HTTP/1.0', ['Connection: Keep-Alive'], { keepAlive: true }],
    ['GET / HTTP/1.0', ['Connection: keep-alive, close'], { keepAlive: false }],
    ['POST / HTTP/1.1', ['Expect: 100-Continue', 'Content-Length: 1'], { expectsContinue: true }],
    ['POST / HTTP/1.0', ['Expect: 100-continue', 'Content-Length: 1'], { expectsContinue: false }],
    ['GET / HTTP/1.1', ['Expect: 100-continue'], { expectsContinue: false }],
    ['GET / HTTP/1.1', ['Connection: Upgrade', 'Upgrade: WebSocket'], { upgrade: 'websocket' }],
    ['GET / HTTP/1.1', ['Upgrade: websocket'], { upgrade: '' }],
    ['GET / HTTP/1.1', ['Connection: Upgrade', 'Upgrade: h2c'], { upgrade: '' }],
    ['GET / HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c'], { upgrade: '' }],
    ['GET / HTTP/1.1', ['Connection: Upgrade', 'Upgrade: h2c', 'Upgrade: websocket'], { upgrade: '' }],
    ['GET / HTTP/1.0', ['Connection: Upgrade', 'Upgrade: websocket'], { upgrade: '' }],
    ['POST / HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket'], { upgrade: '' }],
  ]
  for (const [line, fields, expected] of table) {
    const request = first(headOf(line, host, ...fields))
    for (const [key, value] of Object.entries(expected)) {
      assert.equal(request[key as keyof typeof request], value, `${line} ${fields} ${key}`)
    }
  }
})
