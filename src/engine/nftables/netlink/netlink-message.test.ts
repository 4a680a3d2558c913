import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attributesOf, bytesAt, eachAttribute, NetlinkMessages, textAt } from './netlink-message.ts'

test('a message is its header, the family, and attributes in network order padded to four bytes', () => {
  const m = new NetlinkMessages()
  m.message(0x0a09, 0x400, 1, 0, () => {
    m.text(1, 'ab')
    m.u8(2, 0xff)
    m.u16(3, 0x1234)
    m.u32(4, 0xfedcba98)
    m.u64(5, 0x0102030405060708n)
    m.nest(6, () => m.u32(1, -3))
  })
  assert.equal(
    m.numbered(7).toString('hex').replaceAll(/.{8}/g, '$& ').trim(),
    [
      '4c000000 090a0104 07000000 00000000', // length, type, flags | NLM_F_REQUEST, number, port
      '01000000', // family, version, resource
      '07000100 61620000',
      '05000200 ff000000',
      '06000300 12340000',
      '08000400 fedcba98',
      '0c000500 01020304 05060708',
      '0c000680 08000100 fffffffd', // the nest's type is flagged
    ].join(' '),
  )
})

test('messages follow one another, numbered one by one', () => {
  const m = new NetlinkMessages()
  m.batchBegin(10)
  m.message(0x0a00, 0, 1, 0)
  m.batchEnd(10)
  const view = new DataView(Uint8Array.from(m.numbered(41)).buffer)
  assert.equal(m.count, 3)
  assert.deepEqual(
    [0, 20, 40].map(at => [view.getUint16(at + 4, true), view.getUint32(at + 8, true), view.getUint16(at + 18)]),
    [
      [0x10, 41, 10],
      [0x0a00, 42, 0],
      [0x11, 43, 10],
    ],
  )
})

test('the buffer grows in the middle of any attribute', () => {
  const write = (m: NetlinkMessages) => {
    m.message(1, 0, 0, 0, () => {
      for (let i = 0; i < 40; i++) {
        m.nest(1, () => {
          m.text(2, 'x'.repeat(i))
          m.u8(3, i)
          m.u16(4, i)
          m.u32(5, i)
          m.u64(6, BigInt(i))
          m.bytes(7, Buffer.alloc(i, i))
          m.written(Buffer.alloc(8, i))
        })
      }
    })
    return m.numbered(1).toString('hex')
  }
  const roomy = write(new NetlinkMessages(1 << 16))
  for (const capacity of [1, 20, 25, 30, 100]) assert.equal(write(new NetlinkMessages(capacity)), roomy)
})

test('attributes are found by type, in the order written, nested ones within their bounds', () => {
  const m = new NetlinkMessages()
  m.message(1, 0, 0, 0, () => {
    m.nest(1, () => {
      m.text(1, 'webé')
      m.u32(2, 5)
    })
    m.bytes(3, Buffer.of(1, 2, 3))
    m.u32(4, 9)
  })
  const message = Uint8Array.from(m.numbered(1))
  const payload = new DataView(message.buffer, 16)
  const found = attributesOf(payload)
  assert.deepEqual([...found.keys()], [1, 3, 4])
  assert.deepEqual([...bytesAt(payload, found.get(3)!)], [1, 2, 3])
  const { at, length } = found.get(1)!
  const nested: number[] = []
  eachAttribute(payload, type => nested.push(type), at, at + length)
  assert.deepEqual(nested, [1, 2])
  assert.equal(textAt(payload, attributesOf(payload, at, at + length).get(1)!), 'webé')
})

test('what is too long for an attribute is refused, not cut off', () => {
  const m = new NetlinkMessages()
  assert.throws(() => m.bytes(1, Buffer.alloc(0x10000)), RangeError)
  assert.throws(() => m.nest(1, () => m.written(Buffer.alloc(0x10000))), RangeError)
})
