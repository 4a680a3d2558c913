import { isIpv6 } from '../../../domain/cidr.ts'
import type { SnapshotListener } from '../../../domain/snapshot.ts'
import type { Problem } from '../../engine.ts'
import type { MarkedTarget } from '../marks.ts'
import { groupName } from '../names.ts'

/** What is wrong with targets as problems of the listeners that send flows to their groups. */
export function targetProblems(
  found: readonly (readonly [its: MarkedTarget, reason: (target: string) => string])[],
  listeners: readonly SnapshotListener[],
): readonly Problem[] {
  if (found.length === 0) return []
  const byGroup = Map.groupBy(found, ([{ group }]) => group)
  return listeners.flatMap(({ id, listenerArn, protocol, route }) =>
    route
      .filter(({ weight }) => weight > 0)
      .flatMap(({ group }) => byGroup.get(groupName(group, protocol)) ?? [])
      .map(([{ address, port }, reason]) => {
        const target = `${isIpv6(address) ? `[${address}]` : address}:${port}`
        return { listener: id, listenerArn, target, reason: reason(target) }
      }),
  )
}
