import type { Health } from '../domain/health.ts'
import type { LoadBalancer } from '../domain/load-balancer.ts'
import { dimensionOf } from '../domain/metric.ts'
import { referencesTo } from '../domain/references.ts'
import { registrationsAt } from '../domain/registrations.ts'
import type { State } from '../domain/state.ts'
import { targetKey } from '../domain/target-group.ts'
import { targetHealth } from '../domain/target-health.ts'
import type { FlowTable, GuardCounters, ListenerCounters, TargetCounters } from '../engine/engine.ts'
import { exposition, type Family, type Labels } from './exposition.ts'
import { albGroupMetrics, nlbGroupMetrics } from './group-metrics.ts'
import { albListenerMetrics, nlbListenerMetrics } from './listener-metrics.ts'
import { familyOf } from './metric.ts'

/** What the page is made of, beside desired state. */
export interface Known {
  readonly version: string
  /** Whether the node is there; if not, the rest is what it said last. */
  readonly nodeConnected: boolean
  /** The desired revision that is in place, and how much is not in place. */
  readonly applied: { readonly revision: number; readonly problems: number } | undefined
  /** By the listener's ARN, and by the target group's: see `Totals`. */
  readonly listeners: ReadonlyMap<string, ListenerCounters>
  readonly groups: ReadonlyMap<string, TargetCounters>
  readonly guards: readonly GuardCounters[]
  readonly flowTable: FlowTable | undefined
  /** By `targetKey`. */
  health(key: string): Health | undefined
}

/** All that Prometheus is told, as text. */
export function metricsPage(state: State, known: Known, now: number): string {
  return exposition([
    ...ownFamilies(state, known),
    ...listenerFamilies(state, known),
    ...groupFamilies(state, known, now),
  ])
}

function ownFamilies({ revision }: State, { version, nodeConnected, applied, guards, flowTable }: Known): Family[] {
  const gauge = (name: string, help: string, value: number | undefined, labels: Labels = {}): Family => {
    return { name, help, type: 'gauge', samples: value === undefined ? [] : [{ labels, value }] }
  }
  const counter = (name: string, help: string, value: number | undefined): Family => {
    return { ...gauge(name, help, value), type: 'counter' } as Family
  }
  return [
    gauge('sluice_build_info', "Sluice's version.", 1, { version }),
    gauge(
      'sluice_node_up',
      'Whether the node process is there: if not, counters and health are what it said last.',
      Number(nodeConnected),
    ),
    gauge('sluice_desired_revision', 'Changes to desired state so far.', revision),
    gauge('sluice_applied_revision', 'The desired revision that is in place.', applied?.revision),
    gauge('sluice_problems', 'Listeners and targets that are not in place; sluice doctor says why.', applied?.problems),
    {
      name: 'sluice_security_group_dropped_packets_total',
      help: 'Packets of new flows to an instance that its security groups did not admit.',
      type: 'counter',
      samples: guards.map(({ id, address, dropped }) => ({ labels: { instance_id: id, address }, value: dropped })),
    },
    gauge('sluice_flow_table_flows', "Flows in the kernel's table, of the whole host.", flowTable?.flows),
    gauge(
      'sluice_flow_table_limit',
      'Most flows that the table takes (net.netfilter.nf_conntrack_max).',
      flowTable?.limit,
    ),
    counter(
      'sluice_flow_table_refused_packets_total',
      'Packets of new flows that found no room in the table.',
      flowTable?.refused,
    ),
    counter(
      'sluice_flow_table_given_up_flows_total',
      'Flows that were given up to make room in the table.',
      flowTable?.givenUp,
    ),
    counter(
      'sluice_flow_table_portless_packets_total',
      'Packets of new flows that found no free source port (CloudWatch PortAllocationErrorCount).',
      flowTable?.portless,
    ),
  ]
}

function listenerFamilies(state: State, { listeners }: Known): Family[] {
  const all = [...listeners].flatMap(([arn, of]) => {
    const listener = state.listeners.get(arn)
    if (listener === undefined) return []
    const { protocol, port, loadBalancerArn } = listener
    return [{ labels: { load_balancer: dimensionOf(loadBalancerArn), listener: `${protocol}:${port}` }, of }]
  })
  return [
    ...albListenerMetrics.map(metric => familyOf(metric, all.filter(withHttp))),
    ...nlbListenerMetrics.map(metric =>
      familyOf(
        metric,
        all.filter(({ of }) => of.http === undefined),
      ),
    ),
  ]
}

function groupFamilies(state: State, { groups, health }: Known, now: number): Family[] {
  const labelsOf = (arn: string, { arn: loadBalancer }: LoadBalancer): Labels => {
    return { load_balancer: dimensionOf(loadBalancer), target_group: dimensionOf(arn) }
  }
  const used = [...state.targetGroups.values()].flatMap(group => {
    const user = referencesTo(state, group.arn)[0]?.loadBalancer
    return user === undefined ? [] : [{ group, labels: labelsOf(group.arn, user) }]
  })
  const counted = used.flatMap(({ group, labels }) => {
    const of = groups.get(group.arn)
    return of === undefined ? [] : [{ labels, of }]
  })
  return [
    {
      name: 'sluice_targets',
      help: 'Registered targets by state, as DescribeTargetHealth has it (CloudWatch HealthyHostCount, UnHealthyHostCount).',
      type: 'gauge',
      samples: used.flatMap(({ group, labels }) => {
        const counts: Record<string, number> = { healthy: 0, unhealthy: 0, initial: 0, draining: 0, unused: 0 }
        for (const target of registrationsAt(group, now)) {
          const { State } = targetHealth(state, group, target, health(targetKey(group.arn, target)), now)
          counts[State] = (counts[State] ?? 0) + 1
        }
        return Object.entries(counts).map(([state, value]) => ({ labels: { ...labels, state }, value }))
      }),
    },
    ...albGroupMetrics.map(metric => familyOf(metric, counted.filter(withHttp))),
    ...nlbGroupMetrics.map(metric =>
      familyOf(
        metric,
        counted.filter(({ of }) => of.http === undefined),
      ),
    ),
  ]
}

type Counted<C> = { readonly labels: Labels; readonly of: C }

function withHttp<C extends { readonly http?: object }>(
  one: Counted<C>,
): one is Counted<C & { readonly http: NonNullable<C['http']> }> {
  return one.of.http !== undefined
}
