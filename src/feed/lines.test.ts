import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lines } from './lines.ts'

test('lines come out whole however the bytes are cut, characters of several bytes too', () => {
  const bytes = Buffer.from('one\n\nzwölf €\nlast\nrest')
  for (let size = 1; size <= bytes.length; size++) {
    const lines = new Lines(100)
    const found: string[] = []
    for (let at = 0; at < bytes.length; at += size) found.push(...lines.push(bytes.subarray(at, at + size)))
    assert.deepEqual(found, ['one', '', 'zwölf €', 'last'])
  }
})

test('a line may be as long as the limit and no longer, ended or not', () => {
  const lines = new Lines(4)
  assert.deepEqual([...lines.push(Buffer.from('abcd\nabc'))], ['abcd'])
  assert.throws(() => [...lines.push(Buffer.from('de'))], /more than 4 bytes/)
  assert.throws(() => [...new Lines(4).push(Buffer.from('abcde\n'))], /more than 4 bytes/)
})
