import assert from 'node:assert/strict'
import { test } from 'node:test'
import { jhash, slotOf } from './jhash.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

test("lookup3's published vectors hold", () => {
  // The driver5 of lookup3.c prints these.
  const text = 'Four score and seven years ago'
  assert.equal(jhash(bytes(''), 0, 0), 0xdeadbeef)
  assert.equal(jhash(bytes(''), 0, 0xdeadbeef), 0xbd5b7dde)
  assert.equal(jhash(bytes(text), text.length, 0), 0x17770551)
  assert.equal(jhash(bytes(text), text.length, 1), 0xcd628161)
})

test('every length is hashed to its end and no further', () => {
  const data = Uint8Array.from({ length: 48 }, (_, i) => i * 37 + 1)
  for (let length = 1; length <= 40; length++) {
    const hash = jhash(data, length, 9)
    assert.equal(jhash(data.slice(0, length), length, 9), hash)
    const changed = data.slice()
    changed[length - 1]! ^= 1
    assert.notEqual(jhash(changed, length, 9), hash, `byte ${length - 1}`)
    changed.set(data)
    changed[length]! ^= 1
    assert.equal(jhash(changed, length, 9), hash, `byte ${length}`)
  }
})

test('a hash is scaled to its slot as (hash * size) >> 32', () => {
  for (const [hash, size] of [
    [0, 13],
    [0xffffffff, 13],
    [0x80000000, 65_537],
    [0x12345678, 1_000_003],
    [0xffffffff, 2 ** 21 - 1],
  ] as const)
    assert.equal(slotOf(hash, size), Number((BigInt(hash) * BigInt(size)) >> 32n))
})
