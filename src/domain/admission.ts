import {
  addressFamily,
  bytesIn,
  type Cidr,
  formatAddress,
  formatCidr,
  hostCidr,
  parseAddress,
  parseCidr,
  writeAddress,
} from './cidr.ts'
import { type LoadBalancer, zoneAddresses } from './load-balancer.ts'
import { memoByTables, sameItems } from './memo.ts'
import type { SecurityGroupRule } from './security-group.ts'
import type { Admission } from './snapshot.ts'
import type { State } from './state.ts'

/**
 * Who may open flows to one port of a load balancer: its security groups' inbound rules for that protocol and port as
 * disjoint ranges, sorted, IPv4 first. `undefined`, which admits everyone, for a load balancer without security groups
 * (AWS: Update the security groups for your Network Load Balancer).
 */
export function admissionOf(
  state: Pick<State, 'securityGroups' | 'loadBalancers' | 'instances'>,
  loadBalancer: Pick<LoadBalancer, 'securityGroups'>,
  protocol: 'TCP' | 'UDP',
  port: number,
): readonly Admission[] | undefined {
  if (loadBalancer.securityGroups.length === 0) return undefined
  const cidrs: string[] = []
  for (const id of loadBalancer.securityGroups) {
    for (const rule of state.securityGroups.get(id)?.rules ?? []) {
      if (rule.isEgress || !covers(rule, protocol, port)) continue
      if ('cidrIpv4' in rule.peer) cidrs.push(rule.peer.cidrIpv4)
      else if ('cidrIpv6' in rule.peer) cidrs.push(rule.peer.cidrIpv6)
      else cidrs.push(...carriersOf(state, rule.peer.groupId))
    }
  }
  return disjoint(cidrs).map(cidr => ({ cidr: formatCidr(cidr) }))
}

/**
 * `admissionOf` with a memory: as long as what is admitted does not change, the answer is the same array, also for all load
 * balancers and ports that admit the same, so that it is compiled once.
 */
export function admissionMemo(): typeof admissionOf {
  let madeOf: readonly unknown[] = []
  let known = new Map<string, readonly Admission[]>()
  let byText = new Map<string, readonly Admission[]>()
  return (state, loadBalancer, protocol, port) => {
    if (loadBalancer.securityGroups.length === 0) return undefined
    const tables = [state.securityGroups, state.loadBalancers, state.instances]
    if (!sameItems(madeOf, tables)) {
      madeOf = tables
      byText = new Map([...known.values()].map(admission => [textOf(admission), admission]))
      known = new Map()
    }
    const question = `${loadBalancer.securityGroups.join(' ')} ${protocol} ${port}`
    let admission = known.get(question)
    if (admission === undefined) {
      const fresh = admissionOf(state, loadBalancer, protocol, port) ?? []
      admission = byText.get(textOf(fresh)) ?? fresh
      byText.set(textOf(fresh), admission)
      known.set(question, admission)
    }
    return admission
  }
}

function textOf(admission: readonly Admission[]): string {
  return admission.map(({ cidr }) => cidr).join(' ')
}

function covers(rule: SecurityGroupRule, protocol: 'TCP' | 'UDP', port: number): boolean {
  if (rule.ipProtocol === '-1') return true
  if (rule.ipProtocol !== protocol.toLowerCase()) return false
  return port >= (rule.fromPort ?? 0) && port <= (rule.toPort ?? 65_535)
}

/**
 * The addresses that a rule naming this group admits, as CIDRs: private addresses of the interfaces that carry it (AWS:
 * Security group referencing), which are those of load balancers and of instances that exist.
 */
export function carriersOf(state: Pick<State, 'loadBalancers' | 'instances'>, groupId: string): readonly string[] {
  return allCarriers(state.loadBalancers, state.instances).get(groupId) ?? []
}

const allCarriers = memoByTables((loadBalancers: State['loadBalancers'], instances: State['instances']) => {
  const carriers = new Map<string, string[]>()
  const add = (groups: readonly string[], addresses: readonly (string | undefined)[]) => {
    for (const group of groups) {
      const list = carriers.get(group) ?? []
      for (const address of addresses) if (address !== undefined) list.push(hostCidr(address))
      carriers.set(group, list)
    }
  }
  for (const { securityGroups, zones } of loadBalancers.values())
    for (const zone of zones) add(securityGroups, zoneAddresses(zone))
  for (const instance of instances.values())
    if (instance.state !== 'terminated') add(instance.securityGroups, [instance.privateIpAddress, instance.ipv6Address])
  return carriers
})

/**
 * The address that a client has for security groups. A client on the load balancer's own host that did not choose an
 * address comes from 127.0.0.1 or ::1; it counts as inside the VPC, with the load balancer's own address. One that bound
 * another loopback address did so to be told apart, and keeps it. An IPv4 address mapped into IPv6 is the IPv4 address; a
 * zone id is left out.
 */
export function clientAddress(source: string, listenerAddress: string): string {
  if (source === '127.0.0.1' || source === '::1' || source === '::ffff:127.0.0.1') return listenerAddress
  if (!source.includes(':')) return source
  const zone = source.indexOf('%')
  const address = zone < 0 ? source : source.slice(0, zone)
  return /^::ffff:[\d.]+$/i.test(address) ? address.slice(7) : address
}

/**
 * Whether these rules admit a flow from `source` (as `clientAddress` gives it). An array of admissions is compiled once,
 * when it is first asked about; then a question costs a binary search.
 */
export function admits(admission: readonly Admission[] | undefined, source: string): boolean {
  return admission === undefined || rangeOf(admission, source) !== undefined
}

/** Which of these ranges admits `source`, as `admits` finds it. */
export function admittedBy(admission: readonly Admission[], source: string): Admission | undefined {
  const range = rangeOf(admission, source)
  return range && { cidr: formatCidr(range) }
}

function rangeOf(admission: readonly Admission[], source: string): Cidr | undefined {
  let ranges = compiled.get(admission)
  if (ranges === undefined) {
    const all = disjoint(admission.map(({ cidr }) => cidr))
    ranges = {
      ipv4: all.filter(({ family }) => family === 'ipv4'),
      ipv6: all.filter(({ family }) => family === 'ipv6'),
    }
    compiled.set(admission, ranges)
  }
  const length = writeAddress(source, client, 0)
  return length === 0 ? undefined : rangeWith(length === 4 ? ranges.ipv4 : ranges.ipv6, client)
}

const compiled = new WeakMap<readonly Admission[], { readonly ipv4: readonly Cidr[]; readonly ipv6: readonly Cidr[] }>()

const client = new Uint8Array(16)

/** The one of these disjoint ranges, sorted and of the address's family, that holds it. */
function rangeWith(ranges: readonly Cidr[], address: Uint8Array): Cidr | undefined {
  let low = 0
  let high = ranges.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareBytes(ranges[middle]!.network, address) <= 0) low = middle + 1
    else high = middle
  }
  const last = ranges[low - 1]
  return last !== undefined && bytesIn(last, address, 0) ? last : undefined
}

/** The ranges sorted, without those that lie in another one; ranges never overlap otherwise. Malformed text is left out. */
export function disjoint(cidrs: readonly string[]): readonly Cidr[] {
  const sorted = [...new Set(cidrs)].map(parseCidr).filter(cidr => cidr !== undefined)
  sorted.sort(
    (a, b) =>
      a.network.length - b.network.length || compareBytes(a.network, b.network) || a.prefixLength - b.prefixLength,
  )
  const kept: Cidr[] = []
  for (const cidr of sorted) {
    const last = kept.at(-1)
    if (last === undefined || last.family !== cidr.family || !bytesIn(last, cidr.network, 0)) kept.push(cidr)
  }
  return kept
}

/** Order of the first `a.length` bytes. */
function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return 0
}

/** An inclusive range of addresses, as text. */
export interface AddressRange {
  readonly from: string
  readonly to: string
}

/**
 * The same answer as `admits` after `clientAddress` gives, for every source of the listener's family at once: sorted ranges that
 * neither overlap nor touch. For an engine that has the kernel ask.
 */
export function admittedRanges(
  admission: readonly Admission[] | undefined,
  listenerAddress: string,
): readonly AddressRange[] {
  const family = addressFamily(listenerAddress)
  const length = family === 'ipv4' ? 4 : 16
  const everyone = family === 'ipv4' ? '0.0.0.0/0' : '::/0'
  const cidrs = admission === undefined ? [everyone] : admission.map(({ cidr }) => cidr)
  const ranges: { from: bigint; to: bigint }[] = []
  const add = (from: bigint, to: bigint) => {
    const last = ranges.at(-1)
    if (last !== undefined && last.to + 1n >= from) last.to = to > last.to ? to : last.to
    else ranges.push({ from, to })
  }
  for (const { network, prefixLength, family: its } of disjoint(cidrs)) {
    if (its !== family) continue
    const from = numberOf(network)
    add(from, from + (1n << BigInt(8 * length - prefixLength)) - 1n)
  }
  // Who did not choose an address counts as coming from the load balancer's own.
  const unchosen = numberOf(parseAddress(family === 'ipv4' ? '127.0.0.1' : '::1')!)
  const own = numberOf(parseAddress(listenerAddress)!)
  const ownIsAdmitted = ranges.some(({ from, to }) => from <= own && own <= to)
  const others = own === unchosen ? ranges.splice(0) : ranges.splice(0).flatMap(range => without(range, unchosen))
  if (ownIsAdmitted) others.push({ from: unchosen, to: unchosen })
  others.sort((a, b) => (a.from < b.from ? -1 : 1))
  for (const { from, to } of others) add(from, to)
  return ranges.map(({ from, to }) => ({ from: addressOf(from, length), to: addressOf(to, length) }))
}

function without({ from, to }: { readonly from: bigint; readonly to: bigint }, point: bigint) {
  return [
    { from, to: point - 1n < to ? point - 1n : to },
    { from: point + 1n > from ? point + 1n : from, to },
  ].filter(range => range.from <= range.to)
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n)
}

function addressOf(number: bigint, length: number): string {
  return formatAddress(Uint8Array.from({ length }, (_, i) => Number((number >> BigInt(8 * (length - 1 - i))) & 255n)))
}
