import { admissionMemo, type admissionOf } from './admission.ts'
import { listenerAttribute, loadBalancerAttribute } from './attributes.ts'
import { isCrossZone } from './group-policy.ts'
import { listenerHttp } from './listener-http.ts'
import { actionsOf, rulesOf, targetGroupsOf } from './listener-rules.ts'
import { certificatesOf, listenerTls } from './listener-tls.ts'
import {
  type Listener,
  type LoadBalancer,
  speaksHttp,
  synproxyTag,
  transportsOf,
  zoneAddresses,
} from './load-balancer.ts'
import { sameItems } from './memo.ts'
import type { SnapshotListener } from './snapshot.ts'
import type { SnapshotHttp } from './snapshot-http.ts'
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
  const areCertificatesSame = before.certificates === state.certificates
  return listener =>
    before.listeners.get(listener.arn) !== listener ||
    rulesOf(before, listener.arn) !== rulesOf(state, listener.arn) ||
    (listener.tls !== undefined && !areCertificatesSame) ||
    (groups.size > 0 &&
      actionsOf(state, listener).some(({ forward }) =>
        forward.some(({ targetGroupArn }) => groups.has(targetGroupArn)),
      ))
}

/** NLB forgets UDP flows after this time, and no attribute changes it (AWS: Listeners for your Network Load Balancers). */
const udpIdleTimeoutMs = 120_000
/** Nor this one, of TLS listeners. */
const tlsIdleTimeoutMs = 350_000

function idleTimeoutMs(listener: Listener, loadBalancer: LoadBalancer, transport: 'TCP' | 'UDP'): number {
  if (transport === 'UDP') return udpIdleTimeoutMs
  if (listener.protocol === 'TLS') return tlsIdleTimeoutMs
  return (
    1000 *
    Number(
      speaksHttp(listener)
        ? loadBalancerAttribute(loadBalancer, 'idle_timeout.timeout_seconds')
        : listenerAttribute(listener, 'tcp.idle_timeout.seconds'),
    )
  )
}

function listenerPart(
  known: ListenerPart | undefined,
  state: State,
  listener: Listener,
  loadBalancer: LoadBalancer,
  admission: typeof admissionOf,
): ListenerPart {
  /** Of each target group that exists, whether it is cross-zone. */
  const groups = new Map<string, boolean>()
  for (const arn of targetGroupsOf(state, listener).keys()) {
    const group = state.targetGroups.get(arn)
    if (group !== undefined) groups.set(arn, isCrossZone(group, loadBalancer))
  }
  const certificates = certificatesOf(state, listener)
  const { securityGroups, loadBalancers, instances } = state
  const madeOf = [
    ...[listener, loadBalancer, securityGroups, loadBalancers, instances, rulesOf(state, listener.arn)],
    ...[...groups].flat(),
    ...certificates,
  ]
  if (known !== undefined && sameItems(known.madeOf, madeOf)) return known

  const listeners: SnapshotListener[] = []
  const routed = new Map<string, Routed>()
  const https = known?.listeners.flatMap(({ http }) => http ?? []) ?? []
  const tls = listenerTls(listener, loadBalancer, certificates, known?.listeners[0]?.tls)
  const { arn: listenerArn, port } = listener
  for (const protocol of transportsOf(listener.protocol)) {
    const admit = admission(state, loadBalancer, protocol, port)
    const idle = idleTimeoutMs(listener, loadBalancer, protocol)
    const synproxy =
      protocol === 'TCP' && listener.tags.some(({ key, value }) => key === synproxyTag && value === 'true')
    for (const loadBalancerZone of loadBalancer.zones) {
      const viewOf = (targetGroupArn: string) => {
        const isCross = groups.get(targetGroupArn)
        return isCross === undefined ? undefined : isCross ? '*' : loadBalancerZone.zoneName
      }
      for (const targetGroupArn of groups.keys()) {
        const zone = viewOf(targetGroupArn)!
        const id = `${targetGroupArn} ${protocol} ${zone}`
        routed.set(id, { id, targetGroupArn, protocol, zone })
      }
      let http: SnapshotHttp | undefined
      if (speaksHttp(listener)) {
        http = listenerHttp(state, listener, loadBalancer, viewOf, https)
        https.push(http)
      }
      const route = http !== undefined ? [] : routeOf(listener, protocol, viewOf)
      for (const address of zoneAddresses(loadBalancerZone)) {
        const id = `${protocol} ${address} ${port}`
        const fresh: SnapshotListener = {
          ...{ id, listenerArn, protocol, address, port, admit, route, idleTimeoutMs: idle, synproxy },
          ...(tls && { tls }),
          ...(http && { http }),
        }
        listeners.push(known?.listeners.find(same => isEqual(same, fresh)) ?? fresh)
      }
    }
  }
  const isSameRouted = known !== undefined && sameItems(known.routed.map(idOf), [...routed.keys()])
  return { madeOf, listeners, routed: isSameRouted ? known.routed : [...routed.values()] }
}

function routeOf(
  { forward }: Listener,
  protocol: 'TCP' | 'UDP',
  viewOf: (targetGroupArn: string) => string | undefined,
): SnapshotListener['route'] {
  return forward.flatMap(({ targetGroupArn, weight, keepsFlows }) => {
    const zone = viewOf(targetGroupArn)
    const group = `${targetGroupArn} ${protocol} ${zone}`
    return zone === undefined ? [] : { group, weight, ...(keepsFlows && { keepsFlows }) }
  })
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
