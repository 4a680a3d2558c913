import assert from 'node:assert/strict'
import { test } from 'node:test'
import { proxyHeader } from './proxy-protocol.ts'

test('an IPv4 client is told in 28 bytes', () => {
  const header = proxyHeader({
    protocol: 'TCP',
    source: '192.0.2.7',
    sourcePort: 0x1234,
    destination: '198.51.100.1',
    destinationPort: 443,
  })
  assert.equal(
    header.toString('hex'),
    '0d0a0d0a000d0a515549540a' + '2111' + '000c' + 'c0000207' + 'c6336401' + '1234' + '01bb',
  )
})

test('an IPv6 client is told in 52 bytes', () => {
  const header = proxyHeader({
    protocol: 'TCP',
    source: '2001:db8::7',
    sourcePort: 1,
    destination: '2001:db8::1',
    destinationPort: 65_535,
  })
  assert.equal(
    header.toString('hex'),
    '0d0a0d0a000d0a515549540a' +
      '2121' +
      '0024' +
      '20010db8000000000000000000000007' +
      '20010db8000000000000000000000001' +
      '0001' +
      'ffff',
  )
})
