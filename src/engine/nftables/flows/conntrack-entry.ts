import { formatAddress } from '../../../domain/cidr.ts'
import type { NetlinkMessages } from '../netlink/netlink-message.ts'

/** One direction of a flow: addresses and ports as its packets have them when they come in. */
export interface Tuple {
  /** 4 or 16 bytes, in the entry's own memory. */
  readonly source: Uint8Array
  readonly destination: Uint8Array
  readonly sourcePort: number
  readonly destinationPort: number
}

/** What flows are judged by (`sweep.ts`). */
export interface TrackedFlow {
  /** 6: TCP, 17: UDP; nothing else has a mark of ours. */
  readonly protocol: number
  /** What the client asked, spelled as `SnapshotListener.id`: `UDP 10.9.0.1 8080`. */
  readonly listener: string
  readonly mark: number
  /** As the target answers it. */
  readonly reply: Pick<Tuple, 'source' | 'sourcePort'>
  /** Bits of `enum ip_conntrack_status`: `statusSeenReply` and others. */
  readonly status: number
  /** `enum tcp_conntrack`: `tcpSynSent` and others; 0 where there is none. */
  readonly tcpState: number
  /** The kernel's own number for it, likely to be another one for the next flow with the same addresses. */
  readonly id: number
}

/**
 * A flow as conntrack has it, read from a message of ctnetlink (linux/netfilter/nfnetlink_conntrack.h). Reading costs little
 * however many there are: numbers are taken out at once, addresses when they are asked for.
 */
export class ConntrackEntry implements TrackedFlow {
  /** AF_INET (2) or AF_INET6 (10). */
  family = 0
  protocol = 0
  mark = 0
  status = 0
  tcpState = 0
  id = 0
  /** Seconds that it has left. */
  timeout = 0
  #zone = 0
  #view: DataView = nothing
  readonly #original = new TuplePart()
  readonly #reply = new TuplePart()

  /** @param view of an nfnetlink message, whose memory this entry shares */
  read(view: DataView): void {
    this.#view = view
    this.family = view.getUint8(0)
    this.mark = this.status = this.tcpState = this.timeout = this.id = this.#zone = 0
    for (let at = 4; at + 4 <= view.byteLength; ) {
      const length = view.getUint16(at, true)
      if (length < 4) return
      const value = at + 4
      switch (view.getUint16(at + 2, true) & typeMask) {
        case CTA_TUPLE_ORIG:
          this.protocol = this.#original.read(view, value, at + length)
          break
        case CTA_TUPLE_REPLY:
          this.#reply.read(view, value, at + length)
          break
        case CTA_STATUS:
          this.status = view.getUint32(value)
          break
        case CTA_PROTOINFO:
          this.tcpState = tcpStateIn(view, value, at + length)
          break
        case CTA_TIMEOUT:
          this.timeout = view.getUint32(value)
          break
        case CTA_MARK:
          this.mark = view.getUint32(value)
          break
        case CTA_ID:
          this.id = view.getUint32(value)
          break
        case CTA_ZONE:
          this.#zone = view.getUint16(value)
      }
      at += (length + 3) & ~3
    }
  }

  /** A copy with memory of its own, which the next message does not change. */
  kept(): ConntrackEntry {
    const copy = new ConntrackEntry()
    const { buffer, byteOffset, byteLength } = this.#view
    copy.read(new DataView(buffer.slice(byteOffset, byteOffset + byteLength)))
    return copy
  }

  /** As the client sent it: to the listener. */
  get original(): Tuple {
    return this.#original
  }

  /** As the target answers it: to the client, or to what the target takes for the client. */
  get reply(): Tuple {
    return this.#reply
  }

  get listener(): string {
    const key = this.#original.destinationKey(this.protocol)
    let name = listenerNames.get(key)
    if (name === undefined) {
      name = `${this.protocol === TCP ? 'TCP' : 'UDP'} ${formatAddress(this.#original.destination)} ${this.#original.destinationPort}`
      if (listenerNames.size >= mostNames) listenerNames.clear()
      listenerNames.set(key, name)
    }
    return name
  }

  /** The attributes that name this entry, and hardly ever a later one: the id is made of the tuple and a place in memory. */
  putName(messages: NetlinkMessages): void {
    messages.bytes(CTA_TUPLE_ORIG | NLA_F_NESTED, this.#original.attributes())
    if (this.#zone !== 0) messages.u16(CTA_ZONE, this.#zone)
    messages.u32(CTA_ID, this.id)
  }
}

/** Where a tuple's parts lie in a message. */
class TuplePart implements Tuple {
  #view: DataView = nothing
  #start = 0
  #end = 0
  #source = 0
  #destination = 0
  #addressLength = 0
  sourcePort = 0
  destinationPort = 0

  /** @returns the protocol's number */
  read(view: DataView, start: number, end: number): number {
    this.#view = view
    this.#start = start
    this.#end = end
    this.sourcePort = this.destinationPort = 0
    let protocol = 0
    for (let nest = start; nest + 4 <= end; ) {
      const length = view.getUint16(nest, true)
      if (length < 4) break
      const isAddresses = (view.getUint16(nest + 2, true) & typeMask) === CTA_TUPLE_IP
      for (let at = nest + 4; at + 4 <= nest + length; ) {
        const size = view.getUint16(at, true)
        if (size < 4) break
        const type = view.getUint16(at + 2, true) & typeMask
        if (isAddresses) {
          // Odd numbers are sources, of IPv4 and IPv6.
          if ((type & 1) === 1) this.#source = at + 4
          else this.#destination = at + 4
          this.#addressLength = size - 4
        } else if (type === CTA_PROTO_NUM) protocol = view.getUint8(at + 4)
        else if (type === CTA_PROTO_SRC_PORT) this.sourcePort = view.getUint16(at + 4)
        else if (type === CTA_PROTO_DST_PORT) this.destinationPort = view.getUint16(at + 4)
        at += (size + 3) & ~3
      }
      nest += (length + 3) & ~3
    }
    return protocol
  }

  get source(): Uint8Array {
    return this.#bytes(this.#source, this.#addressLength)
  }

  get destination(): Uint8Array {
    return this.#bytes(this.#destination, this.#addressLength)
  }

  /** The nest's inside. */
  attributes(): Uint8Array {
    return this.#bytes(this.#start, this.#end - this.#start)
  }

  /** Cheaper than the destination's text, and the same for the same one: a number for IPv4. */
  destinationKey(protocol: number): number | string {
    if (this.#addressLength === 4)
      return (this.#view.getUint32(this.#destination) * 0x10000 + this.destinationPort) * 2 + (protocol === TCP ? 1 : 0)
    const { buffer } = this.#view
    const address = Buffer.from(buffer as ArrayBuffer, this.#view.byteOffset + this.#destination, this.#addressLength)
    return `${protocol} ${this.destinationPort} ${address.toString('latin1')}`
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length)
  }
}

function tcpStateIn(view: DataView, start: number, end: number): number {
  if ((view.getUint16(start + 2, true) & typeMask) !== CTA_PROTOINFO_TCP) return 0
  for (let at = start + 4; at + 4 < end; ) {
    if ((view.getUint16(at + 2, true) & typeMask) === CTA_PROTOINFO_TCP_STATE) return view.getUint8(at + 4)
    at += (Math.max(view.getUint16(at, true), 4) + 3) & ~3
  }
  return 0
}

const nothing = new DataView(new ArrayBuffer(4))
/** More than there are listeners. */
const mostNames = 65_536
const listenerNames = new Map<number | string, string>()

/** IP protocol numbers. */
export const TCP = 6
export const UDP = 17
/** Bits of an entry's status (linux/netfilter/nf_conntrack_common.h). */
export const statusSeenReply = 2
export const statusDstNat = 32
/** An entry's TCP state (linux/netfilter/nf_conntrack_tcp.h). */
export const tcpSynSent = 1
export const tcpSynRecv = 2
export const tcpEstablished = 3
export const tcpLastAck = 6
export const tcpTimeWait = 7
export const tcpClose = 8

/** A type without the flags of nesting and byte order. */
const typeMask = 0x3fff
const NLA_F_NESTED = 0x8000
export const CTA_TUPLE_ORIG = 1
export const CTA_TUPLE_REPLY = 2
export const CTA_STATUS = 3
export const CTA_PROTOINFO = 4
export const CTA_TIMEOUT = 7
export const CTA_MARK = 8
const CTA_ID = 12
export const CTA_ZONE = 18
export const CTA_TUPLE_IP = 1
export const CTA_TUPLE_PROTO = 2
export const CTA_PROTO_NUM = 1
export const CTA_PROTO_SRC_PORT = 2
export const CTA_PROTO_DST_PORT = 3
export const CTA_PROTOINFO_TCP = 1
export const CTA_PROTOINFO_TCP_STATE = 1
