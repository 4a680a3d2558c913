import { ApiError } from '../errors.ts'

/**
 * One page of `items`, in the order of their ids, so that what comes and goes between two pages neither repeats nor hides
 * another. A token holds the last id that was given out; without `MaxResults` the page is the rest.
 */
export function page<T>(
  items: readonly T[],
  id: (item: T) => string,
  input: { readonly MaxResults?: number | undefined; readonly NextToken?: string | undefined },
): { items: T[]; NextToken: string | undefined } {
  const after = input.NextToken ? read(input.NextToken) : undefined
  const rest = items
    .map(item => ({ item, id: id(item) }))
    .filter(entry => after === undefined || entry.id > after)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const size = input.MaxResults ?? rest.length
  const last = rest.length > size ? rest[size - 1] : undefined
  return {
    items: rest.slice(0, size).map(entry => entry.item),
    NextToken: last && Buffer.from(last.id).toString('base64url'),
  }
}

function read(token: string): string {
  const id = Buffer.from(token, 'base64url').toString()
  if (Buffer.from(id).toString('base64url') !== token) {
    throw new ApiError('InvalidNextToken', `The token '${token}' is invalid`)
  }
  return id
}
