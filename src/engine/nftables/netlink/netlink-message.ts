/** Flags of a request (netlink(7)). */
export const NLM_F_REQUEST = 1
export const NLM_F_ACK = 4
export const NLM_F_DUMP = 0x300
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800

/** nfnetlink's subsystems; a message's type is subsystem << 8 | number. */
export const NFNL_SUBSYS_CTNETLINK = 1
export const NFNL_SUBSYS_NFTABLES = 10

/** Netlink messages one after another, as they are sent: attributes nested, padded to 4 bytes, numbers in network order. */
export class NetlinkMessages {
  #bytes: Buffer
  #at = 0
  #starts: number[] = []

  constructor(capacity = 4096) {
    this.#bytes = Buffer.allocUnsafe(capacity)
  }

  get count(): number {
    return this.#starts.length
  }

  /** Bytes so far. */
  get length(): number {
    return this.#at
  }

  /** @param resource big-endian `res_id` of struct nfgenmsg: the subsystem that a batch is for */
  message(type: number, flags: number, family: number, resource: number, attributes?: () => void): void {
    const start = this.#at
    this.#starts.push(start)
    this.#reserve(20)
    this.#bytes.writeUInt16LE(type, start + 4)
    this.#bytes.writeUInt16LE(flags | NLM_F_REQUEST, start + 6)
    this.#bytes.writeUInt32LE(0, start + 12)
    this.#bytes[start + 16] = family
    this.#bytes[start + 17] = 0
    this.#bytes.writeUInt16BE(resource, start + 18)
    this.#at = start + 20
    attributes?.()
    this.#bytes.writeUInt32LE(this.#at - start, start)
  }

  /** All or nothing from here to `batchEnd` (include/uapi/linux/netfilter/nfnetlink.h). */
  batchBegin(subsystem: number): void {
    this.message(0x10, 0, 0, subsystem)
  }

  batchEnd(subsystem: number): void {
    this.message(0x11, 0, 0, subsystem)
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1)
    this.#bytes[at] = value
  }

  u16(type: number, value: number): void {
    const at = this.#attribute(type, 2)
    this.#bytes.writeUInt16BE(value, at)
  }

  u32(type: number, value: number): void {
    const at = this.#attribute(type, 4)
    this.#bytes.writeUInt32BE(value >>> 0, at)
  }

  u64(type: number, value: bigint): void {
    const at = this.#attribute(type, 8)
    this.#bytes.writeBigUInt64BE(value, at)
  }

  /** With its closing zero byte. */
  text(type: number, value: string): void {
    const length = Buffer.byteLength(value)
    const at = this.#attribute(type, length + 1)
    this.#bytes.write(value, at)
    this.#bytes[at + length] = 0
  }

  bytes(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length)
    this.#bytes.set(value, at)
  }

  /** Attributes that are written already, padding and all. */
  written(attributes: Uint8Array): void {
    this.#reserve(attributes.length)
    this.#bytes.set(attributes, this.#at)
    this.#at += attributes.length
  }

  nest(type: number, attributes: () => void): void {
    const start = this.#at
    this.#reserve(4)
    this.#at += 4
    attributes()
    this.#bytes.writeUInt16LE(this.#at - start, start)
    this.#bytes.writeUInt16LE(type | 0x8000, start + 2)
  }

  /** What to send, the messages numbered from `first` on. */
  numbered(first: number): Buffer {
    this.#starts.forEach((start, index) => {
      this.#bytes.writeUInt32LE(first + index, start + 8)
    })
    return this.#bytes.subarray(0, this.#at)
  }

  /** Room for an attribute's value of `length` bytes; its padding is zero. @returns where it goes */
  #attribute(type: number, length: number): number {
    const start = this.#at
    const padded = (length + 7) & ~3
    this.#reserve(padded)
    this.#bytes.writeUInt16LE(length + 4, start)
    this.#bytes.writeUInt16LE(type, start + 2)
    if (padded !== length + 4) this.#bytes.fill(0, start + 4 + length, start + padded)
    this.#at = start + padded
    return start + 4
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + more))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

/** Where an attribute's value lies in the view that it was found in. */
export interface Attribute {
  readonly at: number
  readonly length: number
}

/** Attributes of an nfnetlink message (after its 4-byte header), or of one between two offsets, by type. */
export function eachAttribute(
  view: DataView,
  onAttribute: (type: number, at: number, length: number) => void,
  from = 4,
  to = view.byteLength,
): void {
  for (let at = from; at + 4 <= to; ) {
    const length = view.getUint16(at, true)
    if (length < 4) return
    onAttribute(view.getUint16(at + 2, true) & 0x3fff, at + 4, length - 4)
    at += (length + 3) & ~3
  }
}

export function attributesOf(view: DataView, from = 4, to = view.byteLength): ReadonlyMap<number, Attribute> {
  const found = new Map<number, Attribute>()
  eachAttribute(view, (type, at, length) => found.set(type, { at, length }), from, to)
  return found
}

/** A text attribute without its closing zero byte. */
export function textAt(view: DataView, { at, length }: Attribute): string {
  const bytes = bytesAt(view, { at, length })
  return bytes.toString('utf8', 0, bytes.at(-1) === 0 ? length - 1 : length)
}

/** Shares the view's memory. */
export function bytesAt(view: DataView, { at, length }: Attribute): Buffer {
  return Buffer.from(view.buffer, view.byteOffset + at, length)
}
