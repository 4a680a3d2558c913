import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError } from './errors.ts'
import { parseForm } from './form.ts'

const parse = (text: string) => parseForm(Buffer.from(text, 'latin1'))

test('dotted names become a tree, and escapes are undone after the split', () => {
  const form = parse('Action=A&Tags.member.1.Key=a%26b%3Dc&Tags.member.1.Value=x+y%2B%C3%BC&Empty=&Bare')
  const first = form.members.get('Tags')?.members.get('member')?.members.get('1')
  assert.equal(first?.members.get('Key')?.text, 'a&b=c')
  assert.equal(first?.members.get('Value')?.text, 'x y+ü')
  assert.equal(form.members.get('Empty')?.text, '')
  assert.equal(form.members.get('Bare')?.text, '')
})

for (const [what, text] of [
  ['a broken percent escape', 'A=%zz'],
  ['half a percent escape', 'A=%e'],
  ['an escape that is no UTF-8', 'A=%ff'],
  ['a byte that is no UTF-8', 'A=\xff'],
  ['a name that comes twice', 'A=1&A=2'],
  ['a value that gets members', 'A=1&A.B=2'],
  ['members that get a value', 'A.B=2&A=1'],
  ['an empty step', 'A..B=1'],
  ['no name at all', '=1'],
  ['a name nested too deep', `${'A.'.repeat(30)}B=1`],
] as const) {
  test(`a form with ${what} is refused`, () => {
    assert.throws(
      () => parse(text),
      (error: unknown) => error instanceof ApiError && error.code === 'MalformedQueryString' && error.status === 400,
    )
  })
}

test('no bytes make the parser fail in another way than by refusing them', t => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9)
  t.diagnostic(`SEED=${seed}`)
  const random = seededRandom(seed)
  const alphabet = ['A', '.', '1', '=', '&', '%', '41', '+', '\xff', '\x00', '__proto__', 'member']
  for (let round = 0; round < 5_000; round++) {
    const text = Array.from({ length: random(30) }, () => alphabet[random(alphabet.length)]).join('')
    try {
      parse(text)
    } catch (error) {
      assert.ok(error instanceof ApiError, `${JSON.stringify(text)}: ${error}`)
    }
  }
})

test('a megabyte of one-letter steps takes time that grows with its length', () => {
  const text = Array.from({ length: 60_000 }, (_, index) => `a.b.c.${index}.d=1`).join('&')
  const before = performance.now()
  parse(text)
  assert.ok(performance.now() - before < 5_000)
})

/** A small generator (mulberry32), so that a failing round can be run again. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
