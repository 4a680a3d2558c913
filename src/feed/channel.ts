import type { Socket } from 'node:net'
import type { Cancel, Clock } from '../clock.ts'
import { Lines } from './lines.ts'

/** Bytes of one message: room for the state and health of tens of thousands of targets, and an end to garbage. */
const longestLine = 64 * 1024 * 1024
/** A peer that has taken nothing for so long hangs, and is better let go: it gets everything when it comes back. */
const stalledMs = 30_000

/** One end's side of a channel: what it reads, and what it has to say next. */
interface End<Incoming> {
  /** Throws where `line` is not a message; that ends the connection. */
  parse(line: string): Incoming
  receive(message: Incoming): void
  /** The next message to send, taken when the peer has room for it; `undefined` when there is none. */
  next(): object | undefined
  /** Called once. `reason` says why, in words. */
  closed(reason: string): void
}

/**
 * Messages over a socket, one JSON text a line. An end is asked for its messages when they can be sent and not before, so
 * that what a slow peer has not taken is kept, or summed up, by the end, and no queue grows here.
 */
export class Channel<Incoming> {
  readonly #socket: Socket
  readonly #clock: Clock
  readonly #end: End<Incoming>
  #full = false
  #cancelStalled: Cancel = () => {}
  #reason = 'the other end closed it'

  constructor(socket: Socket, clock: Clock, end: End<Incoming>) {
    this.#socket = socket
    this.#clock = clock
    this.#end = end
    const lines = new Lines(longestLine)
    socket.on('data', bytes => this.#read(lines, bytes as Buffer))
    socket.on('drain', () => {
      this.#full = false
      this.#cancelStalled()
      this.wake()
    })
    socket.on('error', error => {
      this.#reason = error.message
    })
    socket.on('close', () => {
      this.#cancelStalled()
      end.closed(this.#reason)
    })
  }

  /** To be called when `next` may have something to say. */
  wake(): void {
    while (!this.#full && this.#socket.writable) {
      const message = this.#end.next()
      if (message === undefined) return
      if (!this.#socket.write(`${JSON.stringify(message)}\n`)) this.#waitForRoom()
    }
  }

  close(reason: string): void {
    if (this.#socket.destroyed) return
    this.#reason = reason
    this.#socket.destroy()
  }

  #waitForRoom(): void {
    this.#full = true
    this.#cancelStalled = this.#clock.after(stalledMs, () => this.close(`it took nothing for ${stalledMs / 1000} s`))
  }

  #read(lines: Lines, bytes: Buffer): void {
    const messages = this.#parse(lines.push(bytes))
    // One by one: whether a message may come can depend on the one before it.
    for (let next = messages.next(); !next.done && !this.#socket.destroyed; next = messages.next()) {
      this.#end.receive(next.value)
    }
  }

  *#parse(lines: Iterable<string>): Generator<Incoming> {
    try {
      for (const line of lines) yield this.#end.parse(line)
    } catch (error) {
      this.close(`it sent ${error instanceof SyntaxError ? 'a line that is not JSON' : (error as Error).message}`)
    }
  }
}
