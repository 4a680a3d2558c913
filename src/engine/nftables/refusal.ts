import { isIpv6, isLoopback } from '../../domain/cidr.ts'
import {
  groupsById,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
  type SnapshotTarget,
} from '../../domain/snapshot.ts'
import { type HostFacts, isOwn, type SettingName } from './host.ts'

/** A kernel setting that a listener needs and that this host does not have. */
export interface MissingSetting {
  readonly name: SettingName
  /** What it is; `undefined` where this kernel does not show it yet. */
  readonly is: string | undefined
  readonly needs: string
  /** What does not work without it: `packets for 10.9.1.2 would not be forwarded`. */
  readonly otherwise: string
}

/**
 * Why the kernel can't serve this listener on this host, and what to change, in one line for the operator; `undefined`: it
 * can. Targets that are cut don't count, those of groups with weight 0 do: a route may be switched at any moment.
 */
export function refusal(
  listener: SnapshotListener,
  groups: ReadonlyMap<string, SnapshotGroup>,
  host: HostFacts,
): string | undefined {
  const { obstacle, missing } = judge(listener, groups, host)
  const [setting] = missing
  return obstacle ?? (setting && describeMissing(setting))
}

/** `net.ipv4.ip_forward is 0, so packets for 10.9.1.2 would not be forwarded: set it to 1, or start Sluice with --sysctl` */
export function describeMissing({ name, is, needs, otherwise }: MissingSetting): string {
  const state = is === undefined ? 'is not there yet' : `is ${is}`
  return `${name} ${state}, so ${otherwise}: set it to ${needs}, or start Sluice with --sysctl${cautionAbout(name)}`
}

/** What else a setting changes, for the end of a line; else nothing. */
export function cautionAbout(name: SettingName): string {
  if (name !== 'net.ipv6.conf.all.forwarding') return ''
  // Documentation/networking/ip-sysctl.rst, accept_ra.
  return ' (an interface that takes its routes from router advertisements then needs accept_ra=2)'
}

/** The settings that keep the kernel from serving some of these listeners and nothing else does, each once. */
export function missingSettings({ listeners, groups }: Snapshot, host: HostFacts): readonly MissingSetting[] {
  const byId = groupsById(groups)
  const missing = new Map<SettingName, MissingSetting>()
  for (const listener of listeners) {
    if (listener.tls !== undefined || listener.http !== undefined) continue
    const verdict = judge(listener, byId, host)
    if (verdict.obstacle !== undefined) continue
    for (const setting of verdict.missing) if (!missing.has(setting.name)) missing.set(setting.name, setting)
  }
  return [...missing.values()]
}

interface Verdict {
  /** What no setting would change. */
  readonly obstacle: string | undefined
  readonly missing: readonly MissingSetting[]
}

const verdicts = new WeakMap<
  SnapshotListener,
  { readonly host: HostFacts; readonly its: readonly (SnapshotGroup | undefined)[]; readonly verdict: Verdict }
>()

/** Each listener is asked about at every change of any: where nothing of it changed, the last answer stands. */
function judge(listener: SnapshotListener, groups: ReadonlyMap<string, SnapshotGroup>, host: HostFacts): Verdict {
  const known = verdicts.get(listener)
  if (known?.host === host && listener.route.every(({ group }, i) => groups.get(group) === known.its[i]))
    return known.verdict
  const its = listener.route.map(({ group }) => groups.get(group))
  const routed = its.filter(group => group !== undefined)
  const verdict = { obstacle: obstacleTo(listener, routed, host), missing: missingFor(listener, routed, host) }
  verdicts.set(listener, { host, its, verdict })
  return verdict
}

function obstacleTo(
  { protocol, address }: SnapshotListener,
  groups: readonly SnapshotGroup[],
  host: HostFacts,
): string | undefined {
  for (const group of groups) {
    const its = nameOf(group)
    if (protocol === 'TCP' && group.proxyProtocol)
      return `${its} wants proxy protocol v2, which the kernel can't write: switch proxy_protocol_v2.enabled off`
    for (const target of reachable(group)) {
      const what = `target ${target.address} of ${its}`
      if (isIpv6(target.address) !== isIpv6(address))
        return `${what} is of another address family than ${address}, and the kernel can't translate: give ${address} a target group of its own family`
      // Packets of loopback leave no host, nor enter one: the other side of such a flow would be a martian (RFC 1812, 5.3.7).
      if (isLoopback(address) && !isOwn(host, target.address))
        return `${what} is not on this host, and what comes from ${address} can't leave it: give the load balancer an address other than loopback`
      if (isLoopback(target.address) && !isLoopback(address))
        return `${what} can't be reached from other hosts, as ${address} can: register it with another address of this host`
    }
  }
  return undefined
}

function missingFor(
  { address }: SnapshotListener,
  groups: readonly SnapshotGroup[],
  host: HostFacts,
): readonly MissingSetting[] {
  const missing: MissingSetting[] = []
  const need = (name: SettingName, enough: readonly string[], otherwise: string) => {
    const is = host.settings.get(name)
    if (is === undefined || !enough.includes(is)) missing.push({ name, is, needs: enough[0] ?? '', otherwise })
  }
  const afar = groups.flatMap(reachable).find(target => !isOwn(host, target.address))
  if (afar !== undefined) {
    const otherwise = `packets for ${afar.address} would not be forwarded`
    if (isIpv6(address)) need('net.ipv6.conf.all.forwarding', ['1', '2'], otherwise)
    else need('net.ipv4.ip_forward', ['1'], otherwise)
  }
  return missing
}

/** Those that have or may get flows. */
function reachable({ targets }: SnapshotGroup): readonly SnapshotTarget[] {
  return targets.filter(({ mode }) => mode !== 'cut')
}

/** `web`, from `arn:...:targetgroup/web/50dc6c495c0c9188 TCP *`. */
function nameOf({ id }: SnapshotGroup): string {
  return `target group ${id.split('/')[1] ?? id}`
}
