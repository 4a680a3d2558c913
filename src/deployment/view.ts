import type { HookEvent } from '../domain/code-deploy.ts'
import type { Health } from '../domain/health.ts'
import type { HookStage } from '../domain/service-deployment.ts'
import type { Change, State } from '../domain/state.ts'
import type { Timing } from '../domain/timing.ts'

/** All that a deployment's next step is decided from, but for the deployment itself. */
export interface View {
  readonly state: State
  /** Milliseconds since the epoch. */
  readonly now: number
  /** What the node said last stays when it goes away; then nothing counts as acknowledged. */
  readonly nodeConnected: boolean
  /** `undefined`: it has not said it since it came. */
  readonly applied: Applied | undefined
  /** By `targetKey`. */
  health(key: string): Health | undefined
  /** Whose delays the load balancers have. */
  readonly timing: Timing
  /** `length` random lower-case hex digits. */
  hex(length: number): string
  uuid(): string
}

/** What the node has in place: up to which revision, and what of it is not as it was asked for. */
export interface Applied {
  readonly revision: number
  /** One with a `target` is about what goes there; the listener itself is in place. */
  readonly problems: readonly { readonly listenerArn: string; readonly target?: string; readonly reason: string }[]
  /** Listeners whose switch waits for a healthy target. */
  readonly held: readonly { readonly listenerArn: string }[]
}

/** What is to be done now. */
export interface Move {
  /** One transaction; empty where it waits. The deployment itself is among them. */
  readonly changes: readonly Change[]
  /** Each is to be under way as long as every move names it. */
  readonly hooks?: readonly HookCall[]
  /** When time alone brings it further, milliseconds since the epoch; absent: it never does. */
  readonly wakeAt?: number
}

export interface HookCall {
  /** Function name or ARN, as the AppSpec or the service has it. */
  readonly name: string
  readonly event: HookEvent | HookStage
  /** Of ECS's own deployments the ARN. */
  readonly deploymentId: string
  readonly executionId: string
  /** Of ECS's own deployments: what the function is given, which answers by their protocol. */
  readonly payload?: Readonly<Record<string, unknown>>
}

/** Nothing to do, until one of these times at the latest. */
export function wait(...times: readonly (number | undefined)[]): Move {
  const wakeAt = Math.min(...times.filter(time => time !== undefined))
  return { changes: [], ...(wakeAt < Infinity && { wakeAt }) }
}
