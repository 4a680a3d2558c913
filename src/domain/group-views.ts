import { membersOf, surroundingsOf } from './group-members.ts'
import { policyOf } from './group-policy.ts'
import type { HealthByTarget } from './health.ts'
import type { Routed } from './listener-parts.ts'
import { sameItems } from './memo.ts'
import { allReferences, listenerEndpoints } from './references.ts'
import { slowStart } from './slow-start.ts'
import type { SnapshotGroup, SnapshotTarget } from './snapshot.ts'
import { changedKeys, type State } from './state.ts'
import { type TargetGroup, targetGroupOf } from './target-group.ts'
import { targetModes } from './target-modes.ts'

interface GroupViews {
  readonly groups: readonly SnapshotGroup[]
  /** When time alone changes one, milliseconds since the epoch; Infinity if it never does. */
  readonly nextAt: number
}

/**
 * Makes a builder of the target groups of a snapshot: each group that is routed to, once for each protocol and zone that sees
 * it. The builder remembers its last answer: a group or a target that did not change is the same object again.
 *
 * @param routed what each listener routes to: groups that exist. A list that did not change is the same array again.
 */
export function groupViewsBuilder(): (
  state: State,
  routed: readonly (readonly Routed[])[],
  health: HealthByTarget,
  now: number,
) => GroupViews {
  let views = new Map<string, GroupView>()
  /** Keys of `views` by target group. */
  let idsOf = new Map<string, string[]>()
  let last: GroupViews = { groups: [], nextAt: Infinity }
  let lastRouted: readonly unknown[] = []
  let lastTables: readonly unknown[] = []
  let lastHealth: HealthByTarget = new Map()
  let lastNow = -Infinity

  return (state, routed, health, now) => {
    const { targetGroups, subnets, instances } = state
    const tables = [targetGroups, subnets, instances, allReferences(state), listenerEndpoints(state)]
    const isStateSame = sameItems(lastTables, tables)
    const isRoutedSame = sameItems(lastRouted, routed)
    const isTimeSame = lastNow <= now && now < last.nextAt
    const changed = groupsOfOtherHealth(lastHealth, health)
    const isHealthAlone = isStateSame && isRoutedSame && isTimeSame

    const viewOf = (before: GroupView | undefined, its: Routed) => {
      const isFresh =
        before !== undefined &&
        !changed.has(its.targetGroupArn) &&
        before.madeAt <= now &&
        now < before.nextAt &&
        (isStateSame || isOfSameState(before, state))
      return isFresh ? before : groupView(before, its, state, health, now)
    }
    if (isRoutedSame) {
      for (const id of isHealthAlone ? Array.from(changed, arn => idsOf.get(arn) ?? []).flat() : views.keys()) {
        const view = views.get(id)!
        views.set(id, viewOf(view, view.routed))
      }
    } else {
      const before = views
      views = new Map()
      for (const its of routed.flat()) if (!views.has(its.id)) views.set(its.id, viewOf(before.get(its.id), its))
      idsOf = Map.groupBy(views.keys(), targetGroupOf)
    }

    if (!isHealthAlone || changed.size > 0) {
      const all = [...views.values()]
      last = { groups: all.map(({ group }) => group), nextAt: Math.min(...all.map(({ nextAt }) => nextAt)) }
    }
    lastRouted = routed
    lastTables = tables
    lastHealth = health
    lastNow = now
    return last
  }
}

/** The groups, by ARN, of which a target's health is another one, as far as it decides what a target serves. */
function groupsOfOtherHealth(before: HealthByTarget, after: HealthByTarget): ReadonlySet<string> {
  const groups = new Set<string>()
  for (const key of changedKeys(before, after)) {
    const [old, current] = [before.get(key), after.get(key)]
    const isSame =
      old !== undefined &&
      old.verdict === current?.verdict &&
      old.since === current.since &&
      old.suspect === current.suspect
    if (!isSame) groups.add(targetGroupOf(key))
  }
  return groups
}

/** A group of the snapshot, what it was made of, and when time alone changes it. */
interface GroupView {
  readonly routed: Routed
  readonly group: SnapshotGroup
  readonly madeOf: TargetGroup
  /** `surroundingsOf` */
  readonly surroundings: readonly unknown[]
  /** Milliseconds since the epoch; a clock that is set back may come before it. */
  readonly madeAt: number
  readonly nextAt: number
}

function isOfSameState({ routed, madeOf, surroundings }: GroupView, state: State): boolean {
  return (
    state.targetGroups.get(routed.targetGroupArn) === madeOf && sameItems(surroundings, surroundingsOf(state, madeOf))
  )
}

function groupView(
  last: GroupView | undefined,
  routed: Routed,
  state: State,
  health: HealthByTarget,
  now: number,
): GroupView {
  const { id, targetGroupArn, protocol, zone } = routed
  const madeOf = state.targetGroups.get(targetGroupArn)!
  const members = membersOf(state, madeOf, zone)
  const known = members.map(({ key }) => health.get(key))
  const policy = policyOf(madeOf)
  const { modes, nextAt } = targetModes(members, known, policy, protocol, now)
  const ramps = slowStart(members, known, policy.http?.slowStartMs ?? 0, madeOf.slowStartSetAt, now)
  const before = new Map(last?.group.targets.map(target => [target.key, target]))
  const targets = members.map(({ key, address, target: { port } }, i): SnapshotTarget => {
    const rampFrom = ramps.from[i]
    const target = { key, address, port, mode: modes[i]!, ...(rampFrom !== undefined && { rampFrom }) }
    const same = before.get(key)
    return same && sameItems(Object.values(same), Object.values(target)) ? same : target
  })
  const { sticky, proxyProtocol, preserveClientIp, tls, http, ofLoadBalancers } = policy
  const traits = {
    sticky,
    proxyProtocol,
    preserveClientIp,
    ...(tls && { tls }),
    ...(http && { http }),
    ...(ofLoadBalancers && { ofLoadBalancers }),
  }
  const group = last !== undefined && isSame(last.group, targets, traits) ? last.group : { id, targets, ...traits }
  const surroundings = surroundingsOf(state, madeOf)
  return { routed, group, madeOf, surroundings, madeAt: now, nextAt: Math.min(nextAt, ramps.nextAt) }
}

function isSame(
  last: SnapshotGroup,
  targets: SnapshotGroup['targets'],
  traits: Omit<SnapshotGroup, 'id' | 'targets'>,
): boolean {
  const { id, targets: lastTargets, ...lastTraits } = last
  return sameItems(lastTargets, targets) && JSON.stringify(lastTraits) === JSON.stringify(traits)
}
