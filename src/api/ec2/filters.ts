import type { Filter, Tag } from '@aws-sdk/client-ec2'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'

/** What an answer's item has under the name of each filter of its Describe action. */
export type FilterTable<T> = Readonly<Record<string, (item: T) => FilterValue | readonly FilterValue[]>>

type FilterValue = string | number | boolean | undefined

/**
 * The items that pass every filter; a filter passes what matches any of its values. `tag:KEY` and `tag-key` work on whatever
 * has tags. Values are case-sensitive; `*` and `?` are wildcards (AWS: Filter in the EC2 API reference).
 */
export function filtered<T extends object>(
  items: Iterable<T>,
  filters: readonly Filter[] | undefined,
  table: FilterTable<T>,
): T[] {
  const tests = (filters ?? []).map(filter => {
    const read = reader(filter.Name ?? 'null', table)
    const patterns = filter.Values ?? []
    return (item: T) =>
      [read(item)].flat().some(value => {
        const text = value === undefined ? undefined : String(value)
        return text !== undefined && patterns.some(pattern => wildcardMatches(pattern, text))
      })
  })
  return [...items].filter(item => tests.every(test => test(item)))
}

/** What a Describe action answers of `items`: those that pass its filters, page by page, in the order of their ids. */
export function filteredPage<T extends object>(
  items: Iterable<T>,
  table: FilterTable<T>,
  idOf: (item: T) => string,
  input: {
    readonly Filters?: readonly Filter[] | undefined
    readonly MaxResults?: number | undefined
    readonly NextToken?: string | undefined
  },
): { items: T[]; NextToken: string | undefined } {
  const page = pageOf(
    filtered(items, input.Filters, table),
    idOf,
    { size: input.MaxResults, token: input.NextToken || undefined },
    token => new ApiError('InvalidNextToken', `The token '${token}' is invalid`),
  )
  return { items: page.items, NextToken: page.next }
}

function reader<T extends object>(
  name: string,
  table: FilterTable<T>,
): (item: T) => FilterValue | readonly FilterValue[] {
  if (name === 'tag-key') return item => tagsOf(item).map(tag => tag.Key)
  if (name.startsWith('tag:')) {
    const key = name.slice('tag:'.length)
    return item => tagsOf(item).find(tag => tag.Key === key)?.Value
  }
  const read = Object.hasOwn(table, name) ? table[name] : undefined
  if (read === undefined) throw new ApiError('InvalidParameterValue', `The filter '${name}' is invalid`)
  return read
}

function tagsOf(item: { readonly Tags?: readonly Tag[] | undefined }): readonly Tag[] {
  return item.Tags ?? []
}

/**
 * Whether all of `text` matches: `*` stands for any characters, `?` for one, and `\` takes the next one literally.
 * At most pattern times text steps: no regular expression is ever made of what a user sent.
 */
export function wildcardMatches(pattern: string, text: string): boolean {
  const tokens = pattern.match(/\\?./gsu) ?? []
  const characters = [...text]
  let at = 0
  let token = 0
  let star: { token: number; at: number } | undefined
  while (at < characters.length) {
    const wanted = tokens[token]
    if (wanted === '*') {
      star = { token: token++, at }
    } else if (wanted === '?' || wanted === characters[at] || wanted === `\\${characters[at]}`) {
      token++
      at++
    } else if (star !== undefined) {
      token = star.token + 1
      at = ++star.at
    } else {
      return false
    }
  }
  while (tokens[token] === '*') token++
  return token === tokens.length
}
