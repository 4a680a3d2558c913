import { sameItems } from './memo.ts'
import { listenerEndpoints } from './references.ts'
import type { State } from './state.ts'
import { type TargetGroup, targetKey } from './target-group.ts'
import { enabledZones, impedimentOf, targetAddress, targetZone } from './target-health.ts'
import type { Member } from './target-modes.ts'

/**
 * A group's targets as one zone of its load balancer sees them: those of the zone itself and those of no zone in particular, or
 * with `*`, cross-zone, those of every enabled zone. The same array as long as nothing that it was made of changes.
 */
export function membersOf(state: State, group: TargetGroup, zone: string): readonly Member[] {
  const enabled = enabledZones(state, group)
  const madeOf = [listenerEndpoints(state), state.subnets, state.instances, enabled]
  let known = memo.get(group)
  if (known === undefined || !sameItems(known.madeOf, madeOf)) {
    known = { madeOf, all: allMembers(state, group), byZone: new Map() }
    memo.set(group, known)
  }
  let members = known.byZone.get(zone)
  if (members === undefined) {
    const isSeen = (its: string) => its === 'all' || (zone === '*' ? enabled.has(its) : its === zone)
    members = known.all.filter(member => isSeen(member.zone))
    known.byZone.set(zone, members)
  }
  return members
}

const memo = new WeakMap<
  TargetGroup,
  {
    readonly madeOf: readonly unknown[]
    readonly all: readonly Member[]
    readonly byZone: Map<string, readonly Member[]>
  }
>()

/** Targets without an address, such as instances that nobody remembers, are left out. */
function allMembers(state: State, group: TargetGroup): readonly Member[] {
  const members: Member[] = []
  for (const target of group.targets) {
    const address = targetAddress(state, group, target)
    if (address === undefined) continue
    members.push({
      target,
      key: targetKey(group.arn, target),
      address,
      zone: targetZone(state, group, target) ?? 'all',
      usable: impedimentOf(state, group, target) === undefined,
    })
  }
  return members
}
