import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Snapshot } from '../../domain/snapshot.ts'
import { rulesetCompiler } from './compile.ts'
import { compileGolden, goldens, withoutBase } from './golden.fixture.ts'
import { hostWith } from './host.fixture.ts'
import { Marks } from './marks.ts'
import type { NftSet, Part, Ruleset } from './ruleset.ts'
import { groupAt, listenerAt, snapshotOf } from './snapshot.fixture.ts'
import { printRuleset } from './table/print-ruleset.ts'

const directory = join(import.meta.dirname, 'golden')

/** `GOLDEN=write bin/with-node --test src/engine/nftables/compile.test.ts` writes them anew: then read the difference. */
for (const name of Object.keys(goldens)) {
  test(`the ruleset of '${name}' is the one on record`, () => {
    const ruleset = compileGolden(name)
    const text = printRuleset('sluice-00000000', name === 'nothing' ? ruleset : withoutBase(ruleset))
    const file = join(directory, `${name}.nft`)
    if (process.env.GOLDEN === 'write') writeFileSync(file, text)
    assert.equal(text, readFileSync(file, 'utf8'))
  })
}

test('every record is of a snapshot', () => {
  const files = Object.keys(goldens).map(name => `${name}.nft`)
  assert.deepEqual(readdirSync(directory).sort(), files.sort())
})

const blue = groupAt('blue', 'UDP', ['10.9.2.2 9000', '10.9.2.3 9000'])
const green = groupAt('green', 'UDP', ['10.9.2.4 9000'])
const shop = groupAt('shop', 'TCP', ['10.9.2.2 9001', '10.9.2.3 9001'])
const web = listenerAt('UDP 10.9.0.1 8080', [
  [blue, 1],
  [green, 0],
])
const api = listenerAt('TCP 10.9.0.1 80', [[shop, 1]], { synproxy: true })
const guard = { id: 'i-1', address: '10.9.2.2', rules: [] }
const world = snapshotOf([web, api], [blue, green, shop], [guard])

const toGreen = web.route.map(({ group }) => ({ group, weight: group === green.id ? 5 : 0 }))
const [first, ...others] = blue.targets
const drained = { ...blue, targets: [{ ...first!, mode: 'drain' as const }, ...others] }
const cut = { ...blue, targets: [{ ...first!, mode: 'cut' as const }, ...others] }

test('of the same objects come the same parts; where one changes, only its own are others', () => {
  const compile = compilerOf()
  const host = hostWith()
  const steps: readonly (readonly [what: string, Partial<Snapshot>, changed: readonly string[]])[] = [
    ['nothing', {}, []],
    ['the lists', { listeners: [...world.listeners], groups: [...world.groups], guards: [...world.guards] }, []],
    ['weights', { listeners: [{ ...web, route: toGreen }, api] }, ['udp/10.9.0.1/8080']],
    ['admission', { listeners: [web, { ...api, admit: [] }] }, ['tcp/10.9.0.1/80']],
    ['health', { groups: [drained, green, shop] }, [groupPart('blue', 'udp')]],
    [
      'a listener that goes',
      { listeners: [api] },
      [groupPart('blue', 'udp'), groupPart('green', 'udp'), 'timeouts', 'udp/10.9.0.1/8080'],
    ],
    ['a guard', { guards: [{ ...guard, address: '10.9.2.3' }] }, ['sg/i-1']],
  ]
  for (const [what, change, changed] of steps) {
    const before = compile(world, host)
    assert.deepEqual(differences(before, compile({ ...world, ...change }, host)), changed, what)
  }
  const before = compile(world, host)
  assert.deepEqual(differences(before, compile(world, { ...host, links: [] })), ['links'], 'the host’s networks')
})

test('a change of weights, health or admission changes what is in sets, and no rule', () => {
  const compile = compilerOf()
  const before = compile(world)
  const changes: readonly (readonly [what: string, Partial<Snapshot>])[] = [
    ['another group gets all', { listeners: [{ ...web, route: toGreen }, api] }],
    ['nobody gets anything', { listeners: [{ ...web, route: web.route.map(way => ({ ...way, weight: 0 })) }, api] }],
    ['a target drains', { groups: [drained, green, shop] }],
    ['a target is cut', { groups: [cut, green, shop] }],
    ['some are admitted', { listeners: [{ ...web, admit: [{ cidr: '10.0.0.0/8' }] }, api] }],
    ['nobody is admitted', { listeners: [web, { ...api, admit: [] }] }],
  ]
  for (const [what, change] of changes) {
    const after = compile({ ...world, ...change })
    assert.notDeepEqual(differences(before, after), [], what)
    assert.deepEqual(skeleton(after), skeleton(before), what)
  }
})

test('a group that was away while its targets’ marks were given back has new ones', () => {
  const marks = new Marks(1)
  const compile = rulesetCompiler({ marks })
  const circumstances = { host: hostWith(), retired: [] }
  compile(world, circumstances)
  compile({ ...world, listeners: [] }, circumstances)
  for (const { mark } of [...marks.targets()]) marks.forgetTarget(mark)
  const { elements } = compile(world, circumstances).get(groupPart('blue', 'udp'))!
  const inPlace = elements.filter(({ set }) => set === 'targets4').map(({ key }) => key[0])
  assert.deepEqual(
    inPlace,
    blue.targets.map(({ address, port }) => marks.ofTarget(groupPart('blue', 'udp'), address, port)),
  )
})

function compilerOf() {
  const marks = new Marks(1)
  const compile = rulesetCompiler({ marks })
  const usual = hostWith()
  return (snapshot: Snapshot, host = usual) => compile(snapshot, { host, retired: [] })
}

function groupPart(name: string, protocol: string): string {
  return `tg/${name}/50dc6c495c0c9188/${protocol}/all`
}

/** Names of the parts that are not the same object in both. */
function differences(a: Ruleset, b: Ruleset): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter(name => a.get(name) !== b.get(name)).sort()
}

/** All but what sets hold. */
function skeleton(ruleset: Ruleset): readonly unknown[] {
  return [...ruleset.values()].map(({ elements, sets, ...rest }: Part) => ({
    ...rest,
    sets: sets.map(({ content, ...definition }: NftSet) => definition),
  }))
}
