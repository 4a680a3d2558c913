import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestOf } from './head.fixture.ts'
import { lastChunk } from './trailers.ts'

function trailersOf(...lines: readonly string[]) {
  const body = `0\r\n${lines.map(line => `${line}\r\n`).join('')}\r\n`
  return requestOf(['POST / HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked'], 'defensive', body).trailers
}

test('a body without trailers ends with its last chunk', () => {
  assert.equal(lastChunk(undefined, false), '0\r\n\r\n')
  assert.equal(lastChunk(trailersOf(), false), '0\r\n\r\n')
})

test('trailers go on, but not those that would frame, route or authenticate a message', () => {
  const trailers = trailersOf(
    'Checksum: abc',
    'Content-Length: 3',
    'Transfer-Encoding: chunked',
    'Host: b',
    'X-Forwarded-For: 198.51.100.1',
    'AUTHORIZATION: Basic x',
    'Content-Type: text/html',
    'Connection: close',
    'Cookie: a=b',
    'b_c: d',
  )
  assert.equal(lastChunk(trailers, false), '0\r\nChecksum: abc\r\nb_c: d\r\n\r\n')
  assert.equal(lastChunk(trailers, true), '0\r\nChecksum: abc\r\n\r\n')
})
