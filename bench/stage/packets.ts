/** Packets made by hand: with any source address, in fragments, or of a kind that no socket would send. */
import { dlopen } from 'node:ffi'
import { isIpv6, parseAddress } from '../../src/domain/cidr.ts'

export interface Ends {
  readonly from: string
  readonly fromPort: number
  readonly to: string
  readonly toPort: number
}

export const tcpFlags = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16 } as const

/** An IP packet with a UDP datagram. */
export function udpPacket({ from, fromPort, to, toPort }: Ends, data: Uint8Array): Buffer {
  const udp = Buffer.alloc(8 + data.length)
  udp.writeUInt16BE(fromPort, 0)
  udp.writeUInt16BE(toPort, 2)
  udp.writeUInt16BE(udp.length, 4)
  udp.set(data, 8)
  udp.writeUInt16BE(checksum(pseudoHeader(from, to, UDP, udp.length), udp) || 0xffff, 6)
  return ipPacket(from, to, UDP, udp)
}

export interface Segment {
  /** Of `tcpFlags`, together. */
  readonly flags: number
  readonly sequence?: number
  readonly acknowledged?: number
  readonly data?: Uint8Array
}

/** An IP packet with a TCP segment without options. */
export function tcpPacket(
  { from, fromPort, to, toPort }: Ends,
  { flags, sequence = 0, acknowledged = 0, data = new Uint8Array() }: Segment,
): Buffer {
  const tcp = Buffer.alloc(20 + data.length)
  tcp.writeUInt16BE(fromPort, 0)
  tcp.writeUInt16BE(toPort, 2)
  tcp.writeUInt32BE(sequence, 4)
  tcp.writeUInt32BE(acknowledged, 8)
  tcp[12] = 5 << 4
  tcp[13] = flags
  tcp.writeUInt16BE(64_240, 14)
  tcp.set(data, 20)
  tcp.writeUInt16BE(checksum(pseudoHeader(from, to, TCP, tcp.length), tcp), 16)
  return ipPacket(from, to, TCP, tcp)
}

/** An ICMP or ICMPv6 message about a packet: its header and the first bytes behind it, as routers send it. */
export function icmpError(
  { from, to }: Pick<Ends, 'from' | 'to'>,
  { type, code }: { readonly type: number; readonly code: number },
  about: Uint8Array,
): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0, 0, 0, 0, 0]), about.subarray(0, 64)])
  const isV6 = isIpv6(from)
  const protocol = isV6 ? ICMPV6 : ICMP
  const header = isV6 ? pseudoHeader(from, to, protocol, message.length) : Buffer.alloc(0)
  message.writeUInt16BE(checksum(header, message), 2)
  return ipPacket(from, to, protocol, message)
}

/** The packet in fragments of at most `size` bytes each, in order. */
export function fragments(packet: Buffer, size: number): readonly Buffer[] {
  const isV6 = packet[0]! >> 4 === 6
  const header = packet.subarray(0, isV6 ? 40 : 20)
  const data = packet.subarray(header.length)
  const room = (size - header.length - (isV6 ? 8 : 0)) & ~7
  const all: Buffer[] = []
  fragmentNumber++
  for (let at = 0; at < data.length; at += room) {
    const piece = data.subarray(at, at + room)
    const isLast = at + room >= data.length
    if (isV6) {
      const extension = Buffer.alloc(8)
      extension[0] = header[6]!
      extension.writeUInt16BE(at | (isLast ? 0 : 1), 2)
      extension.writeUInt32BE(fragmentNumber >>> 0, 4)
      const its = Buffer.concat([header, extension, piece])
      its[6] = FRAGMENT
      its.writeUInt16BE(piece.length + 8, 4)
      all.push(its)
    } else {
      const its = Buffer.concat([header, piece])
      its.writeUInt16BE(1 + (fragmentNumber % 0xffff), 4)
      its.writeUInt16BE((at / 8) | (isLast ? 0 : 0x2000), 6)
      all.push(its)
    }
  }
  return all
}

/** Sends packets as they are, from this process's network namespace. Needs root. */
export class RawSender {
  readonly #fds: ReadonlyMap<number, number>

  constructor() {
    this.#fds = new Map([AF_INET, AF_INET6].map(family => [family, libc.socket(family, SOCK_RAW, IPPROTO_RAW)]))
    if ([...this.#fds.values()].some(fd => fd < 0)) throw new Error('no raw socket: not root?')
  }

  /** False: the system did not take it. */
  send(packet: Buffer): boolean {
    const isV6 = packet[0]! >> 4 === 6
    const to = Buffer.alloc(isV6 ? 28 : 16)
    to.writeUInt16LE(isV6 ? AF_INET6 : AF_INET)
    if (isV6) to.set(packet.subarray(24, 40), 8)
    else to.set(packet.subarray(16, 20), 4)
    const fd = this.#fds.get(isV6 ? AF_INET6 : AF_INET)!
    return libc.sendto(fd, packet, BigInt(packet.length), 0, to, to.length) >= 0n
  }

  close(): void {
    for (const fd of this.#fds.values()) libc.close(fd)
  }
}

/** Puts a transport segment behind an IP header. */
function ipPacket(from: string, to: string, protocol: number, segment: Uint8Array): Buffer {
  const [source, destination] = [parseAddress(from)!, parseAddress(to)!]
  if (isIpv6(from)) {
    const header = Buffer.alloc(8)
    header[0] = 0x60
    header.writeUInt16BE(segment.length, 4)
    header[6] = protocol
    header[7] = hops
    return Buffer.concat([header, source, destination, segment])
  }
  const header = Buffer.alloc(12)
  header[0] = 0x45
  // The kernel fills in the checksum, and the identification where it is 0 (raw(7)).
  header.writeUInt16BE(20 + segment.length, 2)
  header[8] = hops
  header[9] = protocol
  return Buffer.concat([header, source, destination, segment])
}

function pseudoHeader(from: string, to: string, protocol: number, length: number): Buffer {
  const rest = Buffer.alloc(8)
  rest.writeUInt32BE(length, 0)
  rest[7] = protocol
  return Buffer.concat([parseAddress(from)!, parseAddress(to)!, rest])
}

/** Of the Internet protocols (RFC 1071), over parts of even length but for the last. */
function checksum(...parts: readonly Buffer[]): number {
  let sum = 0
  for (const part of parts) {
    for (let at = 0; at + 1 < part.length; at += 2) sum += part.readUInt16BE(at)
    if (part.length % 2 === 1) sum += part[part.length - 1]! << 8
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

let fragmentNumber = 0

const { functions: libc } = dlopen(null, {
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  sendto: { arguments: ['int32', 'buffer', 'uint64', 'int32', 'buffer', 'uint32'], return: 'int64' },
  close: { arguments: ['int32'], return: 'int32' },
})

const AF_INET = 2
const AF_INET6 = 10
const SOCK_RAW = 3
const IPPROTO_RAW = 255
const ICMP = 1
const TCP = 6
const UDP = 17
const FRAGMENT = 44
const ICMPV6 = 58
const hops = 64
