import { connect, isIPv6, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, connect as tlsConnect } from 'node:tls'
import type { Clock } from '../clock.ts'
import type { Probe, ProbeFailure } from '../domain/health.ts'

/**
 * How one attempt ended. `address`, `port`: it could not be made from the source's address, or port, so try without.
 * `local`: this host could not make it (no file descriptor left, ...), which says nothing about the target.
 */
export interface Outcome extends ProbeFailure {
  readonly kind: 'passed' | 'failed' | 'address' | 'port' | 'local'
  readonly reason: string
}

/** Where a check comes from; port 0 leaves the port to the kernel. */
export interface Source {
  readonly address: string
  readonly port: number
}

/**
 * One attempt to learn how a target is, from `source` where given. Calls `done` once, never before it returns; the answer
 * gives the attempt up, and `done` is not called after that. Knows no time-out: the caller gives up when it is time.
 */
export type Attempt = (
  probe: Probe,
  source: Source | undefined,
  clock: Clock,
  done: (outcome: Outcome) => void,
) => () => void

/** Opens a socket to the probe's target; with TLS, `onOpen` means that the handshake is done. The caller destroys it. */
export function dial(
  probe: Probe,
  source: Source | undefined,
  onOpen: (socket: Socket) => void,
  onFailure: (outcome: Outcome) => void,
): Socket {
  const usable = source !== undefined && isIPv6(source.address) === isIPv6(probe.address)
  const options = {
    host: probe.address,
    port: probe.port,
    autoSelectFamily: false,
    ...(usable && { localAddress: source.address, localPort: source.port }),
  }
  const socket =
    probe.protocol === 'HTTPS'
      ? tlsConnect({ ...options, secureContext: anyTls(), rejectUnauthorized: false }, () => onOpen(socket))
      : connect(options, () => onOpen(socket))
  socket.once('error', (error: NodeJS.ErrnoException) => onFailure(failure(error, usable)))
  return socket
}

let context: SecureContext | undefined

/** Certificates are not checked (AWS: health checks for HTTPS), so neither are old versions nor small keys refused. */
function anyTls(): SecureContext {
  context ??= createSecureContext({ minVersion: 'TLSv1', ciphers: 'DEFAULT:@SECLEVEL=0' })
  return context
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  EHOSTDOWN: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ENETDOWN: 'network unreachable',
  ETIMEDOUT: 'no answer to the connection request',
  EACCES: 'not permitted by this host',
  EPERM: 'not permitted by this host',
}

/** Node's error codes are libuv's, the same on every platform and in every language. */
function failure(error: NodeJS.ErrnoException, bound: boolean): Outcome {
  const code = error.code ?? ''
  if (bound && code === 'EADDRINUSE') return { kind: 'port', reason: error.message }
  // EINVAL: Linux's answer to a connect from 127.0.0.1 to another host.
  if (bound && (error.syscall === 'bind' || code === 'EADDRNOTAVAIL' || code === 'EINVAL'))
    return { kind: 'address', reason: error.message }
  if (['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL', 'EADDRINUSE'].includes(code))
    return { kind: 'local', reason: error.message }
  if (code.startsWith('ERR_SSL') || code === 'EPROTO') return { kind: 'failed', reason: 'TLS handshake failed' }
  return { kind: 'failed', reason: words[code] ?? error.message }
}
