import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from './errors.ts'
import { pageOf } from './paging.ts'

const page = (ids: readonly string[], size?: number, token?: string) =>
  pageOf(
    ids,
    id => id,
    { size, token },
    token => new ApiError('BadToken', token),
  )

const ids = Array.from({ length: 12 }, (_, i) => `id-${String(i).padStart(2, '0')}`)

test('pages cover everything once, in order, also when an item goes between them', () => {
  const first = page(ids.toReversed(), 5)
  const rest = ids.filter(id => id !== 'id-04')
  const second = page(rest, 5, first.next)
  const third = page(rest, undefined, second.next)
  assert.deepEqual([...first.items, ...second.items, ...third.items], ids)
  assert.equal(third.next, undefined)
})

test('a page that the items just fill is the last one', () => {
  assert.deepEqual(page(ids, 12), { items: ids, next: undefined })
})

test('a token that nobody gave out is refused, the empty one too', () => {
  for (const token of ['no token!', '']) {
    assert.throws(() => page(ids, 5, token), { code: 'BadToken', message: token })
  }
})
