import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fits, parseWildcard } from './wildcard.ts'

test('a star stands for any characters or none, a question mark for one', () => {
  for (const [pattern, text, expected] of [
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['**', 'abc', true],
    ['?', '', false],
    ['a*c', 'ac', true],
    ['a*c', 'abcbc', true],
    ['a*c', 'abcb', false],
    ['*ab*ab', 'abab', true],
    ['*ab*ab', 'ab', false],
    ['?b*', 'ab', true],
    ['a.c', 'abc', false],
    ['(+[', '(+[', true],
    ['A', 'a', false],
  ] as const) {
    assert.equal(fits(parseWildcard(pattern), text), expected, `${pattern} for ${text}`)
    assert.equal(fits(parseWildcard(pattern), `-${text}-`, 1, 1 + text.length), expected, `${pattern} for -${text}-`)
  }
})

test('only what ignores case and only what knows escapes does so', () => {
  assert.ok(fits(parseWildcard('aZ[', { ignoresCase: true }), 'Az['))
  assert.ok(!fits(parseWildcard('a[', { ignoresCase: true }), 'a{'))
  assert.ok(fits(parseWildcard('a\\*', { escapes: true }), 'a*'))
  assert.ok(!fits(parseWildcard('a\\?', { escapes: true }), 'ab'))
  assert.ok(fits(parseWildcard('a\\?'), 'a\\b'))
  assert.ok(fits(parseWildcard('a\\b', { escapes: true }), 'a\\b'))
})

test('a text made for it does not make a match take more than its length times the pattern', () => {
  const pattern = parseWildcard(`${'*a'.repeat(50)}*b`)
  assert.ok(!fits(pattern, 'a'.repeat(16_384)))
})
