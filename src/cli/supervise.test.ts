import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../clock.ts'
import { REFUSED, supervise } from './supervise.ts'

/** Supervises a module of the given text; `next(what)` resolves with the next message or log line. */
function start(t: TestContext, text: string) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const module = join(directory, 'child.mjs')
  writeFileSync(module, text)
  const events = new EventTarget()
  const tell = (what: string, detail: unknown) => events.dispatchEvent(new CustomEvent(what, { detail }))
  const next = async (what: 'message' | 'log' | 'refused') => (await once(events, what))[0].detail
  const child = supervise({
    name: 'child',
    module: pathToFileURL(module),
    argument: () => ({}),
    clock: systemClock,
    log: line => tell('log', line),
    onMessage: message => tell('message', message),
    onRefused: () => tell('refused', undefined),
  })
  t.after(() => child.kill())
  return { child, next }
}

const lives = "process.send('ready'); process.on('message', () => process.exit(0))"

test('a process that dies is started again, and the log names the new one', async t => {
  const { child, next } = start(t, lives)
  await next('message')
  const first = Number(child.pid)
  const line = next('log')
  process.kill(first, 'SIGKILL')
  assert.equal(await line, `child process ${first} ended (SIGKILL); now it is process ${child.pid}`)
  assert.notEqual(child.pid, first)
  await child.stop()
})

test('a process that cannot be started is tried again until it can', async t => {
  const node = process.execPath
  t.after(() => (process.execPath = node))
  process.execPath = '/nonexistent/node'
  const { child, next } = start(t, lives)
  assert.match(await next('log'), /^child: spawn .*ENOENT/)
  process.execPath = node
  assert.equal(await next('message'), 'ready')
  await child.stop()
})

test('one that refused is not started again, and stopping does not wait for it', async t => {
  const { child, next } = start(t, `process.exit(${REFUSED})`)
  await next('refused')
  assert.equal(child.pid, undefined)
  await child.stop()
})

test('one that served before and then refuses is tried again, so that nothing else ends with it', async t => {
  const { child, next } = start(
    t,
    `import { existsSync, writeFileSync } from 'node:fs'
     const mark = new URL('mark', import.meta.url)
     if (existsSync(mark)) process.exit(${REFUSED})
     writeFileSync(mark, '')
     process.send('ready')`,
  )
  await next('message')
  process.kill(Number(child.pid), 'SIGKILL')
  assert.match(await next('log'), /ended \(SIGKILL\)/)
  assert.match(await next('log'), new RegExp(`ended \\(code ${REFUSED}\\)`))
  await child.stop()
})
