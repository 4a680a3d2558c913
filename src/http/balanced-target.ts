import type { SnapshotTarget } from '../domain/snapshot.ts'

/** What a balancer knows of one target. */
export class BalancedTarget {
  readonly key: string
  target: SnapshotTarget
  /** Of the group, and to have new requests. */
  serves = false
  /** Slow start lasts until then, milliseconds since the epoch. */
  #rampUntil = 0
  /** Requests under way. */
  outstanding = 0
  /** What round robin owes it, in requests. */
  credit = 0
  /** Requests that ended lately and how many of them failed: each counts less as it ages. */
  requests = 0
  failures = 0
  isAnomalous = false
  /** 1: a full share; less while its errors are kept away from clients. */
  weight = 1

  constructor(target: SnapshotTarget) {
    this.key = target.key
    this.target = target
  }

  /** Goes on as the next snapshot says. */
  update(target: SnapshotTarget, slowStartMs: number): void {
    this.target = target
    this.#rampUntil = target.rampFrom === undefined ? 0 : target.rampFrom + slowStartMs
    this.serves = target.mode === 'serve'
    if (!this.serves) this.#forgetErrors()
  }

  /** The group has it no more. */
  leave(): void {
    this.serves = false
    this.#forgetErrors()
  }

  /** Its share in slow start against a full one, 0 to 1 (AWS: Slow start mode: linear). */
  shareAt(now: number): number {
    const { rampFrom } = this.target
    if (rampFrom === undefined || now >= this.#rampUntil) return 1
    return Math.max(0, (now - rampFrom) / (this.#rampUntil - rampFrom))
  }

  #forgetErrors(): void {
    this.requests = 0
    this.failures = 0
    this.isAnomalous = false
    this.weight = 1
  }
}

/** Targets that a request should not go to. One object serves all requests of a balancer. */
export class Exclusion {
  tried: readonly string[] = []
  isAvoided: ((key: string) => boolean) | undefined

  has({ key }: BalancedTarget): boolean {
    return this.tried.includes(key) || this.isAvoided?.(key) === true
  }
}

/** How the next target is taken out of those that serve. */
export interface Algorithm {
  /** `undefined`: all are excluded, or there is none. */
  take(serving: readonly BalancedTarget[], exclusion: Exclusion, now: number): BalancedTarget | undefined
}
