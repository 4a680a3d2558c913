import type { SnapshotHttp, SnapshotHttpGroup } from './snapshot-http.ts'

/**
 * What an engine is told: everything to serve, decided, and nothing about why. Immutable and cloneable; a listener or a
 * group that did not change since the last snapshot is the same object, so that no table is built and no worker told twice.
 */
export interface Snapshot {
  /** The desired state's revision that this was built from. */
  readonly revision: number
  readonly listeners: readonly SnapshotListener[]
  readonly groups: readonly SnapshotGroup[]
  readonly guards: readonly SnapshotGuard[]
}

/** One protocol on one address and port. A TCP_UDP listener is two of these; so is a dualstack one, times two. */
export interface SnapshotListener {
  /** `PROTOCOL ADDRESS PORT`: unique in a snapshot, and what a problem names. */
  readonly id: string
  readonly listenerArn: string
  /** The transport's: what speaks TLS or HTTP over it has `tls`, `http` or both. */
  readonly protocol: 'TCP' | 'UDP'
  readonly address: string
  readonly port: number
  /** Who may open a flow: the load balancer's security groups, flattened; `undefined` admits everyone. */
  readonly admit: readonly Admission[] | undefined
  /** Where flows go; empty with `http`, whose rules say it for each request. */
  readonly route: readonly RoutedGroup[]
  /** TLS is ended here. */
  readonly tls?: SnapshotTls
  readonly http?: SnapshotHttp
  /** TCP: the listener's attribute (350 s by default); UDP: 120 s (AWS: NLB timers). */
  readonly idleTimeoutMs: number
  /** TCP: handshakes are answered with SYN cookies, and a target hears of a client only once that one is real. */
  readonly synproxy: boolean
}

/** How TLS is spoken with clients. */
export interface SnapshotTls {
  /** The default one first. */
  readonly certificates: readonly SnapshotCertificate[]
  /** `ELBSecurityPolicy-2016-08`: its protocols and ciphers are in `security-policy.ts`. */
  readonly sslPolicy: string
  readonly alpnPolicy?: string
  /** `LoadBalancer.secret`; tickets' keys are made from it. */
  readonly secret?: string
}

/** As `Certificate` has it; the same object in every listener. */
export interface SnapshotCertificate {
  readonly arn: string
  /** Lower-case, `*.example.com` included. */
  readonly names: readonly string[]
  readonly keyAlgorithm: string
  /** Milliseconds since the epoch. */
  readonly notBefore: number
  readonly notAfter: number
  /** PEM: the certificate followed by its chain. */
  readonly certificates: string
  readonly privateKey: string
}

/** A target group of a listener. */
export interface RoutedGroup {
  /** `SnapshotGroup.id` */
  readonly group: string
  /** Its share of new flows; 0: none. */
  readonly weight: number
  /** At weight 0 its UDP flows stay, as for a moment after a deployment's switch. */
  readonly keepsFlows?: true
}

/** `SnapshotGroup.id` of all that a listener's traffic may go to, each once. */
export function groupIdsOf({ route, http }: SnapshotListener): readonly string[] {
  const ids = new Set(route.map(({ group }) => group))
  for (const { action } of http?.rules ?? []) for (const { group } of action.forward) ids.add(group)
  return [...ids]
}

/** Whether UDP flows that are on the group may stay there. TCP connections do in any case. */
export function holdsFlows({ weight, keepsFlows }: RoutedGroup): boolean {
  return weight > 0 || keepsFlows === true
}

/** Source range that may reach this listener's port: rules of other protocols and ports are already left out. */
export interface Admission {
  /** `10.0.0.0/8`, `::/0` */
  readonly cidr: string
}

/** What the ids of all views of a target group for one protocol have in common. */
export function viewedGroup(id: SnapshotGroup['id']): string {
  const end = id.lastIndexOf(' ')
  return end < 0 ? id : id.slice(0, end)
}

/** A target group as one listener of one zone sees it. */
export interface SnapshotGroup {
  /** `TARGETGROUP-ARN PROTOCOL ZONE`, ZONE being `*` where targets of all zones serve (cross-zone). */
  readonly id: string
  readonly targets: readonly SnapshotTarget[]
  /** True: a client address keeps its target (`stickiness.type=source_ip`). */
  readonly sticky: boolean
  /** Proxy protocol version 2 in front of each TCP connection's data. */
  readonly proxyProtocol: boolean
  /** What the group wishes; only an engine that forwards packets can fulfil it. */
  readonly preserveClientIp: boolean
  /** TLS is spoken with the targets, whose certificates are not looked at (AWS: target groups of protocol TLS or HTTPS). */
  readonly tls?: true
  /** Of HTTP and HTTPS groups. */
  readonly http?: SnapshotHttpGroup
  /** Its targets are listeners of the same snapshot, of Application Load Balancers (AWS: target type alb). */
  readonly ofLoadBalancers?: true
}

export interface SnapshotTarget {
  /** `targetKey`: the registration that this is. */
  readonly key: string
  readonly address: string
  readonly port: number
  /**
   * `serve`: new flows and established ones. `drain`: established ones go on, no new ones. `cut`: none; what is
   * established ends now (TCP: reset; UDP: the next datagram goes elsewhere).
   */
  readonly mode: 'serve' | 'drain' | 'cut'
  /** Slow start: from then on, milliseconds since the epoch, its share grows to a full one. Absent: it has a full one. */
  readonly rampFrom?: number
}

/**
 * An instance's or task's address whose own security groups are enforced where its packets pass this host. Only an engine
 * that forwards packets can; the others leave guards alone.
 */
export interface SnapshotGuard {
  /** The instance's id; one with an IPv6 address has two guards. */
  readonly id: string
  readonly address: string
  /** New flows that its security groups admit; all others are dropped. Empty admits none. */
  readonly rules: readonly GuardRule[]
}

export interface GuardRule {
  /** `ICMP` is ICMPv6 for an IPv6 address. `ALL`: every protocol, whatever the ports. */
  readonly protocol: 'TCP' | 'UDP' | 'ICMP' | 'ALL'
  /** TCP and UDP: ports at the guarded address. ICMP: `fromPort` is the type, `toPort` the code, -1 all of them. */
  readonly fromPort: number
  readonly toPort: number
  /** Disjoint, and of the guarded address's family. */
  readonly cidrs: readonly string[]
  /**
   * Listeners (`SnapshotListener.id`) of load balancers in a security group that the rule names: what came through them is
   * admitted whoever the client is.
   */
  readonly through: readonly string[]
  /** Such a load balancer exists, if only without listeners: this host's own health checks are admitted. */
  readonly fromBalancer?: true
}

const byIds = new WeakMap<Snapshot['groups'], ReadonlyMap<string, SnapshotGroup>>()

/** By `SnapshotGroup.id`; of the same list the same map. */
export function groupsById(groups: Snapshot['groups']): ReadonlyMap<string, SnapshotGroup> {
  return byIds.getOrInsertComputed(groups, () => new Map(groups.map(group => [group.id, group])))
}

/** The snapshot before anything was asked for. */
export const emptySnapshot: Snapshot = { revision: 0, listeners: [], groups: [], guards: [] }
