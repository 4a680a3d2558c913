import { NetlinkMessages, NFNL_SUBSYS_NFTABLES } from '../netlink/netlink-message.ts'
import type { Ruleset } from '../ruleset.ts'
import { putElements, putSet, putSlots } from './encode-set.ts'
import { putChain, putCounter, putRule, putTable, putTimeout, ruleDigest } from './encode-table.ts'

/** All of a ruleset as one transaction, for a table that is not there yet. */
export function rulesetMessages(table: string, ruleset: Ruleset): NetlinkMessages {
  const parts = [...ruleset.values()]
  const sets = new Map(parts.flatMap(part => part.sets).map(set => [set.name, set]))
  const chains = parts.flatMap(part => part.chains)
  const m = new NetlinkMessages()
  m.batchBegin(NFNL_SUBSYS_NFTABLES)
  putTable(m, table, false)
  for (const timeout of parts.flatMap(part => part.timeouts)) putTimeout(m, table, timeout)
  for (const name of parts.flatMap(part => part.counters)) putCounter(m, table, name)
  for (const chain of chains) putChain(m, table, chain)
  let id = 0
  for (const set of sets.values()) {
    putSet(m, table, set, ++id)
    if (set.content === 'shared') continue
    if ('marks' in set.content) putSlots(m, table, set, set.content)
    else putElements(m, table, set, set.content)
  }
  for (const element of parts.flatMap(part => part.elements)) {
    const set = sets.get(element.set)
    if (set === undefined) throw new Error(`no set ${element.set}`)
    putElements(m, table, set, [element])
  }
  for (const { name, rules } of chains) for (const rule of rules) putRule(m, table, name, rule, ruleDigest(rule))
  m.batchEnd(NFNL_SUBSYS_NFTABLES)
  return m
}
