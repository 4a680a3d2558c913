/** What to do to learn whether one target is well; derived from the desired state by `probesBuilder`. */
export interface Probe {
  /** `targetKey` of the registration that it is about. */
  readonly key: string
  readonly protocol: 'TCP' | 'HTTP' | 'HTTPS'
  readonly address: string
  readonly port: number
  readonly path: string
  readonly matcher: string
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyThreshold: number
  readonly unhealthyThreshold: number
  /** The load balancer's own address, tried first as the source; absent for a group that is not in use. */
  readonly source?: string
  /**
   * `Host` of HTTP checks: an ALB sends the target's own address and port, an NLB its own address and the listener's port
   * (AWS: health checks).
   */
  readonly host: string
  /** `Target.registeredAt` */
  readonly registeredAt?: number
  /** When the registration is over, milliseconds since the epoch: from then on the target may stop, and is not checked. */
  readonly until?: number
}

/** One probe's outcome, with the reason in words: "connection refused", "expected 200-299, got 503 in 12 ms". */
export interface ProbeResult extends ProbeFailure {
  readonly at: number
  readonly ok: boolean
  readonly ms: number
  readonly reason: string
}

/** What AWS tells apart of failures (reason codes of target health). */
export interface ProbeFailure {
  /** HTTP and HTTPS: the status of an answer that does not match. */
  readonly status?: number
  /** There was no answer in time. */
  readonly timedOut?: true
}

/** How a target is, whether or not anybody refers to its group. Only `src/health` writes it. */
export interface Health {
  readonly verdict: 'initial' | 'healthy' | 'unhealthy'
  /** `Target.registeredAt` of the registration that it is about. */
  readonly registeredAt?: number
  /** When the verdict was reached, milliseconds since the epoch. */
  readonly since: number
  /** A healthy one that had been unhealthy since it was registered. */
  readonly hasRecovered?: true
  /** Consecutive results that speak against the verdict. */
  readonly against: number
  /** The last ten, newest last. */
  readonly results: readonly ProbeResult[]
  /**
   * What the data plane saw of it (a refused connect, a port unreachable) makes it suspect until this time. After that it
   * stays on record for a while: ask `isSuspect`.
   */
  readonly suspect?: { readonly since: number; readonly until: number; readonly reason: string }
  /** Its group is not linked to its load balancer yet, under AWS's timing. What is known of the target itself is all the rest. */
  readonly linking?: LinkingReason
}

/** What AWS says of the targets of a group that a load balancer does not serve yet. */
export type LinkingReason = 'Elb.RegistrationInProgress' | 'Elb.InitialHealthChecking'

/** Health by `targetKey`. */
export type HealthByTarget = ReadonlyMap<string, Health>
