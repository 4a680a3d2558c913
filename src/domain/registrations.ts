import type { Change, State } from './state.ts'
import type { Target, TargetGroup } from './target-group.ts'

/**
 * Registrations that are over stay in the state for this long, so that the data plane is told to end what they still carry
 * even where it comes back from a restart at that moment.
 */
const keptAfterEndMs = 60_000

/** The registrations that exist at `now` (milliseconds): one whose deregistration delay is over is as good as absent. */
export function registrationsAt(group: TargetGroup, now: number): readonly Target[] {
  return group.targets.filter(target => !isOver(target, now))
}

/** Whether its deregistration delay is over. */
export function isOver(target: Target, now: number): boolean {
  return target.deregistration !== undefined && target.deregistration.until <= now
}

/** Drops the registrations that have been over for a minute, from every group that has some. Nothing else drops any. */
export function expiredRegistrations(state: State, now: number): readonly Change[] {
  const changes: Change[] = []
  for (const group of state.targetGroups.values()) {
    const targets = registrationsAt(group, now - keptAfterEndMs)
    if (targets.length < group.targets.length) {
      changes.push({ table: 'targetGroups', key: group.arn, value: { ...group, targets } })
    }
  }
  return changes
}
