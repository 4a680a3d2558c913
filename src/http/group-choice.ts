import type { RoutedGroup } from '../domain/snapshot.ts'

/**
 * The target group for one request of a forward action: the one that the client is stuck to, else one at random, by weight. Weight 0
 * receives nothing, not even from who is stuck to it (AWS: Forward actions). `undefined`: all weights are 0; 503.
 * @param random below 1, as `Math.random`
 * @param stuckTo ARN out of the client's cookie, `StickyCookies.groupOf`; only where the action has `stickySeconds`
 */
export function chooseGroup(
  forward: readonly RoutedGroup[],
  random: () => number,
  stuckTo?: string,
): RoutedGroup | undefined {
  let sum = 0
  for (const { group, weight } of forward) {
    if (weight > 0 && stuckTo !== undefined && isOf(group, stuckTo)) return forward.find(its => its.group === group)
    sum += weight
  }
  let rest = random() * sum
  for (const routed of forward) {
    rest -= routed.weight
    if (rest < 0) return routed
  }
  return undefined
}

/** Whether a `SnapshotGroup.id` is a view of the target group. */
function isOf(id: string, targetGroupArn: string): boolean {
  return id.startsWith(targetGroupArn) && id[targetGroupArn.length] === ' '
}
