import { isIpv6 } from './cidr.ts'
import { policyOf } from './group-policy.ts'
import { zoneAddresses } from './load-balancer.ts'
import { referencesTo } from './references.ts'
import { registrationsAt } from './registrations.ts'
import { groupIdsOf, type Snapshot, type SnapshotGuard, type SnapshotListener } from './snapshot.ts'
import type { State } from './state.ts'
import type { TargetGroup } from './target-group.ts'
import { targetAddress } from './target-health.ts'

/** How the host that balances reaches an address. */
export type Facing =
  /** It is an address of that very host. */
  | { readonly kind: 'own' }
  /** On a link of its own: from `address` on `device`, whose frames carry `mac` where the link is an Ethernet. */
  | { readonly kind: 'link'; readonly address: string; readonly device: string; readonly mac?: string }
  | { readonly kind: 'router'; readonly address: string; readonly device: string; readonly router: string }
  /** It could not be found out. */
  | { readonly kind: 'unknown'; readonly reason: string }

/** The hosts that a group's targets run on, and all that their own network set-up has to know of the load balancer. */
export interface TargetHosts {
  /** The target group's name. */
  readonly name: string
  readonly revision: number
  /** Targets see the client's address, as far as the engine that serves the listener can keep it. */
  readonly preservesClient: boolean
  /** Where health checks, and connections without the client's address, may come from, beside `Facing.address`. */
  readonly balancerAddresses: readonly string[]
  /** `SnapshotListener.id` of those that forward to the group. */
  readonly through: readonly string[]
  /** Those, and all that the hosts' guards name; no certificate's key among it. */
  readonly listeners: readonly Omit<SnapshotListener, 'tls' | 'http'>[]
  /** One per address. */
  readonly hosts: readonly TargetHost[]
}

export interface TargetHost {
  readonly address: string
  /** The instance's id, or the address once more. */
  readonly id: string
  readonly services: readonly TargetService[]
  /** TCP ports that are checked. */
  readonly checkPorts: readonly number[]
  /** Its own security groups, for an instance. */
  readonly guard?: SnapshotGuard
  readonly facing: Facing
}

export interface TargetService {
  readonly protocol: 'TCP' | 'UDP'
  readonly port: number
}

/** The addresses of all that is registered with a group at `now`, draining ones included. */
export function targetHostAddresses(state: State, group: TargetGroup, now: number): readonly string[] {
  const addresses = registrationsAt(group, now).map(target => targetAddress(state, group, target))
  return [...new Set(addresses.filter(address => address !== undefined))]
}

/** Describes the hosts of a group's targets; `facing` answers for each of `targetHostAddresses`. */
export function targetHosts(
  state: State,
  group: TargetGroup,
  snapshot: Snapshot,
  facing: (address: string) => Facing,
  now: number,
): TargetHosts {
  const { name, arn, protocol, healthCheck } = group
  const protocols = protocol === 'TCP_UDP' ? (['TCP', 'UDP'] as const) : ([protocol === 'UDP' ? 'UDP' : 'TCP'] as const)
  const hosts = targetHostAddresses(state, group, now).map((address): TargetHost => {
    const targets = registrationsAt(group, now).filter(target => targetAddress(state, group, target) === address)
    const ports = [...new Set(targets.map(({ port }) => port))]
    const guard = snapshot.guards.find(guard => guard.address === address)
    return {
      address,
      id: targets[0]?.id ?? address,
      services: ports.flatMap(port => protocols.map(protocol => ({ protocol, port }))),
      checkPorts: healthCheck.port === 'traffic-port' ? ports : [Number(healthCheck.port)],
      ...(group.targetType === 'instance' && guard && { guard }),
      facing: facing(address),
    }
  })
  const through = snapshot.listeners.filter(listener => groupIdsOf(listener).some(id => id.startsWith(`${arn} `)))
  const named = new Set([
    ...through.map(({ id }) => id),
    ...hosts.flatMap(({ guard }) => guard?.rules.flatMap(rule => rule.through) ?? []),
  ])
  const zones = referencesTo(state, arn).flatMap(({ loadBalancer }) => loadBalancer.zones)
  return {
    name,
    revision: snapshot.revision,
    preservesClient: policyOf(group).preserveClientIp,
    balancerAddresses: [...new Set(zones.flatMap(zoneAddresses))],
    through: through.map(({ id }) => id),
    listeners: snapshot.listeners.filter(({ id }) => named.has(id)).map(({ tls, http, ...listener }) => listener),
    hosts,
  }
}

/** `UDP 10.9.0.2:8080` */
export function describeService({ protocol, port }: TargetService, address: string): string {
  return `${protocol} ${isIpv6(address) ? `[${address}]` : address}:${port}`
}
