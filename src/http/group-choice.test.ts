import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import { chooseGroup } from './group-choice.ts'

const blue = { group: 'arn:blue HTTP *', weight: 3 }
const green = { group: 'arn:green HTTP *', weight: 1 }
const grey = { group: 'arn:grey HTTP *', weight: 0 }

test('a group is chosen as often as its share of the weights says, and one of weight 0 never', t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  const counts = new Map<string | undefined, number>()
  for (let i = 0; i < 40_000; i++) {
    const chosen = chooseGroup([grey, blue, green, grey], () => below(2 ** 30) / 2 ** 30)?.group
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1)
  }
  // Five standard deviations: 5 * sqrt(40,000 * 0.75 * 0.25) = 433.
  assert.ok(Math.abs(counts.get(blue.group)! - 30_000) < 433, `${counts.get(blue.group)}`)
  assert.equal(counts.get(blue.group)! + counts.get(green.group)!, 40_000)
})

test('the ends of what random can say choose a group too', () => {
  for (const random of [0, 1 - 2 ** -53]) {
    assert.ok([blue, green].includes(chooseGroup([grey, blue, green, grey], () => random)!))
    assert.equal(
      chooseGroup([blue], () => random),
      blue,
    )
  }
})

test('nothing is chosen of nothing, nor where all weights are 0', () => {
  assert.equal(
    chooseGroup([], () => 0),
    undefined,
  )
  assert.equal(
    chooseGroup([grey], () => 0),
    undefined,
  )
})

test('who is stuck to a group stays with it in every zone, unless its weight is 0 or it is not one of these', () => {
  const choose = (stuckTo: string) => chooseGroup([grey, blue, green], () => 0, stuckTo)
  assert.equal(choose('arn:green'), green)
  assert.equal(choose('arn:blue'), blue)
  assert.equal(choose('arn:grey'), blue)
  assert.equal(choose('arn:gree'), blue)
  assert.equal(choose(''), blue)
})
