import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../../../domain/random.fixture.ts'
import type { Part, Ruleset, SharedElement } from '../ruleset.ts'
import { type Piece, piecesOf } from './piece.ts'
import { randomRuleset } from './random-ruleset.fixture.ts'
import { Wanted } from './wanted.ts'

test('from any ruleset to any other, with some parts refused, what is put and deleted is just what is different', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const installed = new Map<string, Piece>()
  const wanted = new Wanted(installed)
  let ruleset: Ruleset = new Map()
  let inPlace = new Map<string, Part>()
  for (let step = 0; step < 300; step++) {
    ruleset = randomRuleset(random, ruleset)
    assert.deepEqual(want(wanted, ruleset), [], `seed ${seed}`)
    const before = inPlace
    inPlace = new Map(ruleset)
    for (const name of ruleset.keys()) {
      if (name === 'base' || before.get(name) === ruleset.get(name) || random(8) > 0) continue
      wanted.refuse(name)
      const known = before.get(name)
      if (known === undefined) inPlace.delete(name)
      else inPlace.set(name, known)
    }
    // As much as fits into a transaction, and then the kernel is asked for the rest.
    for (const { piece, was } of wanted.changes(installed).slice(0, random(50))) put(piece, was)
    for (const { piece, was } of wanted.changes(installed)) put(piece, was)
    assert.deepEqual(wanted.changes(installed), [], `seed ${seed}`)
    for (const { id } of wanted.leftovers(installed)) installed.delete(id)
    assert.deepEqual(textsOf(installed.values()), textsOf(allPieces(inPlace)), `seed ${seed}, step ${step}`)
  }

  function put(piece: Piece, was: Piece | undefined): void {
    assert.equal(was, installed.get(piece.id))
    installed.set(piece.id, piece)
    wanted.put(piece.id)
  }
})

test('what was found and nobody wants is left over, and what is wanted as it was found is not put', () => {
  const [known, gone] = [part('known', { counters: ['a', 'b'] }), part('gone', { counters: ['c'] })]
  const installed = new Map(allPieces(rulesetOf(known, gone)).map(piece => [piece.id, piece]))
  const wanted = new Wanted(installed)
  want(wanted, rulesetOf(known))
  assert.deepEqual(wanted.changes(installed), [])
  assert.deepEqual(
    wanted.leftovers(installed).map(({ id }) => id),
    ['counter c'],
  )
})

test('of two parts that bring the same element otherwise, the later one is at fault', () => {
  const wanted = new Wanted(new Map())
  const [one, two] = [targetPart('one', 8080), targetPart('two', 8081)]
  assert.deepEqual(want(wanted, rulesetOf(base, one, two)), [['two', "part 'one' brings 7 in set 'targets' otherwise"]])
  assert.deepEqual(want(wanted, rulesetOf(base, one, targetPart('two', 8080))), [])
  const itself = part('itself', { elements: [target(8080), target(8081)] })
  assert.deepEqual(want(wanted, rulesetOf(base, itself)), [
    ['itself', "part 'itself' brings 7 in set 'targets' otherwise"],
  ])
})

test('two parts may change what both of them bring, in one ruleset', () => {
  const wanted = new Wanted(new Map())
  want(wanted, rulesetOf(base, targetPart('one', 8080), targetPart('two', 8080)))
  assert.deepEqual(want(wanted, rulesetOf(base, targetPart('one', 8081), targetPart('two', 8081))), [])
})

test('a refused part that does not go with the others as it was before is left out', () => {
  const wanted = new Wanted(new Map())
  want(wanted, rulesetOf(base, targetPart('one', 8080), targetPart('two', 8080)))
  want(wanted, rulesetOf(base, targetPart('one', 8081), targetPart('two', 8081)))
  wanted.refuse('two')
  const elements = wanted.changes(new Map()).filter(({ piece }) => piece.kind === 'element')
  assert.deepEqual(
    elements.map(({ part, piece }) => [part, piece.text.slice(0, 6)]),
    [['one', '\x0a\0\0\x01\x1f\x91']],
  )
})

test('an element of a set that nobody brings is its part’s fault', () => {
  assert.deepEqual(want(new Wanted(new Map()), rulesetOf(targetPart('one', 8080))), [
    ['one', "there is no set 'targets'"],
  ])
})

const base = part('base', {
  sets: [{ name: 'targets', key: ['mark'], data: ['ipv4_addr', 'inet_service'], content: 'shared' }],
})

function target(port: number): SharedElement {
  return { set: 'targets', key: [7], value: ['10.0.0.1', port] }
}

function targetPart(name: string, port: number): Part {
  return part(name, { elements: [target(port)] })
}

function part(name: string, rest: Partial<Part>): Part {
  return { name, counters: [], timeouts: [], sets: [], chains: [], elements: [], ...rest }
}

function rulesetOf(...parts: readonly Part[]): Ruleset {
  return new Map(parts.map(part => [part.name, part]))
}

function want(wanted: Wanted, ruleset: Ruleset): readonly (readonly [string, string])[] {
  const work = wanted.want(ruleset)
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return [...value].map(([part, { message }]) => [part, message])
  }
}

function allPieces(parts: ReadonlyMap<string, Part>): readonly Piece[] {
  const sets = new Map([...parts.values()].flatMap(({ sets }) => sets).map(set => [set.name, set]))
  return [...parts.values()].flatMap(part => piecesOf(part, name => sets.get(name)))
}

function textsOf(pieces: Iterable<Piece>): readonly (readonly [string, string])[] {
  return [...new Map([...pieces].map(({ id, text }) => [id, text]))].sort(([a], [b]) => (a < b ? -1 : 1))
}
