import type { Action } from './action.ts'
import type { RuleCondition } from './rule.ts'
import type { RoutedGroup } from './snapshot.ts'

/** What an HTTP or HTTPS listener does, beside where it listens (AWS: load balancer and listener attributes). */
export interface SnapshotHttp {
  /** `app/NAME/ID` */
  readonly loadBalancer: string
  /** By priority, the default one last. */
  readonly rules: readonly SnapshotRule[]
  readonly settings: HttpSettings
}

/** One rule. What did not change since the last snapshot is the same object. */
export interface SnapshotRule {
  /** 0: the default one. */
  readonly priority: number
  /** Empty: every request. */
  readonly conditions: readonly RuleCondition[]
  readonly action: RuleAction
}

/** As `Action`, with groups as this listener's zone sees them. */
export interface RuleAction extends Omit<Action, 'forward'> {
  readonly forward: readonly RoutedGroup[]
}

export interface HttpSettings {
  /** The load balancer's, for cookies' keys; `LoadBalancer.secret`. */
  readonly secret: string
  readonly desyncMode: 'monitor' | 'defensive' | 'strictest'
  readonly dropInvalidHeaderFields: boolean
  readonly preserveHost: boolean
  /** Adds the headers with the TLS version and cipher, named as `headerNames` says. */
  readonly tlsHeaders: boolean
  readonly tlsVersionHeader: string
  readonly tlsCipherHeader: string
  readonly xff: 'append' | 'preserve' | 'remove'
  readonly xffClientPort: boolean
  /** Milliseconds. */
  readonly idleTimeoutMs: number
  /** Longest life of a client's connection, milliseconds. */
  readonly clientKeepAliveMs: number
  /** False: the `Server` field of answers is left out. */
  readonly serverHeader: boolean
  /** Name and value of fields that every answer gets (AWS: routing.http.response.*). */
  readonly responseFields: readonly (readonly [string, string])[]
  /** Absent: none are written. */
  readonly accessLog?: LogPlace
  readonly connectionLog?: LogPlace
}

/** Where logs go: a folder of this name in the data directory's `buckets`. */
export interface LogPlace {
  readonly bucket: string
  readonly prefix: string
  readonly account: string
  readonly region: string
  /** `app.NAME.ID` */
  readonly loadBalancer: string
}

/** What an HTTP or HTTPS target group adds (AWS: Target group attributes). */
export interface SnapshotHttpGroup {
  readonly targetGroupArn: string
  /** HTTP2 and GRPC are answered 464. */
  readonly protocolVersion: 'HTTP1' | 'HTTP2' | 'GRPC'
  readonly algorithm: 'round_robin' | 'least_outstanding_requests' | 'weighted_random'
  readonly anomalyMitigation: boolean
  /** Milliseconds; 0: none. */
  readonly slowStartMs: number
  readonly stickiness?: Stickiness
}

/** Seconds that a client keeps its target; an application's cookie has a name. */
export interface Stickiness {
  readonly cookieName?: string
  readonly durationSeconds: number
}
