import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAnswer } from './parse.fixture.ts'
import { ResponseParser } from './response-parser.ts'

const headOf = (...lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`

test('a usual answer is told as it came', () => {
  const { responses, phase, rest } = parseAnswer([`${headOf('HTTP/1.1 200 OK', 'A: b', 'Content-Length: 2')}hi`])
  assert.deepEqual(responses, [
    {
      status: 200,
      reason: 'OK',
      framing: '2',
      keepAlive: true,
      fields: ['A: b', 'Content-Length: 2'],
      body: 'hi',
      trailers: [],
    },
  ])
  assert.deepEqual([phase, rest], ['idle', ''])
})

test('status lines may lack a reason, and nothing else', () => {
  assert.equal(parseAnswer([headOf('HTTP/1.1 204')]).responses[0]?.reason, '')
  assert.equal(parseAnswer([headOf('HTTP/1.1 204 ')]).responses[0]?.reason, '')
  assert.equal(parseAnswer([headOf('HTTP/1.0 204 No \xe9')]).responses[0]?.reason, 'No \xe9')
  for (const line of [
    'HTTP/1.1 20 OK',
    'HTTP/1.1 099 X',
    'HTTP/1.1 2000',
    'HTTP/2.0 200 OK',
    'http/1.1 200 OK',
    'ICY 200 OK',
    '',
  ]) {
    assert.equal(parseAnswer([headOf(line)]).bad, 'its status line is malformed', line)
  }
})

test('a body ends where its framing says, of which one holds', () => {
  const table: readonly (readonly [readonly string[], string, string, string, readonly string[], boolean])[] = [
    [['Content-Length: 0'], '', '0', '', ['Content-Length: 0'], true],
    [['Content-Length: 2', 'content-length: 2'], 'hi', '2', 'hi', ['Content-Length: 2'], true],
    [['Content-Length: 02'], 'hi', '2', 'hi', [], true],
    [['Transfer-Encoding: chunked'], '2\r\nhi\r\n0\r\n\r\n', 'chunked', 'hi', ['Transfer-Encoding: chunked'], true],
    [['Transfer-Encoding: identity', 'Content-Length: 2'], 'hi', '2', 'hi', ['Content-Length: 2'], false],
    [
      ['Transfer-Encoding: chunked', 'Content-Length: 9'],
      '0\r\n\r\n',
      'chunked',
      '',
      ['Transfer-Encoding: chunked'],
      false,
    ],
    [['Connection: close', 'Content-Length: 2'], 'hi', '2', 'hi', ['Connection: close', 'Content-Length: 2'], false],
  ]
  for (const [fields, sent, framing, body, kept, keepAlive] of table) {
    const { responses, phase } = parseAnswer([headOf('HTTP/1.1 200 OK', ...fields) + sent])
    const [response] = responses
    assert.deepEqual(
      [response?.framing, response?.body, response?.keepAlive, phase],
      [framing, body, keepAlive, 'idle'],
      `${fields}`,
    )
    assert.deepEqual(response?.fields, kept)
  }
})

test('without a length a body ends with the connection', () => {
  const answer = parseAnswer([headOf('HTTP/1.1 200 OK', 'Connection: keep-alive'), 'a', 'b'], { isClosed: true })
  assert.deepEqual(
    [answer.responses[0]?.framing, answer.responses[0]?.body, answer.responses[0]?.keepAlive, answer.phase],
    ['close', 'ab', false, 'idle'],
  )
  assert.deepEqual(answer.responses[0]?.trailers, [])
})

test('answers without a body end with their head, whatever they say of its length', () => {
  const table: readonly (readonly [string, string, readonly string[]])[] = [
    ['HEAD', 'HTTP/1.1 200 OK', ['Content-Length: 9']],
    ['GET', 'HTTP/1.1 304 Not Modified', ['Content-Length: 9']],
    ['GET', 'HTTP/1.1 204 No Content', []],
  ]
  for (const [method, line, kept] of table) {
    const { responses, phase } = parseAnswer([headOf(line, 'Content-Length: 9')], { method })
    assert.deepEqual([responses[0]?.framing, responses[0]?.fields, phase], ['none', kept, 'idle'], line)
    assert.deepEqual(parseAnswer([headOf(line, 'Transfer-Encoding: chunked')], { method }).responses[0]?.fields, [])
  }
})

test('HTTP/1.0 keeps the connection only where it says so', () => {
  const keepAlive = (...fields: string[]) => parseAnswer([headOf('HTTP/1.0 200 OK', ...fields)]).responses[0]?.keepAlive
  assert.equal(keepAlive('Content-Length: 0'), false)
  assert.equal(keepAlive('Content-Length: 0', 'Connection: keep-alive'), true)
  assert.equal(keepAlive('Transfer-Encoding: chunked', 'Connection: keep-alive'), false)
})

test('interim answers come before the one that counts', () => {
  const { responses, rest } = parseAnswer([
    headOf('HTTP/1.1 100 Continue') + headOf('HTTP/1.1 103 Early Hints', 'Link: a', 'Content-Length: 3'),
    `${headOf('HTTP/1.1 200 OK', 'Content-Length: 0')}extra`,
  ])
  assert.deepEqual(
    responses.map(({ status, fields, trailers }) => [status, fields, trailers !== undefined]),
    [
      [100, [], false],
      [103, ['Link: a'], false],
      [200, ['Content-Length: 0'], true],
    ],
  )
  assert.equal(rest, 'extra')
})

test('behind a 101 that was asked for all is the tunnel’s; unasked it is bad', () => {
  const text = `${headOf('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket')}\x81\x01a`
  const tunnel = parseAnswer([text], { asksUpgrade: true })
  assert.deepEqual([tunnel.rest, tunnel.phase, tunnel.responses[0]?.trailers], ['\x81\x01a', 'tunnel', undefined])
  assert.equal(parseAnswer([text]).bad, 'it switches protocols unasked')
})

test('what could be read in two ways is bad', () => {
  const table: readonly (readonly [string, string])[] = [
    ['A: b\nC: d', 'a header line is malformed'],
    ['A: b\rC: d', 'a header line is malformed'],
    ['A: b\r\n c', 'a header line is malformed'],
    ['A : b', 'a header line is malformed'],
    ['A', 'a header line is malformed'],
    [': b', 'a header line is malformed'],
    ['A: b\0', 'a header line is malformed'],
    ['Content-Length: x', 'its Content-Length is no number'],
    ['Content-Length: 1, 1', 'its Content-Length is no number'],
    ['Content-Length: 1\r\nContent-Length: 2', 'it has two Content-Length fields that differ'],
    ['Transfer-Encoding: gzip, chunked', 'its Transfer-Encoding is neither chunked nor identity'],
    [
      'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked',
      'its Transfer-Encoding is neither chunked nor identity',
    ],
    ['Transfer-Encoding: chunked\r\n\r\nx', 'its chunks are malformed'],
  ]
  for (const [lines, reason] of table) {
    assert.equal(parseAnswer([headOf('HTTP/1.1 200 OK', lines)]).bad, reason, JSON.stringify(lines))
  }
})

test('a head may have 32 K', () => {
  const answer = (length: number) => {
    const head = 'HTTP/1.1 204 No Content\r\nA: \r\n'
    return parseAnswer([headOf('HTTP/1.1 204 No Content', `A: ${'x'.repeat(length - head.length)}`)])
  }
  assert.equal(answer(32_768).bad, undefined)
  assert.equal(answer(32_769).bad, 'its header is larger than 32 K')
})

test('a connection that closes before the answer is whole makes it bad', () => {
  for (const text of [
    '',
    'HTTP/1.1',
    headOf('HTTP/1.1 200 OK', 'Content-Length: 2'),
    headOf('HTTP/1.1 100 Continue'),
  ]) {
    const { bad } = parseAnswer([text], { isClosed: true })
    assert.equal(bad, 'the target closed the connection before its answer was whole')
  }
  const chunked = headOf('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked')
  assert.notEqual(parseAnswer([`${chunked}0\r\n`], { isClosed: true }).bad, undefined)
})

test('bytes behind an answer are never the next one’s, though it is expected from within its end', () => {
  const statuses: number[] = []
  const parser: ResponseParser = new ResponseParser({
    onHead: head => statuses.push(head.status),
    onBody: () => {},
    onEnd: () => parser.expect('GET', false),
    onBad: reason => assert.fail(reason),
  })
  parser.expect('GET', false)
  const one = `${headOf('HTTP/1.1 200 OK', 'Content-Length: 1')}a`
  const bytes = Buffer.from(one + headOf('HTTP/1.1 201 Created', 'Content-Length: 0'))
  assert.equal(parser.feed(bytes, 0), one.length)
  assert.deepEqual([statuses, parser.phase], [[200], 'waiting'])
})

test('nothing is read where nothing is expected', () => {
  const fail = () => assert.fail('nothing was asked')
  const parser = new ResponseParser({ onHead: fail, onBody: fail, onEnd: fail, onBad: fail })
  assert.equal(parser.feed(Buffer.from('HTTP/1.1 408 Request Timeout\r\n\r\n'), 0), 0)
  assert.equal(parser.phase, 'idle')
  parser.finish()
})
