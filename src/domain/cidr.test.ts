import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import {
  addressCount,
  canonicalAddress,
  cidrContains,
  cidrsOverlap,
  formatAddress,
  formatCidr,
  isLoopback,
  nthAddress,
  parseAddress,
  parseCidr,
  writeAddress,
} from './cidr.ts'
import { anySeed, randomFrom } from './random.fixture.ts'

test('an address is parsed into bytes in network order', () => {
  for (const [text, bytes] of [
    ['10.0.1.4', [10, 0, 1, 4]],
    ['255.255.255.255', [255, 255, 255, 255]],
    ['::', Array(16).fill(0)],
    ['::1', [...Array(15).fill(0), 1]],
    ['2001:db8::5:0', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0]],
    ['::ffff:127.0.0.1', [...Array(10).fill(0), 255, 255, 127, 0, 0, 1]],
    ['1::', [0, 1, ...Array(14).fill(0)]],
  ] as const)
    assert.deepEqual([...(parseAddress(text) ?? [])], bytes, text)
})

test('what is no address is refused, exactly where node:net refuses it', () => {
  const texts = [
    ...[
      '',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3.',
      '.1.2.3',
      '1..2.3',
      '1.2.3.4 ',
      'a.b.c.d',
      '0.0.0.0',
    ],
    ...[
      ':',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '12345::',
      'g::',
      '1:',
      ':1',
      '::1:',
    ],
    ...[
      '1:2:3:4:5:6:7::',
      '::2:3:4:5:6:7:8',
      '::1.2.3.4',
      '1:2:3:4:5:6:1.2.3.4',
      '1:2:3:4:5:6:7:1.2.3.4',
      '::1.2.3',
      'FE80::A',
    ],
    ...['1:2:3:4::5:6:7:8', '::1.2.3.4:5', '::ffff:300.1.1.1', 'host', '10.0.0.0/8', '::1::'],
  ]
  for (const text of texts) assert.equal(parseAddress(text) !== undefined, isIP(text) !== 0, text)
  assert.equal(parseAddress('fe80::1%lo'), undefined)
})

test('random addresses survive formatting and parsing', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  for (let i = 0; i < 2000; i++) {
    const bytes = new Uint8Array(i % 2 === 0 ? 4 : 16).map(() => (random(3) === 0 ? random(256) : 0))
    const text = formatAddress(bytes)
    assert.ok(isIP(text) !== 0, `seed ${seed}: ${text}`)
    assert.deepEqual(parseAddress(text), bytes, `seed ${seed}: ${text}`)
  }
})

test('IPv6 is spelled as RFC 5952 demands', () => {
  for (const [text, canonical] of [
    ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::FFFF:10.0.0.1', '::ffff:10.0.0.1'],
  ] as const)
    assert.equal(canonicalAddress(text), canonical)
})

test('the hot parser leaves a zone id out and writes at an offset', () => {
  const bytes = new Uint8Array(20).fill(7)
  assert.equal(writeAddress('fe80::1%lo', bytes, 4), 16)
  assert.equal(formatAddress(bytes.subarray(4)), 'fe80::1')
  assert.equal(writeAddress('10.1.2.3', bytes, 4), 4)
  assert.deepEqual([...bytes.subarray(3, 9)], [7, 10, 1, 2, 3, 0])
})

test('a range is canonical: its host bits are cleared', () => {
  assert.equal(formatCidr(parseCidr('100.68.0.18/18')!), '100.68.0.0/18')
  assert.equal(formatCidr(parseCidr('2001:DB8::1/32')!), '2001:db8::/32')
  for (const text of [
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/8/8',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/-1',
    '/8',
  ])
    assert.equal(parseCidr(text), undefined, text)
})

test('a range contains addresses and ranges of its own family', () => {
  assert.ok(cidrContains('10.0.0.0/9', '10.127.255.255'))
  assert.ok(!cidrContains('10.0.0.0/9', '10.128.0.0'))
  assert.ok(cidrContains('0.0.0.0/0', '203.0.113.1'))
  assert.ok(!cidrContains('0.0.0.0/0', '::1'))
  assert.ok(cidrContains('10.0.0.0/16', '10.0.3.0/24'))
  assert.ok(!cidrContains('10.0.3.0/24', '10.0.0.0/16'))
  assert.ok(cidrContains('2001:db8::/33', '2001:db8:7fff::1'))
  assert.ok(!cidrContains('2001:db8::/33', '2001:db8:8000::'))
  assert.ok(!cidrContains('nonsense', '10.0.0.1') && !cidrContains('10.0.0.0/8', 'nonsense'))
  assert.ok(cidrsOverlap('10.0.0.0/8', '10.1.0.0/16') && cidrsOverlap('10.1.0.0/16', '10.0.0.0/8'))
  assert.ok(!cidrsOverlap('10.0.0.0/16', '10.1.0.0/16'))
})

test('the addresses of a range are counted and numbered', () => {
  const nth = (text: string, n: number) => nthAddress(parseCidr(text)!, n)
  assert.equal(addressCount(parseCidr('10.0.0.0/24')!), 256)
  assert.equal(nth('10.0.0.0/24', 255), '10.0.0.255')
  assert.equal(nth('10.0.0.0/24', 256), undefined)
  assert.equal(nth('198.18.0.0/15', 65_536 + 7), '198.19.0.7')
  assert.equal(nth('fd00::/64', 2 ** 40 + 5), 'fd00::100:0:5')
})

test('loopback is 127.0.0.0/8, ::1, and the former mapped', () => {
  for (const address of ['127.0.0.1', '127.64.1.2', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(address))
  for (const address of ['128.0.0.1', '10.127.0.1', '::2']) assert.ok(!isLoopback(address))
})
