import { invalid } from './resources.ts'

/** One page of what a Describe action answers. */
export interface Page<Item> {
  readonly items: readonly Item[]
  /** What the next request gives as `Marker`; absent on the last page. */
  readonly nextMarker?: string
}

/**
 * The page of `items` after `Marker`, in the order of their keys. A marker holds the last key of the page before it, so
 * pages neither repeat nor skip what stayed while other items came and went.
 */
export function pageOf<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  input: { readonly Marker?: string | undefined; readonly PageSize?: number | undefined },
): Page<Item> {
  const keyed = items.map(item => ({ key: keyOf(item), item })).sort((a, b) => (a.key < b.key ? -1 : 1))
  const after = input.Marker === undefined ? undefined : keyIn(input.Marker)
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => key > after)
  const page = rest.slice(0, input.PageSize ?? defaultPageSize)
  const last = page.at(-1)
  return {
    items: page.map(({ item }) => item),
    ...(last !== undefined && page.length < rest.length
      ? { nextMarker: Buffer.from(last.key).toString('base64url') }
      : {}),
  }
}

/** AWS's page without a `PageSize` is its largest. */
const defaultPageSize = 400

function keyIn(marker: string): string {
  const key = Buffer.from(marker, 'base64url').toString()
  if (marker === '' || Buffer.from(key).toString('base64url') !== marker) {
    throw invalid(`The marker '${marker}' is not valid`)
  }
  return key
}
