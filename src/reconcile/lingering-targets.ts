import type { Change, State } from '../domain/state.ts'
import { type Target, type TargetGroup, targetKey } from '../domain/target-group.ts'
import type { HeldSwitch } from '../feed/messages.ts'

/**
 * The target groups that load balancers have not left yet though they were told to, with those targets still registered that were
 * deregistered meanwhile: new flows reach these as long as the switch takes, if their deregistration delay is not over before
 * (kubernetes-sigs/aws-load-balancer-controller issue 2366, aws/containers-roadmap issue 470).
 *
 * @param before what was desired, and what was in effect of it
 */
export function lingeringTargets(
  before: { readonly desired: State; readonly state: State },
  { targetGroups }: State,
  delayed: readonly HeldSwitch[],
): readonly Change[] {
  const changes = new Map<string, Change>()
  for (const { targetGroupArn: key, weight } of delayed.flatMap(({ forward }) => forward)) {
    const [group, inEffect] = [targetGroups.get(key), before.state.targetGroups.get(key)]
    if (weight === 0 || group === undefined || inEffect === undefined) continue
    const isSame = before.desired.targetGroups.get(key) === group
    const value = isSame ? inEffect : withLingering(group, inEffect)
    if (value !== group) changes.set(key, { table: 'targetGroups', key, value })
  }
  return [...changes.values()]
}

function withLingering(group: TargetGroup, inEffect: TargetGroup): TargetGroup {
  const known = new Map(inEffect.targets.map(target => [targetKey(group.arn, target), target]))
  const lingers = (target: Target) => {
    const its = known.get(targetKey(group.arn, target))
    return (
      target.deregistration !== undefined &&
      its?.registeredAt === target.registeredAt &&
      its !== undefined &&
      its.deregistration === undefined
    )
  }
  if (!group.targets.some(lingers)) return group
  const targets = group.targets.map(target => {
    if (!lingers(target)) return target
    const { deregistration, ...registered } = target
    return registered
  })
  return { ...group, targets }
}
