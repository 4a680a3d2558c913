import { admissionMemo, type admissionOf } from './admission.ts'
import { listenerAttribute } from './attributes.ts'
import { membersOf } from './group-members.ts'
import { isCrossZone, policyOf } from './group-policy.ts'
import type { Health, HealthByTarget } from './health.ts'
import { type Listener, type LoadBalancer, zoneAddresses } from './load-balancer.ts'
import { sameItems } from './memo.ts'
import {
  emptySnapshot,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
  type SnapshotTarget,
} from './snapshot.ts'
import type { State } from './state.ts'
import type { TargetGroup } from './target-group.ts'
import { type Member, targetModes } from './target-modes.ts'

interface Built {
  readonly snapshot: Snapshot
  /**
   * When time alone changes it, milliseconds since the epoch: a deregistration delay, a draining interval or a suspicion
   * ends.
   */
  readonly nextAt: number | undefined
}

/**
 * Makes a builder of snapshots: everything that the engines are to do, decided from what was asked for, how the targets
 * are, and the time (milliseconds since the epoch). The builder remembers its last answer: a listener, a group or a target
 * that did not change is the same object again, and if nothing changed, so is the snapshot.
 */
export function snapshotBuilder(): (state: State, health: HealthByTarget, now: number) => Built {
  const admission = admissionMemo()
  let lastState: State | undefined
  let parts = new Map<string, ListenerPart>()
  let views = new Map<string, GroupView>()
  let last = emptySnapshot

  return (state, health, now) => {
    if (state !== lastState) {
      const known = parts
      parts = new Map()
      for (const listener of state.listeners.values()) {
        const loadBalancer = state.loadBalancers.get(listener.loadBalancerArn)
        if (loadBalancer !== undefined)
          parts.set(listener.arn, listenerPart(known.get(listener.arn), state, listener, loadBalancer, admission))
      }
      lastState = state
    }

    const nextViews = new Map<string, GroupView>()
    let nextAt = Infinity
    for (const { routed } of parts.values()) {
      for (const { id, targetGroupArn, protocol, zone } of routed) {
        const group = state.targetGroups.get(targetGroupArn)
        if (group === undefined || nextViews.has(id)) continue
        const view = groupView(views.get(id), id, group, membersOf(state, group, zone), protocol, health, now)
        nextViews.set(id, view)
        nextAt = Math.min(nextAt, view.nextAt)
      }
    }
    views = nextViews

    const listeners = [...parts.values()].flatMap(part => part.listeners)
    const groups = [...views.values()].map(view => view.snapshot)
    const isSame = sameItems(last.listeners, listeners) && sameItems(last.groups, groups)
    if (!isSame || last.revision !== state.revision) last = { revision: state.revision, listeners, groups }
    return { snapshot: last, nextAt: nextAt === Infinity ? undefined : nextAt }
  }
}

/** What one listener brings into the snapshot, and what that was made of. */
interface ListenerPart {
  readonly madeOf: readonly unknown[]
  readonly listeners: readonly SnapshotListener[]
  readonly routed: readonly Routed[]
}

/** A target group that a listener refers to, as one of its protocols and zones sees it. */
interface Routed {
  /** `SnapshotGroup.id` */
  readonly id: string
  readonly targetGroupArn: string
  readonly protocol: 'TCP' | 'UDP'
  readonly zone: string
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
    for (const loadBalancerZone of loadBalancer.zones) {
      const route = listener.forward.flatMap(({ targetGroupArn, weight }, i) => {
        if (crossZone[i] === undefined) return []
        const zone = crossZone[i] ? '*' : loadBalancerZone.zoneName
        const id = `${targetGroupArn} ${protocol} ${zone}`
        routed.push({ id, targetGroupArn, protocol, zone })
        return { group: id, weight }
      })
      for (const address of zoneAddresses(loadBalancerZone)) {
        const id = `${protocol} ${address} ${port}`
        const fresh = { id, listenerArn, protocol, address, port, admit, route, idleTimeoutMs }
        listeners.push(known?.listeners.find(same => isEqual(same, fresh)) ?? fresh)
      }
    }
  }
  return { madeOf, listeners, routed }
}

/** A state that arrives whole anew has equal listeners that are other objects. */
function isEqual(a: SnapshotListener, b: SnapshotListener): boolean {
  const { route: routeOfA, ...restOfA } = a
  const { route: routeOfB, ...restOfB } = b
  const flat = (route: SnapshotListener['route']) => route.flatMap(({ group, weight }) => [group, weight])
  return sameItems(Object.values(restOfA), Object.values(restOfB)) && sameItems(flat(routeOfA), flat(routeOfB))
}

/** A `SnapshotGroup`, what it was made of, and when time alone changes it. */
interface GroupView {
  readonly group: TargetGroup
  readonly members: readonly Member[]
  readonly known: readonly (Health | undefined)[]
  readonly madeAt: number
  readonly nextAt: number
  readonly snapshot: SnapshotGroup
}

function groupView(
  last: GroupView | undefined,
  id: string,
  group: TargetGroup,
  members: readonly Member[],
  protocol: 'TCP' | 'UDP',
  health: HealthByTarget,
  now: number,
): GroupView {
  const isFresh =
    last !== undefined &&
    last.group === group &&
    last.members === members &&
    now >= last.madeAt &&
    now < last.nextAt &&
    members.every(({ key }, i) => health.get(key) === last.known[i])
  if (isFresh) return last

  const known = members.map(({ key }) => health.get(key))
  const { modes, nextAt } = targetModes(members, known, policyOf(group), protocol, now)
  const before = new Map(last?.snapshot.targets.map(target => [target.key, target]))
  const targets = members.map(({ key, address, target: { port } }, i): SnapshotTarget => {
    const target = { key, address, port, mode: modes[i]! }
    const same = before.get(key)
    return same && sameItems(Object.values(same), Object.values(target)) ? same : target
  })
  const { sticky, proxyProtocol, preserveClientIp } = policyOf(group)
  const isSame =
    last !== undefined &&
    sameItems(last.snapshot.targets, targets) &&
    last.snapshot.sticky === sticky &&
    last.snapshot.proxyProtocol === proxyProtocol &&
    last.snapshot.preserveClientIp === preserveClientIp
  const snapshot = isSame ? last.snapshot : { id, targets, sticky, proxyProtocol, preserveClientIp }
  return { group, members, known, madeAt: now, nextAt, snapshot }
}
