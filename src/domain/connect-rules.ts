/** How targets are connected to, whatever is spoken with them then. Without an answer for this long, another one is tried beside it. */
export const patienceMs = 250
/** A connection is had within this, or none (AWS: HTTP 504, the connection time-out of 10 s). */
export const connectMs = 10_000
/** Targets that one connection or request tries. */
export const mostAttempts = 5

/** What a failed connect says about its target; other errors are this host's own (no descriptor, no source port). */
const refusals: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connect timed out',
  TLS: 'TLS handshake failed',
}

/** @param code the system's, or `TLS`. `undefined`: it says nothing about the target */
export function refusalOf(code: string | undefined): string | undefined {
  return refusals[code ?? '']
}
