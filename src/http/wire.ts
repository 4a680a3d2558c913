/**
 * A byte stream to a peer, as a transport gives it: a TCP connection, or TLS over one. All that HTTP needs of a transport; no
 * call throws, and nothing is called back from within a call of these.
 */
export interface Wire {
  /**
   * Sends `text` (latin1), then `bytes`, then `after`, together with what else is sent in the same turn of the event loop. False:
   * the peer takes no more for now. Then what `bytes` came from is to be paused, which keeps them as they are, until
   * `Receiver.onDrain`; the rest of what arrived with them may still be sent.
   */
  send(text: string, bytes?: Buffer, after?: string): boolean
  /** No `onBytes` any more until `resume`, not even of what has arrived already. */
  pause(): void
  resume(): void
  /** After what was sent: no more will be (FIN; with TLS, close_notify first). The peer may go on sending. */
  finish(): void
  /**
   * The end, once what was sent is out: what the peer still sends is thrown away for a moment, so that no reset overtakes the last
   * answer. Of the receiver only `onClose` is still called.
   */
  close(): void
  /** The end now, with RST. `onClose` follows. */
  reset(): void
}

/** Who owns a wire's other side. Each is called from the event loop, never from within a call to the wire. */
export interface Receiver {
  /** Valid until it returns: the buffer is used again. With a `pause` within it, what was handed to another wire may stay there. */
  onBytes(bytes: Buffer): void
  /** After a `send` that answered false: all is out. */
  onDrain(): void
  /** The peer sends no more (FIN). */
  onFinish(): void
  /** The last call. `error`: the system's code (`ECONNRESET`), absent where it ended in good order. */
  onClose(error?: string): void
}

/** Who waits for a wire: after `onOpen` it is the wire's receiver; `onClose` without it says that there will be none. */
export interface OpeningReceiver extends Receiver {
  /** Connected, and where TLS was asked for, its handshake is done. */
  onOpen(): void
}

/** Connects to targets. */
export interface Dialer {
  /**
   * Begins to connect; `reset` of the wire gives it up. Errors are the system's codes, and `TLS` for a handshake that failed.
   * @param tls TLS is spoken with it; absent: it is not
   */
  dial(address: string, port: number, tls: TargetTls | undefined, receiver: OpeningReceiver): Wire
}

/** How TLS is spoken with a target, whose certificate is not looked at. */
export interface TargetTls {
  /** Security policy of the listener that the request came through, which decides over the one for targets. */
  readonly listenerPolicy: string | undefined
}

/** Time, as `Clock` gives it. */
export interface Timing {
  /** Milliseconds since the epoch. */
  now(): number
  /** Monotonic milliseconds. */
  monotonic(): number
  /** Runs `task` once, `ms` from now. The answer cancels it. */
  after(ms: number, task: () => void): () => void
}
