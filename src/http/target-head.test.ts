import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forwardingWith, requestHead } from './head.fixture.ts'
import { type Forwarding, hasTooManyAddresses, targetHead } from './target-head.ts'

type Changes = Parameters<typeof forwardingWith>[0]

function sent(lines: readonly string[], changes: Changes = {}): readonly string[] {
  const text = targetHead(requestHead(lines), forwardingWith(changes))
  assert.ok(text.endsWith('\r\n\r\n'), text)
  return text.slice(0, -4).split('\r\n')
}

/** What goes on of a plain request's fields; those that the load balancer sets are left out. */
function passedOn(fields: readonly string[], changes: Changes = {}, startLine = 'GET / HTTP/1.1'): readonly string[] {
  const set = /^(X-Forwarded-|Host|X-Amzn-Trace-Id)/
  return sent([startLine, 'Host: a', ...fields], changes)
    .slice(1)
    .filter(line => !set.test(line))
}

function fieldValue(lines: readonly string[], name: string): string | undefined {
  const values = lines.filter(line => line.startsWith(`${name}: `)).map(line => line.slice(name.length + 2))
  assert.ok(values.length <= 1, values.join(' and '))
  return values[0]
}

const tls: NonNullable<Forwarding['tls']> = { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' }

test('a plain request goes on with what load balancers add in front', () => {
  assert.deepEqual(
    sent(['GET /a?b=c HTTP/1.1', 'Host: example.com', 'User-Agent: curl', 'Accept: */*', 'Cookie: d=e']),
    [
      'GET /a?b=c HTTP/1.1',
      'X-Forwarded-For: 203.0.113.7',
      'X-Forwarded-Proto: http',
      'X-Forwarded-Port: 80',
      'Host: example.com',
      'X-Amzn-Trace-Id: Root=1-67891233-abcdef012345678912345678',
      'User-Agent: curl',
      'Accept: */*',
      'Cookie: d=e',
    ],
  )
})

test('the Host is as in the table of AWS', () => {
  for (const [target, host, listenerPort, otherwise, preserved] of [
    ['/index.html', 'example.com', 80, 'example.com', 'example.com'],
    ['/index.html', 'example.com:80', 80, 'example.com', 'example.com:80'],
    ['http://dns_name/index.html', 'example.com', 443, 'dns_name', 'example.com'],
    ['/index.html', 'example.com', 8080, 'example.com:8080', 'example.com'],
    ['/index.html', 'example.com:8080', 8080, 'example.com:8080', 'example.com:8080'],
    ['/index.html', '[2001:db8::1]', 8080, '[2001:db8::1]:8080', '[2001:db8::1]'],
    ['/index.html', '[2001:db8::1]:80', 80, '[2001:db8::1]', '[2001:db8::1]:80'],
  ] as const) {
    const lines = [`GET ${target} HTTP/1.1`, `Host: ${host}`]
    assert.equal(fieldValue(sent(lines, { listenerPort }), 'Host'), otherwise, `${host} at ${listenerPort}`)
    const settings = { preserveHost: true }
    assert.equal(fieldValue(sent(lines, { listenerPort, settings }), 'Host'), preserved, `${host} at ${listenerPort}`)
  }
})

test('what goes on has a Host in any case, and origin-form', () => {
  assert.equal(fieldValue(sent(['GET / HTTP/1.0']), 'Host'), '10.0.0.5')
  assert.equal(fieldValue(sent(['GET / HTTP/1.0'], { listenerPort: 81, listenerAddress: '::1' }), 'Host'), '[::1]:81')
  const [startLine] = sent(['GET http://example.com/a?b HTTP/1.1', 'Host: example.com'])
  assert.equal(startLine, 'GET /a?b HTTP/1.1')
  assert.equal(sent(['OPTIONS * HTTP/1.1', 'Host: a'])[0], 'OPTIONS * HTTP/1.1')
})

test('X-Forwarded-For is appended to, kept or removed', () => {
  const came = ['X-Forwarded-For: 198.51.100.1', 'x-forwarded-for: 198.51.100.2, 198.51.100.3', 'X-Forwarded-For:']
  const lines = ['GET / HTTP/1.1', 'Host: a', ...came]
  const list = '198.51.100.1, 198.51.100.2, 198.51.100.3'
  assert.equal(fieldValue(sent(lines), 'X-Forwarded-For'), `${list}, 203.0.113.7`)
  assert.equal(
    fieldValue(sent(lines, { settings: { xffClientPort: true } }), 'X-Forwarded-For'),
    `${list}, 203.0.113.7:4321`,
  )
  assert.equal(
    fieldValue(sent(lines, { clientAddress: '2001:db8::7', settings: { xffClientPort: true } }), 'X-Forwarded-For'),
    `${list}, [2001:db8::7]:4321`,
  )
  assert.equal(fieldValue(sent(lines, { clientAddress: '2001:db8::7' }), 'X-Forwarded-For'), `${list}, 2001:db8::7`)
  const isForwardedFor = (line: string) => line.toLowerCase().startsWith('x-forwarded-for')
  const preserve = { settings: { xff: 'preserve', xffClientPort: true } } as const
  assert.deepEqual(sent(lines, preserve).filter(isForwardedFor), came)
  assert.deepEqual(sent(['GET / HTTP/1.1', 'Host: a'], preserve).filter(isForwardedFor), [])
  assert.deepEqual(sent(lines, { settings: { xff: 'remove' } }).filter(isForwardedFor), [])
})

test('protocol and port of the client are never the client’s own word', () => {
  const lines = [
    'GET / HTTP/1.1',
    'Host: a',
    'X-Forwarded-Proto: gopher',
    'x-forwarded-port: 1',
    'X-Amzn-Trace-Id: x=y',
  ]
  const plain = sent(lines)
  assert.equal(fieldValue(plain, 'X-Forwarded-Proto'), 'http')
  assert.equal(fieldValue(plain, 'X-Forwarded-Port'), '80')
  assert.equal(plain.filter(line => line.toLowerCase().startsWith('x-forwarded-port')).length, 1)
  const secure = sent(lines, { listenerPort: 443, tls, traceId: 'Root=1' })
  assert.equal(fieldValue(secure, 'X-Forwarded-Proto'), 'https')
  assert.equal(fieldValue(secure, 'X-Forwarded-Port'), '443')
  assert.equal(fieldValue(secure, 'X-Amzn-Trace-Id'), 'Root=1')
})

test('the TLS version and cipher are told where that is on, and never by a client', () => {
  const forged = ['x-amzn-tls-version: forged', 'X-AMZN-TLS-CIPHER-SUITE: forged']
  assert.deepEqual(passedOn(forged, { tls }), forged)
  assert.deepEqual(passedOn(forged, { tls, settings: { tlsHeaders: true } }), [
    'X-Amzn-Tls-Version: TLSv1.3',
    'X-Amzn-Tls-Cipher-Suite: TLS_AES_128_GCM_SHA256',
  ])
  assert.deepEqual(passedOn(forged, { settings: { tlsHeaders: true } }), [])
  const renamed = { tlsHeaders: true, tlsVersionHeader: 'My-Version', tlsCipherHeader: 'My-Cipher' }
  assert.deepEqual(passedOn(['my-version: forged', 'B: c'], { tls, settings: renamed }), [
    'My-Version: TLSv1.3',
    'My-Cipher: TLS_AES_128_GCM_SHA256',
    'B: c',
  ])
})

test('what is meant for one hop does not go on, and neither does what Connection names', () => {
  assert.deepEqual(
    passedOn([
      'A: 1',
      'Connection: keep-alive, X-Mine ,close',
      'Keep-Alive: timeout=5',
      'B: 2',
      'x-mine: secret',
      'Proxy-Connection: keep-alive',
      'Upgrade: h2c',
      'connection: Another',
      'Another: one',
      'C: 3',
      'TE: gzip',
      'Trailer: D',
    ]),
    ['A: 1', 'B: 2', 'C: 3'],
  )
})

test('Connection may name as many fields as a head has room for', () => {
  const names = Array.from({ length: 4_000 }, (_, i) => `${String.fromCharCode(98 + (i % 20))}`)
  const named = [`Connection: ${names.join(',')}`, `Connection: ${names.join(',')}`, 'c: x']
  assert.deepEqual(passedOn([...named, ...Array.from({ length: 8_000 }, () => 'A:')]).length, 8_000)
})

test('a client cannot take away the field that frames its body, or earlier addresses, by naming them in Connection', () => {
  const lines = ['POST / HTTP/1.1', 'Host: a', 'X-Forwarded-For: 198.51.100.1', 'Content-Length: 3']
  const goes = sent([...lines, 'Connection: content-length, host, x-forwarded-for, x-forwarded-proto, x-amzn-trace-id'])
  assert.deepEqual(goes, sent(lines))
  assert.equal(fieldValue(goes, 'Content-Length'), '3')
})

test('the connection is told of its end, of trailers and of an upgrade', () => {
  assert.deepEqual(passedOn(['Connection: close']), [])
  assert.deepEqual(passedOn([], { keepAlive: false }), ['Connection: close'])
  assert.deepEqual(passedOn(['TE: gzip, trailers', 'Connection: TE']), ['Connection: TE', 'TE: trailers'])
  assert.deepEqual(passedOn(['TE: Trailers'], { keepAlive: false }), ['Connection: close, TE', 'TE: trailers'])
  assert.deepEqual(passedOn(['Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13']), [
    'Sec-WebSocket-Version: 13',
    'Connection: upgrade',
    'Upgrade: websocket',
  ])
})

test('a body is framed by one field', () => {
  const framed = (...fields: readonly string[]) =>
    passedOn([...fields, 'A: b'], {}, 'POST / HTTP/1.1').filter(line => !line.startsWith('A'))
  assert.deepEqual(framed(), [])
  assert.deepEqual(framed('Content-Length: 3'), ['Content-Length: 3'])
  assert.deepEqual(framed('Content-Length: 0'), ['Content-Length: 0'])
  assert.deepEqual(framed('Transfer-Encoding: chunked', 'Trailer: C'), ['Transfer-Encoding: chunked', 'Trailer: C'])
  assert.deepEqual(framed('Content-Length: 3', 'Trailer: C'), ['Content-Length: 3'])
})

test('expectations of HTTP/1.1 clients go on', () => {
  assert.deepEqual(passedOn(['Expect: 100-continue', 'Content-Length: 1'], {}, 'POST / HTTP/1.1'), [
    'Expect: 100-continue',
    'Content-Length: 1',
  ])
  assert.deepEqual(passedOn(['Expect: 100-continue', 'Content-Length: 1'], {}, 'POST / HTTP/1.0'), [
    'Content-Length: 1',
  ])
})

test('names with unusual characters go on unless they are to be dropped', () => {
  const fields = ['A_b: 1', 'C-d: 2', "e'f: 3", 'g.h: 4', 'I9: 5']
  assert.deepEqual(passedOn(fields), fields)
  assert.deepEqual(passedOn(fields, { settings: { dropInvalidHeaderFields: true } }), ['C-d: 2', 'I9: 5'])
})

test('thirty forwarded addresses are let through, one more is not', () => {
  const addresses = (count: number) => Array.from({ length: count }, (_, i) => `198.51.100.${i}`)
  const head = (...values: readonly string[]) =>
    requestHead(['GET / HTTP/1.1', 'Host: a', ...values.map(value => `X-Forwarded-For: ${value}`)])
  assert.equal(hasTooManyAddresses(head()), false)
  assert.equal(hasTooManyAddresses(head(addresses(30).join(', '))), false)
  assert.equal(hasTooManyAddresses(head(addresses(31).join(','))), true)
  assert.equal(hasTooManyAddresses(head(addresses(15).join(','), addresses(15).join(', '))), false)
  assert.equal(hasTooManyAddresses(head(...addresses(31))), true)
})
