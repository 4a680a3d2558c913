import type { Snapshot, SnapshotGroup, SnapshotListener } from '../domain/snapshot.ts'

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

/** A data plane that serves some listeners only, and without this process as well: what it has set up stays when it dies. */
export interface KernelEngine extends Engine {
  /** Looks at the host anew, and changes its settings where it may: `refusal` then speaks of what it found. Precedes each `apply`. */
  prepare(desired: Snapshot): Promise<void>
  /** Why it can't serve this listener as it is now, in one line for the operator; `undefined`: it can. */
  refusal(listener: SnapshotListener, groups: ReadonlyMap<string, SnapshotGroup>): string | undefined
  /**
   * As `Engine.apply`; `desired` has the listeners that are this engine's, and all groups. What was established through a
   * listener that is not in it any more ends, unless the listener is in `elsewhere` (`SnapshotListener.id`): that one is served
   * in userspace from now on, so no new flow of it is taken here, and the established ones go on to their end. The other way
   * round, TCP connections of a listener that is new here may be userspace's: they are left alone.
   */
  apply(desired: Snapshot, elsewhere?: ReadonlySet<string>): Promise<Applied>
  /** Ends this process's part in it and leaves everything in place for the next one, which adopts it. */
  leave(): Promise<void>
}

/** What is really in place after an `apply`. */
export interface Applied {
  readonly revision: number
  readonly problems: readonly Problem[]
  /** Listeners that a lesser data plane serves than the best one, and why; the same array again where nothing changed. */
  readonly fallbacks: readonly Fallback[]
}

/** A listener that the kernel could not take, so that it is served in userspace: what the operator would have to change. */
export interface Fallback {
  /** `SnapshotListener.id` */
  readonly listener: string
  readonly listenerArn: string
  readonly reason: string
}

/** Why a listener, or a target of it, is not in place: one line for the operator, saying what is wrong and what to do. */
export interface Problem {
  /** `SnapshotListener.id` */
  readonly listener: string
  readonly listenerArn: string
  /** `10.9.1.2:8080`: the listener is in place, and what goes to this target of it gets lost. */
  readonly target?: string
  readonly reason: string
}

export interface Observed {
  readonly revision: number
  readonly listeners: readonly ListenerCounters[]
  readonly targets: readonly TargetCounters[]
  /** Absent from an engine that leaves guards alone. */
  readonly guards?: readonly GuardCounters[]
  /** Absent from an engine that keeps its flows itself. */
  readonly flowTable?: FlowTable
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
  /** Of HTTP listeners, whose flows are their clients' connections. */
  readonly http?: HttpListenerCounters
}

/** What an HTTP listener counts beside connections and bytes. */
export interface HttpListenerCounters {
  readonly requests: number
  readonly activeRequests: number
  readonly clientTlsErrors: number
  readonly ruleEvaluations: number
  readonly redirects: number
  readonly fixedResponses: number
  /** Requests that http-desync-guardian would not call Compliant. */
  readonly nonCompliant: number
  /** Answers made here, by status. */
  readonly answers: Readonly<Record<string, number>>
  /** By `Rejection`. */
  readonly rejections: Readonly<Record<string, number>>
}

/** What a target of an HTTP listener counts beside connections and bytes. */
export interface HttpTargetCounters {
  readonly requests: number
  readonly activeRequests: number
  readonly connectionErrors: number
  readonly tlsErrors: number
  /** 1: it is judged anomalous now (AWS: Automatic Target Weights). */
  readonly anomalous: number
  /** Answers by status class: index 2 counts 2xx. */
  readonly classes: readonly number[]
  /** Answers by latency: buckets as `latencyBoundsMs`, and one for the rest. */
  readonly latency: readonly number[]
  readonly latencySumMs: number
}

export interface TargetCounters {
  /** `targetKey` */
  readonly target: string
  readonly newFlows: number
  readonly activeFlows: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Of the new flows the TCP connections that it refused, where none of them is given to the next target (in the kernel). */
  readonly refused?: number
  /** Of targets that HTTP listeners sent requests to, whose flows are the connections to them. */
  readonly http?: HttpTargetCounters
}

/** New flows to a `SnapshotGuard` that none of its rules admits. */
export interface GuardCounters {
  readonly id: string
  readonly address: string
  /** Packets */
  readonly dropped: number
}

/** The kernel's table of flows, which everything on this host shares. Counts are totals since it was started. */
export interface FlowTable {
  readonly flows: number
  /** `net.netfilter.nf_conntrack_max` */
  readonly limit: number
  /** Packets of new flows that found no room. */
  readonly refused: number
  /** Flows that were given up to make room: they had no answer, or not for long. */
  readonly givenUp: number
  /** Packets of new flows that found no free source port, or whose addresses another flow had just taken. */
  readonly portless: number
}

/**
 * `security-group`: not admitted. `no-target`: nothing to send it to. `refused`: no target took the connection.
 * `flow-limit`: too many flows at once, so UDP gave up the longest idle one, TCP refused the new one. `too-large`,
 * `send-failed`: a datagram that could not be sent on. `bad-source`: a datagram that claims to come from port 0 or from the
 * listener itself. `unknown-flow`: a TCP segment of a connection that is not known any more; it is answered with RST.
 * `client-tls`: the handshake with the client failed. `target-tls`: those with all targets that were tried.
 */
export type DropReason =
  | 'security-group'
  | 'no-target'
  | 'refused'
  | 'flow-limit'
  | 'too-large'
  | 'send-failed'
  | 'bad-source'
  | 'unknown-flow'
  | 'client-tls'
  | 'target-tls'

/** What the data plane sees of a target before any health check could: a refused connect, a port unreachable. */
export interface Suspicion {
  /** `targetKey` */
  readonly target: string
  readonly reason: string
}
