import type { Tag } from './tag.ts'

/** A VPC: a name for an address range. Which packets are possible is the host's matter, not the VPC's. */
export interface Vpc {
  readonly id: string
  readonly cidrBlock: string
  readonly ipv6CidrBlock?: string
  readonly isDefault: boolean
  readonly tags: readonly Tag[]
}

/** A subnet of one Availability Zone. Load balancers take their addresses from it (`addresses.ts`). */
export interface Subnet {
  readonly id: string
  readonly vpcId: string
  readonly zoneName: string
  readonly cidrBlock: string
  readonly ipv6CidrBlock?: string
  /** True for the subnets that come with the default VPC. */
  readonly defaultForAz: boolean
  /**
   * The one address that all load balancers of this subnet share, port by port; only the default subnets have one
   * (127.0.0.1 and 127.0.0.2), so that a first try needs no privilege and no route.
   */
  readonly sharedAddress?: string
  readonly sharedIpv6Address?: string
  readonly tags: readonly Tag[]
}

/** An EC2 instance: here a name for a host that exists already, so that target groups of type `instance` work. */
export interface Instance {
  readonly id: string
  readonly imageId: string
  readonly instanceType: string
  readonly state: 'running' | 'stopped' | 'terminated'
  readonly subnetId: string
  readonly vpcId: string
  readonly privateIpAddress: string
  readonly ipv6Address?: string
  readonly securityGroups: readonly string[]
  /** Milliseconds since the epoch. */
  readonly launchTime: number
  /** Names the RunInstances call that launched it, beside others perhaps; `r-` and 17 hex digits. */
  readonly reservationId: string
  /** What RunInstances was given, so that the same call again launches nothing. */
  readonly clientToken?: string
  /** When it was last stopped or terminated: an hour later a terminated one is forgotten. */
  readonly stoppedAt?: number
  readonly tags: readonly Tag[]
}
