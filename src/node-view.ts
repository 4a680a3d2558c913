import { snapshotBuilder } from './domain/build-snapshot.ts'
import type { Health } from './domain/health.ts'
import type { Snapshot } from './domain/snapshot.ts'
import { applyChanges, type Change, type State } from './domain/state.ts'
import { targetKey } from './domain/target-group.ts'
import type { ControlEnd } from './feed/control-end.ts'

/** What the node serves now, as far as the control process knows. */
export interface NodeView {
  /** What was asked for, but for switches of target groups that the node has not made yet. */
  readonly state: State
  /** What the node makes of it, by the same function. */
  readonly snapshot: Snapshot
}

/** Makes a viewer of the node; it remembers its last view, so that the next one costs little. */
export function nodeViewer(feed: Pick<ControlEnd, 'applied' | 'health'>): (desired: State, now: number) => NodeView {
  const build = snapshotBuilder()
  return (desired, now) => {
    const { held = [], delayed = [] } = feed.applied() ?? {}
    const changes = [...held, ...delayed].flatMap(({ listenerArn, ruleArn, forward }): readonly Change[] => {
      const [table, key] = ruleArn === undefined ? (['listeners', listenerArn] as const) : (['rules', ruleArn] as const)
      const record = desired[table].get(key)
      return record ? [{ table, key, value: { ...record, forward } } as Change] : []
    })
    const state = changes.length === 0 ? desired : applyChanges(desired, desired.revision, changes)
    return { state, snapshot: build(state, reported(state, feed), now).snapshot }
  }
}

/** The node's last word on every target. */
function reported(state: State, feed: Pick<ControlEnd, 'health'>): ReadonlyMap<string, Health> {
  const known = new Map<string, Health>()
  for (const { arn, targets } of state.targetGroups.values()) {
    for (const target of targets) {
      const key = targetKey(arn, target)
      const health = feed.health(key)
      if (health !== undefined) known.set(key, health)
    }
  }
  return known
}
