/** Upper bounds of the buckets of a histogram of latencies, milliseconds; one more bucket has the rest. */
export const latencyBoundsMs = [
  1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000,
] as const

/** Why a request or a connection was turned away here, beside the answers that are counted by status. */
export type Rejection =
  | 'security-group'
  | 'connection-limit'
  | 'overload'
  | 'header-timeout'
  | 'body-timeout'
  | 'tls-handshake'

/** What one listener of one process has done since it was set up: plain counts, incremented in place. */
export class ListenerTally {
  requests = 0
  activeRequests = 0
  newConnections = 0
  activeConnections = 0
  clientTlsErrors = 0
  ruleEvaluations = 0
  bytesIn = 0
  bytesOut = 0
  /** Answers made here, by status; 460 too, which nobody receives. */
  readonly elb = new Map<number, number>()
  readonly redirects = { count: 0, fixedResponses: 0 }
  readonly desync = { nonCompliant: 0 }
  readonly rejections = new Map<Rejection, number>()

  /** An answer was made here. */
  countOwn(status: number): void {
    this.elb.set(status, (this.elb.get(status) ?? 0) + 1)
  }

  reject(reason: Rejection): void {
    this.rejections.set(reason, (this.rejections.get(reason) ?? 0) + 1)
  }
}

/** What one target of a group has done in one process. */
export class TargetTally {
  requests = 0
  activeRequests = 0
  newConnections = 0
  connectionErrors = 0
  tlsErrors = 0
  bytesIn = 0
  bytesOut = 0
  /** Answers by status class: index 2 counts 2xx. */
  readonly classes = [0, 0, 0, 0, 0, 0]
  /** From the request's last byte sent, or its head's, to the answer's first byte; one more bucket than bounds. */
  readonly latency: number[] = new Array(latencyBoundsMs.length + 1).fill(0)
  latencySumMs = 0
}

/** Counts a latency in its bucket. */
export function addLatency(tally: TargetTally, ms: number): void {
  let bucket = 0
  while (bucket < latencyBoundsMs.length && ms > latencyBoundsMs[bucket]!) bucket++
  tally.latency[bucket]!++
  tally.latencySumMs += ms
}
