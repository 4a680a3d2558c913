import { createHash, timingSafeEqual } from 'node:crypto'
import type { Credentials } from './credentials.ts'

/** Whether an Authorization field is HTTP Basic (RFC 7617) with an access key id as the user and its secret as the password. */
export function holdsKey(authorization: string | undefined, credentials: Credentials): boolean {
  const [, encoded = ''] = /^Basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization ?? '') ?? []
  const [, accessKeyId = '', secret = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  const known = credentials.get(accessKeyId)
  return known !== undefined && timingSafeEqual(digest(secret), digest(known))
}

/** Of one length, as the comparison wants it. */
function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}
