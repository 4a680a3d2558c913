import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { clientFraming, clientHead, interimHead } from './client-head.ts'
import { readResponse, replyWith, responseHead } from './head.fixture.ts'

type Changes = Parameters<typeof replyWith>[0]

function received(lines: readonly string[], changes: Changes = {}, method = 'GET', cookies: readonly string[] = []) {
  const text = clientHead(responseHead(lines, method), replyWith(changes), cookies)
  assert.ok(text.endsWith('\r\n\r\n'), text)
  return text.slice(0, -4).split('\r\n')
}

const date = 'Date: Wed, 31 Dec 2025 00:00:00 GMT'

test('a plain answer comes as it was, with what the connection does', () => {
  const answer = [
    'HTTP/1.1 404 Not here',
    date,
    'Server: mine',
    'Content-Type: text/plain',
    'Content-Length: 5',
    'Set-Cookie: a=b',
  ]
  assert.deepEqual(received(answer), [...answer, 'Connection: keep-alive'])
  assert.deepEqual(received(answer, { keepAlive: false }), [...answer, 'Connection: close'])
})

test('an answer without a date gets one, and one of HTTP/1.0 becomes HTTP/1.1', () => {
  assert.deepEqual(received(['HTTP/1.0 200 OK', 'Content-Length: 5']), [
    'HTTP/1.1 200 OK',
    'Date: Thu, 01 Jan 2026 00:00:00 GMT',
    'Content-Length: 5',
    'Connection: keep-alive',
  ])
})

test('what is meant for one hop does not come, and neither does what Connection names', () => {
  assert.deepEqual(
    received([
      'HTTP/1.1 200 OK',
      date,
      'Connection: close, X-Mine',
      'Keep-Alive: timeout=5',
      'X-Mine: 1',
      'Proxy-Connection: close',
      'Upgrade: h2c',
      'A: b',
      'Content-Length: 0',
    ]),
    ['HTTP/1.1 200 OK', date, 'A: b', 'Content-Length: 0', 'Connection: keep-alive'],
  )
})

test('what has no known length is chunked, for HTTP/1.0 until the connection ends', () => {
  const endless = ['HTTP/1.1 200 OK', date]
  const chunked = [...endless, 'Transfer-Encoding: chunked', 'Trailer: A']
  assert.equal(clientFraming(responseHead(endless), 1), 'chunked')
  assert.equal(clientFraming(responseHead(chunked), 1), 'chunked')
  assert.equal(clientFraming(responseHead(chunked), 0), 'close')
  assert.equal(clientFraming(responseHead([...endless, 'Content-Length: 3']), 0), 'length')
  assert.deepEqual(received(endless), [...endless, 'Transfer-Encoding: chunked', 'Connection: keep-alive'])
  assert.deepEqual(received(chunked), [...chunked, 'Connection: keep-alive'])
  assert.deepEqual(received(endless, { minorVersion: 0 }), [...endless, 'Connection: close'])
  assert.deepEqual(received(chunked, { minorVersion: 0 }), [...endless, 'Connection: close'])
})

test('answers without a body say how long it would have been where they may', () => {
  const head = ['HTTP/1.1 200 OK', date, 'Content-Length: 5']
  assert.equal(clientFraming(responseHead(head, 'HEAD'), 1), 'none')
  assert.deepEqual(received(head, {}, 'HEAD'), [...head, 'Connection: keep-alive'])
  const unchanged = ['HTTP/1.1 304 Not Modified', date, 'Content-Length: 5']
  assert.deepEqual(received(unchanged), [...unchanged, 'Connection: keep-alive'])
  const none = ['HTTP/1.1 204 No Content', date, 'Content-Length: 5']
  assert.deepEqual(received(none), ['HTTP/1.1 204 No Content', date, 'Connection: keep-alive'])
})

test('a switch of protocols says so', () => {
  assert.deepEqual(
    received([
      'HTTP/1.1 101 Switching Protocols',
      date,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Accept: x',
    ]),
    ['HTTP/1.1 101 Switching Protocols', date, 'Upgrade: websocket', 'Sec-WebSocket-Accept: x', 'Connection: upgrade'],
  )
})

test('cookies are added to those of the target', () => {
  const lines = received(['HTTP/1.1 200 OK', date, 'Set-Cookie: a=b', 'Content-Length: 0'], {}, 'GET', [
    'AWSALB=c',
    'AWSALBCORS=c',
  ])
  assert.deepEqual(
    lines.filter(line => line.startsWith('Set-Cookie')),
    ['Set-Cookie: a=b', 'Set-Cookie: AWSALB=c', 'Set-Cookie: AWSALBCORS=c'],
  )
})

test('the listener’s own fields take the place of the target’s, and Server can be left out', () => {
  const answer = ['HTTP/1.1 200 OK', date, 'x-frame-options: SAMEORIGIN', 'Server: mine', 'Content-Length: 0']
  const settings = { serverHeader: false, responseFields: [['X-Frame-Options', 'DENY']] } as const
  assert.deepEqual(received(answer, { settings }), [
    'HTTP/1.1 200 OK',
    date,
    'Content-Length: 0',
    'Connection: keep-alive',
    'X-Frame-Options: DENY',
  ])
})

test('an interim answer comes without what final ones are given', () => {
  assert.equal(readResponse(['HTTP/1.1 100 Continue'], 'GET', interimHead), 'HTTP/1.1 100 Continue\r\n\r\n')
  assert.equal(
    readResponse(
      ['HTTP/1.1 103 Early Hints', 'Link: </a>', 'Connection: B', 'B: c', 'Content-Length: 0'],
      'GET',
      interimHead,
    ),
    'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
  )
})

test('whatever a target answers, a client gets lines in good order and at most one length', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const oneOf = <T>(list: readonly T[]): T => list[random(list.length)]!
  const names = [
    'Content-Length',
    'content-length',
    'Transfer-Encoding',
    'Connection',
    'Date',
    'Trailer',
    'Upgrade',
    'A',
    'b_c',
    '',
  ]
  const values = [
    '0',
    '3',
    '03',
    '3, 3',
    'chunked',
    'identity',
    'close',
    'content-length, date',
    'a\rb',
    'a\nb',
    'a\0',
    '\u00e9',
    '',
  ]
  let accepted = 0
  for (let i = 0; i < 20_000; i++) {
    const lines = [`HTTP/1.${random(2)} ${oneOf([101, 200, 204, 304, 502])} ${oneOf(['OK', '', 'caf\u00e9', 'a\rb'])}`]
    for (let n = random(5); n > 0; n--) lines.push(`${oneOf(names)}: ${oneOf(values)}`)
    const method = oneOf(['GET', 'HEAD'])
    const minorVersion = oneOf([0, 1] as const)
    let head: ReturnType<typeof responseHead>
    try {
      head = responseHead(lines, method)
    } catch {
      continue
    }
    accepted++
    const framing = clientFraming(head, minorVersion)
    const text = clientHead(head, replyWith({ minorVersion }), [])
    const why = `seed ${seed}: ${JSON.stringify({ lines, text })}`
    assert.match(text, /^HTTP\/1\.1 \d{3} [\t -~\u0080-\u00ff]*\r\n([-\w]+:[\t -~\u0080-\u00ff]*\r\n)*\r\n$/, why)
    const count = (name: string) => text.split('\r\n').filter(line => line.toLowerCase().startsWith(`${name}:`)).length
    const [lengths, codings] = [count('content-length'), count('transfer-encoding')]
    assert.ok(lengths <= 1 && codings <= 1 && lengths + codings <= 1 && count('connection') === 1, why)
    assert.equal(codings === 1, framing === 'chunked', why)
    assert.ok(framing !== 'length' || lengths === 1, why)
    assert.ok(framing !== 'close' || (lengths === 0 && text.includes('\r\nConnection: close\r\n')), why)
  }
  assert.ok(accepted > 2_000, `seed ${seed}: only ${accepted} were accepted`)
})
