import type { Tag } from './tag.ts'

/** AWS: Amazon VPC quotas, security groups per network interface. */
export const securityGroupsPerInterface = 5

/** A security group of a VPC: allow rules only, stateful; a packet passes if any rule of any of the groups admits it. */
export interface SecurityGroup {
  readonly id: string
  readonly name: string
  readonly description: string
  readonly vpcId: string
  readonly rules: readonly SecurityGroupRule[]
  readonly tags: readonly Tag[]
}

/** One rule: a direction, a protocol, a port range, and exactly one peer. */
export interface SecurityGroupRule {
  readonly id: string
  readonly isEgress: boolean
  /** `tcp`, `udp`, `icmp`, `icmpv6`, `-1` for all, or another protocol's number. */
  readonly ipProtocol: string
  /** Ports for TCP and UDP, type and code for ICMP; absent for `-1` and for other protocols. */
  readonly fromPort?: number
  readonly toPort?: number
  readonly peer: SecurityGroupPeer
  readonly description?: string
  readonly tags: readonly Tag[]
}

export type SecurityGroupPeer =
  | { readonly cidrIpv4: string }
  | { readonly cidrIpv6: string }
  | { readonly groupId: string }
