/**
 * What is done with a connection or a request: it is forwarded to one of target groups, or, with `answer`, answered here
 * (AWS: Listener rule action types). A place for authenticate and jwt-validation actions is left beside `answer`.
 */
export interface Action {
  /** In the order given; empty where there is an `answer`. */
  readonly forward: readonly WeightedTargetGroup[]
  /** A client keeps the target group it was given for so many seconds (AWS: TargetGroupStickinessConfig). */
  readonly stickySeconds?: number
  /** What was said in its place with `Enabled` false. Nothing follows from it; it is shown again as it was given. */
  readonly disabledStickySeconds?: number
  /** Its place among actions, of which there is one; shown again where it is not 1. */
  readonly order?: number
  readonly answer?: Redirect | FixedResponse
}

/** A target group with its share, 0-999, of a forward action. Weight 0 receives nothing and stays in use. */
export interface WeightedTargetGroup {
  readonly targetGroupArn: string
  readonly weight: number
  /**
   * At weight 0: UDP flows that are on it stay until its targets are deregistered. A deployment says so of the side that it moves
   * away from; otherwise they move with their next datagram.
   */
  readonly keepsFlows?: true
  /** At weight 0: put there by a deployment, so that its targets are checked. Who set the action up named the other group alone. */
  readonly added?: true
}

/** AWS: RedirectActionConfig, with every member filled in: what was omitted is its keyword, `#{host}`, and the path `/#{path}`. */
export interface Redirect {
  readonly type: 'redirect'
  readonly protocol: string
  readonly host: string
  readonly port: string
  readonly path: string
  /** Without `?`; may be empty. */
  readonly query: string
  readonly statusCode: 301 | 302
}

/** AWS: FixedResponseActionConfig. */
export interface FixedResponse {
  readonly type: 'fixed-response'
  readonly statusCode: number
  /** Absent: none was given. */
  readonly contentType?: string
  readonly body?: string
}
