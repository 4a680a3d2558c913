import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import type { ListenerCounters, Suspicion, TargetCounters } from '../engine.ts'

/** What the engine tells a worker process. */
export type ToWorker =
  /** Comes first; `directory` is the data directory. */
  | { readonly kind: 'start'; readonly udpFlowLimit: number; readonly directory: string }
  /** Comes with the bound socket of a TCP listener, and before the `configure` that tells of this listener. */
  | { readonly kind: 'socket'; readonly listener: string }
  | Configure
  /** Asks for `counters` with the same number. */
  | { readonly kind: 'count'; readonly seq: number }
  /** Stop accepting, and exit when the last connection has ended or after `ms`. */
  | { readonly kind: 'drain'; readonly ms: number }

/** What changed since the last one. Answered by `configured` when it is in place. */
export interface Configure {
  readonly kind: 'configure'
  readonly seq: number
  readonly listeners: readonly SnapshotListener[]
  readonly groups: readonly SnapshotGroup[]
  readonly goneListeners: readonly string[]
  readonly goneGroups: readonly string[]
}

/** What a worker process tells the engine. */
export type FromWorker =
  | { readonly kind: 'configured'; readonly seq: number; readonly failures: readonly ListenFailure[] }
  /** Every second those that changed; with `seq`, all of them. Totals, not differences. */
  | {
      readonly kind: 'counters'
      readonly seq?: number
      readonly listeners: readonly ListenerCounters[]
      readonly targets: readonly TargetCounters[]
    }
  | { readonly kind: 'suspicion'; readonly suspicion: Suspicion }
  | { readonly kind: 'log'; readonly line: string }

/** A listener that could not be set up; the worker has forgotten it. */
export interface ListenFailure {
  /** `SnapshotListener.id` */
  readonly listener: string
  /** `EADDRINUSE`, or a message where the system gave no code. */
  readonly code: string
}
