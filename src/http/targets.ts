import { type SnapshotGroup, type SnapshotTarget, viewedGroup } from '../domain/snapshot.ts'
import type { Balancer } from './balancer.ts'
import { balancerFor } from './balancer-for.ts'
import type { TargetTally } from './tally.ts'
import { TargetPool } from './target-pool.ts'
import type { Dialer, Timing } from './wire.ts'

/** Targets that new requests avoid for a moment, and how they come to be that. */
export interface SuspectTargets {
  has(targetKey: string): boolean
  /** It was slow, which is no news for anyone else. */
  avoid(targetKey: string): void
  /** It refused: it is avoided, and its health is checked now. */
  report(targetKey: string, reason: string): void
}

/** A target group's view at work in one process; it outlives snapshots. */
export interface WorkingGroup {
  snapshot: SnapshotGroup
  readonly balancer: Balancer
}

/** What a target has had of this process. */
export interface TargetCount {
  /** `targetKey` */
  readonly key: string
  readonly tally: TargetTally
  /** Open to it now. */
  readonly connections: number
  /** Its group's balancer judges so now. */
  readonly isAnomalous: boolean
}

interface TargetsOptions {
  readonly dialer: Dialer
  readonly timing: Timing
  readonly suspects: SuspectTargets
  /** Below 1, as `Math.random`. */
  readonly random: () => number
}

/** All targets of one process's HTTP listeners: balancers by group, kept connections by target. */
export class Targets {
  readonly dialer: Dialer
  readonly timing: Timing
  readonly suspects: SuspectTargets
  readonly random: () => number
  /** `Balancer.choose`'s. */
  readonly isAvoided: (targetKey: string) => boolean
  /** By `SnapshotGroup.id`. */
  readonly #groups = new Map<string, WorkingGroup>()
  /** By `targetKey`: a registration belongs to one target group, of which all views share its connections. */
  readonly #pools = new Map<string, TargetPool>()

  constructor({ dialer, timing, suspects, random }: TargetsOptions) {
    this.dialer = dialer
    this.timing = timing
    this.suspects = suspects
    this.random = random
    this.isAvoided = key => suspects.has(key)
  }

  /** The group that a rule names; `undefined`: it has gone. */
  group(id: string): WorkingGroup | undefined {
    return this.#groups.get(id)
  }

  pool(target: SnapshotTarget, tls: boolean): TargetPool {
    const known = this.#pools.get(target.key)
    if (known !== undefined && known.target.port === target.port && known.target.address === target.address)
      return known
    known?.retire(true)
    const pool = new TargetPool(target, tls, known?.tally)
    this.#pools.set(target.key, pool)
    return pool
  }

  /** Goes on with groups that changed, of any kind: those without `http` are left alone. New requests are treated by it at once. */
  update(changed: readonly SnapshotGroup[]): void {
    for (const snapshot of changed) {
      if (snapshot.http === undefined) continue
      const known = this.#groups.get(snapshot.id)
      if (known === undefined) {
        this.#groups.set(snapshot.id, { snapshot, balancer: balancerFor(snapshot, this.random) })
      } else {
        known.snapshot = snapshot
        known.balancer.update(snapshot)
      }
    }
  }

  /**
   * To follow `update` when no rule leads to the groups that are gone any more: ends what is to end. Other requests under way stay
   * where they are.
   * @param gone by `SnapshotGroup.id`
   */
  settle(changed: readonly SnapshotGroup[], gone: readonly string[]): void {
    for (const id of gone) this.#groups.delete(id)
    this.#retire()
    for (const snapshot of changed) if (snapshot.http !== undefined) this.#cut(snapshot)
  }

  /** Closes kept connections that are idle for too long; call it every half second or so. */
  sweep(): void {
    const now = this.timing.monotonic()
    for (const pool of this.#pools.values()) pool.sweep(now)
  }

  /** The system is out of descriptors: gives those of all idle connections back. @returns false where there were none */
  makeRoom(): boolean {
    let hadSome = false
    for (const pool of this.#pools.values()) if (pool.abortIdle()) hadSome = true
    return hadSome
  }

  counters(): readonly TargetCount[] {
    const keys = new Set<string>()
    for (const { balancer } of this.#groups.values()) for (const key of balancer.anomalous()) keys.add(key)
    const counts: TargetCount[] = []
    for (const [key, { tally, open }] of this.#pools)
      counts.push({ key, tally, connections: open.size, isAnomalous: keys.has(key) })
    return counts
  }

  /** Kept connections end where no view of the group sends requests any more; pools of targets that are gone are forgotten. */
  #retire(): void {
    const serving = new Set<string>()
    const known = new Set<string>()
    for (const { snapshot } of this.#groups.values())
      for (const { key, mode } of snapshot.targets) {
        known.add(key)
        if (mode === 'serve') serving.add(key)
      }
    for (const [key, pool] of this.#pools) {
      pool.retire(!serving.has(key))
      if (!known.has(key) && pool.open.size === 0) this.#pools.delete(key)
    }
  }

  /** As `TcpFlows.cut`: only what came through this group, or through a view of it that is gone. */
  #cut({ id, targets }: SnapshotGroup): void {
    for (const { key, mode } of targets) {
      if (mode !== 'cut') continue
      for (const connection of [...(this.#pools.get(key)?.open ?? [])]) {
        const through = connection.groupId
        if (through === undefined) continue
        if (through === id || (viewedGroup(through) === viewedGroup(id) && !this.#groups.has(through))) connection.cut()
      }
    }
  }
}
