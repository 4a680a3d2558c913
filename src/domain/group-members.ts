import { zoneAddresses } from './load-balancer.ts'
import { memoByTables, sameItems } from './memo.ts'
import { listenerEndpoints, referencesTo } from './references.ts'
import type { State } from './state.ts'
import { type TargetGroup, targetKey } from './target-group.ts'
import { enabledZones, impedimentOf, targetAddress, targetZone } from './target-health.ts'
import type { Member } from './target-modes.ts'

/**
 * What of the state, beside a group itself, says who its members are and how they are checked. As long as these are the same
 * objects, nothing else of the state matters to the group.
 */
export function surroundingsOf(state: State, group: TargetGroup): readonly unknown[] {
  const reference = referencesTo(state, group.arn)[0]
  const isByInstance = group.targetType === 'instance'
  return [
    reference?.loadBalancer,
    reference?.port,
    state.subnets,
    isByInstance && state.instances,
    (isByInstance || sharesAddress(state, group)) && listenerEndpoints(state),
    ...(group.targetType === 'alb' ? group.targets.map(({ id }) => state.loadBalancers.get(id)) : []),
  ]
}

/**
 * A group's targets as one zone of its load balancer sees them: those of the zone itself and those of no zone in particular, or
 * with `*`, cross-zone, those of every enabled zone. The same array as long as nothing that it was made of changes.
 */
export function membersOf(state: State, group: TargetGroup, zone: string): readonly Member[] {
  const madeOf = surroundingsOf(state, group)
  let known = memo.get(group)
  if (known === undefined || !sameItems(known.madeOf, madeOf)) {
    known = { madeOf, all: allMembers(state, group), byZone: new Map() }
    memo.set(group, known)
  }
  let members = known.byZone.get(zone)
  if (members === undefined) {
    const enabled = enabledZones(state, group)
    const isSeen = (its: string) => its === 'all' || (zone === '*' ? enabled.has(its) : its === zone)
    const all = group.targetType === 'alb' ? allMembers(state, group, zone) : known.all
    members = all.filter(member => isSeen(member.zone))
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
function allMembers(state: State, group: TargetGroup, zone?: string): readonly Member[] {
  const members: Member[] = []
  for (const target of group.targets) {
    const address = targetAddress(state, group, target, zone)
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

/** Whether a target, given by its address, is at one that load balancers listen on as well: then it matters on which ports. */
function sharesAddress({ loadBalancers }: State, group: TargetGroup): boolean {
  const addresses = allAddresses(loadBalancers)
  const known = sharing.get(group)
  if (known?.addresses === addresses) return known.shares
  const shares = group.targets.some(({ id }) => addresses.has(id))
  sharing.set(group, { addresses, shares })
  return shares
}

const sharing = new WeakMap<TargetGroup, { readonly addresses: ReadonlySet<string>; readonly shares: boolean }>()

const allAddresses = memoByTables(
  (loadBalancers: State['loadBalancers']): ReadonlySet<string> =>
    new Set([...loadBalancers.values()].flatMap(({ zones }) => zones.flatMap(zoneAddresses))),
)
