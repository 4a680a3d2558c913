import type { HttpListenerCounters, ListenerCounters } from '../engine/engine.ts'
import type { Metric } from './metric.ts'

/** Of Application Load Balancers' listeners; in brackets the metric of AWS/ApplicationELB. */
export const albListenerMetrics: readonly Metric<ListenerCounters & { readonly http: HttpListenerCounters }>[] = [
  {
    name: 'sluice_alb_requests_total',
    help: 'Requests, those that the load balancer answered itself included (CloudWatch RequestCount leaves them out).',
    type: 'counter',
    value: ({ http }) => http.requests,
  },
  {
    name: 'sluice_alb_active_requests',
    help: 'Requests under way.',
    type: 'gauge',
    value: ({ http }) => http.activeRequests,
  },
  {
    name: 'sluice_alb_own_responses_total',
    help: 'Answers that the load balancer made, by status (CloudWatch HTTPCode_ELB_3XX_Count, HTTPCode_ELB_4XX_Count, HTTPCode_ELB_5XX_Count, HTTPCode_ELB_503_Count, ...).',
    type: 'counter',
    label: 'status',
    value: ({ http }) => http.answers,
  },
  {
    name: 'sluice_alb_redirects_total',
    help: 'Requests that a rule redirected (CloudWatch HTTP_Redirect_Count).',
    type: 'counter',
    value: ({ http }) => http.redirects,
  },
  {
    name: 'sluice_alb_fixed_responses_total',
    help: 'Requests that a rule gave a fixed response (CloudWatch HTTP_Fixed_Response_Count).',
    type: 'counter',
    value: ({ http }) => http.fixedResponses,
  },
  {
    name: 'sluice_alb_rule_evaluations_total',
    help: 'Rules that were evaluated (CloudWatch RuleEvaluations).',
    type: 'counter',
    value: ({ http }) => http.ruleEvaluations,
  },
  {
    name: 'sluice_alb_new_connections_total',
    help: "Clients' connections (CloudWatch NewConnectionCount, which counts those to targets too).",
    type: 'counter',
    value: ({ newFlows }) => newFlows,
  },
  {
    name: 'sluice_alb_active_connections',
    help: "Clients' connections that are open (CloudWatch ActiveConnectionCount, which counts those to targets too).",
    type: 'gauge',
    value: ({ activeFlows }) => activeFlows,
  },
  {
    name: 'sluice_alb_received_bytes_total',
    help: 'Bytes from clients (with those sent: CloudWatch ProcessedBytes).',
    type: 'counter',
    value: ({ bytesIn }) => bytesIn,
  },
  {
    name: 'sluice_alb_sent_bytes_total',
    help: 'Bytes to clients (with those received: CloudWatch ProcessedBytes).',
    type: 'counter',
    value: ({ bytesOut }) => bytesOut,
  },
  {
    name: 'sluice_alb_rejections_total',
    help: 'Connections and requests that were turned away, by reason (connection-limit: CloudWatch RejectedConnectionCount).',
    type: 'counter',
    label: 'reason',
    value: ({ http }) => http.rejections,
  },
  {
    name: 'sluice_alb_client_tls_errors_total',
    help: 'TLS handshakes with clients that failed (CloudWatch ClientTLSNegotiationErrorCount).',
    type: 'counter',
    value: ({ http }) => http.clientTlsErrors,
  },
  {
    name: 'sluice_alb_non_compliant_requests_total',
    help: 'Requests that do not comply with RFC 7230 (CloudWatch DesyncMitigationMode_NonCompliant_Request_Count).',
    type: 'counter',
    value: ({ http }) => http.nonCompliant,
  },
]

/** Of Network Load Balancers' listeners; in brackets the metric of AWS/NetworkELB. */
export const nlbListenerMetrics: readonly Metric<ListenerCounters>[] = [
  {
    name: 'sluice_nlb_new_flows_total',
    help: 'New flows (CloudWatch NewFlowCount).',
    type: 'counter',
    value: ({ newFlows }) => newFlows,
  },
  {
    name: 'sluice_nlb_active_flows',
    help: 'Flows that there are (CloudWatch ActiveFlowCount).',
    type: 'gauge',
    value: ({ activeFlows }) => activeFlows,
  },
  {
    name: 'sluice_nlb_received_bytes_total',
    help: 'Bytes from clients (with those sent: CloudWatch ProcessedBytes).',
    type: 'counter',
    value: ({ bytesIn }) => bytesIn,
  },
  {
    name: 'sluice_nlb_sent_bytes_total',
    help: 'Bytes to clients (with those received: CloudWatch ProcessedBytes).',
    type: 'counter',
    value: ({ bytesOut }) => bytesOut,
  },
  {
    name: 'sluice_nlb_drops_total',
    help: 'Flows and datagrams that were not served, by reason (security-group: CloudWatch SecurityGroupBlockedFlowCount_Inbound_*; client-tls: ClientTLSNegotiationErrorCount; target-tls: TargetTLSNegotiationErrorCount).',
    type: 'counter',
    label: 'reason',
    value: ({ drops }) => drops,
  },
]
