import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LiteralTree } from './literal-tree.ts'
import { anySeed, randomFrom } from './random.fixture.ts'

test('a text finds all that it begins with, or ends with among hosts, and what it is', t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const text = (most: number) => Array.from({ length: random(most + 1) }, () => 'ab'[random(2)]).join('')
  for (const kind of ['paths', 'hosts'] as const) {
    for (let round = 0; round < 200; round++) {
      const tree = new LiteralTree<string>(kind)
      const kept = Array.from({ length: random(20) }, () => ({ literal: text(6), whole: random(2) === 0 }))
      const name = ({ literal, whole }: { literal: string; whole: boolean }) => `${literal}${whole ? '' : '*'}`
      for (const its of kept)
        assert.equal(
          tree.at(its.literal, its.whole, () => name(its)),
          name(its),
        )
      for (let i = 0; i < 20; i++) {
        const searched = text(8)
        const found: string[] = []
        found.length = tree.find(`-${searched}-`, 1, 1 + searched.length, found)
        const isFound = ({ literal, whole }: { literal: string; whole: boolean }) =>
          whole ? searched === literal : kind === 'paths' ? searched.startsWith(literal) : searched.endsWith(literal)
        assert.deepEqual(found.sort(), [...new Set(kept.filter(isFound).map(name))].sort(), searched)
      }
    }
  }
})
