import type { Netlink } from '../netlink/netlink.ts'
import { type Attribute, bytesAt, textAt } from '../netlink/netlink-message.ts'
import type { Chain, NftSet } from '../ruleset.ts'
import { dumped, got } from './dump.ts'
import { ruleDigestIn } from './encode-table.ts'
import * as nf from './nf-tables.ts'
import { commentIn } from './notes.ts'
import { chainPiece, contentPiece, counterPiece, type Piece, rulesPiece, setPiece, timeoutPiece } from './piece.ts'
import { type Count, inside, readCount, readElements, readSets } from './read-set.ts'

/** A table that is there. */
export interface FoundTable {
  readonly name: string
  /** No other table of the namespace has it, or had it before. */
  readonly handle: bigint
  /** The netlink port of the socket that alone may change the table, while that is open. */
  readonly owner: number | undefined
  /** It stays when its owner dies, so that without one it is a dead one's. */
  readonly isPersistent: boolean
  readonly comment: string | undefined
}

/** All tables of our family. */
export function findTables(netlink: Netlink): readonly FoundTable[] {
  return dumped(netlink, nf.NFT_MSG_GETTABLE, undefined, readFoundTable)
}

/** `undefined`: there is no such table. */
export function findTable(netlink: Netlink, table: string): FoundTable | undefined {
  return got(netlink, nf.NFT_MSG_GETTABLE, table, readFoundTable)
}

/**
 * All that a table holds, as pieces; what a set holds as if it were one part's own, which the kernel does not know, and rules
 * by their digests alone. Not read are slots (the maps from marks to marks; see `readSlot`) and what rules add to a set.
 */
export function readTable(netlink: Netlink, table: string): readonly Piece[] {
  const chains = dumped(netlink, nf.NFT_MSG_GETCHAIN, table, readChain)
  const digests = new Map<string, number[]>(chains.map(({ name }) => [name, []]))
  for (const { chain, digest } of dumped(netlink, nf.NFT_MSG_GETRULE, table, readRule)) digests.get(chain)?.push(digest)
  return [
    ...chains.flatMap(chain => [chainPiece(chain), rulesPiece(chain, digests.get(chain.name) ?? [])]),
    ...readSets(netlink, table).flatMap(set => [setPiece(set), ...contentOf(netlink, table, set)]),
    ...[...readCounters(netlink, table).keys()].map(counterPiece),
    ...readTimeouts(netlink, table),
  ]
}

/** The table's counters by their names. */
export function readCounters(netlink: Netlink, table: string): ReadonlyMap<string, Count> {
  return new Map(readObjects(netlink, table, nf.NFT_OBJECT_COUNTER, readCount))
}

function contentOf(netlink: Netlink, table: string, set: NftSet): readonly Piece[] {
  const isSlots = set.interval !== true && set.key.join() === 'mark' && String(set.data) === 'mark'
  const isForeign = set.key.length === 0
  if (isSlots || isForeign || set.dynamic !== undefined) return []
  return [
    contentPiece(
      set,
      readElements(netlink, table, set).map(({ count, ...element }) => element),
    ),
  ]
}

function readTimeouts(netlink: Netlink, table: string): readonly Piece[] {
  return readObjects(netlink, table, nf.NFT_OBJECT_CT_TIMEOUT, (view, data) => {
    const protocol = inside(view, data).get(nf.NFTA_CT_TIMEOUT_L4PROTO)
    return protocol !== undefined && view.getUint8(protocol.at) === 6 ? 'tcp' : 'udp'
  }).map(([name, protocol]) => timeoutPiece({ name, protocol, policy: {} }))
}

function readObjects<T>(
  netlink: Netlink,
  table: string,
  type: number,
  read: (view: DataView, data: Attribute | undefined) => T,
): readonly (readonly [string, T])[] {
  return dumped(
    netlink,
    nf.NFT_MSG_GETOBJ,
    table,
    (view, found) => [textAt(view, found.get(nf.NFTA_OBJ_NAME)!), read(view, found.get(nf.NFTA_OBJ_DATA))] as const,
    m => m.u32(nf.NFTA_OBJ_TYPE, type),
  )
}

function readFoundTable(view: DataView, found: ReadonlyMap<number, Attribute>): FoundTable {
  const owner = found.get(nf.NFTA_TABLE_OWNER)
  const userdata = found.get(nf.NFTA_TABLE_USERDATA)
  return {
    name: textAt(view, found.get(nf.NFTA_TABLE_NAME)!),
    handle: view.getBigUint64(found.get(nf.NFTA_TABLE_HANDLE)!.at),
    owner: owner === undefined ? undefined : view.getUint32(owner.at),
    isPersistent: (view.getUint32(found.get(nf.NFTA_TABLE_FLAGS)!.at) & nf.NFT_TABLE_F_PERSIST) !== 0,
    comment: userdata === undefined ? undefined : commentIn(bytesAt(view, userdata)),
  }
}

function readChain(view: DataView, found: ReadonlyMap<number, Attribute>): Chain {
  const name = textAt(view, found.get(nf.NFTA_CHAIN_NAME)!)
  const hook = inside(view, found.get(nf.NFTA_CHAIN_HOOK))
  const [type, number, priority] = [
    found.get(nf.NFTA_CHAIN_TYPE),
    hook.get(nf.NFTA_HOOK_HOOKNUM),
    hook.get(nf.NFTA_HOOK_PRIORITY),
  ]
  if (type === undefined || number === undefined || priority === undefined) return { name, rules: [] }
  return {
    name,
    hook: {
      type: textAt(view, type),
      hook: hookNames[view.getUint32(number.at)],
      priority: view.getInt32(priority.at),
    } as NonNullable<Chain['hook']>,
    rules: [],
  }
}

function readRule(
  view: DataView,
  found: ReadonlyMap<number, Attribute>,
): { readonly chain: string; readonly digest: number } {
  const userdata = found.get(nf.NFTA_RULE_USERDATA)
  const digest = userdata === undefined ? undefined : ruleDigestIn(bytesAt(view, userdata))
  return { chain: textAt(view, found.get(nf.NFTA_RULE_CHAIN)!), digest: digest ?? unknownDigest }
}

/** No digest: it is a 32-bit number, and this is none. */
const unknownDigest = -1

/** By NF_INET_*. */
const hookNames = ['prerouting', 'input', 'forward', 'output', 'postrouting']
