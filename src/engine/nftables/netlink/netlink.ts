import { read, write } from 'node:fs'
import { getSystemErrorName, promisify } from 'node:util'
import type { NetlinkMessages } from './netlink-message.ts'

/** One message of an answer. The view is only good during the call: the buffer is used again. */
export type OnMessage = (type: number, payload: DataView) => void

/** The kernel refused: `code` is the system's (`EPERM`, `ENOENT`), `text` its own words where it has some. */
export class NetlinkError extends Error {
  readonly code: string
  /** Of the refused message, by its number in what was sent. */
  readonly index: number

  constructor(errno: number, index: number, text: string) {
    const code = getSystemErrorName(-errno)
    super(`the kernel refused message ${index}: ${code}${text === '' ? '' : ` (${text})`}`)
    this.code = code
    this.index = index
  }
}

/**
 * A socket to the kernel's netfilter (netlink(7), NETLINK_NETFILTER), by libc through `node:ffi`. The kernel works on a
 * request while it is being sent, so that its answer is there when `send` returns and nothing here ever waits.
 */
export class Netlink {
  readonly #libc: Libc
  readonly #fd: number
  #sequence = 1
  #sendBuffer = 0

  /** @throws the system's error: `EPERM`; or `ENOSYS` where there is no `node:ffi`, or no Linux */
  static async open(): Promise<Netlink> {
    return new Netlink(await libc())
  }

  private constructor(its: Libc) {
    this.#libc = its
    this.#fd = its.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER)
    if (this.#fd < 0) throw systemError('socket', its.errno())
    // Port 0: the kernel gives the socket a number of its own.
    if (its.bind(this.#fd, kernelAddress, kernelAddress.length) < 0) {
      const error = systemError('bind', its.errno())
      this.close()
      throw error
    }
    // Errors with their words, and without a copy of what was sent.
    this.#set(SOL_NETLINK, NETLINK_EXT_ACK, 1)
    this.#set(SOL_NETLINK, NETLINK_CAP_ACK, 1)
  }

  /**
   * Sends messages that ask for nothing back; as one transaction if they are between `batchBegin` and `batchEnd`.
   * @throws NetlinkError for the first that the kernel refused
   */
  send(messages: NetlinkMessages): void {
    const [failure] = this.attempt(messages)
    if (failure !== undefined) throw failure
  }

  /** The same, with all that the kernel refused as the answer: it looks at what stands behind the first such message, too. */
  attempt(messages: NetlinkMessages): readonly NetlinkError[] {
    const sent = this.#transmit(messages)
    const failures: NetlinkError[] = []
    while (this.#receive(sent, undefined, error => failures.push(error)) !== 'empty');
    return failures
  }

  /**
   * Sends one message and hands over what comes back, a dump to its end. What changes while it is read may be missing or
   * there twice; `isConsistent` says whether that can have been.
   * @throws NetlinkError
   */
  request(messages: NetlinkMessages, onMessage: OnMessage): { readonly isConsistent: boolean } {
    const reading = this.read(messages, onMessage)
    for (;;) {
      const { done, value } = reading.next()
      if (done) return value
    }
  }

  /** The same in pieces of up to 32 KB, for the caller to take when it likes. Nothing else may use the socket meanwhile. */
  *read(messages: NetlinkMessages, onMessage: OnMessage): Generator<void, { readonly isConsistent: boolean }> {
    const sent = this.#transmit(messages)
    let failure: NetlinkError | undefined
    let isConsistent = true
    for (;;) {
      const state = this.#receive(
        sent,
        onMessage,
        error => (failure ??= error),
        () => (isConsistent = false),
      )
      if (state !== 'more') break
      yield
    }
    if (failure !== undefined) throw failure
    return { isConsistent }
  }

  /**
   * The same with the kernel's share of the work on another thread, libuv's, and only `onMessage` on this one: before it
   * answers, the kernel looks through a whole table, which takes it 25 to 90 ms for conntrack's.
   */
  async stream(messages: NetlinkMessages, onMessage: OnMessage): Promise<void> {
    const sent = this.#number(messages)
    const pieces = new Inbox()
    let failure: NetlinkError | undefined
    await writeAside(this.#fd, sent.bytes)
    for (;;) {
      const { bytesRead } = await readAside(this.#fd, pieces.bytes, 0, pieces.bytes.length, null)
      if (pieces.read(bytesRead, sent, onMessage, error => (failure ??= error)) === 'done') break
    }
    if (failure !== undefined) throw failure
  }

  close(): void {
    this.#libc.close(this.#fd)
  }

  #number(messages: NetlinkMessages): Sent {
    const { count } = messages
    if (this.#sequence + count > 0xffff_ffff) this.#sequence = 1
    const first = this.#sequence
    this.#sequence += count
    return { first, count, bytes: messages.numbered(first) }
  }

  #transmit(messages: NetlinkMessages): Sent {
    const sent = this.#number(messages)
    const { bytes } = sent
    if (bytes.length > this.#sendBuffer) {
      // The kernel doubles what it is told, for its own bookkeeping.
      this.#sendBuffer = Math.max(bytes.length, 1 << 20)
      // Root of a container that is not the host's may not go beyond net.core.wmem_max.
      if (!this.#set(SOL_SOCKET, SO_SNDBUFFORCE, this.#sendBuffer)) this.#set(SOL_SOCKET, SO_SNDBUF, this.#sendBuffer)
    }
    if (this.#libc.sendto(this.#fd, bytes, BigInt(bytes.length), 0, kernelAddress, kernelAddress.length) < 0n)
      throw systemError('sendto', this.#libc.errno())
    return sent
  }

  /** One datagram's messages. `empty`: there was none; `done`: it held the end of the answer. */
  #receive(
    sent: Sent,
    onMessage: OnMessage | undefined,
    onError: (error: NetlinkError) => void,
    onInconsistent?: () => void,
  ): 'more' | 'done' | 'empty' {
    const length = Number(this.#libc.recv(this.#fd, inbox.bytes, BigInt(inbox.bytes.length), MSG_DONTWAIT))
    if (length < 0) {
      const errno = this.#libc.errno()
      if (errno === EAGAIN) return 'empty'
      // More refusals than the socket has room for: the first are there.
      if (errno === ENOBUFS) return 'more'
      throw systemError('recv', errno)
    }
    return inbox.read(length, sent, onMessage, onError, onInconsistent)
  }

  #set(level: number, option: number, value: number): boolean {
    const bytes = Buffer.alloc(4)
    bytes.writeInt32LE(value)
    return this.#libc.setsockopt(this.#fd, level, option, bytes, 4) === 0
  }
}

/** A request, and the numbers of its messages. */
interface Sent {
  readonly first: number
  readonly count: number
  readonly bytes: Buffer
}

/** Where datagrams of the kernel arrive. */
class Inbox {
  /** The kernel's datagrams are 32 KB at most. */
  readonly bytes = Buffer.alloc(1 << 16)
  readonly #view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length)

  /** The messages of a datagram of `length` bytes. `done`: it held the end of the answer to what was sent. */
  read(
    length: number,
    { first, count }: Sent,
    onMessage: OnMessage | undefined,
    onError: (error: NetlinkError) => void,
    onInconsistent?: () => void,
  ): 'more' | 'done' {
    const view = this.#view
    let isDone = false
    let isOurs = false
    let isMultipart = false
    for (let at = 0; at + 16 <= length; ) {
      const size = view.getUint32(at, true)
      const type = view.getUint16(at + 4, true)
      const flags = view.getUint16(at + 6, true)
      const index = view.getUint32(at + 8, true) - first
      if (size < 16) break
      if ((flags & NLM_F_DUMP_INTR) !== 0) onInconsistent?.()
      // What is left of an earlier request that failed midway is not ours.
      if (index >= 0 && index < count) {
        isOurs = true
        isMultipart ||= (flags & NLM_F_MULTI) !== 0
        if (type === NLMSG_ERROR || type === NLMSG_DONE) {
          isDone = true
          const errno = size >= 20 ? -view.getInt32(at + 16, true) : 0
          if (errno !== 0) onError(new NetlinkError(errno, index, this.#extendedText(at, size, type, flags)))
        } else onMessage?.(type, new DataView(view.buffer, view.byteOffset + at + 16, size - 16))
      }
      at += (size + 3) & ~3
    }
    return isDone || (isOurs && !isMultipart) ? 'done' : 'more'
  }

  /** What the kernel says beside the number (NLMSGERR_ATTR_MSG, netlink(7)). */
  #extendedText(at: number, size: number, type: number, flags: number): string {
    if ((flags & NLM_F_ACK_TLVS) === 0) return ''
    // Header, error, and unless it ends a dump, the header of the message that it is about (NETLINK_CAP_ACK).
    for (let from = at + (type === NLMSG_DONE ? 20 : 36); from + 4 <= at + size; ) {
      const length = this.#view.getUint16(from, true)
      if (length < 4) break
      if ((this.#view.getUint16(from + 2, true) & 0x3fff) === 1)
        return this.bytes.toString('latin1', from + 4, from + length - 1)
      from += (length + 3) & ~3
    }
    return ''
  }
}

const writeAside = promisify(write)
const readAside = promisify(read)

/** The C library's functions that the kernel engine needs. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number
  sendto(fd: number, data: Uint8Array, length: bigint, flags: number, to: Uint8Array, toLength: number): bigint
  recv(fd: number, into: Uint8Array, length: bigint, flags: number): bigint
  close(fd: number): number
  /** Of the call just made. */
  errno(): number
}

let loaded: Libc | undefined

/** @throws `ENOSYS` where there is no `node:ffi`, or no Linux */
export async function libc(): Promise<Libc> {
  if (loaded !== undefined) return loaded
  if (process.platform !== 'linux') throw systemError('node:ffi', ENOSYS)
  // It is experimental: a Node without it is one without the kernel engine.
  const ffi = await import('node:ffi').catch(() => {
    throw systemError('node:ffi', ENOSYS)
  })
  const int = 'int32'
  const { functions } = ffi.dlopen(null, {
    socket: { arguments: [int, int, int], return: int },
    bind: { arguments: [int, 'buffer', 'uint32'], return: int },
    setsockopt: { arguments: [int, int, int, 'buffer', 'uint32'], return: int },
    sendto: { arguments: [int, 'buffer', 'uint64', int, 'buffer', 'uint32'], return: 'int64' },
    recv: { arguments: [int, 'buffer', 'uint64', int], return: 'int64' },
    close: { arguments: [int], return: int },
    __errno_location: { arguments: [], return: 'pointer' },
  })
  loaded = {
    socket: functions.socket,
    bind: functions.bind,
    setsockopt: functions.setsockopt,
    sendto: functions.sendto,
    recv: functions.recv,
    close: functions.close,
    errno: () => ffi.getInt32(functions.__errno_location(), 0),
  }
  return loaded
}

export function systemError(call: string, errno: number): Error {
  const code = getSystemErrorName(-errno)
  return Object.assign(new Error(`${call}: ${code}`), { code })
}

/** struct sockaddr_nl of the kernel. */
const kernelAddress = Buffer.from([16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
const inbox = new Inbox()

const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0x80000
const SOCK_NONBLOCK = 0x800
const NETLINK_NETFILTER = 12
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_SNDBUFFORCE = 32
const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const MSG_DONTWAIT = 0x40
const NLM_F_MULTI = 2
const NLM_F_DUMP_INTR = 0x10
const NLM_F_ACK_TLVS = 0x200
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const EAGAIN = 11
const ENOBUFS = 105
const ENOSYS = 38
