import { randomFrom } from '../../../domain/random.fixture.ts'
import type { Ruleset } from '../ruleset.ts'
import { randomRuleset } from './random-ruleset.fixture.ts'
import { KernelTable } from './table.ts'

/**
 * Puts the random ruleset of this seed into the table named and says so; then holds on to it, or goes on from one random
 * ruleset to the next, saying so each time, until it is killed.
 */
const [name = '', seed, manner] = process.argv.slice(2)
const random = randomFrom(Number(seed))
const table = await KernelTable.open({ name, log: console.error })
let ruleset: Ruleset = new Map()
do {
  ruleset = randomRuleset(random, ruleset)
  const refused = await table.apply(ruleset)
  if (refused.size > 0) throw new Error([...refused.values()].join('\n'))
  table.prune()
  process.stdout.write('.')
} while (manner === 'restless')
process.stdin.resume()
