/** What the kernel itself counts, read with `nft` from the table that a Sluice keeps there. */
import { execFileSync } from 'node:child_process'
import { tableOf } from '../../src/engine/nftables/names.ts'

/** A target as one zone of a load balancer sees it: `local-1a`, or `all` across zones. */
export interface TargetCount {
  readonly address: string
  readonly zone: string
  readonly newFlows: number
}

/** How many flows were opened to each IPv4 target since it has had its mark. */
export function targetCounts(dataDir: string): readonly TargetCount[] {
  const counts = new Map(elements(dataDir, 'set', 'target-flows').map(({ elem }) => [elem.val, elem.counter.packets]))
  return elements(dataDir, 'map', 'targets4').map(([{ elem }, { concat }]) => ({
    address: concat[0],
    zone: elem.comment.split('/').at(-1),
    newFlows: counts.get(elem.val) ?? 0,
  }))
}

// biome-ignore lint/suspicious/noExplicitAny: nft's JSON
function elements(dataDir: string, kind: 'set' | 'map', name: string): any[] {
  const listing = execFileSync('nft', ['-j', 'list', kind, 'inet', tableOf(dataDir).name, name], { encoding: 'utf8' })
  return JSON.parse(listing).nftables[1][kind].elem ?? []
}
