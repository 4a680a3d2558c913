import { carriersOf, disjoint } from './admission.ts'
import { type AddressFamily, formatCidr, isIpv6 } from './cidr.ts'
import { zoneAddresses } from './load-balancer.ts'
import { sameItems } from './memo.ts'
import type { SecurityGroupRule } from './security-group.ts'
import type { GuardRule, SnapshotGuard, SnapshotListener } from './snapshot.ts'
import type { State } from './state.ts'

/**
 * Makes a builder of guards: what the security groups of every instance that exists admit to each of its addresses (AWS:
 * Security group rules). The builder remembers its last answer: a guard that did not change is the same object again, and
 * so is the array where none did.
 *
 * @param listeners those of the snapshot that the guards are for
 */
export function guardsBuilder(): (state: State, listeners: readonly SnapshotListener[]) => readonly SnapshotGuard[] {
  let madeOf: readonly unknown[] = []
  let last: readonly SnapshotGuard[] = []
  let known = new Map<string, readonly GuardRule[]>()

  return (state, listeners) => {
    const { instances, securityGroups, loadBalancers } = state
    // The table of listeners is another one with every change of weights; who listens where is not.
    const endpoints = instances.size === 0 ? [] : listeners.flatMap(({ id, listenerArn }) => [id, listenerArn])
    const now = [instances, securityGroups, loadBalancers, ...endpoints]
    if (sameItems(madeOf, now)) return last
    madeOf = now

    const through = listenersByGroup(state, listeners)
    const next = new Map<string, readonly GuardRule[]>()
    const rulesFor = (groups: readonly string[], family: AddressFamily) => {
      const key = `${family} ${groups.join(' ')}`
      let rules = next.get(key)
      if (rules === undefined) {
        rules = rulesOf(state, groups, family, through)
        const before = known.get(key)
        if (JSON.stringify(before) === JSON.stringify(rules)) rules = before ?? rules
        next.set(key, rules)
      }
      return rules
    }
    const before = new Map(last.map(guard => [`${guard.id} ${guard.address}`, guard]))
    const unguarded = ownAddresses(loadBalancers)
    const guards: SnapshotGuard[] = []
    for (const { id, state, privateIpAddress, ipv6Address, securityGroups } of instances.values()) {
      if (state === 'terminated') continue
      for (const address of [privateIpAddress, ipv6Address]) {
        if (address === undefined || unguarded.has(address)) continue
        const rules = rulesFor(securityGroups, isIpv6(address) ? 'ipv6' : 'ipv4')
        const same = before.get(`${id} ${address}`)
        guards.push(same?.rules === rules ? same : { id, address, rules })
      }
    }
    known = next
    if (!sameItems(last, guards)) last = guards
    return last
  }
}

/** Addresses that are this host's own: whoever has one of them shares it with load balancers, whose groups are enforced. */
function ownAddresses(loadBalancers: State['loadBalancers']): ReadonlySet<string> {
  const own = new Set(['127.0.0.1', '127.0.0.2', '::1'])
  for (const { zones } of loadBalancers.values()) for (const address of zones.flatMap(zoneAddresses)) own.add(address)
  return own
}

/** The listeners of load balancers that carry a security group, by `SnapshotListener.id`. */
function listenersByGroup(
  state: State,
  listeners: readonly SnapshotListener[],
): ReadonlyMap<string, readonly string[]> {
  const byGroup = new Map<string, string[]>()
  for (const { id, listenerArn } of listeners) {
    const loadBalancer = state.loadBalancers.get(state.listeners.get(listenerArn)?.loadBalancerArn ?? '')
    for (const group of loadBalancer?.securityGroups ?? []) byGroup.getOrInsertComputed(group, () => []).push(id)
  }
  return byGroup
}

/** What these groups admit together: one rule for each protocol and port range. One that admits nobody is left out. */
function rulesOf(
  state: State,
  groups: readonly string[],
  family: AddressFamily,
  through: ReadonlyMap<string, readonly string[]>,
): readonly GuardRule[] {
  const balancing = new Set([...state.loadBalancers.values()].flatMap(({ securityGroups }) => securityGroups))
  const merged = new Map<string, Pick<GuardRule, 'protocol' | 'fromPort' | 'toPort'> & Sources>()
  for (const group of groups) {
    for (const rule of state.securityGroups.get(group)?.rules ?? []) {
      const what = rule.isEgress ? undefined : admittedBy(rule, family)
      if (what === undefined) continue
      const its = merged.getOrInsertComputed(Object.values(what).join(' '), () => ({
        ...what,
        cidrs: new Set(),
        through: new Set(),
        fromBalancer: false,
      }))
      if ('cidrIpv4' in rule.peer) its.cidrs.add(rule.peer.cidrIpv4)
      else if ('cidrIpv6' in rule.peer) its.cidrs.add(rule.peer.cidrIpv6)
      else {
        for (const cidr of carriersOf(state, rule.peer.groupId)) its.cidrs.add(cidr)
        for (const listener of through.get(rule.peer.groupId) ?? []) its.through.add(listener)
        its.fromBalancer ||= balancing.has(rule.peer.groupId)
      }
    }
  }
  return [...merged.values()].flatMap(({ protocol, fromPort, toPort, ...sources }): readonly GuardRule[] => {
    const cidrs = disjoint([...sources.cidrs]).filter(cidr => cidr.family === family)
    // What is related to a flow passes with it, so a rule for ICMP has no use for flows through a load balancer.
    const through = protocol === 'ICMP' ? [] : [...sources.through]
    const fromBalancer = protocol !== 'ICMP' && sources.fromBalancer && { fromBalancer: true as const }
    if (cidrs.length === 0 && through.length === 0 && !fromBalancer) return []
    return [{ protocol, fromPort, toPort, cidrs: cidrs.map(formatCidr), through, ...fromBalancer }]
  })
}

interface Sources {
  readonly cidrs: Set<string>
  readonly through: Set<string>
  fromBalancer: boolean
}

/** `undefined` for a rule of the other family's ICMP, and for one of a protocol that has neither ports nor a name. */
function admittedBy(
  { ipProtocol, fromPort, toPort }: SecurityGroupRule,
  family: AddressFamily,
): Pick<GuardRule, 'protocol' | 'fromPort' | 'toPort'> | undefined {
  switch (ipProtocol) {
    case '-1':
      return { protocol: 'ALL', fromPort: 0, toPort: 65_535 }
    case 'tcp':
    case 'udp':
      return { protocol: ipProtocol === 'tcp' ? 'TCP' : 'UDP', fromPort: fromPort ?? 0, toPort: toPort ?? 65_535 }
    case family === 'ipv6' ? 'icmpv6' : 'icmp':
      return { protocol: 'ICMP', fromPort: fromPort ?? -1, toPort: toPort ?? -1 }
    default:
      return undefined
  }
}
