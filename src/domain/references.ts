import { listenersOfOtherRules, targetGroupsOf } from './listener-rules.ts'
import { type Listener, type LoadBalancer, transportsOf, zoneAddresses } from './load-balancer.ts'
import { changedKeys, type State } from './state.ts'

/** A listener that names a target group in its action or those of its rules, weight 0 included. */
export interface Reference {
  readonly port: number
  readonly loadBalancer: LoadBalancer
}

type Places = Pick<State, 'listeners' | 'loadBalancers' | 'rules'>

/** Who refers to a target group, in the listeners' order. */
export function referencesTo(state: Places, targetGroupArn: string): readonly Reference[] {
  return topologyOf(state).references.get(targetGroupArn) ?? []
}

/**
 * The references to every target group, by its ARN: while the load balancers stay, the same map unless a listener comes, goes,
 * moves or names other groups (or one of its rules does), and then the same lists for all groups that this does not concern.
 */
export function allReferences(state: Places): Topology['references'] {
  return topologyOf(state).references
}

/** `TRANSPORT ADDRESS PORT` of everything that load balancers listen on; the same set while these stay and no listener comes, goes or moves. */
export function listenerEndpoints(state: Places): Topology['endpoints'] {
  return topologyOf(state).endpoints
}

/** Who listens where, and for which target groups. */
interface Topology {
  readonly listeners: State['listeners']
  readonly rules: State['rules']
  readonly references: ReadonlyMap<string, readonly Reference[]>
  readonly endpoints: ReadonlySet<string>
}

/** The newest one of each version of the load balancers. */
const newest = new WeakMap<State['loadBalancers'], Topology>()

function topologyOf(state: Places): Topology {
  const { listeners, rules, loadBalancers } = state
  const known = newest.get(loadBalancers)
  if (known?.listeners === listeners && known.rules === rules) return known
  const topology =
    known === undefined
      ? { listeners, rules, references: referencesIn(state), endpoints: endpointsIn(state) }
      : changed(known, state)
  newest.set(loadBalancers, topology)
  return topology
}

/** The topology of `state`, which has the same load balancers as `known` and mostly the same listeners and rules. */
function changed(known: Topology, state: Places): Topology {
  const { listeners, rules } = state
  const concerned = new Set<string>()
  let isMoved = false
  const changed = changedKeys(known.listeners, listeners).union(listenersOfOtherRules(known.rules, rules))
  for (const arn of changed) {
    const [old, current] = [known.listeners.get(arn), listeners.get(arn)]
    const isSamePlace =
      old?.port === current?.port &&
      old?.protocol === current?.protocol &&
      old?.loadBalancerArn === current?.loadBalancerArn
    isMoved ||= !isSamePlace
    const [before, after] = [groupsOf(known, old), groupsOf(state, current)]
    for (const group of isSamePlace ? before.symmetricDifference(after) : before.union(after)) concerned.add(group)
  }
  let { references } = known
  if (concerned.size > 0) {
    const others = [...references].filter(([arn]) => !concerned.has(arn))
    references = new Map([...others, ...referencesIn(state, concerned)])
  }
  return { listeners, rules, references, endpoints: isMoved ? endpointsIn(state) : known.endpoints }
}

/** The ARNs of all target groups that it names. */
function groupsOf(state: Pick<State, 'rules'>, listener: Listener | undefined): ReadonlySet<string> {
  return new Set(listener && targetGroupsOf(state, listener).keys())
}

/** References to these target groups, or to all. */
function referencesIn(state: Places, wanted?: ReadonlySet<string>): Map<string, readonly Reference[]> {
  const references = new Map<string, Reference[]>()
  for (const listener of state.listeners.values()) {
    const { port, loadBalancerArn } = listener
    const loadBalancer = state.loadBalancers.get(loadBalancerArn)
    if (loadBalancer === undefined) continue
    for (const targetGroupArn of targetGroupsOf(state, listener).keys()) {
      if (wanted !== undefined && !wanted.has(targetGroupArn)) continue
      references.getOrInsertComputed(targetGroupArn, () => []).push({ port, loadBalancer })
    }
  }
  return references
}

function endpointsIn({ listeners, loadBalancers }: Places): ReadonlySet<string> {
  const endpoints = new Set<string>()
  for (const { loadBalancerArn, port, protocol } of listeners.values()) {
    for (const zone of loadBalancers.get(loadBalancerArn)?.zones ?? [])
      for (const address of zoneAddresses(zone))
        for (const transport of transportsOf(protocol)) endpoints.add(`${transport} ${address} ${port}`)
  }
  return endpoints
}
