import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { newIn } from './task.ts'

const lines = (from: number, to: number) => {
  let text = ''
  for (let i = from; i < to; i++) text += `line ${i} of a task that says much the same each time\n`
  return Buffer.from(text)
}

for (const [what, before, now, expected] of [
  ['nothing was there', lines(0, 0), lines(0, 3), lines(0, 3)],
  ['nothing came', lines(0, 3), lines(0, 3), lines(0, 0)],
  ['lines came', lines(0, 3), lines(0, 5), lines(3, 5)],
  ['the oldest are not shown any more', lines(0, 9), lines(4, 12), lines(9, 12)],
  ['the oldest is cut in a line', lines(0, 9), lines(4, 12).subarray(7), lines(9, 12)],
  ['everything is new', lines(0, 9), lines(20, 25), lines(20, 25)],
  ['the little that was there came again', Buffer.from('a\n'), Buffer.from('a\na\n'), Buffer.from('a\n')],
] as const) {
  test(`what is new in a task's output where ${what}`, () => {
    assert.equal(String(newIn(now, before)), String(expected))
  })
}

test('followed, a task’s output is printed as it comes, until nothing is known of the task', async t => {
  const id = '0123456789abcdef0123456789abcdef'
  const asked: (string | undefined)[] = []
  const server = createServer((request, response) => {
    asked.push(request.url)
    const output = ['one\n', 'one\ntwo\n'][asked.length - 1]
    response.statusCode = output === undefined ? 404 : 200
    response.end(JSON.stringify(output === undefined ? { message: 'It is gone.' } : { output: btoa(output) }))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const main = join(import.meta.dirname, 'main.ts')
  const arn = `arn:aws:ecs:us-east-1:000000000000:task/default/${id}`
  const sluice = spawn(process.execPath, [main, 'task', 'logs', '--port', String(port), arn, '--follow'])
  const exit = new Promise(resolve => sluice.once('exit', resolve))
  assert.deepEqual(
    [await text(sluice.stdout), await text(sluice.stderr), await exit],
    ['one\ntwo\n', 'It is gone.\n', 1],
  )
  assert.deepEqual(new Set(asked), new Set([`/_sluice/task-logs?task=${id}`]))
})
