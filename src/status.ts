import { zoneAddresses } from './domain/load-balancer.ts'
import { registrationsAt } from './domain/registrations.ts'
import type { State } from './domain/state.ts'
import { isSuspect } from './domain/suspicion.ts'
import { targetKey } from './domain/target-group.ts'
import { targetHealth } from './domain/target-health.ts'
import type { ControlEnd } from './feed/control-end.ts'
import { version } from './version.ts'

/** What `sluice doctor` shows of a running Sluice; the body of `GET /_sluice/status`. */
export interface Status {
  readonly version: string
  /** Of the desired state. */
  readonly revision: number
  /** The node process: whether it is there, and the revision that is in place. */
  readonly node: { readonly connected: boolean; readonly revision: number }
  readonly listeners: readonly ListenerStatus[]
}

export interface ListenerStatus {
  readonly listenerArn: string
  readonly loadBalancer: string
  readonly protocol: string
  readonly port: number
  readonly addresses: readonly string[]
  /** Why it is not in place, a line each; empty where it is. */
  readonly problems: readonly string[]
  /** A switch of target groups that waits for the new side's first healthy target. */
  readonly heldUntil?: string
  readonly activeFlows: number
  readonly newFlows: number
  readonly drops: Readonly<Record<string, number>>
  readonly targets: readonly TargetStatus[]
}

interface TargetStatus {
  readonly id: string
  readonly port: number
  readonly weight: number
  readonly state: string
  /** Of all listeners that forward to its group. */
  readonly activeFlows: number
  /** The newest probe's outcome in words. */
  readonly lastProbe?: string
  readonly suspect?: string
}

/** Puts together what was asked for and what the node reports of it. */
export function statusOf(state: State, feed: ControlEnd, now: number): Status {
  const applied = feed.applied()
  const counters = feed.counters()
  const countedBy = Map.groupBy(counters?.listeners ?? [], ({ listenerArn }) => listenerArn)
  const problemsOf = Map.groupBy(applied?.problems ?? [], ({ listenerArn }) => listenerArn)
  const flowsOf = new Map(counters?.targets.map(({ target, activeFlows }) => [target, activeFlows]))
  return {
    version,
    revision: state.revision,
    node: { connected: feed.nodeConnected, revision: applied?.revision ?? 0 },
    listeners: [...state.listeners.values()].map(listener => {
      const loadBalancer = state.loadBalancers.get(listener.loadBalancerArn)
      const counted = countedBy.get(listener.arn) ?? []
      const held = applied?.held.find(({ listenerArn }) => listenerArn === listener.arn)
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
        problems: (problemsOf.get(listener.arn) ?? []).map(({ reason }) => reason),
        ...(held === undefined ? {} : { heldUntil: new Date(held.until).toISOString() }),
        activeFlows: sum(counted.map(({ activeFlows }) => activeFlows)),
        newFlows: sum(counted.map(({ newFlows }) => newFlows)),
        drops,
        targets: listener.forward.flatMap(({ targetGroupArn, weight }) => {
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
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
