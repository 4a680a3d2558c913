import { randomInt } from 'node:crypto'
import type { Cancel, Clock } from '../../../clock.ts'
import { forgedMark } from '../base-part.ts'
import { type Libc, libc } from '../netlink/netlink.ts'
import { tcpAck } from '../ruleset.ts'
import { type ConntrackEntry, TCP } from './conntrack-entry.ts'

/**
 * Ends TCP connections that conntrack has just been made to forget and whose ends say nothing. A segment of theirs would be
 * answered with RST by our rules, so this makes each end send one: it gets an ACK that seems to come from the other end, with a
 * sequence number that cannot be right, and what TCP answers to that is an ACK (RFC 9293, section 3.10.7.4). The forged
 * segments carry a mark under which our rules keep them away from conntrack, which would take them for a new connection.
 */
export class IdleResetter {
  readonly #clock: Clock
  readonly #ipv4: ForgedAcks
  /** Missing on a host without IPv6. */
  readonly #ipv6: ForgedAcks | undefined
  #queue: ConntrackEntry[] = []
  #cancel: Cancel | undefined
  readonly #again = new Set<Cancel>()

  /** `undefined` where the process may have no raw socket (CAP_NET_RAW): idle ends then learn of it when they next send. */
  static async open(clock: Clock): Promise<IdleResetter | undefined> {
    const its = await libc()
    const ipv4 = openAcks(its, ipv4Layout)
    return ipv4 && new IdleResetter(clock, ipv4, openAcks(its, ipv6Layout))
  }

  private constructor(clock: Clock, ipv4: ForgedAcks, ipv6: ForgedAcks | undefined) {
    this.#clock = clock
    this.#ipv4 = ipv4
    this.#ipv6 = ipv6
  }

  /**
   * Resets both ends of these connections, kept entries that are deleted already: 20,000 a second. Each is told twice, because
   * a segment may be lost, and because Linux answers no more than one such segment in 500 ms (`tcp_invalid_ratelimit`).
   */
  reset(entries: readonly ConntrackEntry[]): void {
    if (entries.length === 0) return
    this.#enqueue(entries)
    const cancel = this.#clock.after(againMs, () => {
      this.#again.delete(cancel)
      this.#enqueue(entries)
    })
    this.#again.add(cancel)
  }

  /** Resolves when everybody was told once and had time to react. */
  async settle(): Promise<void> {
    do await new Promise<void>(resolve => this.#clock.after(reactionMs, resolve))
    while (this.#queue.length > 0)
  }

  close(): void {
    for (const cancel of this.#again) cancel()
    this.#cancel?.()
    this.#queue = []
    this.#ipv4.close()
    this.#ipv6?.close()
  }

  #enqueue(entries: readonly ConntrackEntry[]): void {
    for (const entry of entries) this.#queue.push(entry)
    if (this.#cancel === undefined) this.#sendSome()
  }

  readonly #sendSome = (): void => {
    const some = this.#queue.splice(0, atOnce)
    for (const { family, original, reply } of some) {
      const acks = family === ipv4Layout.family ? this.#ipv4 : this.#ipv6
      acks?.send(original.destination, original.destinationPort, original.source, original.sourcePort)
      acks?.send(reply.destination, reply.destinationPort, reply.source, reply.sourcePort)
    }
    this.#cancel = this.#queue.length === 0 ? undefined : this.#clock.after(everyMs, this.#sendSome)
  }
}

/** Connections at a time, and how long until the next ones. */
const atOnce = 100
const everyMs = 5
const againMs = 520
/** Until the answer to a forged segment is here, and its reset is there. */
const reactionMs = 200

/** Without options. */
const tcpLength = 20
const hops = 64
const IPPROTO_RAW = 255
const SOCK_RAW = 3
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const SOL_SOCKET = 1
const SO_MARK = 36

/** Makes and sends ACK segments of one family. */
class ForgedAcks {
  readonly #libc: Libc
  readonly #fd: number
  readonly #layout: Layout
  /** An IP header, and a TCP header without options. */
  readonly #packet: Buffer
  readonly #to: Buffer

  constructor(its: Libc, fd: number, layout: Layout) {
    this.#libc = its
    this.#fd = fd
    this.#layout = layout
    this.#packet = Buffer.alloc(layout.header.length + tcpLength)
    this.#packet.set(layout.header)
    this.#to = Buffer.alloc(layout.sockaddrLength)
    this.#to.writeUInt16LE(layout.family)
  }

  /** To an address that cannot be reached, nothing is sent. */
  send(source: Uint8Array, sourcePort: number, destination: Uint8Array, destinationPort: number): void {
    const packet = this.#packet
    const { header, sourceAt, destinationAt, sockaddrAt } = this.#layout
    packet.set(source, sourceAt)
    packet.set(destination, destinationAt)
    this.#to.set(destination, sockaddrAt)
    const tcp = header.length
    packet.writeUInt16BE(sourcePort, tcp)
    packet.writeUInt16BE(destinationPort, tcp + 2)
    // Right by chance only: a window of 64 KB is one 65,536th of all numbers.
    packet.writeUInt32BE(randomInt(2 ** 32), tcp + 4)
    packet.writeUInt32BE(randomInt(2 ** 32), tcp + 8)
    packet[tcp + 12] = (tcpLength / 4) << 4
    packet[tcp + 13] = tcpAck
    packet.writeUInt16BE(0, tcp + 16)
    packet.writeUInt16BE(checksum(packet, sourceAt), tcp + 16)
    this.#libc.sendto(this.#fd, packet, BigInt(packet.length), 0, this.#to, this.#to.length)
  }

  close(): void {
    this.#libc.close(this.#fd)
  }
}

/** Of TCP (RFC 9293, section 3.1): over the pseudo header's addresses, which stand right before the segment, and the rest. */
function checksum(packet: Buffer, from: number): number {
  let sum = TCP + tcpLength
  for (let at = from; at < packet.length; at += 2) sum += packet.readUInt16BE(at)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Where addresses go in a packet and in the `sockaddr` of its destination. */
interface Layout {
  readonly family: number
  readonly header: Uint8Array
  readonly sourceAt: number
  readonly destinationAt: number
  readonly sockaddrLength: number
  readonly sockaddrAt: number
}

/** The kernel fills in the total length, the identification and the checksum (raw(7)). */
const ipv4Layout: Layout = {
  family: 2,
  header: Buffer.from([0x45, 0, 0, 0, 0, 0, 0x40, 0, hops, TCP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  sourceAt: 12,
  destinationAt: 16,
  sockaddrLength: 16,
  sockaddrAt: 4,
}

const ipv6Layout: Layout = {
  family: 10,
  header: Buffer.concat([Buffer.from([0x60, 0, 0, 0, 0, tcpLength, TCP, hops]), Buffer.alloc(32)]),
  sourceAt: 8,
  destinationAt: 24,
  sockaddrLength: 28,
  sockaddrAt: 8,
}

/** `undefined`: not permitted, or no such family here. */
function openAcks(its: Libc, layout: Layout): ForgedAcks | undefined {
  // With this protocol the packet brings its own header, in both families.
  const fd = its.socket(layout.family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW)
  if (fd < 0) return undefined
  const mark = new Uint8Array(Uint32Array.of(forgedMark).buffer)
  if (its.setsockopt(fd, SOL_SOCKET, SO_MARK, mark, mark.length) === 0) return new ForgedAcks(its, fd, layout)
  // Unmarked they would only make conntrack believe in the connection again.
  its.close(fd)
  return undefined
}
