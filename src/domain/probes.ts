import { isIpv6 } from './cidr.ts'
import type { Probe } from './health.ts'
import { sameItems } from './memo.ts'
import { listenerEndpoints, type Reference, referencesTo } from './references.ts'
import type { State } from './state.ts'
import { type Target, type TargetGroup, targetKey } from './target-group.ts'
import { impedimentOf, targetAddress, targetZone } from './target-health.ts'

/**
 * The health checks that the desired state asks for, by `targetKey`. Groups are checked whether a listener refers to them or
 * not, so that a switch finds them warm; targets that cannot be reached at all (`impedimentOf`) are not checked; draining ones
 * are, because their connections end when they turn unhealthy. A probe that did not change is the same object as in the call before.
 */
export function probesOf(state: State): ReadonlyMap<string, Probe> {
  const probes = new Map<string, Probe>()
  for (const group of state.targetGroups.values())
    for (const probe of groupProbes(state, group)) probes.set(probe.key, unchanged(probe))
  lastProbes = probes
  return probes
}

/** A state that arrives whole anew, after a restart of the control process, has equal groups that are other objects. */
let lastProbes: ReadonlyMap<string, Probe> = new Map()

function unchanged(probe: Probe): Probe {
  const last = lastProbes.get(probe.key)
  return last !== undefined && (last === probe || sameItems(Object.values(last), Object.values(probe))) ? last : probe
}

const memo = new WeakMap<TargetGroup, { readonly madeOf: readonly unknown[]; readonly probes: readonly Probe[] }>()

function groupProbes(state: State, group: TargetGroup): readonly Probe[] {
  const references = referencesTo(state, group.arn)
  const first = references[0]
  const madeOf = [first?.listener.port, first?.loadBalancer, listenerEndpoints(state), state.subnets, state.instances]
  const known = memo.get(group)
  if (known !== undefined && sameItems(known.madeOf, madeOf)) return known.probes
  const probes = group.targets.flatMap(target => probeOf(state, group, target, first) ?? [])
  memo.set(group, { madeOf, probes })
  return probes
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
    host: source === undefined ? authority(address, port) : authority(source, reference?.listener.port ?? port),
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
