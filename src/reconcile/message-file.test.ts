import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { MessageFile } from './message-file.ts'

const whole = () => ({ whole: 'x'.repeat(100_000) })
const change = () => ({ change: 'y'.repeat(30_000) })

test('the first save of a process is whole, later ones add, and the file never has more than twice the whole', async t => {
  const path = place(t)
  const file = new MessageFile(path)
  assert.deepEqual(file.read(), [])
  for (let n = 0; n < 20; n++) {
    await file.save(whole, change)
    assert.equal(file.read().length, (n % 4) + 1, `save ${n}`)
    assert.ok(statSync(path).size < 200_000)
  }
  assert.deepEqual(
    file.read().map(line => JSON.parse(line)),
    [whole(), change(), change(), change()],
  )
  const next = new MessageFile(path)
  await next.save(whole, change)
  assert.equal(next.read().length, 1)
})

test('half a line at the end is left out', async t => {
  const path = place(t)
  const file = new MessageFile(path)
  await file.save(whole, change)
  appendFileSync(path, '{"change":')
  assert.deepEqual(
    file.read().map(line => JSON.parse(line)),
    [whole()],
  )
})

test('after a save that failed the next one is whole', async t => {
  const path = place(t)
  const file = new MessageFile(path)
  await file.save(whole, change)
  rmSync(path)
  await assert.rejects(file.save(whole, change), /ENOENT/)
  await file.save(whole, change)
  assert.equal(file.read().length, 1)
})

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-message-file-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'messages.json')
}
