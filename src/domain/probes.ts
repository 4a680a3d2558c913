import { isIpv6 } from './cidr.ts'
import { surroundingsOf } from './group-members.ts'
import type { Probe } from './health.ts'
import { speaksHttp } from './load-balancer.ts'
import { sameItems } from './memo.ts'
import { allReferences, listenerEndpoints, type Reference, referencesTo } from './references.ts'
import type { State } from './state.ts'
import { type Target, type TargetGroup, targetKey } from './target-group.ts'
import { impedimentOf, targetAddress, targetZone } from './target-health.ts'

/**
 * Makes a builder of the health checks that the desired state asks for, by `targetKey`. Groups are checked whether a listener
 * refers to them or not, so that a switch finds them warm; targets that cannot be reached at all (`impedimentOf`) are not
 * checked; draining ones are until their delay is over, because their connections end when they turn unhealthy. The builder
 * remembers its last answer: a probe that did not change is the same object again, and so is the map where nothing changed
 * that probes are made of.
 */
export function probesBuilder(): (state: State) => ReadonlyMap<string, Probe> {
  const memo = new WeakMap<TargetGroup, GroupProbes>()
  let madeOf: readonly unknown[] = []
  let last: ReadonlyMap<string, Probe> = new Map()

  return state => {
    const { targetGroups, subnets, instances } = state
    const all = [targetGroups, allReferences(state), listenerEndpoints(state), subnets, instances]
    if (sameItems(madeOf, all)) return last
    const probes = new Map<string, Probe>()
    for (const group of targetGroups.values()) {
      const its = groupProbes(memo.get(group), state, group, last)
      memo.set(group, its)
      for (const probe of its.probes) probes.set(probe.key, probe)
    }
    madeOf = all
    last = probes
    return probes
  }
}

/** The probes of one target group's targets, and what they were made of. */
interface GroupProbes {
  readonly madeOf: readonly unknown[]
  readonly probes: readonly Probe[]
}

function groupProbes(
  known: GroupProbes | undefined,
  state: State,
  group: TargetGroup,
  last: ReadonlyMap<string, Probe>,
): GroupProbes {
  const madeOf = surroundingsOf(state, group)
  if (known !== undefined && sameItems(known.madeOf, madeOf)) return known
  const reference = referencesTo(state, group.arn)[0]
  const probes = group.targets.flatMap(target => probeOf(state, group, target, reference) ?? [])
  return { madeOf, probes: probes.map(probe => unchanged(last.get(probe.key), probe)) }
}

/** A state that arrives whole anew, after a restart of the control process, has equal groups that are other objects. */
function unchanged(last: Probe | undefined, probe: Probe): Probe {
  return last !== undefined && sameItems(Object.values(last), Object.values(probe)) ? last : probe
}

function probeOf(
  state: State,
  group: TargetGroup,
  target: Target,
  reference: Reference | undefined,
): Probe | undefined {
  const address = targetAddress(state, group, target)
  if (address === undefined || impedimentOf(state, group, target) !== undefined) return undefined
  const { healthCheck } = group
  const port = healthCheck.port === 'traffic-port' ? target.port : Number(healthCheck.port)
  const own = authority(address, port)
  const source = reference && sourceFor(reference, targetZone(state, group, target), isIpv6(address))
  return {
    key: targetKey(group.arn, target),
    protocol: healthCheck.protocol,
    address,
    port,
    path: healthCheck.path,
    matcher: healthCheck.matcher,
    intervalMs: 1000 * healthCheck.intervalSeconds,
    timeoutMs: 1000 * healthCheck.timeoutSeconds,
    healthyThreshold: healthCheck.healthyThresholdCount,
    unhealthyThreshold: healthCheck.unhealthyThresholdCount,
    ...(source !== undefined && { source }),
    host: source === undefined || speaksHttp(group) ? own : authority(source, reference?.port ?? port),
    ...(target.registeredAt !== undefined && { registeredAt: target.registeredAt }),
    ...(target.deregistration !== undefined && { until: target.deregistration.until }),
  }
}

/** The load balancer's own address in the target's zone, or else in its first. */
function sourceFor({ loadBalancer: { zones } }: Reference, zoneName: string | undefined, ipv6: boolean) {
  const zone = zones.find(zone => zone.zoneName === zoneName) ?? zones[0]
  return ipv6 ? zone?.ipv6Address : zone?.ipv4Address
}

/** Host and port of a URI (RFC 3986 section 3.2). */
function authority(address: string, port: number): string {
  return isIpv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}
