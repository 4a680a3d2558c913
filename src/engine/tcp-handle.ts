import net from 'node:net'
import { getSystemErrorName } from 'node:util'

/**
 * Node's own TCP handle, on which `net.Server` and `net.Socket` stand. It is not documented, and needed for two things: one
 * bound socket that several processes listen on, and reading accepted connections into buffers that are used again, which
 * `net.Server` can't (half as much again in bulk throughput). All that is used of it is named here.
 */
export interface TcpHandle {
  onconnection: (status: number, client: TcpHandle) => void
  listen(backlog: number): number
  getpeername(out: Peer): number
  setNoDelay(on: boolean): number
  /** Closes with RST. */
  reset(): number
  close(): void
}

/** What `getpeername` fills in. */
export interface Peer {
  address?: string
  port?: number
}

/** `net.Socket`'s `onread`: reads go into a buffer that is used again, not into new memory. */
export type OnRead = net.OnReadOpts

/**
 * A socket bound to an address and port that nobody listens on yet; it may be sent to other processes.
 * @throws the system's error: `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, ...
 */
export function bindTcp(address: string, port: number): TcpHandle {
  const bound = new net.BoundSocket({ host: address, port, ipv6Only: address.includes(':') })
  return handleOf(new net.Socket({ handle: bound, allowHalfOpen: true }))
}

/** Calls `onConnection` for each connection from now on, until `close`. @throws the system's error: `EADDRINUSE` */
export function listenOn(handle: TcpHandle, onConnection: (status: number, client: TcpHandle) => void): void {
  handle.onconnection = onConnection
  // Accepted connections inherit it, at no cost for each (tcp(7)).
  handle.setNoDelay(true)
  // What is full here is refused to clients; the kernel cuts it down to net.core.somaxconn (4,096 since Linux 5.4).
  const status = handle.listen(4096)
  if (status === 0) return
  const code = getSystemErrorName(status)
  throw Object.assign(new Error(`listen ${code}`), { code })
}

/** The socket of an accepted connection. It reads nothing before `resume`. Without `onread` it may become a TLS socket's. */
export function adopt(handle: TcpHandle, onread?: OnRead): net.Socket {
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread }
  return new net.Socket(options as unknown as net.SocketConstructorOpts)
}

/**
 * Ends a connection at once, with RST where the state of the socket allows one.
 *
 * @param lower the TCP socket below a TLS socket, which can't be reset itself
 */
export function reset(socket: net.Socket, lower = socket): void {
  // libuv refuses a reset while it is sending the FIN (uv_tcp_close_reset), and then nothing would close the socket.
  const sendingFin = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished
  if (sendingFin || lower.connecting) socket.destroy()
  else if (!lower.destroyed) lower.resetAndDestroy()
}

function handleOf(socket: net.Socket): TcpHandle {
  return (socket as unknown as { readonly _handle: TcpHandle })._handle
}
