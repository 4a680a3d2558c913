import { jhash } from '../../../domain/jhash.ts'
import {
  type Element,
  type NftSet,
  type Part,
  protoTcp,
  protoUdp,
  type Rule,
  type Ruleset,
  type SharedElement,
  type Slots,
  type Statement,
} from '../ruleset.ts'

const mark = ['mark'] as const
const endpoint = ['ipv4_addr', 'inet_proto', 'inet_service'] as const

const base: Part = {
  name: 'base',
  counters: ['late'],
  timeouts: [],
  sets: [
    { name: 'listeners', key: endpoint, data: 'verdict', content: 'shared' },
    { name: 'groups', key: mark, data: 'verdict', content: 'shared' },
    { name: 'targets', key: mark, data: ['ipv4_addr', 'inet_service'], content: 'shared' },
    { name: 'targets-in', key: mark, counters: true, content: 'shared' },
    { name: 'services', key: endpoint, content: 'shared' },
    { name: 'links', key: ['ipv4_addr', 'ipv4_addr'], interval: true, content: 'shared' },
    { name: 'blocked', key: ['ipv6_addr'], interval: true, content: 'shared' },
    { name: 'suspects', key: mark, dynamic: { timeoutSeconds: 60, size: 1_000 }, content: 'shared' },
  ],
  chains: [
    {
      name: 'prerouting',
      hook: { type: 'nat', hook: 'prerouting', priority: -105 },
      rules: [[{ jump: 'new' }], [{ vmap: 'groups', fields: ['ct mark'] }]],
    },
    {
      name: 'new',
      rules: [
        [{ vmap: 'listeners', fields: ['ip daddr', 'meta l4proto', 'th dport'] }],
        [{ in: 'services', fields: ['ip saddr', 'meta l4proto', 'th sport'] }, { counter: 'late' }, { do: 'drop' }],
      ],
    },
    {
      name: 'count',
      hook: { type: 'filter', hook: 'prerouting', priority: -95 },
      rules: [
        [{ in: 'targets-in', fields: mark.map(() => 'ct mark' as const) }],
        [
          { in: 'links', fields: ['ip saddr', 'ip daddr'] },
          { add: 'suspects', fields: ['ct mark'] },
        ],
        [{ in: 'blocked', fields: ['ip6 saddr'] }, { do: 'drop' }],
      ],
    },
  ],
  elements: [],
}

/**
 * A ruleset of the shape that Sluice's have, with every kind of set. Some parts are the same objects as in `before`, others
 * have changed, come or gone.
 */
export function randomRuleset(random: (below: number) => number, before: Ruleset = new Map()): Ruleset {
  const parts = [base]
  const perhaps = (name: string, make: () => Part) => {
    const known = before.get(name)
    const fate = random(4)
    if (fate > 0) parts.push(known !== undefined && fate > 1 ? known : { ...make(), name })
  }
  for (let group = 0; group < 5; group++) perhaps(`group-${group}`, () => randomGroup(random, group))
  for (let listener = 0; listener < 5; listener++)
    perhaps(`listener-${listener}`, () => randomListener(random, listener))
  perhaps('links', () => ({
    ...empty,
    elements: [
      ...ranges(random, 250).map(([from, to]) => ({
        set: 'links',
        key: [`10.${from}.0.0`, `10.${from}.0.0`],
        to: [`10.${to}.255.255`, `10.${to}.255.255`],
      })),
      ...ranges(random, 0xffff).map(([from, to]) => ({
        set: 'blocked',
        key: [`fd00:0:0:${from.toString(16)}::`],
        to: [`fd00::${to.toString(16)}:ffff:ffff:ffff:ffff`],
      })),
    ],
  }))
  return new Map(parts.map(part => [part.name, part]))
}

const empty: Part = { name: '', counters: [], timeouts: [], sets: [], chains: [], elements: [] }

function randomGroup(random: (below: number) => number, number: number): Part {
  const name = `tg/${number}`
  const elements: SharedElement[] = [
    { set: 'groups', key: [0x100 + number], value: { verdict: 'jump', chain: name }, comment: name },
  ]
  const marks = Array.from({ length: random(5) }, () => 0x1000 * (number + 1) + random(8))
  for (const mark of new Set(marks)) {
    // A service that several groups have.
    const [address, port] = [`10.0.0.${random(4)}`, 8080 + random(2)]
    elements.push(
      { set: 'targets', key: [mark], value: [address, port], comment: `version ${random(2)}` },
      { set: 'targets-in', key: [mark] },
      { set: 'services', key: [address, 'udp', port] },
    )
  }
  if (marks.length === 0) return { ...empty, chains: [{ name, rules: [] }], elements }
  const size = [13, 31][random(2)]!
  const set: NftSet = { name: `${name}/${size}`, key: mark, data: mark, content: randomSlots(random, size, marks) }
  return {
    ...empty,
    sets: [set],
    chains: [
      {
        name,
        rules: [
          [{ hash: ['ip saddr', 'th sport'], mod: size, seed: 1 }],
          [{ markFrom: set.name, ranges: false }],
          [
            { match: 'meta l4proto', value: protoUdp },
            { dnat: 'ip', map: 'targets' },
          ],
        ],
      },
    ],
    elements,
  }
}

function randomSlots(random: (below: number) => number, size: number, marks: readonly number[]): Slots {
  // Often only a few slots differ from those that the same group had before.
  const moved = random(6)
  const slots = Uint32Array.from({ length: size }, (_, slot) => marks[slot < moved ? random(marks.length) : 0]!)
  return { marks: slots, digest: jhash(new Uint8Array(slots.buffer), slots.byteLength, size) }
}

function randomListener(random: (below: number) => number, number: number): Part {
  const name = `udp/10.9.0.${number}/8080`
  const seconds = [60, 120, 350][random(3)]!
  const timeout = `udp-${seconds}`
  const counters = ['flows', 'dropped', 'no-target'].slice(random(2)).map(reason => `${name}/${reason}`)
  const guards: Rule[] = [
    [{ match: 'th sport', value: 0 }, { do: 'drop' }],
    [{ match: 'meta l4proto', value: protoTcp }, { match: 'th dport', from: 1, to: 80 + random(3) }, { do: 'reset' }],
    [{ in: `${name}/through`, fields: ['ip saddr', 'meta l4proto', 'th sport'] }, { do: 'return' }],
  ]
  const counted: Statement = { counter: counters[0]! }
  return {
    ...empty,
    counters,
    timeouts: [{ name: timeout, protocol: 'udp', policy: { unreplied: seconds, replied: seconds } }],
    sets: [
      {
        name: `${name}/admitted`,
        key: ['ipv4_addr'],
        interval: true,
        content: ranges(random, 254).map(
          ([from, to]): Element => ({ key: [`${from}.0.0.0`], to: [`${to}.255.255.255`] }),
        ),
      },
      {
        name: `${name}/weights`,
        key: mark,
        data: mark,
        interval: true,
        content: ranges(random, 1_000).map(([from, to]) => ({ key: [from], to: [to], value: [0x100 + random(5)] })),
      },
      {
        name: `${name}/through`,
        key: endpoint,
        content: Array.from({ length: random(3) }, (_, i) => ({
          key: [`10.1.0.${i}`, 'tcp', 80 + random(2)],
          comment: `version ${random(2)}`,
        })),
      },
    ],
    chains: [
      {
        name,
        rules: [
          ...guards.slice(random(guards.length)),
          [{ in: `${name}/admitted`, fields: ['ip saddr'], not: true }, counted, { do: 'drop' }],
          [{ ctTimeout: timeout }],
          [{ hash: ['ip saddr', 'th sport'], mod: 1_000, seed: 7 }],
          [{ markFrom: `${name}/weights`, ranges: true }],
        ],
      },
    ],
    elements: [{ set: 'listeners', key: [`10.9.0.${number}`, 'udp', 8080], value: { verdict: 'goto', chain: name } }],
  }
}

/** Up to five from 1 to `below`, in order, some of them next to each other. */
function ranges(random: (below: number) => number, below: number): readonly (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  let from = 1 + random(2)
  for (let i = random(5); i > 0; i--) {
    const to = from + random(Math.floor(below / 8))
    found.push([from, to])
    from = to + 1 + random(2)
  }
  return found
}
