import type { SnapshotGroup, SnapshotTarget } from '../domain/snapshot.ts'

/** Chooses targets of one target group's view in one process, by its algorithm. It outlives snapshots. */
export interface Balancer {
  /** Goes on with the next snapshot's group. */
  update(group: SnapshotGroup): void
  /**
   * The target for a request, of those that serve. Those `tried` (target keys) are left out; those that `isAvoided` names too,
   * unless there is no other. `undefined`: none is left.
   * @param now milliseconds since the epoch, for slow start
   */
  choose(now: number, tried: readonly string[], isAvoided: (key: string) => boolean): SnapshotTarget | undefined
  /** The target that a cookie named, if it still serves; not one that is merely named. */
  serving(key: string): SnapshotTarget | undefined
  /** A request is under way to it; each is followed by one `ended`. */
  began(key: string): void
  /** `failed`: no answer, or a 5xx of the target's. */
  ended(key: string, failed: boolean, now: number): void
  /** Keys of targets that are judged anomalous now, for DescribeTargetHealth's AnomalyDetection. */
  anomalous(): readonly string[]
}
