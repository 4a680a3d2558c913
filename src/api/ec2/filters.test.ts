import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ec2Fixture } from './ec2.fixture.ts'
import { filtered, wildcardMatches } from './filters.ts'
import { DescribeVpcs } from './vpcs.ts'

const items = [
  { name: 'web-1', port: 80, Tags: [{ Key: 'team', Value: 'blue' }] },
  { name: 'web-2', port: 443, Tags: [{ Key: 'team', Value: 'green' }] },
  { name: 'db', port: undefined, Tags: [] },
]
const names = (filters: { Name: string; Values: string[] }[]) =>
  filtered(items, filters, { name: item => item.name, port: item => item.port }).map(item => item.name)

test('a filter passes what matches any of its values', () => {
  assert.deepEqual(names([{ Name: 'name', Values: ['web-1', 'db'] }]), ['web-1', 'db'])
})

test('an item must pass every filter', () => {
  const filters = [
    { Name: 'name', Values: ['web-*'] },
    { Name: 'port', Values: ['443'] },
  ]
  assert.deepEqual(names(filters), ['web-2'])
})

test('tags are filtered by key, and by key and value', () => {
  assert.deepEqual(names([{ Name: 'tag-key', Values: ['te?m'] }]), ['web-1', 'web-2'])
  assert.deepEqual(names([{ Name: 'tag:team', Values: ['green'] }]), ['web-2'])
  assert.deepEqual(names([{ Name: 'tag:other', Values: ['*'] }]), [])
})

test('an unknown filter is refused, also one that JavaScript objects have', () => {
  const fixture = new Ec2Fixture()
  for (const name of ['nonsense', 'constructor', '__proto__']) {
    const input = { Filters: [{ Name: name, Values: ['x'] }] }
    fixture.refused(DescribeVpcs, input, 'InvalidParameterValue', `The filter '${name}' is invalid`)
  }
})

test('wildcards match any characters or one, and a backslash takes them literally', () => {
  const cases: [string, string, boolean][] = [
    ['*', '', true],
    ['?', '', false],
    ['a*c', 'abbc', true],
    ['a*c', 'abbd', false],
    ['a?c', 'abc', true],
    ['*bc*', 'abcd', true],
    ['**a', 'ba', true],
    ['A', 'a', false],
    ['\\*', '*', true],
    ['\\*', 'x', false],
    ['a\\?', 'a?', true],
    ['a\\\\b', 'a\\b', true],
    ['a.c', 'abc', false],
    ['?', '\u{1f600}', true],
  ]
  for (const [pattern, text, expected] of cases) assert.equal(wildcardMatches(pattern, text), expected, pattern)
})

test('a pattern of many stars is matched without trying all ways', () => {
  assert.equal(wildcardMatches('*a'.repeat(5000), `${'a'.repeat(255)}b`), false)
})

test('a token that nobody gave out is refused', () => {
  new Ec2Fixture().refused(
    DescribeVpcs,
    { NextToken: 'no token!' },
    'InvalidNextToken',
    "The token 'no token!' is invalid",
  )
})
