import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
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

test('with every child dead at once, the one that starts them again stays', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const child = join(directory, 'child.mjs')
  writeFileSync(child, "process.send('ready', () => process.kill(process.pid, 'SIGKILL'))")
  const parent = join(directory, 'parent.mjs')
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
  writeFileSync(
    parent,
    `import { systemClock as clock } from ${url('../clock.ts')}
     import { supervise } from ${url('supervise.ts')}
     let starts = 0
     const onMessage = () => ++starts === 3 && process.exit(33)
     supervise({ name: 'child', module: new URL(${JSON.stringify(pathToFileURL(child))}), argument: () => ({}), clock, log() {}, onMessage })`,
  )
  const running = spawn(process.execPath, [parent], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code] = await once(running, 'exit')
  assert.equal(code, 33)
})

test('a process whose parent dies while it is starting ends, too', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const child = join(directory, 'child.mjs')
  // It is busy until its parent has gone.
  writeFileSync(
    child,
    `import { readFileSync } from 'node:fs'
     const isThere = () => readFileSync('/proc/self/stat', 'latin1').split(' ')[3] === process.argv[2]
     process.stdout.write(process.pid + '\\n')
     const deadline = performance.now() + 5_000
     while (performance.now() < deadline && isThere());
     await new Promise(resolve => setTimeout(resolve, 50))
     const { supervised } = await import(${JSON.stringify(new URL('supervise.ts', import.meta.url).href)})
     supervised(async () => {})
     setInterval(() => {}, 1_000)`,
  )
  const parent = join(directory, 'parent.mjs')
  writeFileSync(
    parent,
    `import { fork } from 'node:child_process'
     fork(${JSON.stringify(child)}, [String(process.pid)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
     setTimeout(() => process.kill(process.pid, 'SIGKILL'), 200)`,
  )
  const running = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] })
  // Its output ends with the last process that has it.
  await once(running.stdout, 'close')
})

test('one that has died is started once more to be stopped in order', async t => {
  const { child, next } = start(
    t,
    `process.send('ready')
     // What is asked while it starts is not lost.
     await new Promise(resolve => setTimeout(resolve, 50))
     process.on('message', how => process.send('told ' + how, () => process.exit(0)))`,
  )
  await next('message')
  const stopped = new Promise<void>(resolve => {
    // The log line of the next start comes later: this is the moment between.
    const look = () => (child.pid === undefined ? resolve() : setImmediate(look))
    process.kill(Number(child.pid), 'SIGKILL')
    look()
  }).then(() => child.stop())
  assert.equal(await next('message'), 'ready')
  assert.equal(await next('message'), 'told stop')
  await stopped
  assert.equal(child.pid, undefined)
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
