import type net from 'node:net'
import tls from 'node:tls'
import type { SecurityPolicy } from '../../domain/security-policy.ts'
import { contextOptions } from './tls-contexts.ts'

interface ConnectTlsOptions {
  /** Connected, or on the way: `connect` has been called, else node would put a slow stream between. Without `onread`. See `reset`. */
  readonly socket: net.Socket
  /** Whom sessions are resumed with: `targetKey`, or whatever names one target. */
  readonly target: string
  /** `backendPolicy` */
  readonly policy: SecurityPolicy
  /** ALPN; absent: none is offered. */
  readonly protocols?: readonly string[]
}

/** Sessions kept, one a target. */
const mostSessions = 4_096
const sessions = new Map<string, Buffer>()
const contexts = new Map<string, tls.SecureContext>()

/**
 * Speaks TLS with a target. Nothing of its certificate is looked at, and no name is sent (AWS: target groups, routing configuration);
 * a session is resumed where the target gave one before. `secureConnect` or `error` follows; how long to wait is the caller's.
 */
export function connectTls({ socket, target, policy, protocols }: ConnectTlsOptions): tls.TLSSocket {
  const key = `${policy.name} ${target}`
  const session = sessions.get(key)
  const secured = tls.connect({
    socket,
    secureContext: contexts.getOrInsertComputed(policy.name, () => clientContext(policy)),
    rejectUnauthorized: false,
    ...(session !== undefined && { session }),
    ...(protocols !== undefined && { ALPNProtocols: [...protocols] }),
  })
  secured.on('session', given => keep(key, given))
  secured.once('error', error => {
    // One that the target does not like any more is not to spoil the next connection.
    sessions.delete(key)
    // After the handshake, node tells of a fault and leaves the socket open.
    secured.destroy(error)
  })
  return secured
}

function keep(key: string, session: Buffer): void {
  sessions.delete(key)
  if (sessions.size >= mostSessions) sessions.delete(sessions.keys().next().value!)
  sessions.set(key, session)
}

function clientContext(policy: SecurityPolicy): tls.SecureContext {
  return tls.createSecureContext({ ...contextOptions(policy), ca: [] })
}
