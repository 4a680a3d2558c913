import type { Tag } from './tag.ts'

/** The domain that the names of all load balancers end in. */
export const dnsZone = 'elb.sluice.internal'

/** What the user asked of a load balancer, as the API keeps it. Its state in the data plane is `Applied`'s matter. */
export interface LoadBalancer {
  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/net/NAME/ID` */
  readonly arn: string
  readonly name: string
  readonly type: 'network'
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

export type ListenerProtocol = 'TCP' | 'UDP' | 'TCP_UDP'

/** A listener of a Network Load Balancer: one port, one protocol, one weighted forward action. */
export interface Listener {
  /** `arn:aws:elasticloadbalancing:REGION:ACCOUNT:listener/net/NAME/LBID/ID` */
  readonly arn: string
  readonly loadBalancerArn: string
  readonly port: number
  readonly protocol: ListenerProtocol
  readonly forward: readonly WeightedTargetGroup[]
  readonly attributes: Attributes
  readonly tags: readonly Tag[]
}

/** With the value `true` on a listener: its TCP handshakes are answered with SYN cookies. Every AWS tool can set a tag. */
export const synproxyTag = 'sluice:synproxy'

/** A target group with its share, 0-999, of a forward action. Weight 0 receives nothing and stays in use. */
export interface WeightedTargetGroup {
  readonly targetGroupArn: string
  readonly weight: number
  /**
   * At weight 0: UDP flows that are on it stay until its targets are deregistered. A deployment says so of the side that it moves
   * away from; otherwise they move with their next datagram.
   */
  readonly keepsFlows?: true
}
