import {
  groupsById,
  holdsFlows,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
} from '../../../domain/snapshot.ts'

/**
 * Whether the step from one snapshot to the next may end flows that are established, or forget some that are only opening.
 * Looking at every flow is for then only. `now`: a listener went, or a target does less than before. `soon`: a UDP route lost
 * a group, whose targets are as good as they were.
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
  const others = isRouteLess ? 'soon' : undefined
  if (before.groups === after.groups) return others
  const groups = groupsById(after.groups)
  const isTargetLess = before.groups.some(was => {
    const is = groups.get(was.id)
    return is === undefined || (is !== was && losesTarget(was, is))
  })
  return isTargetLess ? 'now' : others
}

function losesGroup(was: SnapshotListener, is: SnapshotListener): boolean {
  const kept = new Set(is.route.filter(holdsFlows).map(({ group }) => group))
  return was.protocol === 'UDP' && was.route.some(routed => holdsFlows(routed) && !kept.has(routed.group))
}

const rank = { serve: 2, drain: 1, cut: 0 }

function losesTarget(was: SnapshotGroup, is: SnapshotGroup): boolean {
  const modes = new Map(is.targets.map(({ key, mode }) => [key, rank[mode]]))
  return was.targets.some(({ key, mode }) => (modes.get(key) ?? -1) < rank[mode])
}
