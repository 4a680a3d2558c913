import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { anySeed, randomFrom } from '../../domain/random.fixture.ts'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import { rulesetCompiler } from './compile.ts'
import { compileGolden, goldens } from './golden.fixture.ts'
import { hostWith } from './host.fixture.ts'
import { Marks } from './marks.ts'
import { type Circumstances, randomCircumstances } from './random-snapshot.fixture.ts'
import { RetiredTargets } from './retired.ts'
import type { NftSet, Ruleset } from './ruleset.ts'
import { kernelTest } from './table/kernel-test.fixture.ts'
import { listing, nft } from './table/listing.fixture.ts'
import { printRuleset } from './table/print-ruleset.ts'
import { KernelTable } from './table/table.ts'

const name = 'sluice-00000000'
async function open(t: TestContext, options: { name?: string; owner?: boolean } = {}): Promise<KernelTable> {
  const table = await KernelTable.open({ name, log: assert.fail, ...options })
  t.after(() => table.close())
  return table
}

for (const golden of Object.keys(goldens)) {
  kernelTest(`the ruleset of '${golden}' is what nft makes of its text, and loads again as nft lists it`, async t => {
    const ruleset = shortened(compileGolden(golden))
    nft(printRuleset('sluice-printed', ruleset, { slots: true }))
    const table = await open(t, { owner: false })
    assert.deepEqual([...(await table.apply(ruleset))], [])
    assert.deepEqual(listing(name), listing('sluice-printed'))
    const saved = execFileSync('nft', ['list', 'table', 'inet', name], { encoding: 'utf8', maxBuffer: 1 << 26 })
    nft('flush ruleset')
    nft(saved)
    nft(printRuleset('sluice-printed', ruleset, { slots: true }))
    assert.deepEqual(listing(name), listing('sluice-printed'))
    const next = await open(t, { owner: false })
    assert.equal(next.isAdopted, true)
    assert.deepEqual([...(await next.apply(ruleset))], [])
    next.prune()
    assert.deepEqual(listing(name), listing('sluice-printed'))
  })
}

kernelTest('what nft lists while a process owns the table is no obstacle to whoever loads it later', async t => {
  const table = await open(t)
  await table.apply(shortened(compileGolden('udp')))
  const saved = nft('list ruleset')
  assert.match(saved, /chain udp/)
  table.destroy()
  nft(saved)
  // It was the nft program's own, and went with it.
  assert.equal(nft('list ruleset'), '')
})

kernelTest('from any snapshot to any other, the table is what it would be from nothing', async t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const marks = new Marks(1)
  const retired = new RetiredTargets(marks, 0)
  const compile = rulesetCompiler({ marks })
  const table = await open(t)
  let now = 0
  let circumstances: Circumstances | undefined
  for (let step = 1; step <= 60; step++) {
    now += 10_000 * random(5)
    circumstances = randomCircumstances(random, circumstances)
    const { snapshot, host } = circumstances
    const gone = retired.update(routed(snapshot), now)
    assert.deepEqual(
      [...(await table.apply(compile(snapshot, { host, retired: gone })))],
      [],
      `seed ${seed}, step ${step}`,
    )
    if (random(4) > 0) table.prune()
    retired.release(new Map(), now)
    if (step % 15 > 0) continue
    table.prune()
    const fresh = await KernelTable.open({ name: 'sluice-fresh', log: assert.fail })
    assert.equal((await fresh.apply(rulesetCompiler({ marks })(snapshot, { host, retired: gone }))).size, 0)
    assert.deepEqual(listing(name), listing('sluice-fresh'), `seed ${seed}, step ${step}`)
    fresh.destroy()
  }
})

/** With a few slots of each table: nft takes a second to list a sticky group's 65,537. */
function shortened(ruleset: Ruleset): Ruleset {
  const shorten = (set: NftSet): NftSet => {
    if (set.content === 'shared' || !('marks' in set.content)) return set
    return { ...set, content: { ...set.content, marks: set.content.marks.slice(0, 10) } }
  }
  return new Map([...ruleset].map(([name, part]) => [name, { ...part, sets: part.sets.map(shorten) }]))
}

/** Each group that a listener names, with that one's protocol. */
function routed({ listeners, groups }: Circumstances['snapshot']): Map<SnapshotGroup, SnapshotListener['protocol']> {
  const byId = new Map(groups.map(group => [group.id, group]))
  return new Map(
    listeners.flatMap(({ route, protocol }) =>
      route.flatMap(({ group }) => (byId.has(group) ? [[byId.get(group)!, protocol] as const] : [])),
    ),
  )
}
void hostWith
