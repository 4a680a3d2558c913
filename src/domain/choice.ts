import { writeAddress } from './cidr.ts'
import { jhash, slotOf } from './jhash.ts'
import { maglevSize, maglevTable } from './maglev.ts'
import type { SnapshotGroup, SnapshotListener, SnapshotTarget } from './snapshot.ts'

/** A TCP connection or a UDP 5-tuple, as the listener sees it: addresses as the sockets spell them. */
export interface Flow {
  readonly protocol: 'TCP' | 'UDP'
  readonly source: string
  readonly sourcePort: number
  readonly destination: string
  readonly destinationPort: number
}

export interface Chosen {
  readonly group: SnapshotGroup
  readonly target: SnapshotTarget
}

/** How a flow came to its group and target. */
export interface Trace {
  readonly group: SnapshotGroup
  readonly weight: number
  readonly totalWeight: number
  /** The one of `groupShares` that the flow's hash falls on. */
  readonly share: number
  /** Where in the group's table its hash falls; absent where no target serves. */
  readonly slot?: number
  readonly slots: number
  readonly target?: SnapshotTarget
}

/** The hash's initial value when the slot of a group's table is looked up, and when the group is. */
export const targetSeed = 0x51c3
export const groupSeed = 0x9e37

/**
 * Groups by weight own shares of this many; a constant, so that a kernel's rule stays as it is when weights change. The
 * greatest error, half a share, is 0.25 % of what one of 4,995 weighs.
 */
export const groupShares = 2 ** 20

/** Where each group's shares end (exclusive), for weights in order; a group of weight 0 owns none. */
export function shareBounds(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let below = 0
  return weights.map(weight => {
    below += weight
    return total === 0 ? 0 : Math.round((below * groupShares) / total)
  })
}

/**
 * Which target a new flow of one listener goes to: first a group by weight, then a target by the group's Maglev table, both
 * over a hash of the flow, or of its source address alone where a group is sticky. The same flow gets the same answer in
 * every process and after every restart, as long as weights and targets stay.
 */
export class Choice {
  readonly #route: readonly Way[]
  readonly #stickyRoute: boolean

  constructor(listener: SnapshotListener, groups: ReadonlyMap<string, SnapshotGroup>) {
    const weighted = listener.route.flatMap(({ group: id, weight }) => {
      const group = groups.get(id)
      return group === undefined || weight === 0 ? [] : [{ group, weight }]
    })
    const bounds = shareBounds(weighted.map(({ weight }) => weight))
    const route = weighted.map(({ group, weight }, i) => ({ table: targetTableOf(group), weight, below: bounds[i]! }))
    this.#route = route
    // A client that came back to another group would not find the target that it is to keep.
    this.#stickyRoute = route.some(({ table }) => table.group.sticky)
  }

  /** Those that flows go to. */
  get groups(): readonly SnapshotGroup[] {
    return this.#route.map(({ table }) => table.group)
  }

  /**
   * The target for a new flow. Those that `avoid` names (by target key) are passed over for the next slots' owners, in the same
   * group: as on AWS, a weight is not handed on to another group. `undefined`: nobody serves, or all who do are to be avoided.
   */
  choose(flow: Flow, avoid?: (targetKey: string) => boolean): Chosen | undefined {
    const way = this.#route.length <= 1 ? this.#route[0] : this.#wayOf(this.#shareOf(flow))
    return way?.table.lookup(flow, avoid)
  }

  /** How `choose` comes to its answer; `undefined`: no group has a weight. */
  trace(flow: Flow): Trace | undefined {
    const share = this.#shareOf(flow)
    const way = this.#wayOf(share)
    if (way === undefined) return undefined
    const totalWeight = this.#route.reduce((sum, { weight }) => sum + weight, 0)
    return { group: way.table.group, weight: way.weight, totalWeight, share, ...way.table.trace(flow) }
  }

  #shareOf(flow: Flow): number {
    return slotOf(hashFlow(flow, this.#stickyRoute, groupSeed), groupShares)
  }

  #wayOf(share: number): Way | undefined {
    return this.#route.find(({ below }) => share < below)
  }
}

/** A group that a listener's flows may go to, and where its shares end (exclusive). */
interface Way {
  readonly table: TargetTable
  readonly weight: number
  readonly below: number
}

/** A group's table, for an engine that looks flows up by itself: the owner of each slot, by index into `serving`. */
export function slotsOf(group: SnapshotGroup): {
  readonly serving: readonly SnapshotTarget[]
  readonly slots: Uint32Array
} {
  return targetTableOf(group).slots()
}

/** A group's serving targets and their Maglev table, built when the first flow asks. */
class TargetTable {
  readonly group: SnapshotGroup
  readonly #serving: readonly Chosen[]
  /** Slot to index into `#serving`. */
  #slots: Uint32Array | undefined

  constructor(group: SnapshotGroup) {
    this.group = group
    this.#serving = group.targets.filter(({ mode }) => mode === 'serve').map(target => ({ group, target }))
  }

  lookup(flow: Flow, avoid: ((targetKey: string) => boolean) | undefined): Chosen | undefined {
    if (this.#serving.length === 0) return undefined
    this.#slots ??= this.#build()
    const slots = this.#slots
    let slot = this.#slotOf(flow, slots)
    const best = this.#serving[slots[slot]!]!
    if (avoid === undefined || !avoid(best.target.key)) return best
    const left = this.#serving.map(({ target }) => !avoid(target.key))
    if (!left.includes(true)) return undefined
    while (!left[slots[slot]!]) slot = (slot + 1) % slots.length
    return this.#serving[slots[slot]!]
  }

  trace(flow: Flow): Pick<Trace, 'slot' | 'slots' | 'target'> {
    const { serving, slots } = this.slots()
    if (serving.length === 0) return { slots: 0 }
    const slot = this.#slotOf(flow, slots)
    return { slot, slots: slots.length, target: serving[slots[slot]!]! }
  }

  slots(): { readonly serving: readonly SnapshotTarget[]; readonly slots: Uint32Array } {
    if (this.#serving.length === 0) return { serving: [], slots: new Uint32Array() }
    this.#slots ??= this.#build()
    return { serving: this.#serving.map(({ target }) => target), slots: this.#slots }
  }

  #slotOf(flow: Flow, slots: Uint32Array): number {
    return slotOf(hashFlow(flow, this.group.sticky, targetSeed), slots.length)
  }

  #build(): Uint32Array {
    const names = this.#serving.map(({ target }) => target.key)
    // The size follows all registered targets, not the serving ones: a target that goes and comes back must not reshuffle the
    // others. Where clients are to keep their targets over registrations too, the size is large and constant.
    return maglevTable(names, maglevSize(this.group.targets.length, this.group.sticky ? 65_537 : 0))
  }
}

const tables = new WeakMap<SnapshotGroup, TargetTable>()

function targetTableOf(group: SnapshotGroup): TargetTable {
  return tables.getOrInsertComputed(group, () => new TargetTable(group))
}

/**
 * Source address, source port, destination address, destination port; ports padded to 4 bytes. IPv6 is the longest: 40
 * bytes.
 */
const key = new Uint8Array(40)

/**
 * The hash that nftables computes for `jhash ip saddr . th sport . ip daddr . th dport` (`ip6` likewise), or for `jhash ip
 * saddr` where only the source counts: each field in network order, zero-padded to 4 bytes.
 */
function hashFlow(flow: Flow, sourceOnly: boolean, seed: number): number {
  let length = writeAddress(flow.source, key, 0)
  if (sourceOnly) return jhash(key, length, seed)
  length = writePort(flow.sourcePort, length)
  length += writeAddress(flow.destination, key, length)
  return jhash(key, writePort(flow.destinationPort, length), seed)
}

function writePort(port: number, at: number): number {
  key[at] = port >> 8
  key[at + 1] = port & 255
  key[at + 2] = 0
  key[at + 3] = 0
  return at + 4
}
