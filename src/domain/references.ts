import { type Listener, type LoadBalancer, zoneAddresses } from './load-balancer.ts'
import { changedKeys, type State } from './state.ts'

/** A listener whose action names a target group, weight 0 included. */
export interface Reference {
  readonly port: number
  readonly loadBalancer: LoadBalancer
}

type Places = Pick<State, 'listeners' | 'loadBalancers'>

/** Who refers to a target group, in the listeners' order. */
export function referencesTo(state: Places, targetGroupArn: string): readonly Reference[] {
  return topologyOf(state).references.get(targetGroupArn) ?? []
}

/**
 * The references to every target group, by its ARN: while the load balancers stay, the same map unless a listener comes, goes,
 * moves or names other groups, and then the same lists for all groups that this does not concern.
 */
export function allReferences(state: Places): Topology['references'] {
  return topologyOf(state).references
}

/** `ADDRESS PORT` of everything that load balancers listen on; the same set while these stay and no listener comes, goes or moves. */
export function listenerEndpoints(state: Places): Topology['endpoints'] {
  return topologyOf(state).endpoints
}

/** Who listens where, and for which target groups. */
interface Topology {
  readonly listeners: State['listeners']
  readonly references: ReadonlyMap<string, readonly Reference[]>
  readonly endpoints: ReadonlySet<string>
}

/** The newest one of each version of the load balancers. */
const newest = new WeakMap<State['loadBalancers'], Topology>()

function topologyOf(state: Places): Topology {
  const { listeners, loadBalancers } = state
  const known = newest.get(loadBalancers)
  if (known?.listeners === listeners) return known
  const topology =
    known === undefined
      ? { listeners, references: referencesIn(state), endpoints: endpointsIn(state) }
      : changed(known, state)
  newest.set(loadBalancers, topology)
  return topology
}

/** The topology of `state`, which has the same load balancers as `known` and mostly the same listeners. */
function changed(known: Topology, state: Places): Topology {
  const { listeners } = state
  const concerned = new Set<string>()
  let isMoved = false
  for (const arn of changedKeys(known.listeners, listeners)) {
    const [old, current] = [known.listeners.get(arn), listeners.get(arn)]
    const isSamePlace = old?.port === current?.port && old?.loadBalancerArn === current?.loadBalancerArn
    isMoved ||= !isSamePlace
    const [before, after] = [groupsOf(old), groupsOf(current)]
    for (const group of isSamePlace ? before.symmetricDifference(after) : before.union(after)) concerned.add(group)
  }
  let { references } = known
  if (concerned.size > 0) {
    const others = [...references].filter(([arn]) => !concerned.has(arn))
    references = new Map([...others, ...referencesIn(state, concerned)])
  }
  return { listeners, references, endpoints: isMoved ? endpointsIn(state) : known.endpoints }
}

function groupsOf(listener: Listener | undefined): Set<string> {
  return new Set(listener?.forward.map(({ targetGroupArn }) => targetGroupArn))
}

/** References to these target groups, or to all. */
function referencesIn(state: Places, wanted?: ReadonlySet<string>): Map<string, readonly Reference[]> {
  const references = new Map<string, Reference[]>()
  for (const { loadBalancerArn, port, forward } of state.listeners.values()) {
    const loadBalancer = state.loadBalancers.get(loadBalancerArn)
    if (loadBalancer === undefined) continue
    for (const { targetGroupArn } of forward) {
      if (wanted !== undefined && !wanted.has(targetGroupArn)) continue
      references.getOrInsertComputed(targetGroupArn, () => []).push({ port, loadBalancer })
    }
  }
  return references
}

function endpointsIn({ listeners, loadBalancers }: Places): ReadonlySet<string> {
  const endpoints = new Set<string>()
  for (const { loadBalancerArn, port } of listeners.values()) {
    for (const zone of loadBalancers.get(loadBalancerArn)?.zones ?? [])
      for (const address of zoneAddresses(zone)) endpoints.add(`${address} ${port}`)
  }
  return endpoints
}
