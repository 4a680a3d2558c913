import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maglevSize, maglevTable } from './maglev.ts'

const names = (count: number) => Array.from({ length: count }, (_, i) => `arn tg 10.0.${i >> 8}.${i & 255} 80`)

test('every target owns its share of the slots within 2 %', () => {
  for (const count of [1, 2, 3, 10, 97, 100, 1000]) {
    const size = maglevSize(count)
    assert.ok(size >= 100 * count)
    const owned = new Array<number>(count).fill(0)
    for (const index of maglevTable(names(count), size)) owned[index]!++
    assert.ok(Math.max(...owned) / (size / count) <= 1.02, `${count} targets`)
  }
})

test('the table depends on the set of targets, not on their order', () => {
  const some = names(25)
  const shuffled = some.toReversed()
  const a = maglevTable(some, 2503)
  const b = maglevTable(shuffled, 2503)
  assert.deepEqual(
    Array.from(a, index => some[index]),
    Array.from(b, index => shuffled[index]),
  )
})

test('in 65,537 slots at most 0.6 % change owner needlessly when a target goes', () => {
  const ten = names(10)
  const before = maglevTable(ten, 65_537)
  for (let gone = 0; gone < 10; gone++) {
    const nine = ten.toSpliced(gone, 1)
    const after = maglevTable(nine, 65_537)
    let moved = 0
    for (let slot = 0; slot < before.length; slot++) {
      const owner = ten[before[slot]!]
      if (owner !== ten[gone] && owner !== nine[after[slot]!]) moved++
    }
    assert.ok(moved / before.length <= 0.006, `${moved} slots without ${ten[gone]}`)
  }
})

test('the size is a prime and follows the number of targets', () => {
  assert.equal(maglevSize(1), 101)
  assert.equal(maglevSize(10), 1009)
  assert.equal(maglevSize(10, 65_537), 65_537)
  assert.equal(maglevSize(0), 2)
})

test('no target, no owner', () => {
  assert.deepEqual([...maglevTable([], 2)], [0xffffffff, 0xffffffff])
})
