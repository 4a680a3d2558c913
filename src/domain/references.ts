import type { Listener, LoadBalancer } from './load-balancer.ts'
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

/** `ADDRESS PORT` of everything that load balancers listen on. While that stays the same, so does the set. */
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

let lastEndpoints: ReadonlySet<string> = new Set()

const allEndpoints = memoByTables((listeners: State['listeners'], loadBalancers: State['loadBalancers']) => {
  const endpoints = new Set<string>()
  for (const { loadBalancerArn, port } of listeners.values()) {
    for (const { ipv4Address, ipv6Address } of loadBalancers.get(loadBalancerArn)?.zones ?? []) {
      endpoints.add(`${ipv4Address} ${port}`)
      if (ipv6Address !== undefined) endpoints.add(`${ipv6Address} ${port}`)
    }
  }
  if (lastEndpoints.size !== endpoints.size || !endpoints.isSubsetOf(lastEndpoints)) lastEndpoints = endpoints
  return lastEndpoints
})
