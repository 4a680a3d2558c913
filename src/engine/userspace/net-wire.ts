import type net from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import type { Receiver, Wire } from '../../http/wire.ts'
import { adopt, type OnRead, reset, type TcpHandle } from '../tcp-handle.ts'

/**
 * Where connections read that bring little at a time: one buffer for all of a process, so that an idle connection has none. What
 * is sent on of it is copied by then: see `send`.
 */
const shared = Buffer.allocUnsafeSlow(8 << 10)
/** What fills the shared buffer gets one of its own, and what fills that a large one: as for `Relay`. */
const ownBytes = 64 << 10
const largeBytes = 256 << 10
/** Small reads in a row after which a connection goes back to the shared buffer. */
const fewReads = 16
/** What is sent in one turn is collected up to here. */
const mostCollected = 64 << 10
/** A read whose bytes were work for longer than that is the only one of its turn. */
const mostReadMs = 2
/** For so long after the end of what was sent the peer's bytes are taken and thrown away. */
const lingerMs = 5_000

/** Large buffers that may be in use at once: 32 MiB in a process. */
const mostLarge = 128
let largeInUse = 0

/** Wires with something collected, and how deep in callbacks to receivers this process is. */
const collecting: NetWire[] = []
let depth = 0

function leaveTurn(): void {
  if (--depth > 0) return
  for (const wire of collecting) wire.flush()
  collecting.length = 0
}

/** Has what `task` sends go out together. */
export function inTurn(task: () => void): void {
  depth++
  task()
  leaveTurn()
}

/** A TLS socket, paused, and what it stands on. */
export interface Secured {
  readonly tls: TLSSocket
  readonly lower: net.Socket
}

/** A wire over a socket of node's, plain or TLS. */
export class NetWire implements Wire {
  readonly socket: net.Socket
  /** What a reset is sent on. */
  readonly #lower: net.Socket
  readonly #receiver: Receiver
  readonly #clock: Clock
  #buffer = shared
  #smallReads = 0
  #collected = ''
  #isCollecting = false
  #paused = false
  #isReading = false
  /** A `send` answered false, and `onDrain` has not been called since. */
  #stalled = false
  #closing = false
  #finished = false
  #cancelLinger: (() => void) | undefined

  /** @param source what makes a socket that reads as it is told to, or a TLS socket after its handshake with the one below it */
  constructor(clock: Clock, receiver: Receiver, source: Secured | ((onread: OnRead) => net.Socket)) {
    this.#clock = clock
    this.#receiver = receiver
    if (typeof source === 'function') {
      this.socket = source({ buffer: () => this.#buffer, callback: (length, buffer) => this.#onRead(length, buffer) })
      this.#lower = this.socket
    } else {
      this.socket = source.tls
      this.#lower = source.lower
      source.lower.on('error', ignore)
      source.tls.on('data', (bytes: Buffer) => this.#onData(bytes))
    }
    const { socket } = this
    socket.on('end', this.#onEnd)
    socket.on('error', ignore)
    socket.on('close', this.#onClose)
  }

  /** The wire of a connection that was accepted; it reads nothing before `resume`. */
  static accepted(clock: Clock, receiver: Receiver, handle: TcpHandle): NetWire {
    return new NetWire(clock, receiver, onread => adopt(handle, onread))
  }

  send(text: string, bytes?: Buffer, after = ''): boolean {
    if (this.#finished) return true
    if (bytes === undefined || bytes.length <= shared.length) {
      this.#collected += bytes === undefined ? text + after : text + bytes.toString('latin1') + after
      if (depth === 0 || this.#collected.length > mostCollected) this.flush()
      else if (!this.#isCollecting) {
        this.#isCollecting = true
        collecting.push(this)
      }
    } else {
      this.#write(this.#collected + text, bytes, after)
    }
    if (this.socket.writableLength === 0) return true
    this.#stalled = true
    return false
  }

  /** Writes what was collected. */
  flush(): void {
    this.#isCollecting = false
    const text = this.#collected
    if (text === '') return
    this.#collected = ''
    if (this.socket.writable) this.socket.write(text, 'latin1', this.#onWritten)
  }

  pause(): void {
    if (this.#paused) return
    this.#paused = true
    // Within its own read, `#onRead` says it.
    if (!this.#isReading) this.socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (!this.#isReading) this.socket.resume()
  }

  finish(): void {
    if (this.#finished) return
    this.flush()
    this.#finished = true
    this.socket.end()
  }

  close(): void {
    if (this.#closing) return
    this.#closing = true
    this.flush()
    this.#finished = true
    const { socket } = this
    if (socket.destroyed) return
    socket.end(this.#linger)
    if (socket.readableEnded) return
    this.#paused = false
    if (!this.#isReading) socket.resume()
  }

  reset(): void {
    this.#closing = true
    this.#finished = true
    this.#collected = ''
    reset(this.#lower)
    if (this.#lower !== this.socket) this.socket.destroy()
  }

  /** All is out, and the FIN. What the kernel has still to deliver it does by itself. */
  readonly #linger = (): void => {
    if (!this.socket.destroyed) this.#cancelLinger = this.#clock.after(lingerMs, () => this.socket.destroy())
  }

  #write(text: string, bytes: Buffer, after: string): void {
    this.#collected = ''
    const { socket } = this
    if (!socket.writable) return
    socket.cork()
    if (text !== '') socket.write(text, 'latin1')
    socket.write(bytes, after === '' ? this.#onWritten : undefined)
    if (after !== '') socket.write(after, 'latin1', this.#onWritten)
    socket.uncork()
  }

  /** @returns false to stop reading */
  #onRead(length: number, buffer: Uint8Array): boolean {
    if (this.#closing) return true
    this.#isReading = true
    // After a read that filled the buffer libuv reads on, up to 32 times in a row.
    const beganAt = length === this.#buffer.length ? this.#clock.monotonic() : -1
    depth++
    this.#receiver.onBytes((buffer as Buffer).subarray(0, length))
    leaveTurn()
    this.#isReading = false
    this.#fit(length)
    if (this.#paused) return false
    if (beganAt < 0 || this.#clock.monotonic() - beganAt <= mostReadMs) return true
    setImmediate(this.#readOn)
    return false
  }

  /** Whoever sends what is much work, such as tiny chunks, takes turns with the others. */
  readonly #readOn = (): void => {
    if (!this.#paused && !this.socket.destroyed) this.socket.resume()
  }

  #onData(bytes: Buffer): void {
    if (this.#closing) return
    depth++
    this.#receiver.onBytes(bytes)
    leaveTurn()
  }

  /** Chooses the buffer for the next read by what this one brought. */
  #fit(length: number): void {
    const size = this.#buffer.length
    if (length === size && size < largeBytes) {
      this.#smallReads = 0
      if (size === shared.length) this.#buffer = Buffer.allocUnsafeSlow(ownBytes)
      else if (largeInUse < mostLarge) {
        largeInUse++
        this.#buffer = Buffer.allocUnsafeSlow(largeBytes)
      }
    } else if (size > shared.length && length <= size / 16) {
      // What is stalled may still lie in the buffer that is given up: it is not used again, so it may.
      if (++this.#smallReads >= fewReads) this.#giveBack()
    } else {
      this.#smallReads = 0
    }
  }

  #giveBack(): void {
    if (this.#buffer.length === largeBytes) largeInUse--
    this.#buffer = shared
  }

  readonly #onWritten = (): void => {
    if (!this.#stalled || this.socket.writableLength > 0) return
    this.#stalled = false
    if (this.#closing) return
    depth++
    this.#receiver.onDrain()
    leaveTurn()
  }

  readonly #onEnd = (): void => {
    if (this.#closing) return
    depth++
    this.#receiver.onFinish()
    leaveTurn()
  }

  readonly #onClose = (): void => {
    this.#finished = true
    this.#cancelLinger?.()
    this.#giveBack()
    // What ended a TLS socket from below it does not always know.
    const error = (this.socket.errored ?? this.#lower.errored) as NodeJS.ErrnoException | null
    depth++
    this.#receiver.onClose(error === null ? undefined : codeOf(error))
    leaveTurn()
  }
}

/** 'close' follows, and has it. */
function ignore(): void {}

/** A system's code as it is; OpenSSL's and node's own errors, `ERR_SSL_...`, are TLS's. */
function codeOf({ code }: NodeJS.ErrnoException): string {
  return code === undefined || code.startsWith('ERR_') ? 'TLS' : code
}
