import type net from 'node:net'
import type { SnapshotTarget } from '../../domain/snapshot.ts'

/** Ports above may be the kernel's choice for an outgoing connection (Linux: net.ipv4.ip_local_port_range). */
const lastFixedPort = 32_767

/**
 * A connect to a dead port on this host may be given that very port as its source, and then it reaches itself (TCP's
 * simultaneous open, RFC 9293 section 3.5).
 */
export function isOwnEcho(socket: net.Socket, target: Pick<SnapshotTarget, 'address' | 'port'>): boolean {
  return target.port > lastFixedPort && socket.localPort === target.port && socket.localAddress === target.address
}
