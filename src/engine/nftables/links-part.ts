import { disjoint } from '../../domain/admission.ts'
import { type Cidr, cidrContains, formatAddress, lastAddress, parseCidr } from '../../domain/cidr.ts'
import type { HostFacts } from './host.ts'
import { emptyPart, type Part, type SharedElement } from './ruleset.ts'

/**
 * Pairs of ranges, client and target: a target answers those on its own link directly, from its own address, which is not
 * the one that they asked.
 *
 * A range may lie in another interface's (10.88.0.0/16 of containers in a network 10.0.0.0/8): a target's link is the narrowest
 * that it is in. So no two pairs overlap, which the kernel would refuse.
 */
export function linksPart(links: HostFacts['links']): Part {
  const cidrs = [...new Set(links.map(({ cidr }) => cidr))]
  const elements = cidrs.flatMap((text): SharedElement[] => {
    const link = parseCidr(text)
    if (link === undefined) return []
    const inner = disjoint(cidrs.filter(other => other !== text && cidrContains(text, other)))
    const set = link.family === 'ipv4' ? 'links4' : 'links6'
    const [first, last] = [formatAddress(link.network), formatAddress(lastAddress(link))]
    return rangesWithout(link, inner).map(([from, to]) => ({ set, key: [first, from], to: [last, to] }))
  })
  return { ...emptyPart('links'), elements }
}

/** What is left of a range, from and to. @param inner ranges in it, sorted, that do not overlap */
function rangesWithout(outer: Cidr, inner: readonly Cidr[]): readonly (readonly [string, string])[] {
  const ranges: (readonly [string, string])[] = []
  const end = formatAddress(lastAddress(outer))
  let from: string | undefined = formatAddress(outer.network)
  for (const range of inner) {
    const [first, last] = [formatAddress(range.network), formatAddress(lastAddress(range))]
    if (from !== first && from !== undefined) ranges.push([from, neighborOf(range.network, -1)])
    from = last === end ? undefined : neighborOf(lastAddress(range), 1)
  }
  if (from !== undefined) ranges.push([from, end])
  return ranges
}

/** The address before or after it. */
function neighborOf(address: Uint8Array, step: 1 | -1): string {
  const bytes = address.slice()
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i]! += step
    if (bytes[i] !== (step === 1 ? 0 : 255)) break
  }
  return formatAddress(bytes)
}
