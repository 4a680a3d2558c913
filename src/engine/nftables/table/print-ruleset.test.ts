import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Part, Ruleset } from '../ruleset.ts'
import { printRuleset } from './print-ruleset.ts'

const nothing: Part = { name: '', counters: [], timeouts: [], sets: [], chains: [], elements: [] }

const ruleset: Ruleset = new Map(
  [
    {
      ...nothing,
      name: 'base',
      sets: [{ name: 'listeners4', key: ['ipv4_addr', 'inet_service'], data: 'verdict', content: 'shared' }],
    } as const,
    {
      ...nothing,
      name: 'web',
      counters: ['web/dropped'],
      sets: [
        {
          name: 'web/2',
          key: ['mark'],
          data: ['mark'],
          content: { marks: Uint32Array.of(0xab000001, 0xab000002), digest: 0x1234 },
        },
      ],
      chains: [
        {
          name: 'web',
          hook: { type: 'nat', hook: 'prerouting', priority: -105 },
          rules: [[{ match: 'ip saddr', value: '10.0.0.0', prefix: 8 }, { counter: 'web/dropped' }, { do: 'drop' }]],
        },
      ],
      elements: [
        {
          set: 'listeners4',
          key: ['10.9.0.1', 80],
          to: ['10.9.0.1', 90],
          value: { verdict: 'goto', chain: 'web' },
          comment: 'web',
        },
      ],
    } as const,
    {
      ...nothing,
      name: 'web again',
      elements: [
        {
          set: 'listeners4',
          key: ['10.9.0.1', 80],
          to: ['10.9.0.1', 90],
          value: { verdict: 'goto', chain: 'web' },
        },
      ],
    } as const,
  ].map((part): [string, Part] => [part.name, part]),
)

test('a ruleset is printed part by part, what parts share in the set that holds it, once, slots by their digest', () => {
  assert.equal(
    printRuleset('sluice-00000000', ruleset),
    `table inet sluice-00000000 {
  # base
  map listeners4 {
    type ipv4_addr . inet_service : verdict
    elements = {
      10.9.0.1 . 80-90 : goto web,
    }
  }
  # web
  counter web/dropped { }
  map web/2 {
    type mark : mark
    size 3
    # 2 slots, digest 0x00001234
  }
  chain web {
    type nat hook prerouting priority -105; policy accept;
    ip saddr 10.0.0.0/8 counter name "web/dropped" drop
  }
  # web again
}
`,
  )
})

test('all slots are printed on request, with the digest that is kept beside them', () => {
  assert.match(
    printRuleset('sluice-00000000', ruleset, { slots: true }),
    /0x00000000 : 0xab000001,\n +0x00000001 : 0xab000002,\n +0x00000002 : 0x00001234,\n/,
  )
})
