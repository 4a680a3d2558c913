import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpDate } from './http-date.ts'

test('a date is the example of RFC 9110, and stays until the next second', () => {
  const now = Date.parse('1994-11-06T08:49:37Z')
  assert.equal(httpDate(now), 'Sun, 06 Nov 1994 08:49:37 GMT')
  assert.equal(httpDate(now + 999), 'Sun, 06 Nov 1994 08:49:37 GMT')
  assert.equal(httpDate(now + 1_000), 'Sun, 06 Nov 1994 08:49:38 GMT')
  assert.equal(httpDate(now), 'Sun, 06 Nov 1994 08:49:37 GMT')
})
