import { localIpv6Range, localRange } from '../../domain/addresses.ts'
import type { Marks } from './marks.ts'
import {
  type Chain,
  directionReply,
  type Field,
  type FieldType,
  fibLocal,
  loopbackIndex,
  type NftSet,
  type Part,
  protoTcp,
  protoUdp,
  type Rule,
  type Statement,
  stateInvalid,
  stateNew,
  stateRelated,
  tcpAck,
  tcpFin,
  tcpRst,
  tcpSyn,
} from './ruleset.ts'

/** Set with SO_MARK on the segments that `reset-idle.ts` forges, so that conntrack takes no notice of them. */
export const forgedMark = 0x51c35eed
export const isForged: Statement = { match: 'meta mark', value: forgedMark }

export const endpoint4: readonly FieldType[] = ['ipv4_addr', 'inet_proto', 'inet_service']
export const endpoint6: readonly FieldType[] = ['ipv6_addr', 'inet_proto', 'inet_service']
export const destination4: readonly Field[] = ['ip daddr', 'meta l4proto', 'th dport']
export const destination6: readonly Field[] = ['ip6 daddr', 'meta l4proto', 'th dport']
const source4: readonly Field[] = ['ip saddr', 'meta l4proto', 'th sport']
const source6: readonly Field[] = ['ip6 saddr', 'meta l4proto', 'th sport']
export const asked4: readonly Field[] = ['ct original ip daddr', 'meta l4proto', 'ct original proto-dst']
export const asked6: readonly Field[] = ['ct original ip6 daddr', 'meta l4proto', 'ct original proto-dst']
const mark: readonly FieldType[] = ['mark']
const ends4: readonly Field[] = ['ip saddr', 'th sport', 'ip daddr', 'th dport']
const ends6: readonly Field[] = ['ip6 saddr', 'th sport', 'ip6 daddr', 'th dport']
const answer4: readonly Field[] = ['ip daddr', 'th dport', 'ip saddr', 'th sport']
const answer6: readonly Field[] = ['ip6 daddr', 'th dport', 'ip6 saddr', 'th sport']
const byMark: readonly Field[] = ['ct mark']

/** A set that several parts fill. */
export function shared(name: string, key: readonly FieldType[], rest: Partial<NftSet> = {}): NftSet {
  return { name, key, content: 'shared', ...rest }
}

/** Twice as long as it takes `reset-idle.ts` to tell an end twice; for 20,000 connections a second. */
const ended = { timeoutSeconds: 2, size: 131_072 }

const sets: readonly NftSet[] = [
  shared('listeners4', endpoint4, { data: 'verdict' }),
  shared('listeners6', endpoint6, { data: 'verdict' }),
  shared('groups', mark, { data: 'verdict' }),
  shared('targets4', mark, { data: ['ipv4_addr', 'inet_service'] }),
  shared('targets6', mark, { data: ['ipv6_addr', 'inet_service'] }),
  shared('target-flows', mark, { counters: true }),
  shared('target-in', mark, { counters: true }),
  shared('target-out', mark, { counters: true }),
  shared('target-refused', mark, { counters: true }),
  shared('listener-in4', endpoint4, { counters: true }),
  shared('listener-in6', endpoint6, { counters: true }),
  shared('listener-out4', endpoint4, { counters: true }),
  shared('listener-out6', endpoint6, { counters: true }),
  shared('services4', endpoint4),
  shared('services6', endpoint6),
  shared('masqueraded', mark),
  shared('addresses4', ['ipv4_addr'], { data: ['ipv4_addr'] }),
  shared('addresses6', ['ipv6_addr'], { data: ['ipv6_addr'] }),
  shared('itself4', ['ipv4_addr', 'ipv4_addr']),
  shared('itself6', ['ipv6_addr', 'ipv6_addr']),
  shared('links4', ['ipv4_addr', 'ipv4_addr'], { interval: true }),
  shared('links6', ['ipv6_addr', 'ipv6_addr'], { interval: true }),
  shared('guards4', ['ipv4_addr'], { data: 'verdict' }),
  shared('guards6', ['ipv6_addr'], { data: 'verdict' }),
  shared('sent', mark, { dynamic: { timeoutSeconds: 60, size: 65_536 } }),
  shared('passed', mark, { dynamic: { timeoutSeconds: 60, size: 65_536 } }),
  shared('suspects', mark, { dynamic: { timeoutSeconds: 10, size: 65_536 } }),
  shared('ended4', ['ipv4_addr', 'inet_service', 'ipv4_addr', 'inet_service'], { dynamic: ended }),
  shared('ended6', ['ipv6_addr', 'inet_service', 'ipv6_addr', 'inet_service'], { dynamic: ended }),
]

/** Before anybody else's DNAT (-100), so that a listener's port is not redirected elsewhere first. */
const beforeDnat = -105
/** After the DNAT, so that a flow's first packet carries its mark already. */
const afterDnat = -95
/** Before anybody else's source NAT (100). */
export const beforeSnat = 95
/** Before conntrack (-200). */
const raw = -300
/** A cookie comes back in a segment of no connection. */
const afterSynproxy = 5

const notOpening: Statement = { match: 'tcp flags', mask: tcpFin | tcpSyn | tcpRst | tcpAck, value: tcpSyn, not: true }

/** What all listeners share: where packets enter, and the sets that the other parts fill. */
export function basePart(marks: Marks): Part {
  const notOurs: Rule = [{ match: 'ct mark', mask: marks.mask, value: marks.prefix, not: true }, { do: 'return' }]
  const suspect: Statement = { add: 'suspects', fields: byMark }
  const passed: Rule = [{ add: 'passed', fields: byMark }]
  const isTcp: Statement = { match: 'meta l4proto', value: protoTcp }
  const isUdp: Statement = { match: 'meta l4proto', value: protoUdp }
  const notFromThere: Statement = { match: 'fib saddr . iif oif', value: 0 }
  const dropSpoofed: readonly Statement[] = [{ counter: 'spoofed-services' }, { do: 'drop' }]
  const isInvalid: Statement = { match: 'ct state', mask: stateInvalid, value: stateInvalid }
  const unknownSegment: Rule = [
    { match: 'ct state', mask: stateInvalid | stateNew, value: 0, not: true },
    isTcp,
    { jump: 'unknown' },
  ]
  const count: readonly Rule[] = [
    [{ match: 'ct direction', value: directionReply }, { in: 'target-out', fields: byMark }, { goto: 'answered' }],
    [{ in: 'target-in', fields: byMark }, { goto: 'asked' }],
    unknownSegment,
  ]
  const dropInvalid: readonly Statement[] = [{ counter: 'invalid-segments' }, { do: 'drop' }]
  const chains: readonly Chain[] = [
    // NAT chains see a flow's first packet only; what they have decided, conntrack does to all others.
    {
      name: 'prerouting',
      hook: { type: 'nat', hook: 'prerouting', priority: beforeDnat },
      rules: [
        // From outside nobody may reach loopback. With its destination changed, routing would not see that it was a martian.
        [
          { match: 'meta iif', value: loopbackIndex, not: true },
          { match: 'ip daddr', value: '127.0.0.0', prefix: 8 },
          { do: 'return' },
        ],
        // A datagram in the name of one target's service to another's would make some services answer each other for ever.
        [isUdp, { in: 'services4', fields: source4 }, notFromThere, ...dropSpoofed],
        [isUdp, { in: 'services6', fields: source6 }, notFromThere, ...dropSpoofed],
        [{ jump: 'new' }],
      ],
    },
    { name: 'output', hook: { type: 'nat', hook: 'output', priority: beforeDnat }, rules: [[{ jump: 'new' }]] },
    {
      name: 'new',
      rules: [
        [{ vmap: 'listeners4', fields: destination4 }],
        [{ vmap: 'listeners6', fields: destination6 }],
        [{ in: 'services4', fields: source4 }, { goto: 'late' }],
        [{ in: 'services6', fields: source6 }, { goto: 'late' }],
      ],
    },
    // In chains of their own, because what every listener or group said itself the kernel would go through for each of them
    // whenever one is added: 130 ms at 1,000 listeners, 15 ms like this.
    { name: 'choose', rules: [[{ vmap: 'groups', fields: byMark }]] },
    destinationChain('to4', { dnat: 'ip', map: 'targets4' }),
    destinationChain('to6', { dnat: 'ip6', map: 'targets6' }),
    {
      // From a target's service, of a flow that is known no more. A late reply would reach the client from the target's own
      // address, and its entry would give the flow another port when it comes back.
      name: 'late',
      rules: [
        [{ match: 'meta l4proto', value: protoUdp }, { counter: 'late-replies' }, { do: 'drop' }],
        [{ match: 'meta l4proto', value: protoTcp }, notOpening, { counter: 'late-segments' }, { do: 'reset' }],
      ],
    },
    {
      // A target on this host, which is to see the load balancer instead of its client: by the address that was asked.
      name: 'input',
      hook: { type: 'nat', hook: 'input', priority: beforeSnat },
      rules: [
        passed,
        [
          { in: 'masqueraded', fields: byMark },
          { snat: 'ip', map: 'addresses4' },
        ],
        [
          { in: 'masqueraded', fields: byMark },
          { snat: 'ip6', map: 'addresses6' },
        ],
      ],
    },
    {
      name: 'postrouting',
      hook: { type: 'nat', hook: 'postrouting', priority: beforeSnat },
      rules: [
        notOurs,
        passed,
        // What stays on this host comes back in any case, and loopback has no address to masquerade with.
        [{ match: 'meta oif', value: loopbackIndex }, { do: 'return' }],
        // With the client's own port where it is free: a client that takes a port again then has its old one at the target, where the
        // last connection may be in TIME_WAIT, which only later timestamps of the same series end. With random ports, whose series
        // are others, a client of 9,000 connections a second came down to 800, each second SYN ignored.
        [{ in: 'masqueraded', fields: byMark }, { do: 'masquerade' }],
        // A client on this host that did not choose an address has the load balancer's, which a target need not know a way to.
        [...own('ip saddr', localRange), { do: 'masquerade' }],
        [...own('ip6 saddr', localIpv6Range), { do: 'masquerade' }],
        [{ match: 'fib saddr type', value: fibLocal }, { do: 'return' }],
        // Replies that would not come back this way: to itself, or to a neighbor on the target's own link.
        [{ in: 'itself4', fields: ['ip saddr', 'ip daddr'] }, { do: 'masquerade' }],
        [{ in: 'itself6', fields: ['ip6 saddr', 'ip6 daddr'] }, { do: 'masquerade' }],
        [{ in: 'links4', fields: ['ip saddr', 'ip daddr'] }, { do: 'masquerade' }],
        [{ in: 'links6', fields: ['ip6 saddr', 'ip6 daddr'] }, { do: 'masquerade' }],
      ],
    },
    // Packets by the million pass these: each rule that one meets costs it some 50 ns. Those of known flows leave at the first.
    {
      name: 'count-prerouting',
      hook: { type: 'filter', hook: 'prerouting', priority: afterDnat },
      // What comes from this host itself was counted in its output.
      rules: [[{ match: 'meta iif', value: loopbackIndex }, { goto: 'uncounted' }], ...count],
    },
    { name: 'count-output', hook: { type: 'filter', hook: 'output', priority: afterDnat }, rules: count },
    { name: 'uncounted', rules: [unknownSegment] },
    {
      // Of no connection, or of a live one and outside its window: then NAT leaves them alone, and whoever got such a segment,
      // with the wrong address, would answer with a reset that ends the connection.
      name: 'unknown',
      rules: [
        [notOpening, { in: 'ended4', fields: ends4 }, { counter: 'late-segments' }, { do: 'reset' }],
        [notOpening, { in: 'ended6', fields: ends6 }, { counter: 'late-segments' }, { do: 'reset' }],
        [isInvalid, { in: 'services4', fields: source4 }, ...dropInvalid],
        [isInvalid, { in: 'services6', fields: source6 }, ...dropInvalid],
      ],
    },
    {
      name: 'invalid-input',
      hook: { type: 'filter', hook: 'input', priority: afterSynproxy },
      rules: [
        [isInvalid, isTcp, { in: 'listener-in4', fields: destination4 }, ...dropInvalid],
        [isInvalid, isTcp, { in: 'listener-in6', fields: destination6 }, ...dropInvalid],
      ],
    },
    { name: 'asked', rules: askedRules('listener-in') },
    {
      name: 'answered',
      rules: [
        // A connect that is refused: RST and ACK with sequence number 0 (RFC 9293, 3.10.7.1).
        [
          isTcp,
          { match: 'tcp flags', mask: tcpRst | tcpAck, value: tcpRst | tcpAck },
          { match: 'tcp sequence', value: 0 },
          suspect,
          { in: 'target-refused', fields: byMark },
        ],
        ...askedRules('listener-out'),
        // A port unreachable, from the target's own address: a client could make up anybody else's.
        [
          { match: 'ct state', mask: stateRelated, value: stateRelated },
          { match: 'icmp type', value: 3 },
          { match: 'icmp code', value: 3 },
          { in: 'itself4', fields: ['ip saddr', 'ct reply ip saddr'] },
          suspect,
        ],
        [
          { match: 'ct state', mask: stateRelated, value: stateRelated },
          { match: 'icmpv6 type', value: 1 },
          { match: 'icmpv6 code', value: 4 },
          { in: 'itself6', fields: ['ip6 saddr', 'ct reply ip6 saddr'] },
          suspect,
        ],
      ],
    },
    {
      name: 'forged',
      hook: { type: 'filter', hook: 'output', priority: raw },
      rules: [
        [isForged, isTcp, { add: 'ended4', fields: answer4 }],
        [isForged, isTcp, { add: 'ended6', fields: answer6 }],
        [isForged, { do: 'notrack' }],
      ],
    },
  ]
  return {
    name: 'base',
    counters: ['late-replies', 'late-segments', 'invalid-segments', 'spoofed-services'],
    timeouts: [],
    sets,
    chains,
    elements: [],
  }
}

/**
 * Sends the flow to the target that its mark names, and notes that in `sent`. A mark that is not in `passed` then has flows that
 * don't get out of this host: a firewall may be on the way. (One set, with a deletion at the exit, would cost a flow 200 us.)
 * nft wants to know the protocol where a port is set.
 */
function destinationChain(name: string, dnat: Statement): Chain {
  const rules = [protoTcp, protoUdp].map((value): Rule => [{ match: 'meta l4proto', value }, dnat])
  return { name, rules: [[{ in: 'target-flows', fields: byMark }], [{ add: 'sent', fields: byMark }], ...rules] }
}

/** Counts by what the client asked. nft takes the port of `ct original` only where the protocol is known. */
function askedRules(set: string): readonly Rule[] {
  return [protoTcp, protoUdp].flatMap((value): Rule[] => {
    const protocol: Statement = { match: 'meta l4proto', value }
    return [
      [protocol, { in: `${set}4`, fields: asked4 }, { do: 'return' }],
      [protocol, { in: `${set}6`, fields: asked6 }, { do: 'return' }],
    ]
  })
}

function own(field: 'ip saddr' | 'ip6 saddr', cidr: string): Rule {
  return [within(field, cidr), { match: 'fib saddr type', value: fibLocal }]
}

/** `field` is in the CIDR. */
export function within(match: Field, cidr: string): Statement {
  const [value = '', prefix] = cidr.split('/')
  return { match, value, prefix: Number(prefix) }
}
