import { createSocket, type Socket } from 'node:dgram'
import type { SnapshotTarget } from '../../domain/snapshot.ts'
import { FlowEntry } from './flow-table.ts'

/** A target as one UDP listener knows it, with what it has carried. */
export class UdpTarget {
  readonly key: string
  readonly address: string
  readonly port: number
  /**
   * The largest payload that fits a datagram to it: 65,535 less the UDP header (RFC 768) and, in IPv4, the IP header (RFC
   * 791).
   */
  readonly maxPayload: number
  newFlows = 0
  activeFlows = 0
  bytesIn = 0
  bytesOut = 0

  constructor({ key, address, port }: SnapshotTarget) {
    this.key = key
    this.address = address
    this.port = port
    this.maxPayload = maxPayload(address)
  }

  /** Whether the snapshot still has this target as it was when its flows began, and lets them go on. */
  isServedBy(current: SnapshotTarget | undefined): boolean {
    return (
      current !== undefined && current.mode !== 'cut' && current.address === this.address && current.port === this.port
    )
  }
}

/** What a flow tells its listener. */
interface UdpFlowEvents {
  onReply(flow: UdpFlow, datagram: Buffer): void
  /** A datagram was lost: `error.code` says why, `ECONNREFUSED` being the target's port unreachable. */
  onError(flow: UdpFlow, error: NodeJS.ErrnoException): void
}

/** A flow's buffers: 15 of the largest datagrams, where Linux by default (212,992 bytes) takes 3. */
const bufferBytes = 1 << 20

/**
 * After so many datagrams without a reply, sends are checked. A send that finds an earlier datagram's refusal on the socket
 * consumes it and sends nothing: a flow that sends in pairs would never hear of a dead target. Checking each send would cost a
 * fifth of the rate.
 */
const trusted = 8

/**
 * A flow's own connected socket to its target: only it hears the ICMP errors that its datagrams cause, and only its target's
 * replies reach it.
 */
export class UdpFlow extends FlowEntry {
  readonly target: UdpTarget
  readonly #socket: Socket
  readonly #onSent: (error: Error | null) => void
  readonly #backlog: Backlog
  /** A flow of its listener no longer: it tells no errors. */
  #hasLeft = false
  #unanswered = 0

  /** Throws the system's error: `EMFILE` and `EADDRINUSE` (no file descriptor, no source port left), `ENETUNREACH`. */
  constructor(address: string, port: number, target: UdpTarget, events: UdpFlowEvents) {
    super(address, port)
    this.target = target
    const onError = (error: Error | null) => {
      if (error !== null && !this.#hasLeft) events.onError(this, error)
    }
    this.#onSent = onError
    this.#socket = createSocket({ type: socketType(target.address), lookup: literalLookup })
    this.#backlog = new Backlog(this.#socket)
    this.#socket.on('error', onError)
    this.#socket.on('message', datagram => {
      this.#unanswered = 0
      events.onReply(this, datagram)
    })
    try {
      this.#socket.connectSync(target.port, target.address)
    } catch (error) {
      this.#socket.close()
      throw error
    }
    raiseBuffers(this.#socket, bufferBytes)
  }

  /** False: the datagram was dropped because too much waits to be sent already. */
  send(datagram: Buffer): boolean {
    if (this.#backlog.isFull()) return false
    if (this.worth > 0 && this.#unanswered++ < trusted) this.#socket.send(datagram)
    else this.#socket.send(datagram, this.#onSent)
    return true
  }

  /** Whether `leave` was called. */
  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** From here on it only hears the replies to what its target was asked before. */
  leave(): void {
    this.#hasLeft = true
  }

  close(): void {
    this.#hasLeft = true
    this.#socket.close()
  }
}

/**
 * What a socket could not send at once waits in libuv, without limit. This is the limit: 1 MiB, looked at every 32 datagrams
 * while there is no sign of it.
 */
export class Backlog {
  readonly #socket: Socket
  #sends = 0
  #full = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  isFull(): boolean {
    if (this.#full || (++this.#sends & 31) === 0) this.#full = this.#socket.getSendQueueSize() > 1 << 20
    return this.#full
  }
}

export function maxPayload(address: string): number {
  return address.includes(':') ? 65_527 : 65_507
}

export function socketType(address: string): 'udp4' | 'udp6' {
  return address.includes(':') ? 'udp6' : 'udp4'
}

/** Every address here is a literal. Node's own look-up puts off each datagram of an unconnected socket to the next tick. */
export function literalLookup(
  address: string,
  _family: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, 0)
}

/** Linux gives what `net.core.rmem_max` allows; other systems refuse what is too much, so ask for less then. */
export function raiseBuffers(socket: Socket, bytes: number): void {
  for (let size = bytes; size >= 1 << 17; size >>= 1) {
    try {
      socket.setRecvBufferSize(size)
      socket.setSendBufferSize(size)
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ERR_SOCKET_BUFFER_SIZE') throw error
    }
  }
}
