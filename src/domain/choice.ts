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

/** The hash's initial value when the slot of a group's table is looked up, and when the group is. */
const targetSeed = 0x51c3
const groupSeed = 0x9e37

/**
 * Which target a new flow of one listener goes to: first a group by weight, then a target by the group's Maglev table, both
 * over a hash of the flow, or of its source address alone where a group is sticky. The same flow gets the same answer in
 * every process and after every restart, as long as weights and targets stay.
 */
export class Choice {
  readonly #route: readonly { readonly table: TargetTable; readonly below: number }[]
  readonly #totalWeight: number
  readonly #stickyRoute: boolean

  constructor(listener: SnapshotListener, groups: ReadonlyMap<string, SnapshotGroup>) {
    const route: { table: TargetTable; below: number }[] = []
    let total = 0
    for (const { group: id, weight } of listener.route) {
      const group = groups.get(id)
      if (group === undefined || weight === 0) continue
      total += weight
      route.push({ table: targetTableOf(group), below: total })
    }
    this.#route = route
    this.#totalWeight = total
    // A client that came back to another group would not find the target that it is to keep.
    this.#stickyRoute = route.some(({ table }) => table.group.sticky)
  }

  /**
   * The target for a new flow. Those that `avoid` names (by target key) are passed over for the next slots' owners, in the same
   * group: as on AWS, a weight is not handed on to another group. `undefined`: nobody serves, or all who do are to be avoided.
   */
  choose(flow: Flow, avoid?: (targetKey: string) => boolean): Chosen | undefined {
    return this.#tableFor(flow)?.lookup(flow, avoid)
  }

  #tableFor(flow: Flow): TargetTable | undefined {
    if (this.#route.length <= 1) return this.#route[0]?.table
    const share = slotOf(hashFlow(flow, this.#stickyRoute, groupSeed), this.#totalWeight)
    return this.#route.find(({ below }) => share < below)?.table
  }
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
    let slot = slotOf(hashFlow(flow, this.group.sticky, targetSeed), slots.length)
    const best = this.#serving[slots[slot]!]!
    if (avoid === undefined || !avoid(best.target.key)) return best
    const left = this.#serving.map(({ target }) => !avoid(target.key))
    if (!left.includes(true)) return undefined
    while (!left[slots[slot]!]) slot = (slot + 1) % slots.length
    return this.#serving[slots[slot]!]
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
