import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replyWith } from './head.fixture.ts'
import { fixedAnswer, ownAnswer, redirectAnswer } from './own-answers.ts'

test('an own answer is the page of AWS for its status', () => {
  assert.equal(
    ownAnswer(502, replyWith()),
    [
      'HTTP/1.1 502 Bad Gateway',
      'Server: awselb/2.0',
      'Date: Thu, 01 Jan 2026 00:00:00 GMT',
      'Content-Type: text/html',
      'Content-Length: 122',
      'Connection: keep-alive',
      '',
      '<html>',
      '<head><title>502 Bad Gateway</title></head>',
      '<body>',
      '<center><h1>502 Bad Gateway</h1></center>',
      '</body>',
      '</html>',
      '',
    ].join('\r\n'),
  )
})

test('the pages have the lengths of those of AWS', () => {
  for (const [status, length] of [
    [400, 122],
    [403, 118],
    [502, 122],
    [503, 162],
    [504, 132],
  ] as const)
    assert.match(ownAnswer(status, replyWith()), new RegExp(`\r\nContent-Length: ${length}\r\n`), String(status))
})

test('a status that has no name has no page', () => {
  for (const status of [463, 464]) {
    const answer = ownAnswer(status, replyWith())
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} \r\nServer: awselb/2.0\r\n`), answer)
    assert.ok(answer.endsWith('\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n'), answer)
    assert.ok(!answer.includes('Content-Type'))
  }
})

test('HEAD is told the length of a page that does not follow', () => {
  const answer = ownAnswer(503, replyWith({ isHead: true, keepAlive: false }))
  assert.ok(answer.endsWith('\r\nContent-Length: 162\r\nConnection: close\r\n\r\n'), answer)
})

test('a redirect names the place before its page', () => {
  const answer = redirectAnswer(301, 'https://example.com:443/', replyWith())
  const [head = '', page = ''] = answer.split('\r\n\r\n')
  assert.ok(head.startsWith('HTTP/1.1 301 Moved Permanently\r\n'), head)
  assert.match(head, /\r\nContent-Length: 134\r\n/)
  assert.match(head, /\r\nLocation: https:\/\/example\.com:443\/$/)
  assert.equal(page.length, 134)
  const found = redirectAnswer(302, 'http://a:80/', replyWith())
  assert.ok(found.startsWith('HTTP/1.1 302 Found\r\n'), found)
  assert.match(found, /\r\nContent-Length: 110\r\n/)
})

test('a fixed response is sent as UTF-8 with its type', () => {
  const answer = fixedAnswer(
    { type: 'fixed-response', statusCode: 503, contentType: 'application/json', body: '"é"' },
    replyWith(),
  )
  assert.ok(answer.startsWith('HTTP/1.1 503 Service Temporarily Unavailable\r\n'), answer)
  assert.match(answer, /\r\nContent-Type: application\/json; charset=utf-8\r\nContent-Length: 4\r\n/)
  assert.equal(Buffer.from(answer.slice(-4), 'latin1').toString('utf8'), '"é"')
})

test('a fixed response without a body says that it is empty, and 204 says nothing', () => {
  const empty = fixedAnswer({ type: 'fixed-response', statusCode: 200 }, replyWith())
  assert.match(empty, /^HTTP\/1\.1 200 OK\r\n/)
  assert.ok(empty.endsWith('\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n'), empty)
  const none = fixedAnswer({ type: 'fixed-response', statusCode: 204, body: 'lost' }, replyWith())
  assert.ok(!/content-|lost/i.test(none), none)
})

test('own answers have the fields that the listener adds, and no Server where it has none', () => {
  const answer = ownAnswer(
    404,
    replyWith({ settings: { serverHeader: false, responseFields: [['X-Frame-Options', 'DENY']] } }),
  )
  assert.ok(!answer.includes('Server:'))
  assert.match(answer, /\r\nX-Frame-Options: DENY\r\n\r\n<html>/)
})
