import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chanceOf } from './chance.ts'

test('the same seed draws the same, and numbers stay within their bounds and reach both', () => {
  const [one, other] = [chanceOf(42), chanceOf(42)]
  const drawn = Array.from({ length: 1_000 }, () => one.between(3, 7))
  assert.deepEqual(
    drawn,
    Array.from({ length: 1_000 }, () => other.between(3, 7)),
  )
  assert.deepEqual([...new Set(drawn)].sort(), [3, 4, 5, 6, 7])
})

test('ids have the forms that AWS gives them', () => {
  const chance = chanceOf(1)
  assert.match(chance.hex(17), /^[0-9a-f]{17}$/)
  assert.match(chance.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.notEqual(chance.uuid(), chance.uuid())
})
