import type { Health } from '../domain/health.ts'
import type { Change, TableName, Tables } from '../domain/state.ts'
import type { ListenerCounters, Problem, TargetCounters } from '../engine/engine.ts'

/** Desired state, control process to node: everything once, then what changed. */
export type Desired =
  | {
      readonly kind: 'state'
      readonly revision: number
      readonly tables: { readonly [K in TableName]: readonly [string, Tables[K]][] }
    }
  | { readonly kind: 'changes'; readonly revision: number; readonly changes: readonly Change[] }

/** What the node knows, node to control process. Each part replaces what was said of it before. */
export type Report =
  /** All health at once after connecting, then only the entries that changed; `null` where a target is gone. */
  | { readonly kind: 'health'; readonly whole: boolean; readonly health: readonly (readonly [string, Health | null])[] }
  /** What is in place: the desired state's revision that the engine has acknowledged, and what is not in place. */
  | {
      readonly kind: 'applied'
      readonly revision: number
      readonly problems: readonly Problem[]
      readonly held: readonly HeldSwitch[]
    }
  | {
      readonly kind: 'counters'
      readonly listeners: readonly ListenerCounters[]
      readonly targets: readonly TargetCounters[]
    }

export type AppliedReport = Extract<Report, { readonly kind: 'applied' }>
export type CountersReport = Extract<Report, { readonly kind: 'counters' }>

/** A switch of target groups that waits for the new side's first healthy target. */
export interface HeldSwitch {
  readonly listenerArn: string
  readonly until: number
}
