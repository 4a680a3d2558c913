import { type NetlinkMessages, NFNL_SUBSYS_NFTABLES } from '../netlink/netlink-message.ts'
import * as nf from './nf-tables.ts'

/** A message about our family of tables. */
export function putMessage(m: NetlinkMessages, type: number, flags: number, attributes: () => void): void {
  m.message((NFNL_SUBSYS_NFTABLES << 8) | type, flags, nf.NFPROTO_INET, 0, attributes)
}

/** An expression of a rule, as an element of a list. */
export function putExpression(m: NetlinkMessages, name: string, attributes: () => void = () => {}): void {
  m.nest(nf.NFTA_LIST_ELEM, () => {
    m.text(nf.NFTA_EXPR_NAME, name)
    m.nest(nf.NFTA_EXPR_DATA, attributes)
  })
}

/** A value to compare with, a key, a mask. */
export function putData(m: NetlinkMessages, type: number, bytes: Uint8Array): void {
  m.nest(type, () => m.bytes(nf.NFTA_DATA_VALUE, bytes))
}

export function putVerdict(m: NetlinkMessages, type: number, code: number, chain?: string): void {
  m.nest(type, () => {
    m.nest(nf.NFTA_DATA_VERDICT, () => {
      m.u32(nf.NFTA_VERDICT_CODE, code)
      if (chain !== undefined) m.text(nf.NFTA_VERDICT_CHAIN, chain)
    })
  })
}
