import type { HttpTargetCounters, TargetCounters } from '../engine/engine.ts'
import { latencyBoundsMs } from '../http/tally.ts'
import type { Metric } from './metric.ts'

const boundsInSeconds = latencyBoundsMs.map(ms => ms / 1_000)

/** Of target groups of Application Load Balancers; in brackets the metric of AWS/ApplicationELB. */
export const albGroupMetrics: readonly Metric<TargetCounters & { readonly http: HttpTargetCounters }>[] = [
  {
    name: 'sluice_alb_target_requests_total',
    help: 'Requests that were sent to targets (CloudWatch RequestCount).',
    type: 'counter',
    value: ({ http }) => http.requests,
  },
  {
    name: 'sluice_alb_target_active_requests',
    help: 'Requests that targets have not answered to the end.',
    type: 'gauge',
    value: ({ http }) => http.activeRequests,
  },
  {
    name: 'sluice_alb_target_responses_total',
    help: 'Answers of targets, by class (CloudWatch HTTPCode_Target_2XX_Count, HTTPCode_Target_5XX_Count, ...).',
    type: 'counter',
    label: 'class',
    value: ({ http }) => Object.fromEntries(http.classes.flatMap((count, n) => (n < 2 ? [] : [[`${n}xx`, count]]))),
  },
  {
    name: 'sluice_alb_target_response_seconds',
    help: "From a request's end to the beginning of its target's answer (CloudWatch TargetResponseTime).",
    type: 'histogram',
    value: ({ http }) => ({ bounds: boundsInSeconds, counts: http.latency, sum: http.latencySumMs / 1_000 }),
  },
  {
    name: 'sluice_alb_target_new_connections_total',
    help: 'Connections to targets (with those of clients: CloudWatch NewConnectionCount).',
    type: 'counter',
    value: ({ newFlows }) => newFlows,
  },
  {
    name: 'sluice_alb_target_active_connections',
    help: 'Connections to targets that are open (with those of clients: CloudWatch ActiveConnectionCount).',
    type: 'gauge',
    value: ({ activeFlows }) => activeFlows,
  },
  {
    name: 'sluice_alb_target_connection_errors_total',
    help: 'Connections to targets that failed (CloudWatch TargetConnectionErrorCount).',
    type: 'counter',
    value: ({ http }) => http.connectionErrors,
  },
  {
    name: 'sluice_alb_target_tls_errors_total',
    help: 'TLS handshakes with targets that failed (CloudWatch TargetTLSNegotiationErrorCount).',
    type: 'counter',
    value: ({ http }) => http.tlsErrors,
  },
  {
    name: 'sluice_alb_target_sent_bytes_total',
    help: 'Bytes to targets.',
    type: 'counter',
    value: ({ bytesIn }) => bytesIn,
  },
  {
    name: 'sluice_alb_target_received_bytes_total',
    help: 'Bytes from targets.',
    type: 'counter',
    value: ({ bytesOut }) => bytesOut,
  },
  {
    name: 'sluice_alb_anomalous_targets',
    help: 'Targets that answer worse than the others (CloudWatch AnomalousHostCount).',
    type: 'gauge',
    value: ({ http }) => http.anomalous,
  },
]

/** Of target groups of Network Load Balancers; in brackets the metric of AWS/NetworkELB. */
export const nlbGroupMetrics: readonly Metric<TargetCounters>[] = [
  {
    name: 'sluice_nlb_target_new_flows_total',
    help: 'New flows that targets got (CloudWatch NewFlowCount).',
    type: 'counter',
    value: ({ newFlows }) => newFlows,
  },
  {
    name: 'sluice_nlb_target_active_flows',
    help: 'Flows that targets have (CloudWatch ActiveFlowCount).',
    type: 'gauge',
    value: ({ activeFlows }) => activeFlows,
  },
  {
    name: 'sluice_nlb_target_sent_bytes_total',
    help: 'Bytes to targets (with those received: CloudWatch ProcessedBytes).',
    type: 'counter',
    value: ({ bytesIn }) => bytesIn,
  },
  {
    name: 'sluice_nlb_target_received_bytes_total',
    help: 'Bytes from targets (with those sent: CloudWatch ProcessedBytes).',
    type: 'counter',
    value: ({ bytesOut }) => bytesOut,
  },
  {
    name: 'sluice_nlb_target_refused_flows_total',
    help: 'Of the new flows those that a target refused and no other one got.',
    type: 'counter',
    value: ({ refused = 0 }) => refused,
  },
]
