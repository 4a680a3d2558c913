import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Redirect } from '../domain/action.ts'
import { forwardingWith, requestHead } from './head.fixture.ts'
import { redirectUrl } from './redirect-url.ts'

/** Every member left as it is. */
const unchanged: Redirect = {
  type: 'redirect',
  protocol: '#{protocol}',
  host: '#{host}',
  port: '#{port}',
  path: '/#{path}',
  query: '#{query}',
  statusCode: 301,
}
const tls = { version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' }

test('a redirect goes where its keywords and its own words say', () => {
  for (const [changes, target, goes] of [
    [{ protocol: 'HTTPS', port: '443' }, '/a/b?c=d', 'https://example.com:443/a/b?c=d'],
    [{ protocol: 'HTTPS', port: '443' }, '/', 'https://example.com:443/'],
    [{ host: 'www.#{host}' }, '/?', 'http://www.example.com:8080/'],
    [{ path: '/new/#{path}', query: '' }, '/old?x', 'http://example.com:8080/new/old'],
    [{ path: '/#{host}/#{port}/#{path}' }, '/a', 'http://example.com:8080/example.com/8080/a'],
    [
      { query: '#{query}&from=#{protocol}-#{host}-#{port}-#{path}' },
      '/a?b',
      'http://example.com:8080/a?b&from=http-example.com-8080-a',
    ],
    [{ path: '/#{unknown}/#path' }, '/a', 'http://example.com:8080/#{unknown}/#path'],
    [{ host: 'münchen', path: '/straße' }, '/', 'http://m%C3%BCnchen:8080/stra%C3%9Fe'],
  ] as const) {
    const head = requestHead([`GET ${target} HTTP/1.1`, 'Host: example.com:8080'])
    assert.equal(redirectUrl({ ...unchanged, ...changes }, head, forwardingWith({ listenerPort: 8080 })), goes)
  }
})

test('of a TLS listener the protocol is https', () => {
  const head = requestHead(['GET /a HTTP/1.1', 'Host: [2001:db8::1]'])
  assert.equal(
    redirectUrl({ ...unchanged, path: '/b' }, head, forwardingWith({ listenerPort: 443, tls })),
    'https://[2001:db8::1]:443/b',
  )
})

test('keywords in what a client says are not looked at', () => {
  const head = requestHead(['GET /#{query}$&?#{path} HTTP/1.1', 'Host: a'])
  assert.equal(redirectUrl(unchanged, head, forwardingWith()), 'http://a:80/#{query}$&?#{path}')
})

test('a request that names no host is sent to where it came', () => {
  const head = requestHead(['GET /a HTTP/1.0'])
  assert.equal(redirectUrl(unchanged, head, forwardingWith()), 'http://10.0.0.5:80/a')
})

test('bytes that no URL has are escaped', () => {
  const head = requestHead(['GET /caf\u00e9?\u00ff HTTP/1.1', 'Host: a'], 'monitor')
  assert.equal(redirectUrl(unchanged, head, forwardingWith()), 'http://a:80/caf%E9?%FF')
})
