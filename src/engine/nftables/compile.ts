import { admittedRanges } from '../../domain/admission.ts'
import { groupSeed, groupShares, shareBounds, slotsOf, targetSeed } from '../../domain/choice.ts'
import { isIpv6 } from '../../domain/cidr.ts'
import { jhash } from '../../domain/jhash.ts'
import { sameItems } from '../../domain/memo.ts'
import { groupsById, type Snapshot, type SnapshotGroup, type SnapshotListener } from '../../domain/snapshot.ts'
import { basePart } from './base-part.ts'
import { guardHooks, guardPart } from './guard-part.ts'
import type { HostFacts } from './host.ts'
import { linksPart } from './links-part.ts'
import type { MarkedTarget, Marks } from './marks.ts'
import { groupName, guardName, listenerName, nameOfGroup, protocolOf } from './names.ts'
import {
  type Chain,
  type Element,
  emptyPart,
  type Field,
  type NftSet,
  type Part,
  type Rule,
  type Ruleset,
  type SharedElement,
  type Statement,
  type Timeout,
  tcpAck,
  tcpFin,
  tcpPsh,
  tcpRst,
  tcpSyn,
} from './ruleset.ts'
import { synproxyPart } from './synproxy-part.ts'

/** What the ruleset follows from, beside the snapshot. */
interface Circumstances {
  readonly marks: Marks
  readonly host: HostFacts
  /** Targets that no snapshot names any more and that may still have flows, or late replies. */
  readonly retired: readonly MarkedTarget[]
}

/**
 * Makes a compiler: a snapshot's listeners, which this engine can serve all, to the ruleset that does it. It remembers its last
 * answer: the part of a listener or a group that did not change is the same object again.
 *
 * A flow's first packet goes from `listeners4` to its listener's chain, by a share of the weights to a group's chain, by a
 * slot of the Maglev table to a target's mark, and by the mark to an address. A change of weights, health or admission
 * changes elements, in place; chains stay as they are, unless a route gets its first sticky group or loses its last.
 */
export function rulesetCompiler({
  marks,
}: Pick<Circumstances, 'marks'>): (snapshot: Snapshot, circumstances: Omit<Circumstances, 'marks'>) => Ruleset {
  const base = basePart(marks)
  const memo = new Map<string, { readonly madeOf: readonly unknown[]; readonly part: Part }>()
  const memoized = (name: string, madeOf: readonly unknown[], make: () => Part): Part => {
    let known = memo.get(name)
    if (known === undefined || !sameItems(known.madeOf, madeOf)) {
      known = { madeOf, part: make() }
      memo.set(name, known)
    }
    return known.part
  }

  const listenerParts = new WeakMap<SnapshotListener, { readonly kinds: readonly number[]; readonly part: Part }>()
  /** Of its groups it only matters whether they are there, and whether they are sticky. */
  const partOfListener = (listener: SnapshotListener, groups: ReadonlyMap<string, SnapshotGroup>): Part => {
    const { route } = listener
    let known = listenerParts.get(listener)
    if (known === undefined || !route.every(({ group }, i) => kindOf(groups.get(group)) === known?.kinds[i])) {
      const there = route.filter(({ group }) => groups.has(group))
      // A client that came back to another group would not find the target that it is to keep.
      const sticky = there.some(({ group, weight }) => weight > 0 && groups.get(group)?.sticky === true)
      const kinds = route.map(({ group }) => kindOf(groups.get(group)))
      known = { kinds, part: listenerPart(listenerName(listener), listener, there, sticky, marks) }
      listenerParts.set(listener, known)
    }
    return known.part
  }
  /** Of the last ruleset alone: a group that comes back later may have other marks. */
  let groupParts: ReadonlyMap<SnapshotGroup, Part> = new Map()

  return (snapshot, { host, retired }) => {
    const parts: Part[] = [base]
    const add = (name: string, madeOf: readonly unknown[], make: () => Part) => parts.push(memoized(name, madeOf, make))

    const seconds = timeoutsOf(snapshot.listeners)
    add('timeouts', seconds, () => ({ ...emptyPart('timeouts'), timeouts: seconds.map(timeoutOf) }))
    add('links', [host.links], () => linksPart(host.links))
    if (retired.length > 0) add('retired', retired, () => retiredPart(retired))

    const groups = groupsById(snapshot.groups)
    const routed = new Map<SnapshotGroup, Part>()
    for (const listener of snapshot.listeners) {
      parts.push(partOfListener(listener, groups))
      for (const { group: id } of listener.route) {
        const group = groups.get(id)
        if (group === undefined || routed.has(group)) continue
        routed.set(group, groupParts.get(group) ?? groupPart(nameOfGroup(group, listener.protocol), group, marks))
      }
    }
    parts.push(...routed.values())
    groupParts = routed
    if (snapshot.guards.length > 0) add('guards', [], guardHooks)
    for (const guard of snapshot.guards) add(guardName(guard), [guard], () => guardPart(guard))
    const guarded = snapshot.listeners.filter(({ synproxy, protocol }) => synproxy && protocol === 'TCP')
    if (guarded.length > 0) {
      const ids = guarded.map(({ id }) => id)
      add('synproxy', ids, () =>
        synproxyPart(
          guarded.map(listener => ({ family: isIpv6(listener.address) ? 'ipv6' : 'ipv4', key: endpoint(listener) })),
        ),
      )
    }

    const ruleset = new Map<string, Part>()
    for (const part of parts) ruleset.set(part.name, part)
    for (const name of memo.keys()) if (!ruleset.has(name)) memo.delete(name)
    return ruleset
  }
}

function kindOf(group: SnapshotGroup | undefined): number {
  return group === undefined ? 0 : group.sticky ? 2 : 1
}

/** Their names, each once. */
function timeoutsOf(listeners: readonly SnapshotListener[]): readonly string[] {
  const byTime = { TCP: new Map<number, string>(), UDP: new Map<number, string>() }
  for (const listener of listeners) {
    const names = byTime[listener.protocol]
    if (!names.has(listener.idleTimeoutMs)) names.set(listener.idleTimeoutMs, timeoutName(listener))
  }
  return [...new Set([...byTime.TCP.values(), ...byTime.UDP.values()])].sort()
}

/** `udp-120`, `tcp-350` */
function timeoutName({ protocol, idleTimeoutMs }: SnapshotListener): string {
  return `${protocol.toLowerCase()}-${Math.round(idleTimeoutMs / 1000)}`
}

function timeoutOf(name: string): Timeout {
  const seconds = Number(name.slice(4))
  return name.startsWith('tcp')
    ? { name, protocol: 'tcp', policy: { established: seconds, close_wait: seconds } }
    : { name, protocol: 'udp', policy: { unreplied: seconds, replied: seconds } }
}

function endpoint({ address, protocol, port }: Pick<SnapshotListener, 'address' | 'protocol' | 'port'>) {
  return [address, protocol.toLowerCase(), port]
}

const tcpControl = tcpFin | tcpSyn | tcpRst | tcpAck
const notOpening: Statement = { match: 'tcp flags', mask: tcpControl, value: tcpSyn, not: true }
/** A cookie comes back with the bare ACK that ends a handshake: the window that it was sent with is 0. */
const notCookie: Statement = { match: 'tcp flags', mask: tcpControl | tcpPsh, value: tcpAck, not: true }
const fromOutside: Statement = { match: 'meta iif', value: 0, not: true }

/** What a flow's target is chosen by: all of it, or where clients are to keep their targets, its source address. */
function hashed(isV6: boolean, sticky: boolean): readonly Field[] {
  const [source, destination]: readonly Field[] = isV6 ? ['ip6 saddr', 'ip6 daddr'] : ['ip saddr', 'ip daddr']
  return sticky ? [source!] : [source!, 'th sport', destination!, 'th dport']
}

/** The counters of a listener's chain, `udp/10.9.0.1/8080/no-target`; `flows` counts those that were admitted. */
export function listenerCounters(name: string) {
  const of = (reason: string) => `${name}/${reason}`
  return {
    flows: of('flows'),
    'unknown-flow': of('unknown-flow'),
    'bad-source': of('bad-source'),
    'security-group': of('security-group'),
    'no-target': of('no-target'),
  }
}

function listenerPart(
  name: string,
  listener: SnapshotListener,
  route: SnapshotListener['route'],
  sticky: boolean,
  marks: Marks,
): Part {
  const { protocol, address, port } = listener
  const isV6 = isIpv6(address)
  const source = isV6 ? 'ip6 saddr' : 'ip saddr'
  const counters = listenerCounters(name)
  const [admitted, weights] = [`${name}/admitted`, `${name}/weights`]
  const unknownFlow: readonly Statement[] = [{ counter: counters['unknown-flow'] }, { do: 'reset' }]
  const synproxy = protocol === 'TCP' && listener.synproxy
  const rules: Rule[] = []
  if (protocol === 'TCP') {
    rules.push(
      // Nobody answers a reset.
      [{ match: 'tcp flags', mask: tcpRst, value: tcpRst }, { do: 'drop' }],
      [notOpening, ...(synproxy ? [notCookie] : []), ...unknownFlow],
    )
  }
  const badSource: Statement[] = [{ counter: counters['bad-source'] }, { do: 'drop' }]
  rules.push(
    [{ match: 'th sport', value: 0 }, ...badSource],
    [{ match: source, value: address }, { match: 'th sport', value: port }, ...badSource],
    [{ in: admitted, fields: [source], not: true }, { counter: counters['security-group'] }, { do: 'drop' }],
    // From outside: on to `synproxyPart`, and here again once this host opens the connection in the client's name.
    ...(synproxy ? [[fromOutside, { do: 'return' }] as const, [notOpening, ...unknownFlow]] : []),
    [{ counter: counters.flows }],
    [{ ctTimeout: timeoutName(listener) }],
    [{ hash: hashed(isV6, sticky), mod: groupShares, seed: groupSeed }],
    [{ markFrom: weights, ranges: true }],
    [{ jump: 'choose' }],
    [{ counter: counters['no-target'] }, { do: 'drop' }],
  )

  const key = endpoint(listener)
  const family = isV6 ? '6' : '4'
  return {
    ...emptyPart(name),
    counters: Object.values(counters),
    sets: [
      {
        name: admitted,
        key: [isV6 ? 'ipv6_addr' : 'ipv4_addr'],
        interval: true,
        content: admittedRanges(listener.admit, address).map(({ from, to }) => ({ key: [from], to: [to] })),
      },
      { name: weights, key: ['mark'], data: ['mark'], interval: true, content: sharesOf(route, protocol, marks) },
    ],
    chains: [{ name, rules }],
    elements: [
      { set: `listeners${family}`, key, value: { verdict: 'goto', chain: name } },
      { set: `addresses${family}`, key: [address], value: [address] },
      { set: `listener-in${family}`, key },
      { set: `listener-out${family}`, key },
    ],
  }
}

/** Ranges of shares to group numbers. */
function sharesOf(
  route: SnapshotListener['route'],
  protocol: SnapshotListener['protocol'],
  marks: Marks,
): readonly Element[] {
  const bounds = shareBounds(route.map(({ weight }) => weight))
  return route.flatMap(({ group }, i) => {
    const from = i === 0 ? 0 : bounds[i - 1]!
    const to = bounds[i]! - 1
    const name = groupName(group, protocol)
    return to < from ? [] : [{ key: [from], to: [to], value: [marks.ofGroup(name)], comment: name }]
  })
}

function groupPart(name: string, group: SnapshotGroup, marks: Marks): Part {
  const elements: SharedElement[] = [
    { set: 'groups', key: [marks.ofGroup(name)], value: { verdict: 'jump', chain: name }, comment: name },
  ]
  const { targets, sticky, preserveClientIp } = group
  for (const { address, port } of targets) {
    const mark = marks.ofTarget(name, address, port)
    elements.push(...targetElements({ mark, group: name, address, port }))
    // UDP always shows the client's address (AWS: Client IP preservation).
    if (!preserveClientIp && protocolOf(name) === 'tcp') elements.push({ set: 'masqueraded', key: [mark] })
    elements.push({ set: isIpv6(address) ? 'itself6' : 'itself4', key: [address, address] })
  }

  const { serving, slots } = slotsOf(group)
  if (serving.length === 0) return { ...emptyPart(name), chains: [{ name, rules: [] }], elements }
  const markOf = serving.map(({ address, port }) => marks.ofTarget(name, address, port))
  const table = slots.map(index => markOf[index]!)
  const isV6 = isIpv6(serving[0]!.address)
  // Its size is in its name: flows that are being looked up by the old size must not meet a table of the new one.
  const set: NftSet = {
    name: `${name}/${table.length}`,
    key: ['mark'],
    data: ['mark'],
    content: { marks: table, digest: digestOf(table) },
  }
  const chain: Chain = {
    name,
    rules: [
      [{ hash: hashed(isV6, sticky), mod: table.length, seed: targetSeed }],
      [{ markFrom: set.name, ranges: false }],
      [{ goto: isV6 ? 'to6' : 'to4' }],
    ],
  }
  return { ...emptyPart(name), sets: [set], chains: [chain], elements }
}

function digestOf(table: Uint32Array): number {
  const bytes = new Uint8Array(table.buffer, table.byteOffset, table.byteLength)
  return jhash(bytes, bytes.length, table.length)
}

/** What a target needs for as long as it may have flows, whether or not new ones come. */
function targetElements({ mark, group, address, port }: MarkedTarget): SharedElement[] {
  const family = isIpv6(address) ? '6' : '4'
  const key = [mark]
  return [
    { set: `targets${family}`, key, value: [address, port], comment: group },
    { set: 'target-flows', key },
    { set: 'target-in', key },
    { set: 'target-out', key },
    { set: 'target-refused', key },
    { set: `services${family}`, key: [address, protocolOf(group), port] },
  ]
}

function retiredPart(retired: readonly MarkedTarget[]): Part {
  return {
    ...emptyPart('retired'),
    elements: retired.flatMap(targetElements),
  }
}
