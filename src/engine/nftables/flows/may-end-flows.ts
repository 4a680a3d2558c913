import {
  groupsById,
  holdsFlows,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
} from '../../../domain/snapshot.ts'

/**
 * Whether the step from one snapshot to the next may end flows that are established, or forget some that are only opening.
 * Looking at every flow is for then only, and costs 300 ms where there are a hundred thousand; for so long the next change waits.
 * `now`: a listener or a target went, or a target was cut. `soon`: a UDP route lost a group, whose targets are as good as they were,
 * or a target drains, which ends nothing but SYNs that nobody answers.
 */
export function mayEndFlows(before: Snapshot, after: Snapshot): 'now' | 'soon' | undefined {
  let isRouteLess = false
  if (before.listeners !== after.listeners) {
    const listeners = new Map(after.listeners.map(listener => [listener.id, listener]))
    for (const was of before.listeners) {
      const is = listeners.get(was.id)
      if (is === undefined) return 'now'
      isRouteLess ||= is !== was && losesGroup(was, is)
    }
  }
  let ends = isRouteLess ? ('soon' as const) : undefined
  if (before.groups === after.groups) return ends
  const groups = groupsById(after.groups)
  for (const was of before.groups) {
    const is = groups.get(was.id)
    const its = is === was ? undefined : lossOf(was, is)
    if (its === 'now') return 'now'
    ends ??= its
  }
  return ends
}

function losesGroup(was: SnapshotListener, is: SnapshotListener): boolean {
  const kept = new Set(is.route.filter(holdsFlows).map(({ group }) => group))
  return was.protocol === 'UDP' && was.route.some(routed => holdsFlows(routed) && !kept.has(routed.group))
}

function lossOf(was: SnapshotGroup, is: SnapshotGroup | undefined): 'now' | 'soon' | undefined {
  if (is === undefined) return 'now'
  const modes = new Map(is.targets.map(({ key, mode }) => [key, mode]))
  let loss: 'soon' | undefined
  for (const { key, mode } of was.targets) {
    const now = modes.get(key)
    if (now === undefined || (now === 'cut' && mode !== 'cut')) return 'now'
    if (now === 'drain' && mode === 'serve') loss = 'soon'
  }
  return loss
}
