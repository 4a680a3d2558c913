import { createHash } from 'node:crypto'

/**
 * `TOKEN DIGEST`, what is remembered of a request with a client token (which has no spaces), so that the same one, sent again, can be
 * told from another; `undefined` without a token.
 */
export function requestKey({
  clientToken,
  ...input
}: {
  readonly clientToken?: string | undefined
}): string | undefined {
  if (!clientToken) return undefined
  return `${clientToken} ${createHash('sha256').update(JSON.stringify(input)).digest('hex')}`
}

/** What the request's token has brought about before; what it said then may have been something else. */
export function broughtBefore<Item extends { readonly request?: string }>(
  items: Iterable<Item>,
  key: string | undefined,
): readonly Item[] {
  const token = key?.slice(0, key.indexOf(' ') + 1)
  return token === undefined ? [] : [...items].filter(({ request }) => request?.startsWith(token))
}
