import {
  directionReply,
  fibLocal,
  loopbackIndex,
  nfprotoIpv6,
  type Part,
  protoIcmp,
  protoTcp,
  protoUdp,
  type Rule,
  type Ruleset,
  stateEstablished,
  stateInvalid,
  stateNew,
  stateRelated,
  stateUntracked,
  statusDnat,
  tcpAck,
  tcpFin,
  tcpPsh,
  tcpRst,
  tcpSyn,
} from '../ruleset.ts'

const udp = { match: 'meta l4proto', value: protoUdp } as const
const tcp = { match: 'meta l4proto', value: protoTcp } as const
const drop = { do: 'drop' } as const
const known = stateEstablished | stateRelated
const unknown = stateInvalid | stateUntracked
const opening = tcpFin | tcpSyn | tcpRst | tcpAck

const matches: readonly Rule[] = [
  [{ match: 'ip saddr', value: '10.0.0.1' }, { match: 'ip daddr', value: '10.0.0.2' }, drop],
  [{ match: 'ip saddr', value: '10.0.0.0', prefix: 8 }, drop],
  [{ match: 'ip saddr', value: '10.0.0.0', prefix: 9, not: true }, drop],
  [{ match: 'ip saddr', value: '10.0.0.7', prefix: 32 }, drop],
  [{ match: 'ip6 saddr', value: 'fd00::1' }, { match: 'ip6 daddr', value: '::1', not: true }, drop],
  [{ match: 'ip6 daddr', value: 'fd53:4c55::', prefix: 32 }, drop],
  [{ match: 'th sport', value: 0 }, drop],
  [{ match: 'th dport', from: 80, to: 8080 }, drop],
  [tcp, { match: 'th dport', value: 443 }, drop],
  [{ match: 'tcp flags', mask: opening, value: tcpSyn, not: true }, { do: 'reset' }],
  [{ match: 'tcp flags', mask: tcpSyn, value: tcpSyn }, { strip: 'tcp option timestamp' }],
  [{ match: 'tcp flags', mask: tcpSyn, value: 0 }, drop],
  [{ match: 'tcp flags', value: tcpSyn | tcpAck }, drop],
  [{ match: 'tcp flags', mask: opening | tcpPsh, value: tcpAck, not: true }, drop],
  [{ match: 'tcp flags', mask: tcpRst | tcpAck, value: tcpRst | tcpAck }, { match: 'tcp sequence', value: 0 }, drop],
  [{ match: 'meta l4proto', value: protoIcmp }, drop],
  [{ match: 'icmp type', value: 3 }, { match: 'icmp code', value: 3 }, drop],
  [{ match: 'icmpv6 type', value: 1 }, { match: 'icmpv6 code', value: 4 }, drop],
  [{ match: 'icmpv6 type', from: 133, to: 137 }, { do: 'return' }],
  [{ match: 'meta nfproto', value: nfprotoIpv6 }, drop],
  [{ match: 'meta mark', value: 0x51c35eed }, { do: 'notrack' }],
  [{ match: 'meta mark', from: 5, to: 260 }, drop],
  [{ match: 'meta iif', value: loopbackIndex }, { do: 'accept' }],
  [{ match: 'meta iif', value: 0, not: true }, { do: 'accept' }],
  [{ match: 'meta oif', value: loopbackIndex, not: true }, { do: 'accept' }],
  [{ match: 'ct mark', mask: 0xff000000, value: 0xab000000, not: true }, { do: 'return' }],
  [{ match: 'ct state', mask: stateNew, value: stateNew }, drop],
  [{ match: 'ct state', mask: stateNew, value: stateNew, not: true }, drop],
  [{ match: 'ct state', mask: known, value: 0, not: true }, drop],
  [{ match: 'ct state', mask: unknown, value: 0 }, drop],
  [{ match: 'ct state', value: stateNew }, drop],
  [{ match: 'ct status', mask: statusDnat, value: statusDnat }, drop],
  [{ match: 'ct status', mask: statusDnat, value: 0 }, drop],
  [{ match: 'ct direction', value: directionReply }, { goto: 'udp/10.9.0.1/8080' }],
  [{ match: 'ct original ip daddr', value: '10.9.0.1' }, drop],
  [{ match: 'ct original ip6 daddr', value: 'fd00::9' }, drop],
  [udp, { match: 'ct original proto-dst', value: 53 }, drop],
  [{ match: 'ct reply ip saddr', value: '10.9.1.2' }, drop],
  [{ match: 'ct reply ip6 saddr', value: 'fd00::2' }, drop],
  [{ match: 'fib saddr type', value: fibLocal }, drop],
  [{ match: 'fib saddr type', value: fibLocal, not: true }, drop],
]

const lookups: readonly Rule[] = [
  [{ vmap: 'listeners4', fields: ['ip daddr', 'meta l4proto', 'th dport'] }],
  [{ vmap: 'listeners6', fields: ['ip6 daddr', 'meta l4proto', 'th dport'] }],
  [{ in: 'targets-in', fields: ['ct mark'] }],
  [udp, { in: 'listener-in', fields: ['ct original ip daddr', 'meta l4proto', 'ct original proto-dst'] }],
  [{ in: 'links4', fields: ['ip saddr', 'ip daddr'] }, drop],
  [{ in: 'links6', fields: ['ip6 saddr', 'ip6 daddr'], not: true }, drop],
  [{ in: 'services', fields: ['ip saddr', 'meta l4proto', 'th sport'] }, drop],
  [{ in: 'inside', fields: ['meta iif'], not: true }, drop],
  [{ add: 'suspects', fields: ['ct mark'] }],
  [{ add: 'ended', fields: ['ip daddr', 'th dport', 'ip saddr', 'th sport'] }],
]

const listener: readonly Rule[] = [
  [
    { in: 'udp/10.9.0.1/8080/admitted', fields: ['ip saddr'], not: true },
    { counter: 'udp/10.9.0.1/8080/dropped' },
    drop,
  ],
  [{ counter: 'udp/10.9.0.1/8080/flows' }],
  [{ ctTimeout: 'udp-120' }],
  [{ hash: ['ip saddr', 'th sport', 'ip daddr', 'th dport'], mod: 1_048_576, seed: 0x9e37 }],
  [{ hash: ['ip6 saddr', 'th sport', 'ip6 daddr', 'th dport'], mod: 1009, seed: 0x51c3 }],
  [{ hash: ['ip saddr'], mod: 3, seed: 1 }],
  [{ markFrom: 'udp/10.9.0.1/8080/weights', ranges: true }],
  [{ vmap: 'groups', fields: ['ct mark'] }],
]

const mark = ['mark'] as const
const endpoint4 = ['ipv4_addr', 'inet_proto', 'inet_service'] as const
const endpoint6 = ['ipv6_addr', 'inet_proto', 'inet_service'] as const

const base: Part = {
  name: 'base',
  counters: ['late'],
  timeouts: [
    { name: 'udp-120', protocol: 'udp', policy: { unreplied: 120, replied: 119 } },
    { name: 'tcp-350', protocol: 'tcp', policy: { established: 350, close_wait: 349 } },
  ],
  sets: [
    { name: 'listeners4', key: endpoint4, data: 'verdict', content: 'shared' },
    { name: 'listeners6', key: endpoint6, data: 'verdict', content: 'shared' },
    { name: 'groups', key: mark, data: 'verdict', content: 'shared' },
    { name: 'targets4', key: mark, data: ['ipv4_addr', 'inet_service'], content: 'shared' },
    { name: 'targets6', key: mark, data: ['ipv6_addr', 'inet_service'], content: 'shared' },
    {
      name: 'addresses4',
      key: ['ipv4_addr'],
      data: ['ipv4_addr'],
      content: [{ key: ['10.9.0.1'], value: ['10.9.0.1'] }],
    },
    { name: 'addresses6', key: ['ipv6_addr'], data: ['ipv6_addr'], content: [] },
    { name: 'targets-in', key: mark, counters: true, content: 'shared' },
    { name: 'listener-in', key: endpoint4, counters: true, content: 'shared' },
    { name: 'suspects', key: mark, dynamic: { timeoutSeconds: 10, size: 65_536 }, content: 'shared' },
    {
      name: 'ended',
      key: ['ipv4_addr', 'inet_service', 'ipv4_addr', 'inet_service'],
      dynamic: { timeoutSeconds: 2, size: 100 },
      content: 'shared',
    },
    { name: 'inside', key: ['ifindex'], content: [{ key: [1], comment: 'loopback' }] },
    {
      name: 'services',
      key: endpoint4,
      interval: true,
      content: [
        { key: ['10.0.0.0', 'tcp', 80], to: ['10.255.255.255', 'tcp', 443], comment: 'all of them' },
        { key: ['10.0.0.1', 'udp', 53] },
      ],
    },
    {
      name: 'links4',
      key: ['ipv4_addr', 'ipv4_addr'],
      interval: true,
      content: [{ key: ['10.9.1.0', '10.9.1.0'], to: ['10.9.1.255', '10.9.1.255'] }],
    },
    {
      name: 'links6',
      key: ['ipv6_addr', 'ipv6_addr'],
      interval: true,
      content: [{ key: ['fd00::', 'fd00::'], to: ['fd00::ffff', 'fd00::ffff'] }],
    },
    {
      name: 'admitted6',
      key: ['ipv6_addr'],
      interval: true,
      content: [{ key: ['::1'] }, { key: ['fd00::'], to: ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'] }],
    },
  ],
  chains: [
    {
      name: 'prerouting',
      hook: { type: 'nat', hook: 'prerouting', priority: -105 },
      rules: [...lookups.slice(0, 2), [{ match: 'fib saddr . iif oif', value: 0 }, drop]],
    },
    { name: 'output', hook: { type: 'nat', hook: 'output', priority: -105 }, rules: [[{ jump: 'lookups' }]] },
    {
      name: 'input',
      hook: { type: 'nat', hook: 'input', priority: 95 },
      rules: [[{ snat: 'ip', map: 'addresses4' }], [{ snat: 'ip6', map: 'addresses6' }]],
    },
    {
      name: 'postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: 95 },
      rules: [[{ in: 'targets-in', fields: ['ct mark'] }, { do: 'masquerade' }]],
    },
    { name: 'matches', rules: matches },
    { name: 'lookups', rules: lookups.slice(2) },
    {
      name: 'cookies',
      hook: { type: 'filter', hook: 'input', priority: 0 },
      rules: [[tcp, { match: 'ct state', mask: unknown, value: 0, not: true }, { synproxy: { mss: 1460, wscale: 7 } }]],
    },
  ],
  elements: [],
}

/** A listener on an address of its own, and a group with a target of each family. */
const web: Part = {
  name: 'web',
  counters: ['udp/10.9.0.1/8080/flows', 'udp/10.9.0.1/8080/dropped'],
  timeouts: [],
  sets: [
    {
      name: 'udp/10.9.0.1/8080/admitted',
      key: ['ipv4_addr'],
      interval: true,
      content: [
        { key: ['10.0.0.1'] },
        { key: ['10.2.0.0'], to: ['10.2.0.5'], comment: 'office' },
        { key: ['10.2.0.6'], to: ['10.2.0.9'] },
        { key: ['192.168.0.0'], to: ['192.168.255.255'] },
      ],
    },
    {
      name: 'udp/10.9.0.1/8080/weights',
      key: mark,
      data: mark,
      interval: true,
      content: [
        { key: [0], to: [349_524], value: [0xab800001], comment: 'tg/web' },
        { key: [349_525], to: [1_048_575], value: [0xab800002] },
      ],
    },
    {
      name: 'tg/web/3',
      key: mark,
      data: mark,
      content: { marks: Uint32Array.of(0xab000001, 0xab000002, 0xab000001), digest: 0xfeedbeef },
    },
  ],
  chains: [
    { name: 'udp/10.9.0.1/8080', rules: listener },
    {
      name: 'tg/web',
      rules: [
        [{ markFrom: 'tg/web/3', ranges: false }],
        [udp, { dnat: 'ip', map: 'targets4' }],
        [tcp, { dnat: 'ip6', map: 'targets6' }],
      ],
    },
  ],
  elements: [
    {
      set: 'listeners4',
      key: ['10.9.0.1', 'udp', 8080],
      value: { verdict: 'goto', chain: 'udp/10.9.0.1/8080' },
      comment: 'web',
    },
    { set: 'listeners6', key: ['fd00::9', 'tcp', 80], value: { verdict: 'goto', chain: 'udp/10.9.0.1/8080' } },
    { set: 'groups', key: [0xab800001], value: { verdict: 'jump', chain: 'tg/web' } },
    { set: 'targets4', key: [0xab000001], value: ['10.9.1.2', 8080], comment: 'tg/web' },
    { set: 'targets6', key: [0xab000002], value: ['fd00::2', 8080] },
    { set: 'targets-in', key: [0xab000001], comment: 'counted' },
    { set: 'targets-in', key: [0xab000002] },
    { set: 'listener-in', key: ['10.9.0.1', 'udp', 8080] },
  ],
}

/** Every kind of statement, field, set and element that there is; of no use but to be written and read. */
export const everyStatement: Ruleset = new Map([base, web].map(part => [part.name, part]))
