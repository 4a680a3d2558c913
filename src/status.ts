import { type DeploymentUnderWay, deploymentsUnderWay } from './domain/deployments-under-way.ts'
import { rulesOf, targetGroupsOf } from './domain/listener-rules.ts'
import { speaksHttp, zoneAddresses } from './domain/load-balancer.ts'
import { registrationsAt } from './domain/registrations.ts'
import type { State } from './domain/state.ts'
import { isSuspect } from './domain/suspicion.ts'
import { targetKey } from './domain/target-group.ts'
import { targetHealth } from './domain/target-health.ts'
import type { Timing } from './domain/timing.ts'
import type { FlowTable } from './engine/engine.ts'
import type { ControlEnd } from './feed/control-end.ts'
import type { CountersReport } from './feed/messages.ts'
import { version } from './version.ts'

/** What `sluice doctor` shows of a running Sluice; the body of `GET /_sluice/status`. */
export interface Status {
  readonly version: string
  /** Of the desired state. */
  readonly revision: number
  /** The node process: whether it is there, and the revision that is in place. */
  readonly node: { readonly connected: boolean; readonly revision: number }
  readonly listeners: readonly ListenerStatus[]
  readonly deployments: readonly DeploymentStatus[]
  /** Those that load balancers carry, and those of instances that have dropped something. */
  readonly securityGroups: readonly SecurityGroupStatus[]
  /** Instances that are this host itself: their security groups are not enforced (`isOnNoCard`). */
  readonly ownInstances: readonly { readonly id: string; readonly address: string }[]
  /** Absent where the kernel serves nothing. */
  readonly flowTable?: FlowTable
  /** Of the responder on 127.0.0.1; 0: there is none. */
  readonly dnsPort: number
  readonly timing: Timing
}

export interface ListenerStatus {
  readonly listenerArn: string
  readonly loadBalancer: string
  readonly protocol: string
  readonly port: number
  readonly addresses: readonly string[]
  /** False where any of it is not; the problems say why. */
  readonly isInPlace: boolean
  /** What is wrong with it or its targets, a line each. */
  readonly problems: readonly string[]
  /** What serves it; absent until the node has said so. A listener of which any part is in userspace counts as there. */
  readonly engine?: 'kernel' | 'userspace'
  /** Why not the kernel, a line each. */
  readonly fallbacks: readonly string[]
  /** A switch of target groups that waits for the new side's first healthy target; of several the last one's. */
  readonly heldUntil?: string
  /** The same for one that AWS's timing delays. */
  readonly delayedUntil?: string
  /** Its target groups that AWS's timing has not linked yet: names, with the reason that AWS gives. */
  readonly linking: readonly { readonly targetGroup: string; readonly reason: string }[]
  /** Beside the default one; absent where it can have none. */
  readonly rules?: number
  readonly activeFlows: number
  readonly newFlows: number
  readonly drops: Readonly<Record<string, number>>
  readonly targets: readonly TargetStatus[]
}

/** One that is not over. */
export type DeploymentStatus = Omit<DeploymentUnderWay, 'since'> & { readonly since: string }

export interface SecurityGroupStatus {
  readonly id: string
  readonly name: string
  /** Names of the load balancers that carry it. */
  readonly loadBalancers: readonly string[]
  /** Ids of the instances that carry it and have dropped something. */
  readonly instances: readonly string[]
  /** Packets (in userspace connections and datagrams) of new flows to all of these that their groups did not admit. */
  readonly dropped: number
}

interface TargetStatus {
  readonly id: string
  readonly port: number
  /** Of its group in the listener's action; of several actions the greatest. */
  readonly weight: number
  readonly state: string
  /** Of all listeners that forward to its group. */
  readonly activeFlows: number
  /** The newest probe's outcome in words. */
  readonly lastProbe?: string
  readonly suspect?: string
}

type Feed = Pick<ControlEnd, 'applied' | 'counters' | 'health' | 'nodeConnected'>

/**
 * Puts together what was asked for and what the node reports of it.
 *
 * @param onCards addresses of this host's network cards
 */
export function statusOf(
  state: State,
  feed: Feed,
  now: number,
  onCards: ReadonlySet<string>,
): Omit<Status, 'dnsPort' | 'timing'> {
  const applied = feed.applied()
  const counters = feed.counters()
  const countedBy = Map.groupBy(counters?.listeners ?? [], ({ listenerArn }) => listenerArn)
  const problemsOf = Map.groupBy(applied?.problems ?? [], ({ listenerArn }) => listenerArn)
  const fallbacksOf = Map.groupBy(applied?.fallbacks ?? [], ({ listenerArn }) => listenerArn)
  const flowsOf = new Map(counters?.targets.map(({ target, activeFlows }) => [target, activeFlows]))
  return {
    version,
    revision: state.revision,
    node: { connected: feed.nodeConnected, revision: applied?.revision ?? 0 },
    ...(counters?.flowTable && { flowTable: counters.flowTable }),
    listeners: [...state.listeners.values()].map(listener => {
      const loadBalancer = state.loadBalancers.get(listener.loadBalancerArn)
      const counted = countedBy.get(listener.arn) ?? []
      const [holds, delays] = [applied?.held ?? [], applied?.delayed ?? []].map(switches =>
        switches.filter(({ listenerArn }) => listenerArn === listener.arn).map(({ until }) => until),
      ) as [number[], number[]]
      const groups = targetGroupsOf(state, listener)
      const isForKernel = listener.tls === undefined && !speaksHttp(listener)
      const problems = problemsOf.get(listener.arn) ?? []
      const fallbacks = [...new Set(fallbacksOf.get(listener.arn)?.map(({ reason }) => reason))]
      const drops: Record<string, number> = {}
      for (const counter of counted) {
        for (const [reason, count] of Object.entries(counter.drops)) drops[reason] = (drops[reason] ?? 0) + count
      }
      return {
        listenerArn: listener.arn,
        loadBalancer: loadBalancer?.name ?? '',
        protocol: listener.protocol,
        port: listener.port,
        addresses: (loadBalancer?.zones ?? []).flatMap(zoneAddresses),
        isInPlace: !problems.some(({ target }) => target === undefined),
        problems: problems.map(({ reason }) => reason),
        ...(applied && { engine: isForKernel && fallbacks.length === 0 ? 'kernel' : 'userspace' }),
        fallbacks,
        ...(holds.length > 0 && { heldUntil: new Date(Math.max(...holds)).toISOString() }),
        ...(delays.length > 0 && { delayedUntil: new Date(Math.max(...delays)).toISOString() }),
        linking: (applied?.links ?? [])
          .filter(({ targetGroupArn }) => groups.has(targetGroupArn))
          .map(({ targetGroupArn, reason }) => ({
            targetGroup: state.targetGroups.get(targetGroupArn)?.name ?? targetGroupArn,
            reason,
          })),
        ...(speaksHttp(listener) && { rules: rulesOf(state, listener.arn).length }),
        activeFlows: sum(counted.map(({ activeFlows }) => activeFlows)),
        newFlows: sum(counted.map(({ newFlows }) => newFlows)),
        drops,
        targets: [...groups].flatMap(([targetGroupArn, weight]) => {
          const group = state.targetGroups.get(targetGroupArn)
          if (group === undefined) return []
          return registrationsAt(group, now).map(target => {
            const key = targetKey(group.arn, target)
            const health = feed.health(key)
            const { State } = targetHealth(state, group, target, health, now)
            const last = health?.results.at(-1)
            const suspect = health && isSuspect(health, now) ? health.suspect?.reason : undefined
            return {
              id: target.id,
              port: target.port,
              weight,
              state: State,
              activeFlows: flowsOf.get(key) ?? 0,
              ...(last === undefined ? {} : { lastProbe: last.reason }),
              ...(suspect === undefined ? {} : { suspect }),
            }
          })
        }),
      }
    }),
    deployments: deploymentsUnderWay(state).map(({ since, ...its }) => ({
      ...its,
      since: new Date(since).toISOString(),
    })),
    securityGroups: securityGroupsOf(state, counters),
    ownInstances: [...state.instances.values()].flatMap(({ id, state, privateIpAddress, ipv6Address }) =>
      [privateIpAddress, ipv6Address]
        .filter(address => address !== undefined && state !== 'terminated' && onCards.has(address))
        .map((address = '') => ({ id, address })),
    ),
  }
}

function securityGroupsOf(
  state: State,
  { listeners = [], guards = [] }: Partial<CountersReport> = {},
): readonly SecurityGroupStatus[] {
  const droppedBy = new Map<string, number>()
  const add = (carrier: string, dropped = 0) => droppedBy.set(carrier, (droppedBy.get(carrier) ?? 0) + dropped)
  for (const { listenerArn, drops } of listeners)
    add(state.listeners.get(listenerArn)?.loadBalancerArn ?? '', drops['security-group'])
  for (const { id, dropped } of guards) if (dropped > 0) add(id, dropped)
  const [loadBalancers, instances] = [[...state.loadBalancers.values()], [...state.instances.values()]]
  return [...state.securityGroups.values()].flatMap(({ id, name }) => {
    const carries = ({ securityGroups }: { readonly securityGroups: readonly string[] }) => securityGroups.includes(id)
    const balancing = loadBalancers.filter(carries)
    const guarded = instances.filter(instance => carries(instance) && droppedBy.has(instance.id))
    if (balancing.length + guarded.length === 0) return []
    const carriers = [...balancing.map(({ arn }) => arn), ...guarded.map(({ id }) => id)]
    return {
      id,
      name,
      loadBalancers: balancing.map(({ name }) => name),
      instances: guarded.map(({ id }) => id),
      dropped: sum(carriers.map(carrier => droppedBy.get(carrier) ?? 0)),
    }
  })
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
