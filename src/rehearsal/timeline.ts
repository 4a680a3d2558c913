/** What a rehearsal has seen, for drawings and statistics. Plain data: the same seed gives the same text as JSON, to the byte. */
export interface Timeline {
  /** A built-in design's name (`nlb-dummy`), or a live deployment group's or service's. */
  readonly design: string
  /** In words, for a heading: `NLB, dummy listener`. */
  readonly title: string
  /** `instant`, `aws-nlb` and so on. */
  readonly timing: string
  readonly seed: number
  /** Milliseconds of virtual time; 0 is when the deployment was asked for. */
  readonly endsAt: number
  /** Of each kind production's comes first. */
  readonly lanes: readonly Lane[]
  /** What was asked for and what happened, in order. */
  readonly events: readonly TimelineEvent[]
  /** When a client of a listener got no answer, in order. */
  readonly outages: readonly Outage[]
  readonly moments: Moments
}

/** What is looked for, milliseconds; absent: it did not come to that. */
export interface Moments {
  /** Production's listener was pointed to green, with all of its traffic. */
  readonly moved?: number
  /** Its client got the new version, and that alone, from then on. */
  readonly answered?: number
  /** The rollback was asked for. */
  readonly rollback?: number
  /** Production's client got the original again. */
  readonly restored?: number
}

export interface Lane {
  /** `listener`: where it is told to forward. `targets`: what DescribeTargetHealth says of a group's. `client`: what one that never stops asking gets. */
  readonly kind: 'listener' | 'targets' | 'client'
  /** `production :80`, `blue`, `client of :80`. */
  readonly label: string
  /** Without gaps and overlaps, from 0 to `endsAt`. */
  readonly spans: readonly Span[]
}

export interface Span {
  /** Milliseconds. */
  readonly from: number
  readonly to: number
  readonly state: SpanState
  /** A second word where there is one: a reason (`Elb.RegistrationInProgress`), a share (`10 % green`). */
  readonly detail?: string
}

/**
 * Of listeners and clients: `blue`, `green`, `both` (weights), `nothing`, `elsewhere`. Of targets: AWS's states, `absent` for a group
 * without targets.
 */
export type SpanState =
  | 'blue'
  | 'green'
  | 'both'
  | 'nothing'
  | 'elsewhere'
  | 'absent'
  | 'initial'
  | 'healthy'
  | 'unhealthy'
  | 'unhealthy.draining'
  | 'unused'
  | 'draining'

export interface TimelineEvent {
  readonly at: number
  /** `listeners move`, `rollback`, `AllowTraffic Succeeded`. */
  readonly text: string
}

export interface Outage {
  readonly from: number
  readonly to: number
  /** The client lane's label. */
  readonly client: string
  /** The phase it fell into. */
  readonly during: 'deployment' | 'rollback'
}
