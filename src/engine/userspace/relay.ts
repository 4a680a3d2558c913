import type { Socket } from 'node:net'
import type { OnRead } from '../tcp-handle.ts'

/**
 * One direction of a connection: what `from` receives is written to `to`, and no more is read while `to` does not take it.
 *
 * Each direction reads into a buffer of its own, over and over: nearly every write is taken by the kernel at once, so the
 * buffer is free again when the write returns. Bytes that the kernel does not take stay in it, and reading stops until they
 * are gone. The buffer grows with what arrives at once: an idle or talkative connection keeps `smallBytes`, a bulk transfer
 * gets `largeBytes`.
 */
export class Relay {
  /** Bytes moved so far. */
  bytes = 0
  /** Both are set before the first read. */
  from: Socket | undefined
  to: Socket | undefined
  #buffer: Buffer = Buffer.allocUnsafeSlow(smallBytes)
  #stalled = false
  #smallReads = 0

  /** To be given to the socket that is to become `from`. */
  readonly onread: OnRead = {
    buffer: () => this.#buffer,
    callback: (length, buffer) => this.#onRead(length, buffer),
  }

  /** For a TLS socket, which reads into memory of its own: it is `from` now. */
  readFrom(socket: Socket): void {
    this.from = socket
    socket.on('data', this.#onData)
  }

  /** Gives back what it borrowed; call it when `from` is closed. */
  close(): void {
    this.#release()
  }

  /** @returns false to stop reading */
  #onRead(length: number, buffer: Uint8Array): boolean {
    const to = this.to!
    this.bytes += length
    to.write(length === buffer.length ? buffer : buffer.subarray(0, length), this.#onWritten)
    this.#stalled = to.writableLength > 0
    this.#fit(length)
    return !this.#stalled
  }

  readonly #onData = (chunk: Buffer): void => {
    this.bytes += chunk.length
    if (this.to!.write(chunk, this.#onWritten)) return
    this.#stalled = true
    this.from!.pause()
  }

  readonly #onWritten = (): void => {
    if (!this.#stalled || this.to!.writableLength > 0) return
    this.#stalled = false
    this.from!.resume()
  }

  /** Chooses the buffer for the next read by what this one brought. */
  #fit(length: number): void {
    const size = this.#buffer.length
    if (length === size && size < largeBytes) {
      this.#buffer = size === smallBytes ? Buffer.allocUnsafeSlow(mediumBytes) : (borrow() ?? this.#buffer)
      this.#smallReads = 0
    } else if (size > smallBytes && length <= size / 16) {
      if (++this.#smallReads < 16 || this.#stalled) return
      this.#release()
      this.#buffer = Buffer.allocUnsafeSlow(size === largeBytes ? mediumBytes : smallBytes)
      this.#smallReads = 0
    } else {
      this.#smallReads = 0
    }
  }

  #release(): void {
    if (this.#buffer.length !== largeBytes) return
    giveBack(this.#stalled ? undefined : this.#buffer)
    this.#buffer = nothing
  }
}

const smallBytes = 4 << 10
const mediumBytes = 32 << 10
/** Measured on one iperf3 stream: 64 KiB 8.4-10.2 Gbit/s, 256 KiB 12.2-12.5; HAProxy beside it 10.3-11.0. */
const largeBytes = 256 << 10
/** Large buffers that may be in use at once: 64 MiB in a process. */
const mostLarge = 256

const nothing = Buffer.alloc(0)
const spare: Buffer[] = []
let lent = 0

function borrow(): Buffer | undefined {
  if (lent === mostLarge) return undefined
  lent++
  return spare.pop() ?? Buffer.allocUnsafeSlow(largeBytes)
}

/** Ends a loan. A buffer of which a write may still be pending is not used again, and so not passed. */
function giveBack(buffer: Buffer | undefined): void {
  lent--
  if (buffer !== undefined && spare.length < 16) spare.push(buffer)
}
