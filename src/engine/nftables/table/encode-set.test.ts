import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../../../domain/random.fixture.ts'
import { NetlinkMessages } from '../netlink/netlink-message.ts'
import type { Element, NftSet } from '../ruleset.ts'
import { deleteElements, deleteSlots, keyText, putElements, putSlots, valueText } from './encode-set.ts'

const slotMap: NftSet = { name: 'tg/web/1009', key: ['mark'], data: ['mark'], content: 'shared' }

function written(write: (m: NetlinkMessages) => void): { readonly hex: string; readonly lengths: readonly number[] } {
  const m = new NetlinkMessages()
  write(m)
  const bytes = m.numbered(0)
  const lengths: number[] = []
  for (let at = 0; at < bytes.length; at += lengths.at(-1)!) lengths.push(bytes.readUInt32LE(at))
  return { hex: bytes.toString('hex'), lengths }
}

test('slots are written as the elements that they are, and the digest as one more', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const marks = Uint32Array.from({ length: 300 }, () => random(2 ** 32))
  const digest = random(2 ** 32)
  const elementOf = (slot: number): Element => ({ key: [slot], value: [marks[slot] ?? digest] })
  const all = Array.from({ length: 301 }, (_, slot) => elementOf(slot))
  const some = [3, 7, 299, 300].map(elementOf)
  const only = [3, 7, 299]
  for (const [slots, elements] of [
    [putSlots, putElements],
    [deleteSlots, deleteElements],
  ] as const) {
    assert.equal(
      written(m => slots(m, 't', slotMap, { marks, digest })).hex,
      written(m => elements(m, 't', slotMap, all)).hex,
      `seed ${seed}`,
    )
    assert.equal(
      written(m => slots(m, 't', slotMap, { marks, digest }, only)).hex,
      written(m => elements(m, 't', slotMap, some)).hex,
      `seed ${seed}`,
    )
  }
})

test('what is too much for one message goes into several, none longer than an attribute may be', () => {
  const marks = new Uint32Array(10_000)
  const { lengths } = written(m => putSlots(m, 't', slotMap, { marks, digest: 0 }))
  assert.ok(lengths.length > 1 && lengths.every(length => length < 0x10000), `${lengths}`)
  const elements = Array.from({ length: 3000 }, (_, i) => ({ key: [i], comment: 'x'.repeat(120), value: [i] }))
  const many = written(m => putElements(m, 't', slotMap, elements))
  assert.ok(many.lengths.length > 1 && many.lengths.every(length => length < 0x10000), `${many.lengths}`)
  assert.equal(written(m => putElements(m, 't', slotMap, [])).hex, '')
})

test('a key is told by its bytes, a range by both of its ends, a value by its bytes or its verdict', () => {
  const endpoints: NftSet = { name: 'e', key: ['ipv4_addr', 'inet_proto', 'inet_service'], content: 'shared' }
  assert.equal(
    Buffer.from(keyText(endpoints, { key: ['10.9.0.1', 'udp', 8080] }), 'latin1').toString('hex'),
    '0a090001110000001f900000',
  )
  const shares: NftSet = { name: 's', key: ['mark'], data: ['mark'], interval: true, content: 'shared' }
  const text = keyText(shares, { key: [1], to: [0x1_0000] })
  assert.equal(Buffer.from(text, 'latin1').toString('hex'), '0000000100010000')
  assert.equal(keyText(shares, { key: [7] }), keyText(shares, { key: [7], to: [7] }))
  assert.equal(valueText(shares, { value: [1] }), '\x01\0\0\0')
  const verdicts: NftSet = { name: 'v', key: ['mark'], data: 'verdict', content: 'shared' }
  assert.equal(valueText(verdicts, { value: { verdict: 'goto', chain: 'tg/web' } }), 'goto tg/web')
  assert.equal(valueText(endpoints, {}), '')
})

test('an address of the other family is an error, not another key', () => {
  const set: NftSet = { name: 's', key: ['ipv4_addr'], content: 'shared' }
  assert.throws(() => keyText(set, { key: ['::1'] }), /::1 is no ipv4_addr/)
  assert.throws(() => keyText(set, { key: [] }), /no ipv4_addr/)
})
