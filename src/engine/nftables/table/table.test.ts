import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { anySeed, randomFrom } from '../../../domain/random.fixture.ts'
import { Netlink } from '../netlink/netlink.ts'
import type { Element, NftSet, Part, Rule, Ruleset } from '../ruleset.ts'
import { kernelTest } from './kernel-test.fixture.ts'
import { listing, nft } from './listing.fixture.ts'
import { contentPiece, type Piece, piecesOf } from './piece.ts'
import { randomRuleset } from './random-ruleset.fixture.ts'
import { readElements } from './read-set.ts'
import { readTable } from './read-table.ts'
import { KernelTable } from './table.ts'

const name = 'sluice-00000000'
kernelTest('any ruleset goes over into any other, and is then as if it had been put there at once', async t => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const table = await open(t)
  const netlink = await Netlink.open()
  let ruleset: Ruleset = new Map()
  for (let step = 0; step < 200; step++) {
    ruleset = randomRuleset(random, ruleset)
    assert.deepEqual([...(await table.apply(ruleset))], [], `seed ${seed}, step ${step}`)
    table.prune()
    assert.deepEqual(contentOf(netlink), wantedContent(ruleset), `seed ${seed}, step ${step}`)
  }
  const listed = listing(name)
  const fresh = await open(t, { name: 'sluice-fresh' })
  assert.deepEqual([...(await fresh.apply(ruleset))], [], `seed ${seed}`)
  assert.deepEqual(listing('sluice-fresh'), listed, `seed ${seed}`)
  netlink.close()
})

kernelTest('after a kill -9 the next process takes the table over, and the same ruleset sends nothing', async t => {
  const seed = anySeed()
  const owner = await startOwner(t, seed)
  const before = listing(name)
  await kill(owner)
  const table = await open(t)
  assert.equal(table.isAdopted, true)
  const random = randomFrom(seed)
  const ruleset = randomRuleset(random)
  const sent = t.mock.method(Netlink.prototype, 'attempt')
  assert.equal((await table.apply(ruleset)).size, 0)
  table.prune()
  assert.equal(sent.mock.callCount(), 0, `seed ${seed}`)
  assert.deepEqual(listing(name), before, `seed ${seed}`)

  const next = randomRuleset(random, ruleset)
  await table.apply(next)
  table.prune()
  const netlink = await Netlink.open()
  assert.deepEqual(contentOf(netlink), wantedContent(next), `seed ${seed}`)
  netlink.close()
})

kernelTest('what the next process wants otherwise it changes in what it took over', async t => {
  const netlink = await Netlink.open()
  for (let round = 0; round < 20; round++) {
    const seed = anySeed()
    const random = randomFrom(seed)
    const first = await open(t)
    await first.apply(randomRuleset(random))
    first.close()
    const second = await open(t)
    const ruleset = randomRuleset(random)
    assert.deepEqual([...(await second.apply(ruleset))], [], `seed ${seed}`)
    second.prune()
    assert.deepEqual(contentOf(netlink), wantedContent(ruleset), `seed ${seed}`)
    second.destroy()
  }
  netlink.close()
})

kernelTest('wherever a kill -9 hits, the next process makes of it what it wants', async t => {
  const netlink = await Netlink.open()
  for (let round = 0; round < 5; round++) {
    const seed = anySeed()
    const random = randomFrom(seed)
    const owner = await startOwner(t, seed, 'restless')
    for (let changes = random(20); changes > 0; changes--) await once(owner.stdout!, 'data')
    await kill(owner)
    const table = await open(t)
    const ruleset = randomRuleset(random)
    assert.deepEqual([...(await table.apply(ruleset))], [], `seed ${seed}`)
    table.prune()
    assert.deepEqual(contentOf(netlink), wantedContent(ruleset), `seed ${seed}`)
    table.close()
  }
  netlink.close()
})

kernelTest('while its process lives, nobody else takes, flushes or deletes a table', async t => {
  const owner = await startOwner(t, 1)
  await assert.rejects(open(t), /another process has the table 'sluice-00000000' \(netlink port \d+\)/)
  await assert.rejects(open(t, { owner: false }), /another process has the table/)
  const before = listing(name)
  nft('flush ruleset')
  assert.equal(spawnSync('nft', ['delete', 'table', 'inet', name]).status, 1)
  assert.deepEqual(listing(name), before)
  await kill(owner)
  assert.deepEqual(listing(name), before)
})

kernelTest('a table that was made without an owner is used without one, and that is said', async t => {
  const ruleset = randomRuleset(randomFrom(4))
  const first = await open(t, { owner: false })
  await first.apply(ruleset)
  first.close()
  const before = listing(name)
  const lines: string[] = []
  const table = await KernelTable.open({ name, log: line => lines.push(line) })
  t.after(() => table.close())
  assert.deepEqual(lines, ["kernel: nothing keeps other programs from changing the table 'sluice-00000000'"])
  assert.equal((await table.apply(ruleset)).size, 0)
  table.prune()
  assert.deepEqual(listing(name), before)
})

kernelTest('a part that the kernel refuses is left out with what needs it, and the rest goes in', async t => {
  const table = await open(t)
  const wrong = part('wrong', { chains: [{ name: 'wrong', rules: [[{ jump: 'nowhere' }]] }] })
  const needing = part('needing', { chains: [{ name: 'needing', rules: [[{ jump: 'wrong' }]] }] })
  const worse = part('worse', { sets: [{ name: 's', key: ['ipv4_addr'], content: [{ key: ['no address'] }] }] })
  const good = part('good', { chains: [{ name: 'good', rules: [[drop]] }] })
  const refused = await table.apply(rulesetOf(wrong, needing, worse, good))
  assert.deepEqual([...refused.keys()].sort(), ['needing', 'worse', 'wrong'])
  assert.match(refused.get('wrong')?.message ?? '', /ENOENT/)
  assert.match(refused.get('worse')?.message ?? '', /no address/)
  assert.deepEqual(chains(), ['good'])
  const right = part('wrong', { chains: [{ name: 'wrong', rules: [[drop]] }] })
  assert.deepEqual([...(await table.apply(rulesetOf(right, needing, worse, good))).keys()], ['worse'])
  assert.deepEqual(chains(), ['good', 'needing', 'wrong'])
})

kernelTest('a part that the kernel refuses to change stays as it was, and is tried again', async t => {
  const table = await open(t)
  await table.apply(rulesetOf(part('a', { counters: ['old'], chains: [{ name: 'a', rules: [[{ counter: 'old' }]] }] })))
  const changed = part('a', {
    counters: ['new'],
    chains: [{ name: 'a', rules: [[{ counter: 'new' }], [{ jump: 'b' }]] }],
  })
  for (let time = 0; time < 2; time++) {
    assert.deepEqual([...(await table.apply(rulesetOf(changed))).keys()], ['a'])
    table.prune()
    assert.match(nft('list ruleset'), /chain a \{\s+counter name "old"\s+\}/)
  }
  const b = part('b', { chains: [{ name: 'b', rules: [] }] })
  assert.equal((await table.apply(rulesetOf(changed, b))).size, 0)
  table.prune()
  assert.match(nft('list ruleset'), /chain a \{\s+counter name "new"\s+jump b\s+\}/)
  assert.doesNotMatch(nft('list ruleset'), /old/)
})

kernelTest('an element that two parts bring goes with the last of them', async t => {
  const table = await open(t)
  const base = part('base', { sets: [{ name: 's', key: ['mark'], content: 'shared' }] })
  const one = part('one', {
    elements: [
      { set: 's', key: [1] },
      { set: 's', key: [1] },
      { set: 's', key: [2] },
    ],
  })
  const two = part('two', { elements: [{ set: 's', key: [1] }] })
  const marks = async (...parts: readonly Part[]) => {
    assert.equal((await table.apply(rulesetOf(base, ...parts))).size, 0)
    table.prune()
    return /elements = \{ (.*) \}/.exec(nft('list ruleset'))?.[1]
  }
  assert.equal(await marks(one, two), '0x00000001, 0x00000002')
  assert.equal(await marks(two), '0x00000001')
  assert.equal(await marks(one), '0x00000001, 0x00000002')
  assert.equal(await marks(), undefined)
})

kernelTest('pruning takes nothing that came back, and leaves what something still leads to', async t => {
  const table = await open(t)
  const inner = part('inner', { chains: [{ name: 'inner', rules: [[drop]] }] })
  const outer = part('outer', { chains: [{ name: 'outer', rules: [[{ jump: 'inner' }]] }] })
  const other = part('other', { chains: [{ name: 'other', rules: [[drop]] }] })
  await table.apply(rulesetOf(inner, outer, other))
  await table.apply(rulesetOf(outer))
  await table.apply(rulesetOf(outer, other))
  table.prune()
  assert.deepEqual(chains(), ['inner', 'other', 'outer'])
  assert.match(nft('list ruleset'), /chain inner \{\s+drop/)
  await table.apply(rulesetOf())
  assert.deepEqual(chains(), ['inner', 'other', 'outer'])
  table.prune()
  assert.deepEqual(chains(), [])
})

kernelTest('a table that somebody has deleted is made again', async t => {
  const table = await open(t, { owner: false })
  const ruleset = randomRuleset(randomFrom(1))
  await table.apply(ruleset)
  const before = listing(name)
  nft('flush ruleset')
  assert.equal(table.isThere(), false)
  table.remake()
  assert.equal(table.isThere(), true)
  await table.apply(ruleset)
  assert.deepEqual(listing(name), before)
  // Nor must anybody have noticed.
  nft('flush ruleset')
  const changed = randomRuleset(randomFrom(2), ruleset)
  assert.equal((await table.apply(changed)).size, 0)
  const netlink = await Netlink.open()
  assert.deepEqual(contentOf(netlink), wantedContent(changed))
  netlink.close()
})

kernelTest('a copy that somebody has restored makes way in the transaction that brings the right table', async t => {
  const table = await open(t, { owner: false })
  const ruleset = rulesetOf(part('a', { counters: ['a'] }))
  await table.apply(ruleset)
  nft('flush ruleset')
  nft(`add table inet ${name}; add counter inet ${name} stale`)
  assert.equal(table.isThere(), false)
  table.remake()
  assert.match(nft('list ruleset'), /stale/)
  await table.apply(ruleset)
  assert.match(nft('list ruleset'), /counter a \{/)
  assert.doesNotMatch(nft('list ruleset'), /stale/)
  assert.equal(table.isThere(), true)
})

kernelTest('where a set was of another kind, the table is made anew in one transaction', async t => {
  const set = (key: NftSet['key'], element: Element) =>
    part('base', {
      sets: [{ name: 's', key, content: [element] }],
      chains: [input([[{ in: 's', fields: ['ip saddr'] }, drop]])],
    })
  const first = await open(t)
  await first.apply(rulesetOf(set(['ipv4_addr'], { key: ['10.0.0.1'] })))
  first.close()
  const lines: string[] = []
  const table = await KernelTable.open({ name, log: line => lines.push(line) })
  t.after(() => table.close())
  const wanted = part('base', {
    sets: [{ name: 's', key: ['ipv6_addr'], content: [{ key: ['fd00::1'] }] }],
    chains: [input([[{ in: 's', fields: ['ip6 saddr'] }, drop]])],
  })
  const sent = t.mock.method(Netlink.prototype, 'attempt')
  assert.equal((await table.apply(rulesetOf(wanted))).size, 0)
  assert.equal(sent.mock.callCount(), 1)
  assert.deepEqual(lines, ["kernel: set s was of another kind; the table 'sluice-00000000' is made anew"])
  assert.match(nft('list ruleset'), /fd00::1/)
  assert.equal(table.isThere(), true)
})

kernelTest('a large ruleset goes in by several transactions, the chains that packets enter by last', async t => {
  const table = await open(t)
  const groups = Array.from({ length: 100 }, (_, i) => {
    const marks = Uint32Array.from({ length: 1_009 }, (_, slot) => 1_000 * i + (slot % 10))
    const set: NftSet = { name: `g/${i}`, key: ['mark'], data: ['mark'], content: { marks, digest: i } }
    const rules: readonly Rule[] = [[{ markFrom: set.name, ranges: false }]]
    return part(`group ${i}`, {
      sets: [set],
      chains: [{ name: `group/${i}`, rules }],
      elements: [{ set: 'groups', key: [i], value: { verdict: 'jump', chain: `group/${i}` } }],
    })
  })
  const base = part('base', {
    sets: [{ name: 'groups', key: ['mark'], data: 'verdict', content: 'shared' }],
    chains: [input([[{ vmap: 'groups', fields: ['ct mark'] }]])],
  })
  const netlink = await Netlink.open()
  const rulesBefore: string[] = []
  const attempt = Netlink.prototype.attempt
  t.mock.method(Netlink.prototype, 'attempt', function (this: Netlink, messages: Parameters<typeof attempt>[0]) {
    rulesBefore.push(readTable(netlink, name).find(({ id }) => id === 'rules input')?.text ?? '')
    return attempt.call(this, messages)
  })
  const ruleset = rulesetOf(base, ...groups)
  assert.equal((await table.apply(ruleset)).size, 0)
  assert.ok(rulesBefore.length > 2, `${rulesBefore.length} transactions`)
  assert.equal(rulesBefore.join(''), '', 'packets entered before all was there')
  assert.deepEqual(contentOf(netlink), wantedContent(ruleset))
  netlink.close()
})

kernelTest('ranges are read back as they were put, up to the first address of all and the last', async t => {
  const set = (name: string, type: 'ipv4_addr' | 'ipv6_addr', ...ranges: readonly [string, string][]): NftSet => ({
    name,
    key: [type],
    interval: true,
    content: ranges.map(([from, to]) => ({ key: [from], to: [to] })),
  })
  const last6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'
  const sets = [
    set('all4', 'ipv4_addr', ['0.0.0.0', '255.255.255.255']),
    set('all6', 'ipv6_addr', ['::', last6]),
    set('ends4', 'ipv4_addr', ['0.0.0.0', '0.0.0.0'], ['255.255.255.255', '255.255.255.255']),
    set('ends6', 'ipv6_addr', ['::', '::1'], ['fd00::1', 'fd00::1'], [last6, last6]),
    set(
      'neighbors',
      'ipv4_addr',
      ['9.255.255.255', '9.255.255.255'],
      ['10.0.0.0', '10.0.0.1'],
      ['10.0.0.2', '10.0.1.0'],
    ),
    set('none', 'ipv4_addr'),
  ]
  const table = await open(t)
  const ruleset = rulesetOf(part('ranges', { sets }))
  assert.deepEqual([...(await table.apply(ruleset))], [])
  const netlink = await Netlink.open()
  assert.deepEqual(contentOf(netlink), wantedContent(ruleset))
  netlink.close()
})

kernelTest('marks that rules have added are taken once', async t => {
  const base = part('base', {
    sets: [{ name: 'suspects', key: ['mark'], dynamic: { timeoutSeconds: 60, size: 100 }, content: 'shared' }],
    chains: [
      output([
        [
          { match: 'th dport', value: 9 },
          { add: 'suspects', fields: ['ct mark'] },
        ],
      ]),
    ],
  })
  const table = await open(t)
  await table.apply(rulesetOf(base))
  assert.deepEqual(table.takeMarks('suspects'), [])
  await datagrams(3, 9)
  assert.deepEqual(table.takeMarks('suspects'), [0])
  assert.deepEqual(table.takeMarks('suspects'), [])
  assert.deepEqual(table.takeMarks('no such set'), [])
})

kernelTest('counts go on over changes and from one process to the next', async t => {
  const base = (rules: readonly Rule[]) =>
    part('base', {
      counters: ['datagrams'],
      sets: [{ name: 'ports', key: ['inet_service'], counters: true, content: 'shared' }],
      chains: [output([[{ match: 'meta l4proto', value: 17 }, { in: 'ports', fields: ['th dport'] }, ...rules[0]!]])],
    })
  const nine = part('nine', { elements: [{ set: 'ports', key: [9], comment: 'discard' }] })
  const ten = part('ten', { elements: [{ set: 'ports', key: [10] }] })
  const counts = (table: KernelTable) => {
    const { named, of } = table.counters()
    return {
      named: named.get('datagrams'),
      ports: [...of('ports')].sort((a, b) => Number(a.key[0]) - Number(b.key[0])),
    }
  }
  const first = await open(t)
  await first.apply(rulesetOf(base([[{ counter: 'datagrams' }]]), nine))
  await datagrams(3, 9)
  // 20 bytes of IP, 8 of UDP, 1 of its own.
  const three = { packets: 3, bytes: 87 }
  assert.deepEqual(counts(first), { named: three, ports: [{ key: [9], ...three }] })
  await first.apply(rulesetOf(base([[{ counter: 'datagrams' }, drop]]), nine, ten))
  first.close()

  const second = await open(t)
  assert.deepEqual(second.elements('ports').find(({ key }) => key[0] === 9)?.comment, 'discard')
  await second.apply(rulesetOf(base([[{ counter: 'datagrams' }]]), nine, ten))
  second.prune()
  await datagrams(1, 9)
  const four = { packets: 4, bytes: 116 }
  assert.deepEqual(counts(second), {
    named: four,
    ports: [
      { key: [9], ...four },
      { key: [10], packets: 0, bytes: 0 },
    ],
  })
  assert.deepEqual([...second.counters().of('no such set')], [])
})

kernelTest('tables of others are left alone, whatever their chains and sets are called', async t => {
  nft('add table inet other; add chain inet other c { type filter hook input priority 0; }; add chain inet other d')
  nft(
    'add rule inet other c jump d; add set inet other s { type ipv4_addr; elements = { 10.0.0.1 }; }; add counter inet other n',
  )
  const before = listing('other')
  const table = await open(t)
  await table.apply(rulesetOf(part('d', { chains: [{ name: 'd', rules: [[drop]] }] })))
  table.prune()
  table.close()
  const next = await open(t)
  await next.apply(rulesetOf())
  next.prune()
  assert.deepEqual(listing('other'), before)
  assert.deepEqual(listing(name), [])
})

kernelTest('nothing is left of a table that was destroyed', async t => {
  const table = await KernelTable.open({ name, log: assert.fail })
  await table.apply(randomRuleset(randomFrom(3)))
  table.destroy()
  assert.equal(nft('list ruleset'), '')
  const next = await open(t)
  assert.equal(next.isAdopted, false)
})

const drop = { do: 'drop' } as const

function part(name: string, rest: Partial<Part>): Part {
  return { name, counters: [], timeouts: [], sets: [], chains: [], elements: [], ...rest }
}

function input(rules: readonly Rule[]): Part['chains'][number] {
  return { name: 'input', hook: { type: 'filter', hook: 'input', priority: 0 }, rules }
}

function output(rules: readonly Rule[]): Part['chains'][number] {
  return { name: 'output', hook: { type: 'filter', hook: 'output', priority: 0 }, rules }
}

function rulesetOf(...parts: readonly Part[]): Ruleset {
  return new Map(parts.map(part => [part.name, part]))
}

async function open(t: TestContext, options: { name?: string; owner?: boolean } = {}): Promise<KernelTable> {
  const table = await KernelTable.open({ name, log: assert.fail, ...options })
  t.after(() => table.close())
  return table
}

async function startOwner(t: TestContext, seed: number, manner = 'calm'): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'table-owner.fixture.ts')
  const child = spawn(process.execPath, [...process.execArgv, script, name, String(seed), manner], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** As one flow each, to this host itself, where nobody listens. */
async function datagrams(count: number, port: number): Promise<void> {
  const socket = createSocket('udp4')
  for (let i = 0; i < count; i++) {
    await new Promise(resolve => socket.send('x', port, '127.0.0.1', resolve))
  }
  await new Promise<void>(resolve => socket.close(resolve))
}

function chains(): readonly string[] {
  return [...nft('list ruleset').matchAll(/chain (\S+) /g)].map(([, name]) => name!).sort()
}

/** What the kernel has in the table: each piece's id and text. */
function contentOf(netlink: Netlink): readonly (readonly [string, string])[] {
  const pieces = readTable(netlink, name)
  const slots = pieces
    .filter(piece => piece.kind === 'set' && isSlots(piece.set))
    .map(piece => {
      assert.ok(piece.kind === 'set')
      return contentPiece(piece.set, readElements(netlink, name, piece.set))
    })
  return textsOf([...pieces, ...slots])
}

/** What it should have: what parts share as the content of their sets, slots as elements. */
function wantedContent(ruleset: Ruleset): readonly (readonly [string, string])[] {
  const sets = new Map([...ruleset.values()].flatMap(({ sets }) => sets).map(set => [set.name, set]))
  const shared = new Map<string, Map<string, Element>>()
  const pieces = [...ruleset.values()].flatMap(part => piecesOf(part, name => sets.get(name)))
  for (const { content, dynamic, name } of sets.values())
    if (content === 'shared' && dynamic === undefined) shared.set(name, new Map())
  const wanted = pieces.flatMap((piece): readonly Piece[] => {
    if (piece.kind === 'element') shared.get(piece.set.name)?.set(piece.id, piece.element)
    if (piece.kind === 'element') return []
    if (piece.kind !== 'slots') return [piece]
    const { marks, digest } = piece.slots
    const elements = [...marks, digest].map((mark, slot) => ({ key: [slot], value: [mark] }))
    return [contentPiece(piece.set, elements)]
  })
  return textsOf([
    ...wanted,
    ...[...shared].map(([name, elements]) => contentPiece(sets.get(name)!, [...elements.values()])),
  ])
}

function textsOf(pieces: readonly Piece[]): readonly (readonly [string, string])[] {
  return [...new Map(pieces.map(({ id, text }) => [id, text]))].sort(([a], [b]) => (a < b ? -1 : 1))
}

function isSlots({ key, data, interval }: NftSet): boolean {
  return interval !== true && `${key}` === 'mark' && `${data}` === 'mark'
}
