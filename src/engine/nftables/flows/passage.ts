import { isIpv6 } from '../../../domain/cidr.ts'
import type { SnapshotListener } from '../../../domain/snapshot.ts'
import type { Problem } from '../../engine.ts'
import { type HostFacts, isOwn } from '../host.ts'
import type { Marks } from '../marks.ts'
import { targetProblems } from './target-problems.ts'

/** For how long it must have been so, at every look. */
const persistenceMs = 5_000

/** Since when (monotonic milliseconds) flows to a target have not got out of this host, by mark. */
export type Passage = ReadonlyMap<number, number>

/** @param held marks of targets to which flows were sent on since the last look, and none has left */
export function passage(before: Passage, held: readonly number[], now: number): Passage {
  return new Map(held.map(mark => [mark, before.get(mark) ?? now]))
}

/**
 * Targets whose flows are held up for 5 s, each as a problem of every listener that sends flows to it. Our own rules dropped
 * nothing, and health checks are not forwarded: so it is another table's chain, as Docker's, whose policy for what is forwarded
 * is to drop it. No rule of ours can change that: what one base chain drops, no other one accepts (nft(8), VERDICT STATEMENT).
 */
export function passageProblems(
  held: Passage,
  marks: Pick<Marks, 'targetOf' | 'prefix' | 'mask'>,
  host: HostFacts,
  listeners: readonly SnapshotListener[],
  now: number,
): readonly Problem[] {
  const [prefix, mask] = [marks.prefix, marks.mask].map(number => `0x${number.toString(16).padStart(8, '0')}`)
  const found = [...held].flatMap(([mark, since]) => {
    const its = marks.targetOf(mark)
    if (its === undefined || now - since < persistenceMs) return []
    const iptables = isIpv6(its.address) ? 'ip6tables' : 'iptables'
    const [chain, docker] = isOwn(host, its.address) ? ['INPUT', ''] : ['FORWARD', 'with Docker in DOCKER-USER; ']
    const reason = (target: string) =>
      `target ${target} gets no flows: another firewall's rules on this host drop them. Have these accept Sluice's mark: ` +
      `${iptables} -I ${chain} -m connmark --mark ${prefix}/${mask} -j ACCEPT (${docker}nft: ct mark & ${mask} == ${prefix} accept)`
    return [[its, reason] as const]
  })
  return targetProblems(found, listeners)
}
