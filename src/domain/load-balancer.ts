import type { Action } from './action.ts'
import type { Tag } from './tag.ts'

/** The domain that the names of all load balancers end in. */
export const dnsZone = 'elb.sluice.internal'

/** What the user asked of a load balancer, as the API keeps it. Its state in the data plane is `Applied`'s matter. */
export interface LoadBalancer {
  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/net/NAME/ID`, `app` for one of type application */
  readonly arn: string
  readonly name: string
  readonly type: 'network' | 'application'
  readonly scheme: 'internet-facing' | 'internal'
  readonly vpcId: string
  readonly ipAddressType: 'ipv4' | 'dualstack'
  readonly dnsName: string
  /** Milliseconds since the epoch. */
  readonly createdTime: number
  /** One per enabled Availability Zone. */
  readonly zones: readonly LoadBalancerZone[]
  /** Empty for a load balancer that was created without one, which can never be given one (AWS: SetSecurityGroups). */
  readonly securityGroups: readonly string[]
  readonly enforceInboundRulesOnPrivateLink: 'on' | 'off'
  /** Only what was set; `attributes.ts` knows the defaults. */
  readonly attributes: Attributes
  readonly tags: readonly Tag[]
  /**
   * 64 random hex digits, from which cookies' and TLS tickets' keys are made, the same for all processes and after every
   * restart. Absent in what version 0.1 wrote.
   */
  readonly secret?: string
}

/** A load balancer's node in one zone, with the addresses that it listens on. */
export interface LoadBalancerZone {
  readonly zoneName: string
  readonly subnetId: string
  readonly ipv4Address: string
  /** Present where the load balancer is dualstack, absent where it is not. */
  readonly ipv6Address?: string
  /** True where `SubnetMappings.PrivateIPv4Address` chose the address. */
  readonly chosen?: boolean
}

/** What the zone's node listens on, IPv4 first. */
export function zoneAddresses({ ipv4Address, ipv6Address }: LoadBalancerZone): readonly string[] {
  return ipv6Address === undefined ? [ipv4Address] : [ipv4Address, ipv6Address]
}

/** Attribute values travel as strings, as in AWS's API. */
export type Attributes = Readonly<Record<string, string>>

export type ListenerProtocol = 'TCP' | 'UDP' | 'TCP_UDP' | 'TLS' | 'HTTP' | 'HTTPS'

/** What a listener's or a target group's protocol is carried by. */
export function transportsOf(protocol: ListenerProtocol): readonly ('TCP' | 'UDP')[] {
  return protocol === 'TCP_UDP' ? both : protocol === 'UDP' ? udp : tcp
}

const both = ['TCP', 'UDP'] as const
const udp = ['UDP'] as const
const tcp = ['TCP'] as const

/** Whether a listener or a target group is one of Application Load Balancers. */
export function speaksHttp({ protocol }: { readonly protocol: string }): boolean {
  return protocol === 'HTTP' || protocol === 'HTTPS'
}

/** A listener: one port, one protocol, and what is done with what no rule takes. Rules are records of their own. */
export interface Listener extends Action {
  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener/net/NAME/LBID/ID`, `app` of an Application Load Balancer */
  readonly arn: string
  readonly loadBalancerArn: string
  readonly port: number
  readonly protocol: ListenerProtocol
  readonly attributes: Attributes
  readonly tags: readonly Tag[]
  /** TLS and HTTPS. */
  readonly tls?: ListenerTls
}

/** How a TLS or HTTPS listener speaks TLS. */
export interface ListenerTls {
  /** ARN of the certificate for clients that name no host, or none that another one fits. */
  readonly defaultCertificate: string
  /** ARNs of the listener's certificate list (AddListenerCertificates), the default one only where it was added as well. */
  readonly certificates: readonly string[]
  /** `ELBSecurityPolicy-2016-08` */
  readonly sslPolicy: string
  /** TLS only: `HTTP1Only`, `HTTP2Only`, `HTTP2Optional`, `HTTP2Preferred`; absent: None. */
  readonly alpnPolicy?: string
}

/** With the value `true` on a listener: its TCP handshakes are answered with SYN cookies. Every AWS tool can set a tag. */
export const synproxyTag = 'sluice:synproxy'
