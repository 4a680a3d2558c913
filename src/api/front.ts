import { isIP } from 'node:net'
import { ApiError } from './errors.ts'

/** Header fields as they came: lower-case names, one string per field. */
export type Headers = Readonly<Record<string, readonly string[] | undefined>>

/**
 * Refuses what a web page in somebody's browser could send: a name that resolves to us but is not ours (DNS rebinding) and
 * a page from elsewhere. The Host field must be an IP literal, `localhost` or one of `hostNames`, with or without a port;
 * an Origin, if there is one, must be this very host. Throws `AccessDenied` (403), or `BadRequest` (400) for a field that
 * may come only once and came twice, since two readers of such a request would not agree what it says.
 */
export function checkFront(headers: Headers, hostNames: readonly string[]): void {
  for (const name of single) {
    if ((headers[name]?.length ?? 0) > 1)
      throw new ApiError('BadRequest', `The header ${name} was sent more than once.`)
  }
  const host = headers.host?.[0]?.toLowerCase()
  if (host === undefined || !isOurs(host, hostNames)) {
    throw new ApiError(
      'AccessDenied',
      `The Host header '${host ?? ''}' is neither an IP address, nor localhost, nor a configured host name.`,
      403,
    )
  }
  const origin = headers.origin?.[0]?.toLowerCase()
  const site = headers['sec-fetch-site']?.[0]
  const foreign = origin === undefined ? site === 'cross-site' || site === 'same-site' : !isOrigin(origin, host)
  if (foreign) {
    throw new ApiError('AccessDenied', `A page of origin '${origin ?? 'unknown'}' may not call this server.`, 403)
  }
}

const single = ['host', 'origin', 'authorization', 'content-type', 'sec-fetch-site', 'x-amz-date'] as const

function isOurs(host: string, hostNames: readonly string[]): boolean {
  const bracketed = /^\[([0-9a-f:.]+)\](?::\d{1,5})?$/.exec(host)
  if (bracketed?.[1] !== undefined) return isIP(bracketed[1]) === 6
  const name = /^([^:]+?)\.?(?::\d{1,5})?$/.exec(host)?.[1]
  if (name === undefined) return false
  return isIP(name) === 4 || name === 'localhost' || hostNames.some(ours => ours.toLowerCase() === name)
}

function isOrigin(origin: string, host: string): boolean {
  return origin === `http://${host}` || origin === `https://${host}`
}
