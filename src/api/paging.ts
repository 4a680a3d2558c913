import type { ApiError } from './errors.ts'

/** What a Describe action is asked for. */
interface Asked {
  /** At most so many items; without it, the rest. */
  readonly size: number | undefined
  /** What the page before this one answered as `next`; absent on the first page. */
  readonly token: string | undefined
}

/**
 * One page of `items`, in the order of their keys. A token holds the last key of the page before it, so that pages neither
 * repeat nor skip what stayed while other items came and went. `next` is absent on the last page.
 * Throws `badToken` for a token that nobody gave out.
 */
export function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  { size = items.length, token }: Asked,
  badToken: (token: string) => ApiError,
): { items: Item[]; next: string | undefined } {
  const after = token === undefined ? '' : keyIn(token)
  if (after === undefined) throw badToken(token ?? '')
  const rest = items
    .map(item => ({ key: keyOf(item), item }))
    .filter(({ key }) => key > after)
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  const page = rest.slice(0, size)
  const last = page.length < rest.length ? page.at(-1) : undefined
  return { items: page.map(({ item }) => item), next: last && Buffer.from(last.key).toString('base64url') }
}

function keyIn(token: string): string | undefined {
  const key = Buffer.from(token, 'base64url').toString()
  return key !== '' && Buffer.from(key).toString('base64url') === token ? key : undefined
}
