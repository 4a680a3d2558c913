import type { SnapshotGroup, SnapshotTarget } from '../domain/snapshot.ts'
import type { SnapshotHttpGroup } from '../domain/snapshot-http.ts'
import { judge } from './anomaly.ts'
import { type Algorithm, BalancedTarget, Exclusion } from './balanced-target.ts'
import type { Balancer } from './balancer.ts'
import { LeastOutstanding } from './least-outstanding.ts'
import { RoundRobin } from './round-robin.ts'
import { WeightedRandom } from './weighted-random.ts'

/** How often targets' errors are judged, milliseconds. */
const judgedEveryMs = 1_000

/**
 * The balancer of a group in this process; it stays the group's, whatever its next snapshots say of its algorithm.
 * @param random below 1, as `Math.random`
 */
export function balancerFor(group: SnapshotGroup, random: () => number): Balancer {
  return new GroupBalancer(group, random)
}

type AlgorithmName = SnapshotHttpGroup['algorithm']

function algorithmOf(name: AlgorithmName, random: () => number): Algorithm {
  switch (name) {
    case 'round_robin':
      return new RoundRobin(random)
    case 'least_outstanding_requests':
      return new LeastOutstanding(random)
    case 'weighted_random':
      return new WeightedRandom(random)
  }
}

/** What all algorithms have in common: who serves, what is under way, who fails. */
class GroupBalancer implements Balancer {
  readonly #random: () => number
  #algorithmName: AlgorithmName
  #algorithm: Algorithm
  #mitigates = false
  /** The group's, and those that left it with requests under way. */
  #known = new Map<string, BalancedTarget>()
  /** In the snapshot's order. */
  #serving: readonly BalancedTarget[] = []
  readonly #exclusion = new Exclusion()
  #judgedAt = 0
  #anomalous: readonly string[] = []

  constructor(group: SnapshotGroup, random: () => number) {
    this.#random = random
    this.#algorithmName = group.http?.algorithm ?? 'round_robin'
    this.#algorithm = algorithmOf(this.#algorithmName, random)
    this.update(group)
  }

  update({ targets, http }: SnapshotGroup): void {
    const name = http?.algorithm ?? 'round_robin'
    if (name !== this.#algorithmName) {
      this.#algorithmName = name
      this.#algorithm = algorithmOf(name, this.#random)
    }
    this.#mitigates = name === 'weighted_random' && http?.anomalyMitigation === true
    const before = this.#known
    this.#known = new Map()
    for (const target of targets) {
      const its = before.get(target.key) ?? new BalancedTarget(target)
      its.update(target, http?.slowStartMs ?? 0)
      this.#known.set(its.key, its)
      before.delete(its.key)
    }
    this.#serving = [...this.#known.values()].filter(its => its.serves)
    for (const its of before.values()) {
      its.leave()
      if (its.outstanding > 0) this.#known.set(its.key, its)
    }
    this.#anomalous = this.#anomalous.filter(key => this.#known.get(key)?.isAnomalous)
  }

  choose(now: number, tried: readonly string[], isAvoided: (key: string) => boolean): SnapshotTarget | undefined {
    const exclusion = this.#exclusion
    exclusion.tried = tried
    exclusion.isAvoided = isAvoided
    const taken = this.#algorithm.take(this.#serving, exclusion, now)
    if (taken !== undefined) return taken.target
    exclusion.isAvoided = undefined
    return this.#algorithm.take(this.#serving, exclusion, now)?.target
  }

  serving(key: string): SnapshotTarget | undefined {
    const its = this.#known.get(key)
    return its?.serves ? its.target : undefined
  }

  began(key: string): void {
    const its = this.#known.get(key)
    if (its !== undefined) its.outstanding++
  }

  ended(key: string, failed: boolean, now: number): void {
    const its = this.#known.get(key)
    if (its === undefined) return
    if (its.outstanding > 0) its.outstanding--
    if (its.serves) {
      its.requests++
      if (failed) its.failures++
    }
    const elapsedMs = now - this.#judgedAt
    if (elapsedMs < judgedEveryMs) return
    this.#judgedAt = now
    this.#anomalous = judge(this.#serving, this.#mitigates, elapsedMs)
  }

  anomalous(): readonly string[] {
    return this.#anomalous
  }
}
