import { LiteralTree } from './literal-tree.ts'
import type { RuleCondition } from './rule.ts'
import { type Check, compileCondition, hostEnd } from './rule-conditions.ts'
import type { RoutableRequest, RuleTable } from './rule-match.ts'
import type { SnapshotRule } from './snapshot-http.ts'

/**
 * A table that looks at few of the rules for a request: each stands under the literal end of the host that it wants and, there, under
 * the literal beginning of the path. So a choice costs what the host's and the path's length say, and what rules of the same two
 * literals are compared beyond them.
 * @param rules by priority, the default one last
 */
export function compileRules(rules: readonly SnapshotRule[]): RuleTable {
  return new IndexedRules(rules)
}

/** A rule at one place of the index. */
interface Entry {
  /** Its place in the list. */
  readonly place: number
  /** What the index does not say already. */
  readonly checks: readonly Check[]
}

type Paths = LiteralTree<Entry[]>

/** One value of a host or path condition: where it stands in the index. */
interface Spot {
  readonly literal: string
  readonly whole: boolean
  /** Where the literal does not say everything. */
  readonly check?: Check
}

type PlacedCondition = RuleCondition & { readonly field: 'host-header' | 'path-pattern' }

class IndexedRules implements RuleTable {
  readonly #rules: readonly SnapshotRule[]
  readonly #hosts = new LiteralTree<Paths>('hosts')
  readonly #foundPaths: Paths[] = []
  readonly #foundEntries: Entry[][] = []

  constructor(rules: readonly SnapshotRule[]) {
    this.#rules = rules
    rules.forEach((rule, place) => {
      const host = rule.conditions.find((its): its is PlacedCondition => its.field === 'host-header')
      const path = rule.conditions.find((its): its is PlacedCondition => its.field === 'path-pattern')
      const rest = rule.conditions.filter(its => its !== host && its !== path).map(compileCondition)
      for (const atHost of spotsOf(host)) {
        for (const atPath of spotsOf(path)) {
          const checks = [atHost.check, atPath.check, ...rest].filter(check => check !== undefined)
          this.#hosts
            .at(atHost.literal, atHost.whole, () => new LiteralTree('paths'))
            .at(atPath.literal, atPath.whole, () => [])
            .push({ place, checks })
        }
      }
    })
  }

  match(request: RoutableRequest, source: string): SnapshotRule {
    const { authority, path } = request
    let best = this.#rules.length - 1
    const hosts = this.#hosts.find(authority, 0, hostEnd(authority), this.#foundPaths)
    for (let i = 0; i < hosts; i++) {
      const lists = this.#foundPaths[i]!.find(path, 0, path.length, this.#foundEntries)
      for (let j = 0; j < lists; j++) best = firstOf(this.#foundEntries[j]!, best, request, source)
    }
    return this.#rules[best]!
  }
}

/** The place of the first entry that holds, if it is before `best`, else `best`. */
function firstOf(entries: readonly Entry[], best: number, request: RoutableRequest, source: string): number {
  for (const { place, checks } of entries) {
    if (place >= best) return best
    if (holds(checks, request, source)) return place
  }
  return best
}

function holds(checks: readonly Check[], request: RoutableRequest, source: string): boolean {
  for (const check of checks) if (!check(request, source)) return false
  return true
}

const everywhere: Spot = { literal: '', whole: false }

/** Where a rule of this condition stands: once for each of its values. */
function spotsOf(condition: PlacedCondition | undefined): readonly Spot[] {
  if (condition === undefined) return [everywhere]
  const { values, regexValues } = condition
  return [
    ...values.map((value): Spot => {
      const { literal, says } = condition.field === 'host-header' ? endOf(value) : beginningOf(value)
      if (says !== 'some') return { literal, whole: says === 'all' }
      return { literal, whole: false, check: compileCondition({ ...condition, values: [value], regexValues: [] }) }
    }),
    ...regexValues.map(value => ({
      ...everywhere,
      check: compileCondition({ ...condition, values: [], regexValues: [value] }),
    })),
  ]
}

/** What a pattern says literally: `all`, `but-star`: all but one `*` where the literal is not, `some`. */
interface Literal {
  readonly literal: string
  readonly says: 'all' | 'but-star' | 'some'
}

function endOf(pattern: string): Literal {
  const literal = pattern.slice(pattern.search(/[^*?]*$/))
  return { literal, says: pattern === literal ? 'all' : pattern === `*${literal}` ? 'but-star' : 'some' }
}

function beginningOf(pattern: string): Literal {
  const literal = /^[^*?]*/.exec(pattern)![0]
  return { literal, says: pattern === literal ? 'all' : pattern === `${literal}*` ? 'but-star' : 'some' }
}
