import { type Listener, type LoadBalancer, zoneAddresses } from './load-balancer.ts'
import { memoByTables } from './memo.ts'
import type { State } from './state.ts'

/** A listener whose action names a target group, weight 0 included. */
export interface Reference {
  readonly listener: Listener
  readonly loadBalancer: LoadBalancer
}

/** Who refers to a target group, in the listeners' order. */
export function referencesTo(
  state: Pick<State, 'listeners' | 'loadBalancers'>,
  targetGroupArn: string,
): readonly Reference[] {
  return allReferences(state.listeners, state.loadBalancers).get(targetGroupArn) ?? []
}

/**
 * `ADDRESS PORT` of everything that load balancers listen on. It is the same set while the load balancers stay and their
 * listeners change in other ways only, such as in weights.
 */
export function listenerEndpoints(state: Pick<State, 'listeners' | 'loadBalancers'>): ReadonlySet<string> {
  return allEndpoints(state.listeners, state.loadBalancers)
}

const allReferences = memoByTables((listeners: State['listeners'], loadBalancers: State['loadBalancers']) => {
  const references = new Map<string, Reference[]>()
  for (const listener of listeners.values()) {
    const loadBalancer = loadBalancers.get(listener.loadBalancerArn)
    if (loadBalancer === undefined) continue
    for (const { targetGroupArn } of listener.forward) {
      const list = references.get(targetGroupArn)
      if (list === undefined) references.set(targetGroupArn, [{ listener, loadBalancer }])
      else list.push({ listener, loadBalancer })
    }
  }
  return references
})

const newestEndpoints = new WeakMap<State['loadBalancers'], ReadonlySet<string>>()

const allEndpoints = memoByTables((listeners: State['listeners'], loadBalancers: State['loadBalancers']) => {
  const endpoints = new Set<string>()
  for (const { loadBalancerArn, port } of listeners.values()) {
    for (const zone of loadBalancers.get(loadBalancerArn)?.zones ?? [])
      for (const address of zoneAddresses(zone)) endpoints.add(`${address} ${port}`)
  }
  const newest = newestEndpoints.get(loadBalancers)
  if (newest?.size === endpoints.size && endpoints.isSubsetOf(newest)) return newest
  newestEndpoints.set(loadBalancers, endpoints)
  return endpoints
})
