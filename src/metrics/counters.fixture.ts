import type { ListenerCounters, TargetCounters } from '../engine/engine.ts'
import { latencyBoundsMs } from '../http/tally.ts'

const flows = { newFlows: 10, activeFlows: 2, bytesIn: 1_000, bytesOut: 5_000 }

/** Ten flows of a Network Load Balancer's listener. */
export function flowCounters(extra: Partial<ListenerCounters> = {}): ListenerCounters {
  return {
    listener: 'TCP 10.0.1.4 80',
    listenerArn: 'arn:listener',
    ...flows,
    drops: { 'security-group': 3 },
    ...extra,
  }
}

/** A hundred requests to an Application Load Balancer's listener. */
export function httpCounters(extra: Partial<ListenerCounters> = {}): ListenerCounters {
  const http = {
    requests: 100,
    activeRequests: 1,
    clientTlsErrors: 4,
    ruleEvaluations: 250,
    redirects: 5,
    fixedResponses: 6,
    nonCompliant: 7,
    answers: { 404: 6, 503: 2 },
    rejections: { 'header-timeout': 1 },
  }
  return { listener: 'TCP 10.0.1.4 443', listenerArn: 'arn:http', ...flows, drops: {}, http, ...extra }
}

/** Of a target that has answered `count` requests with 200, within 2 ms each, and none of them with 500. */
export function httpTarget(target: string, count: number): TargetCounters {
  const http = {
    requests: count,
    activeRequests: 1,
    connectionErrors: 2,
    tlsErrors: 0,
    anomalous: 1,
    classes: [0, 0, count, 0, 0, 0],
    latency: [0, count, ...latencyBoundsMs.slice(1).map(() => 0)],
    latencySumMs: 2 * count,
  }
  return { target, ...flows, http }
}
