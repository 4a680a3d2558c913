import { type Netlink, NetlinkError } from '../netlink/netlink.ts'
import {
  type Attribute,
  attributesOf,
  NetlinkMessages,
  NFNL_SUBSYS_NFTABLES,
  NLM_F_DUMP,
  textAt,
} from '../netlink/netlink-message.ts'
import * as nf from './nf-tables.ts'

/**
 * All that a table has of one kind (NFT_MSG_GET*), read by `read` while it passes by; nothing where the table or the set is
 * not there.
 * @param table undefined: of all tables
 * @param attributes which of them
 */
export function dumped<T>(
  netlink: Netlink,
  type: number,
  table: string | undefined,
  read: (view: DataView, attributes: ReadonlyMap<number, Attribute>) => T,
  attributes?: (m: NetlinkMessages) => void,
): readonly T[] {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found: T[] = []
    const isConsistent = request(netlink, type, NLM_F_DUMP, table, attributes, view => {
      const attributes = attributesOf(view)
      const its = attributes.get(tableName)
      // The kernel hands over the chains of all tables, whatever it is asked for.
      if (table === undefined || (its !== undefined && textAt(view, its) === table)) found.push(read(view, attributes))
    })
    if (isConsistent) return found
  }
  throw new Error('the rules of this host change so fast that they cannot be read')
}

/** The one thing of a table that the attributes name, or the table itself, if it is there. */
export function got<T>(
  netlink: Netlink,
  type: number,
  table: string,
  read: (view: DataView, attributes: ReadonlyMap<number, Attribute>) => T,
  attributes?: (m: NetlinkMessages) => void,
): T | undefined {
  let found: T | undefined
  request(netlink, type, 0, table, attributes, view => {
    found = read(view, attributesOf(view))
  })
  return found
}

/** @returns whether nothing changed meanwhile */
function request(
  netlink: Netlink,
  type: number,
  flags: number,
  table: string | undefined,
  attributes: ((m: NetlinkMessages) => void) | undefined,
  onMessage: (view: DataView) => void,
): boolean {
  const m = new NetlinkMessages(256)
  m.message((NFNL_SUBSYS_NFTABLES << 8) | type, flags, nf.NFPROTO_INET, 0, () => {
    if (table !== undefined) m.text(tableName, table)
    attributes?.(m)
  })
  try {
    return netlink.request(m, (_, view) => onMessage(view)).isConsistent
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return true
    throw error
  }
}

/** In every kind of message: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE ... */
const tableName = 1

/** Each change that anybody makes to any table of the namespace spoils what is being read just then. */
const attempts = 20
