import { admissionMemo, type admissionOf } from './admission.ts'
import { listenerAttribute } from './attributes.ts'
import { isCrossZone } from './group-policy.ts'
import { type Listener, type LoadBalancer, synproxyTag, zoneAddresses } from './load-balancer.ts'
import { sameItems } from './memo.ts'
import type { SnapshotListener } from './snapshot.ts'
import { changedKeys, type State } from './state.ts'

/** What one listener brings into the snapshot, and what that was made of. */
export interface ListenerPart {
  readonly madeOf: readonly unknown[]
  readonly listeners: readonly SnapshotListener[]
  readonly routed: readonly Routed[]
}

/** A target group that a listener refers to, as one of its protocols and zones sees it. */
export interface Routed {
  /** `SnapshotGroup.id` */
  readonly id: string
  readonly targetGroupArn: string
  readonly protocol: 'TCP' | 'UDP'
  readonly zone: string
}

/**
 * Makes a builder of the listeners' parts of a snapshot, in the listeners' order; those without a load balancer have none. The
 * builder remembers its last answer: a part, a listener of it or its `routed` that did not change is the same object again.
 */
export function listenerPartsBuilder(): (state: State) => readonly ListenerPart[] {
  const admission = admissionMemo()
  let last: State | undefined
  let known = new Map<string, ListenerPart>()

  return state => {
    if (state !== last) {
      const isStale = staleListeners(last, state)
      const parts = new Map<string, ListenerPart>()
      for (const listener of state.listeners.values()) {
        const loadBalancer = state.loadBalancers.get(listener.loadBalancerArn)
        if (loadBalancer === undefined) continue
        const before = known.get(listener.arn)
        const isKept = before !== undefined && !isStale(listener)
        parts.set(listener.arn, isKept ? before : listenerPart(before, state, listener, loadBalancer, admission))
      }
      known = parts
      last = state
    }
    return [...known.values()]
  }
}

/** Which listeners' parts may be other ones than before; for all others nothing changed that a part is made of. */
function staleListeners(before: State | undefined, state: State): (listener: Listener) => boolean {
  const common = ({ loadBalancers, securityGroups, instances }: State) => [loadBalancers, securityGroups, instances]
  if (before === undefined || !sameItems(common(before), common(state))) return () => true
  const groups = changedKeys(before.targetGroups, state.targetGroups)
  return listener =>
    before.listeners.get(listener.arn) !== listener ||
    (groups.size > 0 && listener.forward.some(({ targetGroupArn }) => groups.has(targetGroupArn)))
}

function transportsOf(listener: Listener): readonly ('TCP' | 'UDP')[] {
  return listener.protocol === 'TCP_UDP' ? ['TCP', 'UDP'] : [listener.protocol]
}

/** NLB forgets UDP flows after this time, and no attribute changes it (AWS: Listeners for your Network Load Balancers). */
const udpIdleTimeoutMs = 120_000

function listenerPart(
  known: ListenerPart | undefined,
  state: State,
  listener: Listener,
  loadBalancer: LoadBalancer,
  admission: typeof admissionOf,
): ListenerPart {
  /** `undefined` for a group that does not exist. */
  const crossZone = listener.forward.map(({ targetGroupArn }) => {
    const group = state.targetGroups.get(targetGroupArn)
    return group && isCrossZone(group, loadBalancer)
  })
  const { securityGroups, loadBalancers, instances } = state
  const madeOf = [listener, loadBalancer, securityGroups, loadBalancers, instances, ...crossZone]
  if (known !== undefined && sameItems(known.madeOf, madeOf)) return known

  const listeners: SnapshotListener[] = []
  const routed: Routed[] = []
  const { arn: listenerArn, port } = listener
  for (const protocol of transportsOf(listener)) {
    const admit = admission(state, loadBalancer, protocol, port)
    const idleTimeoutMs =
      protocol === 'UDP' ? udpIdleTimeoutMs : 1000 * Number(listenerAttribute(listener, 'tcp.idle_timeout.seconds'))
    const synproxy =
      protocol === 'TCP' && listener.tags.some(({ key, value }) => key === synproxyTag && value === 'true')
    for (const loadBalancerZone of loadBalancer.zones) {
      const route = listener.forward.flatMap(({ targetGroupArn, weight, keepsFlows }, i) => {
        if (crossZone[i] === undefined) return []
        const zone = crossZone[i] ? '*' : loadBalancerZone.zoneName
        const id = `${targetGroupArn} ${protocol} ${zone}`
        routed.push({ id, targetGroupArn, protocol, zone })
        return { group: id, weight, ...(keepsFlows && { keepsFlows }) }
      })
      for (const address of zoneAddresses(loadBalancerZone)) {
        const id = `${protocol} ${address} ${port}`
        const fresh = { id, listenerArn, protocol, address, port, admit, route, idleTimeoutMs, synproxy }
        listeners.push(known?.listeners.find(same => isEqual(same, fresh)) ?? fresh)
      }
    }
  }
  const isSameRouted = known !== undefined && sameItems(known.routed.map(idOf), routed.map(idOf))
  return { madeOf, listeners, routed: isSameRouted ? known.routed : routed }
}

function idOf({ id }: Routed): string {
  return id
}

/** A state that arrives whole anew has equal listeners that are other objects. */
function isEqual(a: SnapshotListener, b: SnapshotListener): boolean {
  const { route: routeOfA, ...restOfA } = a
  const { route: routeOfB, ...restOfB } = b
  const flat = (route: SnapshotListener['route']) =>
    route.flatMap(({ group, weight, keepsFlows }) => [group, weight, keepsFlows])
  return sameItems(Object.values(restOfA), Object.values(restOfB)) && sameItems(flat(routeOfA), flat(routeOfB))
}
