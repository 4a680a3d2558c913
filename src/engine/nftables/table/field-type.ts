import { formatAddress, parseAddress } from '../../../domain/cidr.ts'
import type { FieldType } from '../ruleset.ts'

/** How the kernel keeps a value of each type, and by which number nft knows the type (`enum datatypes` of its sources). */
export interface FieldShape {
  readonly datatype: number
  /** Bytes; in a concatenation padded to a multiple of four. */
  readonly length: number
  /** A word of the CPU's own order (little-endian, as on everything that Node 26 is built for); else network order. */
  readonly hostOrder: boolean
}

export const fieldShapes: Readonly<Record<FieldType, FieldShape>> = {
  ipv4_addr: { datatype: 7, length: 4, hostOrder: false },
  ipv6_addr: { datatype: 8, length: 16, hostOrder: false },
  inet_proto: { datatype: 12, length: 1, hostOrder: false },
  inet_service: { datatype: 13, length: 2, hostOrder: false },
  mark: { datatype: 19, length: 4, hostOrder: true },
  ifindex: { datatype: 20, length: 4, hostOrder: true },
}

/** Bytes of a key or a value of these types: a single one as it is, several each padded to words. */
export function fieldsLength(types: readonly FieldType[]): number {
  return types.length === 1 ? shapeOf(types, 0).length : types.reduce((sum, type) => sum + padded(type), 0)
}

/**
 * A key or a value as the kernel has it.
 * @param ordered all in network order, as keys of ranges are compared
 * @throws where a text is no address or no protocol
 */
export function fieldBytes(types: readonly FieldType[], values: readonly (string | number)[], ordered = false): Buffer {
  const bytes = Buffer.alloc(fieldsLength(types))
  let at = 0
  types.forEach((type, i) => {
    writeField(bytes, at, type, values[i], ordered)
    at += padded(type)
  })
  return bytes
}

/** The reverse of `fieldBytes`: addresses and protocols (`tcp`, `udp`, else the number) as text, the rest as numbers. */
export function fieldValues(types: readonly FieldType[], bytes: Buffer, ordered = false): readonly (string | number)[] {
  let at = 0
  return types.map(type => {
    const value = readField(bytes, at, type, ordered)
    at += padded(type)
    return value
  })
}

/** As IPPROTO_*; these are the only ones with names here. */
const protocolNumbers: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58 }
const protocolNames = new Map(Object.entries(protocolNumbers).map(([name, number]) => [number, name]))

function writeField(bytes: Buffer, at: number, type: FieldType, value: string | number | undefined, ordered: boolean) {
  const { length, hostOrder } = fieldShapes[type]
  const number = typeof value === 'string' ? protocolNumbers[value] : value
  if (type === 'ipv4_addr' || type === 'ipv6_addr') {
    const address = parseAddress(String(value))
    if (address?.length !== length) throw new Error(`${value} is no ${type}`)
    bytes.set(address, at)
  } else if (number === undefined) throw new Error(`${value} is no ${type}`)
  else if (hostOrder && !ordered) bytes.writeUInt32LE(number, at)
  else bytes.writeUIntBE(number, at, length)
}

function readField(bytes: Buffer, at: number, type: FieldType, ordered: boolean): string | number {
  const { length, hostOrder } = fieldShapes[type]
  if (type === 'ipv4_addr' || type === 'ipv6_addr') return formatAddress(bytes.subarray(at, at + length))
  if (hostOrder && !ordered) return bytes.readUInt32LE(at)
  const number = bytes.readUIntBE(at, length)
  return type === 'inet_proto' ? (protocolNames.get(number) ?? number) : number
}

function padded(type: FieldType): number {
  return (fieldShapes[type].length + 3) & ~3
}

function shapeOf(types: readonly FieldType[], index: number): FieldShape {
  const type = types[index]
  if (type === undefined) throw new Error('a key has at least one field')
  return fieldShapes[type]
}
