import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestHead } from './head.fixture.ts'
import { TraceIds, traceIdFor } from './trace-id.ts'

const fresh = '1-67891234-12456789abcdef0123456789'

function traced(...values: readonly string[]): string {
  const lines = values.map(value => `X-Amzn-Trace-Id: ${value}`)
  return traceIdFor(requestHead(['GET / HTTP/1.1', 'Host: a', ...lines]), fresh)
}

test('trace ids are as in the examples of AWS', () => {
  const root = 'Root=1-67891233-abcdef012345678912345678'
  for (const [came, goes] of [
    [[], `Root=${fresh}`],
    [[root], `Self=${fresh};${root}`],
    [[`${root};CalledFrom=app`], `Self=${fresh};${root};CalledFrom=app`],
    [[`Self=1-67891233-12456789abcdef012345678;${root}`], `Self=${fresh};${root}`],
    [[`${root}; Self=1-2-3; CalledFrom=app`], `Self=${fresh};${root};CalledFrom=app`],
    [['CalledFrom=app'], `Root=${fresh};CalledFrom=app`],
    [[''], `Root=${fresh}`],
    [['Self=1-2-3'], `Self=${fresh}`],
    [[root, 'Root=1-another-one'], `Self=${fresh};${root}`],
  ] as const)
    assert.equal(traced(...came), goes, came.join(' and '))
})

test('a trace id of more than 7 KB is begun anew', () => {
  const root = 'Root=1-67891233-abcdef012345678912345678;'
  assert.equal(traced(root.padEnd(7 * 1024, 'x')), `Self=${fresh};${root.padEnd(7 * 1024, 'x')}`)
  assert.equal(traced(root.padEnd(7 * 1024 + 1, 'x')), `Root=${fresh}`)
})

test('an id has the second it was made in, eight digits, and 24 random ones', () => {
  let filled = 0
  const ids = new TraceIds(bytes => bytes.fill(++filled))
  assert.equal(ids.request(0x67891233 * 1_000 + 999), `1-67891233-${'01'.repeat(12)}`)
  assert.equal(ids.request(1_000), `1-00000001-${'01'.repeat(12)}`)
  assert.equal(ids.connection(), `TID_${'01'.repeat(16)}`)
  assert.equal(filled, 1)
})

test('no two ids are the same', () => {
  const ids = new TraceIds()
  const seen = new Set(Array.from({ length: 2_000 }, (_, i) => (i % 2 === 0 ? ids.request(0) : ids.connection())))
  assert.equal(seen.size, 2_000)
})
