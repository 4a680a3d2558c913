import { zoneAddresses } from './domain/load-balancer.ts'
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
  /** The newest probe's outcome in words. */
  readonly lastProbe?: string
  readonly suspect?: string
}

/** Puts together what was asked for and what the node reports of it. */
export function statusOf(state: State, feed: ControlEnd, now: number): Status {
  const applied = feed.applied()
  const counters = feed.counters()
  return {
    version,
    revision: state.revision,
    node: { connected: feed.nodeConnected, revision: applied?.revision ?? 0 },
    listeners: [...state.listeners.values()].map(listener => {
      const loadBalancer = state.loadBalancers.get(listener.loadBalancerArn)
      const counted = (counters?.listeners ?? []).filter(({ listenerArn }) => listenerArn === listener.arn)
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
        problems: (applied?.problems ?? [])
          .filter(({ listenerArn }) => listenerArn === listener.arn)
          .map(({ reason }) => reason),
        ...(held === undefined ? {} : { heldUntil: new Date(held.until).toISOString() }),
        activeFlows: sum(counted.map(({ activeFlows }) => activeFlows)),
        newFlows: sum(counted.map(({ newFlows }) => newFlows)),
        drops,
        targets: listener.forward.flatMap(({ targetGroupArn, weight }) => {
          const group = state.targetGroups.get(targetGroupArn)
          return (group?.targets ?? []).flatMap(target => {
            if (group === undefined) return []
            const health = feed.health(targetKey(group.arn, target))
            const { State } = targetHealth(state, group, target, health, now)
            const last = health?.results.at(-1)
            const suspect = health && isSuspect(health, now) ? health.suspect?.reason : undefined
            return {
              id: target.id,
              port: target.port,
              weight,
              state: State,
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
