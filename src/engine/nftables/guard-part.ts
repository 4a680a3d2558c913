import { localIpv6Range, localRange, loopback } from '../../domain/addresses.ts'
import { formatAddress, isIpv6, lastAddress, parseCidr } from '../../domain/cidr.ts'
import type { GuardRule, SnapshotGuard } from '../../domain/snapshot.ts'
import { beforeSnat, isForged, within } from './base-part.ts'
import { guardName } from './names.ts'
import {
  type Element,
  emptyPart,
  type Field,
  fibLocal,
  loopbackIndex,
  type NftSet,
  type Part,
  protoIcmp,
  protoIcmpv6,
  protoTcp,
  protoUdp,
  type Rule,
  type Statement,
  stateEstablished,
  stateRelated,
} from './ruleset.ts'

/**
 * Where packets to guarded addresses are met. Only in the ruleset while anything is guarded: every packet pays for a hook, 0.8 us
 * where it was measured.
 */
export function guardHooks(): Part {
  const guard: readonly Rule[] = [
    [isForged, { do: 'return' }],
    [{ vmap: 'guards4', fields: ['ip daddr'] }],
    [{ vmap: 'guards6', fields: ['ip6 daddr'] }],
  ]
  return {
    ...emptyPart('guards'),
    chains: [
      {
        name: 'guard-input',
        hook: { type: 'filter', hook: 'input', priority: 0 },
        rules: [
          [within('ip daddr', loopback), { jump: 'guard' }],
          [within('ip daddr', localRange), { jump: 'guard' }],
          [within('ip6 daddr', localIpv6Range), { jump: 'guard' }],
          // The other addresses of this host are on network cards. They may be how its operator gets in: see `isOnNoCard`.
        ],
      },
      {
        name: 'guard-postrouting',
        hook: { type: 'filter', hook: 'postrouting', priority: beforeSnat - 5 },
        // To this host itself: it will be asked at the input.
        rules: [[{ match: 'meta oif', value: loopbackIndex }, { do: 'return' }], ...guard],
      },
      { name: 'guard', rules: guard },
    ],
  }
}

/** The counter of what a guard drops, `sg/i-0123456789abcdef0/security-group`. */
export function guardCounter(guard: Pick<SnapshotGuard, 'id' | 'address'>): string {
  return `${guardName(guard)}/security-group`
}

/** The chain that every new flow to a guarded address runs through; what no rule admits is counted and dropped. */
export function guardPart(guard: SnapshotGuard): Part {
  const name = guardName(guard)
  const isV6 = isIpv6(guard.address)
  const sets: NftSet[] = []
  const admit: Statement = { do: 'return' }
  const known = stateEstablished | stateRelated
  const rules: Rule[] = [[{ match: 'ct state', mask: known, value: 0, not: true }, admit]]
  if (isV6) {
    // Neighbors must be able to find it (RFC 4861); no security group of AWS's bars that either.
    rules.push([{ match: 'icmpv6 type', from: 133, to: 137 }, admit])
  }
  guard.rules.forEach((rule, index) => {
    const what = matchOf(rule, isV6)
    const cidrs = rule.cidrs.map(parseCidr).filter(cidr => cidr !== undefined)
    if (cidrs.length > 0) {
      const set = `${name}/${index}/from`
      const content = cidrs.map(
        (cidr): Element => ({ key: [formatAddress(cidr.network)], to: [formatAddress(lastAddress(cidr))] }),
      )
      sets.push({ name: set, key: [isV6 ? 'ipv6_addr' : 'ipv4_addr'], interval: true, content })
      rules.push([...what, { in: set, fields: [isV6 ? 'ip6 saddr' : 'ip saddr'] }, admit])
    }
    if (!rule.fromBalancer) return
    // A health check, and what our own processes forward, comes from this host.
    rules.push([...what, { match: 'fib saddr type', value: fibLocal }, admit])
    const listeners = rule.through.map(id => id.split(' ')).filter(([, address = '']) => isIpv6(address) === isV6)
    if (listeners.length === 0) return
    const set = `${name}/${index}/through`
    sets.push({
      name: set,
      key: [isV6 ? 'ipv6_addr' : 'ipv4_addr', 'inet_proto', 'inet_service'],
      content: listeners.map(([protocol = '', address = '', port]) => ({
        key: [address, protocol.toLowerCase(), Number(port)],
      })),
    })
    const asked = isV6 ? 'ct original ip6 daddr' : 'ct original ip daddr'
    // nft takes the port of `ct original` only where the protocol is known.
    const known = rule.protocol === 'ALL' ? [protoTcp, protoUdp] : [undefined]
    for (const value of known) {
      const protocol: readonly Statement[] = value === undefined ? [] : [{ match: 'meta l4proto', value }]
      rules.push([...what, ...protocol, { in: set, fields: [asked, 'meta l4proto', 'ct original proto-dst'] }, admit])
    }
  })
  const drops = guardCounter(guard)
  // What is dropped here is accounted for.
  rules.push([{ add: 'passed', fields: ['ct mark'] }, { counter: drops }, { do: 'drop' }])
  return {
    ...emptyPart(name),
    counters: [drops],
    sets,
    chains: [{ name, rules }],
    elements: [{ set: isV6 ? 'guards6' : 'guards4', key: [guard.address], value: { verdict: 'goto', chain: name } }],
  }
}

function matchOf({ protocol, fromPort, toPort }: GuardRule, isV6: boolean): readonly Statement[] {
  switch (protocol) {
    case 'ALL':
      return []
    case 'ICMP': {
      const [type, code]: readonly Field[] = isV6 ? ['icmpv6 type', 'icmpv6 code'] : ['icmp type', 'icmp code']
      if (fromPort < 0) return [{ match: 'meta l4proto', value: isV6 ? protoIcmpv6 : protoIcmp }]
      return [{ match: type!, value: fromPort }, ...(toPort < 0 ? [] : [{ match: code!, value: toPort }])]
    }
    default:
      return [
        { match: 'meta l4proto', value: protocol === 'TCP' ? protoTcp : protoUdp },
        { match: 'th dport', from: fromPort, to: toPort },
      ]
  }
}
