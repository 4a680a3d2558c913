/**
 * What a choice among listener rules costs: with 1,000 of them it is to cost less than twice what it does with 10. And what it costs
 * to compile them, as each new snapshot does.
 *
 *     npm run bench -- rules
 */
import { compileRules } from '../src/domain/compile-rules.ts'
import { randomFrom } from '../src/domain/random.fixture.ts'
import type { RuleCondition } from '../src/domain/rule.ts'
import type { RoutableRequest } from '../src/domain/rule-match.ts'
import type { SnapshotRule } from '../src/domain/snapshot-http.ts'

const host = (value: string): RuleCondition => ({ field: 'host-header', values: [value], regexValues: [] })
const path = (...values: string[]): RuleCondition => ({ field: 'path-pattern', values, regexValues: [] })

/** One way to write rules, and a request that the rule of this number is for. */
interface Kind {
  readonly name: string
  conditions(i: number): readonly RuleCondition[]
  url(i: number): readonly [authority: string, path: string]
}

const kinds: readonly Kind[] = [
  {
    name: 'hosts',
    conditions: i => [host(`shop-${i}.example.com`)],
    url: i => [`shop-${i}.example.com`, '/basket/items'],
  },
  {
    name: 'wildcard hosts',
    conditions: i => [host(`*.shop-${i}.example.com`)],
    url: i => [`www.shop-${i}.example.com`, '/basket/items'],
  },
  {
    name: 'paths',
    conditions: i => [path(`/service-${i}`, `/service-${i}/*`)],
    url: i => ['www.example.com', `/service-${i}/items/4711`],
  },
  {
    name: 'hosts and paths',
    conditions: i => [host(`shop-${i % 32}.example.com`), path(`/service-${i}/*`)],
    url: i => [`shop-${i % 32}.example.com`, `/service-${i}/items/4711`],
  },
  {
    name: 'paths in one host',
    conditions: i => [host('www.example.com'), path(`/service-${i}/*/edit`)],
    url: i => ['www.example.com', `/service-${i}/items/edit`],
  },
]

const requestCount = 1_000
const random = randomFrom(1)

function requestsFor(kind: Kind, ruleCount: number): readonly RoutableRequest[] {
  return Array.from({ length: requestCount }, (_, i) => {
    // Nine in ten find their rule, the others end at the default one.
    const [authority, path] = kind.url(i % 10 === 9 ? 10 ** 6 + i : random(ruleCount))
    return { method: 'GET', path, query: '', authority, valuesOf: () => [] }
  })
}

/** Nanoseconds for one choice: the best of some rounds. */
function choiceNs(kind: Kind, ruleCount: number): { readonly choice: number; readonly compile: number } {
  const rules: SnapshotRule[] = Array.from({ length: ruleCount }, (_, i) => ({
    priority: i + 1,
    conditions: kind.conditions(i),
    action: { forward: [] },
  }))
  rules.push({ priority: 0, conditions: [], action: { forward: [] } })
  const requests = requestsFor(kind, ruleCount)
  let choice = Infinity
  let compile = Infinity
  for (let round = 0; round < 20; round++) {
    const compileBegan = process.hrtime.bigint()
    const table = compileRules(rules)
    compile = Math.min(compile, Number(process.hrtime.bigint() - compileBegan))
    const began = process.hrtime.bigint()
    for (let i = 0; i < 20; i++) for (const request of requests) table.match(request, '192.0.2.1')
    choice = Math.min(choice, Number(process.hrtime.bigint() - began) / (20 * requestCount))
  }
  return { choice, compile }
}

for (const kind of kinds) choiceNs(kind, 100)
console.log('a choice among    10 rules   1,000 rules   times   compiling 1,000')
let worst = 0
for (const kind of kinds) {
  const few = choiceNs(kind, 10)
  const many = choiceNs(kind, 1_000)
  const times = many.choice / few.choice
  worst = Math.max(worst, times)
  const ns = (value: number) => `${value.toFixed(0)} ns`.padStart(9)
  console.log(
    `${kind.name.padEnd(18)}${ns(few.choice)}     ${ns(many.choice)}   ${times.toFixed(2).padStart(5)}   ${(many.compile / 1e6).toFixed(1).padStart(12)} ms`,
  )
}
console.log(`worst: ${worst.toFixed(2)} times (goal: below 2)`)
process.exitCode = worst < 2 ? 0 : 1
