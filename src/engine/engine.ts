import type { Snapshot } from '../domain/snapshot.ts'

/** A data plane. It knows Snapshots and nothing else; weights, health and draining are data in them, never calls. */
export interface Engine {
  /**
   * Makes the data plane equal to `desired`. Safe to repeat; an identical snapshot changes nothing. Adds before it deletes.
   * One listener that can't be served does not stop the others: it is a problem in the answer, and is tried again by the
   * next call. Calls do not overlap. Rejects only on a bug.
   */
  apply(desired: Snapshot): Promise<Applied>
  /** What is there now. Reads only. */
  observe(): Promise<Observed>
  /** Stops accepting, lets what is established finish for at most `drainMs`, leaves nothing behind. */
  close(drainMs?: number): Promise<void>
}

/** What is really in place after an `apply`. */
export interface Applied {
  readonly revision: number
  readonly problems: readonly Problem[]
}

/** Why a listener is not in place: one line for the operator, saying what is wrong and what to do. */
export interface Problem {
  /** `SnapshotListener.id` */
  readonly listener: string
  readonly listenerArn: string
  readonly reason: string
}

export interface Observed {
  readonly revision: number
  readonly listeners: readonly ListenerCounters[]
  readonly targets: readonly TargetCounters[]
}

/** Totals since the listener was set up. */
export interface ListenerCounters {
  /** `SnapshotListener.id` */
  readonly listener: string
  readonly listenerArn: string
  readonly newFlows: number
  readonly activeFlows: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Flows or datagrams that were not served, by reason. */
  readonly drops: Readonly<Partial<Record<DropReason, number>>>
}

export interface TargetCounters {
  /** `targetKey` */
  readonly target: string
  readonly newFlows: number
  readonly activeFlows: number
  readonly bytesIn: number
  readonly bytesOut: number
}

/**
 * `security-group`: not admitted. `no-target`: nothing to send it to. `refused`: no target took the connection.
 * `flow-limit`: too many flows at once, so UDP gave up the longest idle one, TCP refused the new one. `too-large`,
 * `send-failed`: a datagram that could not be sent on. `bad-source`: a datagram that claims to come from port 0 or from the
 * listener itself.
 */
export type DropReason =
  | 'security-group'
  | 'no-target'
  | 'refused'
  | 'flow-limit'
  | 'too-large'
  | 'send-failed'
  | 'bad-source'

/** What the data plane sees of a target before any health check could: a refused connect, a port unreachable. */
export interface Suspicion {
  /** `targetKey` */
  readonly target: string
  readonly reason: string
}
