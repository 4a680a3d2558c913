import { parseAddress } from '../../../domain/cidr.ts'
import type { NetlinkMessages } from '../netlink/netlink-message.ts'
import { type Field, nfprotoIpv4, nfprotoIpv6, protoTcp, type Rule, type Statement } from '../ruleset.ts'
import { putData, putExpression, putVerdict } from './attributes.ts'
import * as nf from './nf-tables.ts'
import { fieldSources, putLoad } from './rule-field.ts'

/**
 * A rule's expressions, for inside of NFTA_RULE_EXPRESSIONS, as nft writes them: before a field of IPv4 the check that the
 * packet is one, before one of TCP's that it is TCP, unless the rule has said so itself.
 *
 * @throws where a value is none of its field's
 */
export function putExpressions(m: NetlinkMessages, rule: Rule): void {
  const known: Known = { family: undefined, protocol: undefined }
  for (const statement of rule) putStatement(m, known, statement)
}

/** What the statements so far say of the packet. */
interface Known {
  family: number | undefined
  protocol: number | undefined
}

type Match = Extract<Statement, { match: Field; value: unknown }>
type Range = Extract<Statement, { match: Field; from: number }>

function putStatement(m: NetlinkMessages, known: Known, statement: Statement): void {
  if ('match' in statement) {
    putNeeds(m, known, statement.match)
    putLoad(m, statement.match, first)
    if ('from' in statement) putRange(m, statement)
    else {
      putMatch(m, statement)
      learn(known, statement)
    }
  } else if ('in' in statement) {
    putFields(m, known, statement.fields, first)
    putLookup(m, statement.in, () => {
      if (statement.not === true) m.u32(nf.NFTA_LOOKUP_FLAGS, nf.NFT_LOOKUP_F_INV)
    })
  } else if ('vmap' in statement) {
    putFields(m, known, statement.fields, first)
    putLookup(m, statement.vmap, () => m.u32(nf.NFTA_LOOKUP_DREG, nf.NFT_REG_VERDICT))
  } else if ('hash' in statement) putHash(m, known, statement.hash, statement.mod, statement.seed)
  else if ('markFrom' in statement) {
    putLoad(m, 'ct mark', first)
    if (statement.ranges) putToNetworkOrder(m)
    putLookup(m, statement.markFrom, () => m.u32(nf.NFTA_LOOKUP_DREG, first))
    putMark(m)
  } else if ('dnat' in statement) putDnat(m, statement.dnat, statement.map)
  else if ('snat' in statement) putSnat(m, statement.snat, statement.map)
  else if ('counter' in statement) putReference(m, nf.NFT_OBJECT_COUNTER, statement.counter)
  else if ('ctTimeout' in statement) putReference(m, nf.NFT_OBJECT_CT_TIMEOUT, statement.ctTimeout)
  else if ('add' in statement) putAddition(m, known, statement.add, statement.fields)
  else if ('synproxy' in statement) {
    putProtocol(m, known, protoTcp)
    putSynproxy(m, statement.synproxy)
  } else if ('strip' in statement) {
    putProtocol(m, known, protoTcp)
    putExpression(m, 'exthdr', () => {
      m.u8(nf.NFTA_EXTHDR_TYPE, nf.TCPOPT_TIMESTAMP)
      m.u32(nf.NFTA_EXTHDR_OP, nf.NFT_EXTHDR_OP_TCPOPT)
    })
  } else if ('jump' in statement) putImmediate(m, nf.NFT_JUMP, statement.jump)
  else if ('goto' in statement) putImmediate(m, nf.NFT_GOTO, statement.goto)
  else putAction(m, known, statement.do)
}

function putAddition(m: NetlinkMessages, known: Known, set: string, fields: readonly Field[]): void {
  putFields(m, known, fields, first)
  putExpression(m, 'dynset', () => {
    m.text(nf.NFTA_DYNSET_SET_NAME, set)
    m.u32(nf.NFTA_DYNSET_OP, nf.NFT_DYNSET_OP_ADD)
    m.u32(nf.NFTA_DYNSET_SREG_KEY, first)
  })
}

function putAction(m: NetlinkMessages, known: Known, action: Extract<Statement, { do: unknown }>['do']): void {
  switch (action) {
    case 'masquerade':
      putExpression(m, 'masq')
      break
    case 'notrack':
      putExpression(m, 'notrack')
      break
    case 'reset':
      putProtocol(m, known, protoTcp)
      putExpression(m, 'reject', () => {
        m.u32(nf.NFTA_REJECT_TYPE, nf.NFT_REJECT_TCP_RST)
        m.u8(nf.NFTA_REJECT_ICMP_CODE, 0)
      })
      break
    default:
      putImmediate(m, { drop: nf.NF_DROP, accept: nf.NF_ACCEPT, return: nf.NFT_RETURN }[action])
  }
}

function putMatch(m: NetlinkMessages, { match, value, prefix, mask, not }: Match): void {
  const { length } = fieldSources[match]
  const masked = prefix === undefined ? mask : prefix === 8 * length ? undefined : prefixMask(prefix, length)
  let wanted = bytesOf(match, value)
  let operator = not === true ? nf.NFT_CMP_NEQ : nf.NFT_CMP_EQ
  if (masked !== undefined) {
    putBitwise(m, typeof masked === 'number' ? bytesOf(match, masked) : masked)
    if (isOneFlag(match, value, masked)) {
      // `ct state new`: nft's own form for one of several bits.
      wanted = Buffer.alloc(length)
      operator = not === true ? nf.NFT_CMP_EQ : nf.NFT_CMP_NEQ
    }
  }
  putCompare(m, operator, wanted)
}

function putRange(m: NetlinkMessages, { match, from, to }: Range): void {
  const { length, hostOrder } = fieldSources[match]
  if (hostOrder) putToNetworkOrder(m)
  putCompare(m, nf.NFT_CMP_GTE, numberBytes(from, length))
  putCompare(m, nf.NFT_CMP_LTE, numberBytes(to, length))
}

function putCompare(m: NetlinkMessages, operator: number, value: Uint8Array): void {
  putExpression(m, 'cmp', () => {
    m.u32(nf.NFTA_CMP_SREG, first)
    m.u32(nf.NFTA_CMP_OP, operator)
    putData(m, nf.NFTA_CMP_DATA, value)
  })
}

function putBitwise(m: NetlinkMessages, mask: Uint8Array): void {
  putExpression(m, 'bitwise', () => {
    m.u32(nf.NFTA_BITWISE_SREG, first)
    m.u32(nf.NFTA_BITWISE_DREG, first)
    m.u32(nf.NFTA_BITWISE_LEN, mask.length)
    putData(m, nf.NFTA_BITWISE_MASK, mask)
    putData(m, nf.NFTA_BITWISE_XOR, Buffer.alloc(mask.length))
  })
}

function putToNetworkOrder(m: NetlinkMessages): void {
  putExpression(m, 'byteorder', () => {
    m.u32(nf.NFTA_BYTEORDER_SREG, first)
    m.u32(nf.NFTA_BYTEORDER_DREG, first)
    m.u32(nf.NFTA_BYTEORDER_OP, nf.NFT_BYTEORDER_HTON)
    m.u32(nf.NFTA_BYTEORDER_LEN, 4)
    m.u32(nf.NFTA_BYTEORDER_SIZE, 4)
  })
}

function putLookup(m: NetlinkMessages, set: string, rest: () => void): void {
  putExpression(m, 'lookup', () => {
    m.text(nf.NFTA_LOOKUP_SET, set)
    m.u32(nf.NFTA_LOOKUP_SREG, first)
    rest()
  })
}

function putHash(m: NetlinkMessages, known: Known, fields: readonly Field[], mod: number, seed: number): void {
  const length = putFields(m, known, fields, second)
  putExpression(m, 'hash', () => {
    m.u32(nf.NFTA_HASH_SREG, second)
    m.u32(nf.NFTA_HASH_DREG, first)
    m.u32(nf.NFTA_HASH_LEN, length)
    m.u32(nf.NFTA_HASH_MODULUS, mod)
    m.u32(nf.NFTA_HASH_SEED, seed)
    m.u32(nf.NFTA_HASH_TYPE, nf.NFT_HASH_JENKINS)
  })
  putMark(m)
}

function putMark(m: NetlinkMessages): void {
  putExpression(m, 'ct', () => {
    m.u32(nf.NFTA_CT_KEY, nf.NFT_CT_MARK)
    m.u32(nf.NFTA_CT_SREG, first)
  })
}

function putSnat(m: NetlinkMessages, family: 'ip' | 'ip6', map: string): void {
  putLoad(m, family === 'ip' ? 'ct original ip daddr' : 'ct original ip6 daddr', first)
  putLookup(m, map, () => m.u32(nf.NFTA_LOOKUP_DREG, first))
  putExpression(m, 'nat', () => {
    m.u32(nf.NFTA_NAT_TYPE, nf.NFT_NAT_SNAT)
    m.u32(nf.NFTA_NAT_FAMILY, family === 'ip' ? nfprotoIpv4 : nfprotoIpv6)
    m.u32(nf.NFTA_NAT_REG_ADDR_MIN, first)
  })
}

function putDnat(m: NetlinkMessages, family: 'ip' | 'ip6', map: string): void {
  putLoad(m, 'ct mark', first)
  putLookup(m, map, () => m.u32(nf.NFTA_LOOKUP_DREG, first))
  putExpression(m, 'nat', () => {
    m.u32(nf.NFTA_NAT_TYPE, nf.NFT_NAT_DNAT)
    m.u32(nf.NFTA_NAT_FAMILY, family === 'ip' ? nfprotoIpv4 : nfprotoIpv6)
    m.u32(nf.NFTA_NAT_REG_ADDR_MIN, first)
    m.u32(nf.NFTA_NAT_REG_PROTO_MIN, family === 'ip' ? first + 1 : second)
  })
}

function putReference(m: NetlinkMessages, type: number, name: string): void {
  putExpression(m, 'objref', () => {
    m.u32(nf.NFTA_OBJREF_IMM_TYPE, type)
    m.text(nf.NFTA_OBJREF_IMM_NAME, name)
  })
}

function putSynproxy(m: NetlinkMessages, { mss, wscale }: { readonly mss: number; readonly wscale: number }): void {
  const options =
    nf.NF_SYNPROXY_OPT_MSS | nf.NF_SYNPROXY_OPT_WSCALE | nf.NF_SYNPROXY_OPT_SACK_PERM | nf.NF_SYNPROXY_OPT_TIMESTAMP
  putExpression(m, 'synproxy', () => {
    m.u16(nf.NFTA_SYNPROXY_MSS, mss)
    m.u8(nf.NFTA_SYNPROXY_WSCALE, wscale)
    m.u32(nf.NFTA_SYNPROXY_FLAGS, options)
  })
}

function putImmediate(m: NetlinkMessages, code: number, chain?: string): void {
  putExpression(m, 'immediate', () => {
    m.u32(nf.NFTA_IMMEDIATE_DREG, nf.NFT_REG_VERDICT)
    putVerdict(m, nf.NFTA_IMMEDIATE_DATA, code, chain)
  })
}

/** Fields side by side, each from the next whole word on. @returns their bytes together */
function putFields(m: NetlinkMessages, known: Known, fields: readonly Field[], register: number): number {
  for (const field of fields) putNeeds(m, known, field)
  let words = 0
  for (const field of fields) {
    putLoad(m, field, register + words)
    words += Math.ceil(fieldSources[field].length / 4)
  }
  return 4 * words
}

function putNeeds(m: NetlinkMessages, known: Known, field: Field): void {
  const { family, protocol } = fieldSources[field]
  if (family !== undefined && known.family !== family) {
    putLoad(m, 'meta nfproto', first)
    putCompare(m, nf.NFT_CMP_EQ, Buffer.of(family))
    known.family = family
  }
  if (protocol !== undefined) putProtocol(m, known, protocol)
}

function putProtocol(m: NetlinkMessages, known: Known, protocol: number): void {
  if (known.protocol === protocol) return
  putLoad(m, 'meta l4proto', first)
  putCompare(m, nf.NFT_CMP_EQ, Buffer.of(protocol))
  known.protocol = protocol
}

function learn(known: Known, { match, value, mask, not }: Match): void {
  if (typeof value !== 'number' || mask !== undefined || not === true) return
  if (match === 'meta nfproto') known.family = value
  if (match === 'meta l4proto') known.protocol = value
}

/** Whether it asks for one bit of a word of the connection's, which nft compares with 0. */
function isOneFlag(match: Field, value: number | string, mask: number | Uint8Array): boolean {
  return (match === 'ct state' || match === 'ct status') && value === mask && (mask & (mask - 1)) === 0
}

function bytesOf(field: Field, value: number | string): Buffer {
  const { length, hostOrder } = fieldSources[field]
  if (typeof value === 'string') {
    const bytes = parseAddress(value)
    if (bytes?.length !== length) throw new Error(`${value} is no '${field}'`)
    return Buffer.from(bytes)
  }
  const bytes = numberBytes(value, length)
  return hostOrder ? bytes.reverse() : bytes
}

function numberBytes(value: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  bytes.writeUIntBE(value, 0, length)
  return bytes
}

function prefixMask(prefix: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => 0xff & ~(0xff >> Math.min(8, Math.max(0, prefix - 8 * i)))))
}

/** The first two of the kernel's four registers of 16 bytes, by their first words. */
const first = nf.NFT_REG32_00
const second = nf.NFT_REG32_00 + 4
