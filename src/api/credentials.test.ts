import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readCredentials } from './credentials.ts'

function fileWith(t: TestContext, text: string, mode = 0o600): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-credentials-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'credentials')
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

const alice = '[alice]\naws_access_key_id = AKIAALICE\naws_secret_access_key = a/b+c=\n'

test('profiles become access keys and their secrets', t => {
  const file = fileWith(
    t,
    `# ours\r\n${alice}; region is not ours to choose\nregion = eu-west-1\n\n[ bob ]\naws_access_key_id=B\naws_secret_access_key=x\n`,
  )
  assert.deepEqual(
    [...readCredentials(file)],
    [
      ['AKIAALICE', 'a/b+c='],
      ['B', 'x'],
    ],
  )
})

for (const mode of [0o640, 0o604, 0o660, 0o777]) {
  test(`a file of mode ${mode.toString(8)} is refused, with the command that helps`, t => {
    const file = fileWith(t, alice, mode)
    assert.throws(() => readCredentials(file), { message: new RegExp(`mode 0${mode.toString(8)}.*chmod 600 ${file}`) })
  })
}

test('a file that is absent, or a directory, is refused in one line', t => {
  const file = fileWith(t, alice)
  assert.throws(() => readCredentials(`${file}x`), { message: `cannot read the credentials file ${file}x: ENOENT` })
  mkdirSync(`${file}.d`)
  assert.throws(() => readCredentials(`${file}.d`), { message: /is not a regular file$/ })
})

for (const [what, text, message] of [
  ['no profile', '', /has no credentials in it/],
  ['a key before the first profile', 'aws_access_key_id = A\n', /line 1: 'aws_access_key_id' stands before/],
  ['a line that is neither', `${alice}hello\n`, /line 4: expected/],
  ['no secret', '[a]\naws_access_key_id = A\n', /profile \[a\]: it has no aws_secret_access_key/],
  ['no key id', '[a]\naws_secret_access_key = A\n', /profile \[a\]: it has no aws_access_key_id/],
  [
    'one key id in two profiles',
    `${alice}${alice.replace('alice', 'bob')}`,
    /profile \[bob\]: its aws_access_key_id is that of/,
  ],
  ['one profile twice', `${alice}${alice}`, /line 4: the profile \[alice\] is there twice/],
  ['one key twice', `${alice}aws_access_key_id = B\n`, /line 4: 'aws_access_key_id' is there twice/],
] as const) {
  test(`a file with ${what} is refused, and no secret is told`, t => {
    const file = fileWith(t, text)
    assert.throws(
      () => readCredentials(file),
      (error: unknown) => error instanceof Error && message.test(error.message) && !/a\/b\+c|\n/.test(error.message),
    )
  })
}
