import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../../../domain/random.fixture.ts'
import type { FieldType } from '../ruleset.ts'
import { fieldBytes, fieldShapes, fieldsLength, fieldValues } from './field-type.ts'

test('what is read is what was written, in either order of bytes', () => {
  const seed = anySeed()
  const below = randomFrom(seed)
  const types = Object.keys(fieldShapes) as FieldType[]
  const anyOf = (type: FieldType): string | number => {
    if (type === 'ipv4_addr') return `10.${below(256)}.${below(256)}.${below(256)}`
    if (type === 'ipv6_addr') return `fd00:${(1 + below(0xfffe)).toString(16)}::${(1 + below(0xfffe)).toString(16)}`
    if (type === 'inet_proto') return ['tcp', 'udp', 'icmp', 'ipv6-icmp', 47][below(5)]!
    return below(2 ** (8 * fieldShapes[type].length))
  }
  for (let round = 0; round < 500; round++) {
    const key = Array.from({ length: 1 + below(4) }, () => types[below(types.length)]!)
    const values = key.map(anyOf)
    const ordered = below(2) === 1
    const bytes = fieldBytes(key, values, ordered)
    assert.equal(bytes.length, fieldsLength(key))
    assert.deepEqual(fieldValues(key, bytes, ordered), values, `seed ${seed}`)
  }
})

test('ranges of marks are in the order of their bytes', () => {
  const keys = [0, 1, 255, 256, 0x1_0000, 0xffff_ffff].map(mark => fieldBytes(['mark'], [mark], true))
  assert.deepEqual(keys.toSorted(Buffer.compare), keys)
})
