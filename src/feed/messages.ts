import type { WeightedTargetGroup } from '../domain/action.ts'
import type { Health, LinkingReason } from '../domain/health.ts'
import type { Change, Tables } from '../domain/state.ts'
import type { Fallback, FlowTable, GuardCounters, ListenerCounters, Problem, TargetCounters } from '../engine/engine.ts'

/** What snapshots and probes are made from. All other tables are the control process's own business. */
export const nodeTables = [
  'subnets',
  'securityGroups',
  'instances',
  'loadBalancers',
  'listeners',
  'rules',
  'targetGroups',
  'certificates',
] as const

export type NodeTable = (typeof nodeTables)[number]

/** Desired state, control process to node: everything of `nodeTables` once, then what changed. */
export type Desired =
  | {
      readonly kind: 'state'
      readonly revision: number
      readonly tables: { readonly [K in NodeTable]: readonly [string, Tables[K]][] }
    }
  | { readonly kind: 'changes'; readonly revision: number; readonly changes: readonly Change[] }

/** Control process to node: what is desired, or a question for `counters`, which cost too much to be sent unasked. */
export type Instruction = Desired | { readonly kind: 'count' }

/** What the node knows, node to control process. Each part replaces what was said of it before. */
export type Report =
  /**
   * All health at once after connecting, then only the entries that changed; `null` where a target is gone. Of results the last
   * one, and before it the last one that failed.
   */
  | { readonly kind: 'health'; readonly whole: boolean; readonly health: readonly (readonly [string, Health | null])[] }
  /**
   * What is in place: the desired state's revision that the engine has acknowledged, and what is not in place. A list that is
   * absent is as it was said last.
   */
  | ({ readonly kind: 'applied'; readonly revision: number } & Partial<NotAsAsked>)
  | {
      readonly kind: 'counters'
      readonly listeners: readonly ListenerCounters[]
      readonly targets: readonly TargetCounters[]
      /** Absent where nothing is guarded. */
      readonly guards?: readonly GuardCounters[]
      /** Absent where the kernel serves nothing. */
      readonly flowTable?: FlowTable
    }

interface NotAsAsked {
  readonly problems: readonly Problem[]
  readonly fallbacks: readonly Fallback[]
  readonly held: readonly HeldSwitch[]
  /** Under AWS's timing: what takes effect later as it would at AWS. It counts as in place; an API's success says no more either. */
  readonly delayed: readonly HeldSwitch[]
  /** Under AWS's timing: target groups that their load balancer does not serve yet. */
  readonly links: readonly GroupLink[]
}

export interface GroupLink {
  readonly targetGroupArn: string
  readonly reason: LinkingReason
}

/** With every list. */
export type AppliedReport = { readonly kind: 'applied'; readonly revision: number } & NotAsAsked
export type CountersReport = Extract<Report, { readonly kind: 'counters' }>

/** A switch of target groups that was not made yet: it waits for the new side's first healthy target, or for AWS's time. */
export interface HeldSwitch {
  readonly listenerArn: string
  /** A rule of the listener; absent: its own action. */
  readonly ruleArn?: string
  /** When it is made at the latest, milliseconds since the epoch. */
  readonly until: number
  /** Where its flows or requests go meanwhile. */
  readonly forward: readonly WeightedTargetGroup[]
}
