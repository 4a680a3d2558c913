import { isBelow, isCrossZone, policyOf } from './group-policy.ts'
import type { Health } from './health.ts'
import { targetGroupsOf } from './listener-rules.ts'
import { type LoadBalancer, zoneAddresses } from './load-balancer.ts'
import type { State } from './state.ts'
import { type TargetGroup, targetKey } from './target-group.ts'
import { targetHealth, targetZone } from './target-health.ts'

/**
 * The addresses that a load balancer's DNS name stands for, IPv4 and IPv6: those of its zones that are healthy, or of all of
 * them where none is (AWS: Network Load Balancers, DNS; Target group health). The zonal name `ZONE.NAME` stands for that zone
 * whatever its health: whoever asks for it has no other to go to. `undefined` for a name that is no load balancer's.
 *
 * @param health what is known of a target, by `targetKey`
 * @param now milliseconds since the epoch
 * @param name in any case, with or without the final dot
 */
export function addressesOf(
  state: State,
  health: (targetKey: string) => Health | undefined,
  now: number,
  name: string,
): readonly string[] | undefined {
  const wanted = name.toLowerCase().replace(/\.$/, '')
  for (const loadBalancer of state.loadBalancers.values()) {
    const own = loadBalancer.dnsName.toLowerCase()
    if (wanted === own) {
      const healthy = loadBalancer.zones.filter(zone => isZoneHealthy(state, loadBalancer, zone.zoneName, health, now))
      return (healthy.length > 0 ? healthy : loadBalancer.zones).flatMap(zoneAddresses)
    }
    const zone = loadBalancer.zones.find(({ zoneName }) => wanted === `${zoneName.toLowerCase()}.${own}`)
    if (zone !== undefined) return zoneAddresses(zone)
  }
  return undefined
}

/** One target group below its DNS failover threshold takes its zone out for all (AWS: Target group health). */
function isZoneHealthy(
  state: State,
  loadBalancer: LoadBalancer,
  zone: string,
  health: (targetKey: string) => Health | undefined,
  now: number,
): boolean {
  for (const listener of state.listeners.values()) {
    if (listener.loadBalancerArn !== loadBalancer.arn) continue
    for (const [targetGroupArn, weight] of targetGroupsOf(state, listener)) {
      const group = state.targetGroups.get(targetGroupArn)
      // Weight 0 receives nothing, so its targets matter to nobody.
      if (group === undefined || weight === 0) continue
      if (!isGroupHealthy(state, group, isCrossZone(group, loadBalancer) ? undefined : zone, health, now)) return false
    }
  }
  return true
}

/** Whether a group has enough healthy targets, of one zone or of all (`undefined`), not to fail over. */
function isGroupHealthy(
  state: State,
  group: TargetGroup,
  zone: string | undefined,
  health: (targetKey: string) => Health | undefined,
  now: number,
): boolean {
  let [registered, healthy] = [0, 0]
  for (const target of group.targets) {
    if (target.deregistration !== undefined) continue
    const its = targetZone(state, group, target)
    if (zone !== undefined && its !== undefined && its !== 'all' && its !== zone) continue
    registered++
    if (targetHealth(state, group, target, health(targetKey(group.arn, target)), now).State === 'healthy') healthy++
  }
  return !isBelow(policyOf(group).dnsMinimum, healthy, registered)
}
