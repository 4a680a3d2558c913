import type { NetlinkMessages } from '../netlink/netlink-message.ts'
import { type Field, nfprotoIpv4, nfprotoIpv6, protoIcmp, protoIcmpv6, protoTcp } from '../ruleset.ts'
import { putExpression } from './attributes.ts'
import * as nf from './nf-tables.ts'

/** How the kernel reads a field of a packet or a flow into a register. */
export interface FieldSource {
  readonly expression: 'payload' | 'meta' | 'ct' | 'fib'
  readonly attributes: readonly (readonly [type: number, value: number, bytes?: 1])[]
  /** Which attribute names the register. */
  readonly register: number
  /** Bytes. */
  readonly length: number
  /** A word of the CPU's own order; else as on the wire. */
  readonly hostOrder: boolean
  /** What must be known of the packet before the field means anything; nft's own rules check it likewise. */
  readonly family?: number
  readonly protocol?: number
}

function payload(
  base: number,
  offset: number,
  length: number,
  needs: Pick<FieldSource, 'family' | 'protocol'> = {},
): FieldSource {
  const attributes = [
    [nf.NFTA_PAYLOAD_BASE, base],
    [nf.NFTA_PAYLOAD_OFFSET, offset],
    [nf.NFTA_PAYLOAD_LEN, length],
  ] as const
  return { expression: 'payload', attributes, register: nf.NFTA_PAYLOAD_DREG, length, hostOrder: false, ...needs }
}

function meta(key: number, length: 1 | 4): FieldSource {
  const attributes = [[nf.NFTA_META_KEY, key]] as const
  return { expression: 'meta', attributes, register: nf.NFTA_META_DREG, length, hostOrder: length === 4 }
}

function ct(key: number, length: 1 | 4): FieldSource {
  const attributes = [[nf.NFTA_CT_KEY, key]] as const
  return { expression: 'ct', attributes, register: nf.NFTA_CT_DREG, length, hostOrder: length === 4 }
}

function ctTuple(direction: number, key: number, length: 2 | 4 | 16): FieldSource {
  const attributes = [
    [nf.NFTA_CT_KEY, key],
    [nf.NFTA_CT_DIRECTION, direction, 1],
  ] as const
  return { expression: 'ct', attributes, register: nf.NFTA_CT_DREG, length, hostOrder: false }
}

function fib(result: number, flags: number): FieldSource {
  const attributes = [
    [nf.NFTA_FIB_RESULT, result],
    [nf.NFTA_FIB_FLAGS, flags],
  ] as const
  return { expression: 'fib', attributes, register: nf.NFTA_FIB_DREG, length: 4, hostOrder: true }
}

const network = nf.NFT_PAYLOAD_NETWORK_HEADER
const transport = nf.NFT_PAYLOAD_TRANSPORT_HEADER
const ipv4 = { family: nfprotoIpv4 }
const ipv6 = { family: nfprotoIpv6 }
const tcp = { protocol: protoTcp }
const icmp = { family: nfprotoIpv4, protocol: protoIcmp }
const icmpv6 = { family: nfprotoIpv6, protocol: protoIcmpv6 }

export const fieldSources: Readonly<Record<Field, FieldSource>> = {
  'ip saddr': payload(network, 12, 4, ipv4),
  'ip daddr': payload(network, 16, 4, ipv4),
  'ip6 saddr': payload(network, 8, 16, ipv6),
  'ip6 daddr': payload(network, 24, 16, ipv6),
  'th sport': payload(transport, 0, 2),
  'th dport': payload(transport, 2, 2),
  'tcp sequence': payload(transport, 4, 4, tcp),
  'tcp flags': payload(transport, 13, 1, tcp),
  'icmp type': payload(transport, 0, 1, icmp),
  'icmp code': payload(transport, 1, 1, icmp),
  'icmpv6 type': payload(transport, 0, 1, icmpv6),
  'icmpv6 code': payload(transport, 1, 1, icmpv6),
  'meta l4proto': meta(nf.NFT_META_L4PROTO, 1),
  'meta nfproto': meta(nf.NFT_META_NFPROTO, 1),
  'meta mark': meta(nf.NFT_META_MARK, 4),
  'meta iif': meta(nf.NFT_META_IIF, 4),
  'meta oif': meta(nf.NFT_META_OIF, 4),
  'ct mark': ct(nf.NFT_CT_MARK, 4),
  'ct state': ct(nf.NFT_CT_STATE, 4),
  'ct status': ct(nf.NFT_CT_STATUS, 4),
  'ct direction': ct(nf.NFT_CT_DIRECTION, 1),
  'ct original ip daddr': ctTuple(nf.IP_CT_DIR_ORIGINAL, nf.NFT_CT_DST_IP, 4),
  'ct original ip6 daddr': ctTuple(nf.IP_CT_DIR_ORIGINAL, nf.NFT_CT_DST_IP6, 16),
  'ct original proto-dst': ctTuple(nf.IP_CT_DIR_ORIGINAL, nf.NFT_CT_PROTO_DST, 2),
  'ct reply ip saddr': ctTuple(nf.IP_CT_DIR_REPLY, nf.NFT_CT_SRC_IP, 4),
  'ct reply ip6 saddr': ctTuple(nf.IP_CT_DIR_REPLY, nf.NFT_CT_SRC_IP6, 16),
  'fib saddr type': fib(nf.NFT_FIB_RESULT_ADDRTYPE, nf.NFTA_FIB_F_SADDR),
  'fib saddr . iif oif': fib(nf.NFT_FIB_RESULT_OIF, nf.NFTA_FIB_F_SADDR | nf.NFTA_FIB_F_IIF),
}

/** Reads the field into the register. */
export function putLoad(m: NetlinkMessages, field: Field, register: number): void {
  const { expression, attributes, register: registerAttribute } = fieldSources[field]
  putExpression(m, expression, () => {
    m.u32(registerAttribute, register)
    for (const [type, value, bytes] of attributes) {
      if (bytes === 1) m.u8(type, value)
      else m.u32(type, value)
    }
  })
}
