import { localIpv6Range, localRange } from '../../domain/addresses.ts'
import { admits, clientAddress } from '../../domain/admission.ts'
import { Choice, type Chosen, type Flow } from '../../domain/choice.ts'
import { cidrContains, isLoopback } from '../../domain/cidr.ts'
import { printSnapshot } from '../../domain/print-snapshot.ts'
import {
  emptySnapshot,
  groupsById,
  holdsFlows,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
  type SnapshotTarget,
  viewedGroup,
} from '../../domain/snapshot.ts'
import type { Applied, DropReason, Engine, ListenerCounters, Observed, Problem, TargetCounters } from '../engine.ts'

/** Where a fake engine runs, which decides what source targets see. */
interface FakeHost {
  /** Addresses of its interfaces. */
  readonly own: readonly string[]
  /** Networks that targets are in, and its own address there. */
  readonly links: readonly { readonly cidr: string; readonly address: string }[]
}

/**
 * An engine without sockets, for tests: strict with what it is told, remembers it, prints itself, and answers for flows as
 * a real engine would.
 */
export class FakeEngine implements Engine {
  /** Every snapshot that was applied, oldest first. */
  readonly history: Snapshot[] = []
  #inPlace: Snapshot = emptySnapshot
  #groups: ReadonlyMap<string, SnapshotGroup> = new Map()
  #problems: readonly Problem[] = []
  #state: 'open' | 'applying' | 'closed' = 'open'
  readonly #refused = new Map<string, string>()
  readonly #flows = new Set<FakeFlow>()
  readonly #drops = new Map<string, Partial<Record<DropReason, number>>>()
  readonly #opened = new Map<string, number>()
  readonly #host: FakeHost

  constructor(host: FakeHost = { own: [], links: [] }) {
    this.#host = host
  }

  /** From the next `apply` on, this listener (by `SnapshotListener.id`) is a problem, until `permit`. */
  refuse(listener: string, reason: string): void {
    this.#refused.set(listener, reason)
  }

  permit(listener: string): void {
    this.#refused.delete(listener)
  }

  /** Rejects on what a builder of snapshots or a caller must never do; the message says what. */
  async apply(desired: Snapshot): Promise<Applied> {
    if (this.#state !== 'open') throw new Error(`apply while the engine is ${this.#state}`)
    const fault = faultOf(desired)
    if (fault !== undefined) throw new Error(`malformed snapshot: ${fault}\n${printSnapshot(desired)}`)
    this.#state = 'applying'
    this.history.push(desired)
    await Promise.resolve()
    this.#problems = desired.listeners.flatMap(({ id: listener, listenerArn }) => {
      const reason = this.#refused.get(listener)
      return reason === undefined ? [] : { listener, listenerArn, reason }
    })
    this.#inPlace = { ...desired, listeners: desired.listeners.filter(({ id }) => !this.#refused.has(id)) }
    this.#groups = groupsById(desired.groups)
    for (const flow of this.#flows) this.#settle(flow)
    this.#state = 'open'
    return { revision: desired.revision, problems: this.#problems, fallbacks: [] }
  }

  async observe(): Promise<Observed> {
    const active = (key: string) => [...this.#flows].filter(flow => flow.keys.includes(key)).length
    const counters = (key: string) => ({
      newFlows: this.#opened.get(key) ?? 0,
      activeFlows: active(key),
      bytesIn: 0,
      bytesOut: 0,
    })
    const listeners = this.#inPlace.listeners.map(
      ({ id, listenerArn }): ListenerCounters => ({
        listener: id,
        listenerArn,
        ...counters(id),
        drops: this.#drops.get(id) ?? {},
      }),
    )
    const keys = new Set(this.#inPlace.groups.flatMap(({ targets }) => targets.map(({ key }) => key)))
    const targets = [...keys].map((target): TargetCounters => ({ target, ...counters(target) }))
    return { revision: this.#inPlace.revision, listeners, targets }
  }

  async close(): Promise<void> {
    if (this.#state !== 'open') throw new Error(`close while the engine is ${this.#state}`)
    this.#state = 'closed'
    this.#inPlace = { ...emptySnapshot, revision: this.#inPlace.revision }
    for (const flow of this.#flows) this.#end(flow)
  }

  /** What is in place, as text: the snapshot, then the problems. */
  print(): string {
    return [
      printSnapshot(this.#inPlace),
      ...this.#problems.map(({ listener, reason }) => `problem ${listener}: ${reason}\n`),
    ].join('')
  }

  /**
   * A client's flow. Its `ask` says which target got it, as `ADDRESS PORT`, `seen` the client's address as that target sees it, both
   * `undefined` if none did.
   */
  open(flow: Flow): { ask(): string | undefined; seen(): string | undefined; end(): void } {
    const id = `${flow.protocol} ${flow.destination} ${flow.destinationPort}`
    const opened: FakeFlow = { flow, listener: id, group: undefined, target: undefined, keys: [], hasEnded: false }
    if (flow.protocol === 'TCP' && !this.#begin(opened)) opened.hasEnded = true
    return {
      ask: () => {
        this.#settle(opened)
        if (opened.hasEnded) return undefined
        if (opened.target === undefined && !this.#begin(opened)) return undefined
        return opened.target && `${opened.target.address} ${opened.target.port}`
      },
      seen: () => {
        const group = this.#groups.get(opened.group ?? '')
        return opened.target && group && this.#sourceFor(flow, { group, target: opened.target })
      },
      end: () => this.#end(opened),
    }
  }

  #begin(flow: FakeFlow): boolean {
    const listener = this.#inPlace.listeners.find(({ id }) => id === flow.listener)
    if (listener === undefined) return false
    const { source, sourcePort } = flow.flow
    if (sourcePort === 0 || (source === listener.address && sourcePort === listener.port))
      return this.#drop(listener, 'bad-source')
    if (!admits(listener.admit, clientAddress(flow.flow.source, listener.address)))
      return this.#drop(listener, 'security-group')
    const chosen = new Choice(listener, this.#groups).choose(flow.flow)
    if (chosen === undefined) return this.#drop(listener, 'no-target')
    Object.assign(flow, { group: chosen.group.id, target: chosen.target, keys: [listener.id, chosen.target.key] })
    for (const key of flow.keys) this.#opened.set(key, (this.#opened.get(key) ?? 0) + 1)
    this.#flows.add(flow)
    return true
  }

  /** As an engine that forwards packets: the client's own address, unless the reply would not come back this way then. */
  #sourceFor({ protocol, source, destination }: Flow, { group, target }: Chosen): string {
    const { own, links } = this.#host
    const isOwn = (address: string) =>
      own.includes(address) ||
      isLoopback(address) ||
      [localRange, localIpv6Range].some(range => cidrContains(range, address))
    const isHidden = protocol === 'TCP' && !group.preserveClientIp
    if (isOwn(target.address)) return isHidden && !isOwn(source) ? destination : source
    const link = links.find(({ cidr }) => cidrContains(cidr, target.address))
    const isNeighbor = link !== undefined && cidrContains(link.cidr, source) && !isOwn(source)
    const isUnreachable = isOwn(source) && !own.includes(source)
    return link !== undefined && (isHidden || isNeighbor || isUnreachable) ? link.address : source
  }

  #drop({ id }: SnapshotListener, reason: DropReason): false {
    const drops = this.#drops.get(id) ?? {}
    this.#drops.set(id, { ...drops, [reason]: (drops[reason] ?? 0) + 1 })
    return false
  }

  /** What the snapshot in place says of an established flow: TCP ends at a cut, UDP goes elsewhere with the next datagram. */
  #settle(flow: FakeFlow): void {
    if (flow.target === undefined) return
    const listener = this.#inPlace.listeners.find(({ id }) => id === flow.listener)
    const isListening = listener !== undefined
    const views = listener?.route.map(({ group }) => group) ?? []
    const view = [flow.group ?? '', ...views.filter(id => viewedGroup(id) === viewedGroup(flow.group ?? ''))].find(id =>
      this.#groups.has(id),
    )
    const its = this.#groups.get(view ?? '')?.targets.find(({ key }) => key === flow.target?.key)
    const isMoved = flow.flow.protocol === 'UDP' && !listener?.route.some(its => its.group === view && holdsFlows(its))
    if (isListening && its?.mode !== 'cut' && !isMoved) return
    this.#end(flow)
    flow.target = undefined
    flow.hasEnded = !isListening || flow.flow.protocol === 'TCP'
  }

  #end(flow: FakeFlow): void {
    this.#flows.delete(flow)
    flow.hasEnded = true
  }
}

interface FakeFlow {
  readonly flow: Flow
  readonly listener: string
  group: string | undefined
  target: SnapshotTarget | undefined
  /** What counts it: its listener and its target. */
  keys: readonly string[]
  hasEnded: boolean
}

/** What is wrong with a snapshot; `undefined` if nothing is. */
function faultOf(snapshot: Snapshot): string | undefined {
  const groups = new Set<string>()
  for (const { id, targets } of snapshot.groups) {
    if (groups.has(id)) return `two groups ${id}`
    groups.add(id)
    if (new Set(targets.map(({ key }) => key)).size !== targets.length) return `a target twice in ${id}`
    const lost = targets.find(({ address, port }) => address === '' || !isPort(port))
    if (lost !== undefined) return `target ${lost.key} has no address and port`
  }
  const listeners = new Set<string>()
  for (const { id, protocol, address, port, route, idleTimeoutMs } of snapshot.listeners) {
    if (listeners.has(id)) return `two listeners ${id}`
    listeners.add(id)
    if (id !== `${protocol} ${address} ${port}` || !isPort(port)) return `listener ${id} is misnamed`
    if (!(idleTimeoutMs > 0)) return `listener ${id} has the idle timeout ${idleTimeoutMs}`
    for (const { group, weight } of route) {
      if (!groups.has(group)) return `listener ${id} refers to the unknown group ${group}`
      if (!Number.isInteger(weight) || weight < 0 || weight > 999) return `listener ${id} has the weight ${weight}`
    }
  }
  return undefined
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1 && port <= 65_535
}
