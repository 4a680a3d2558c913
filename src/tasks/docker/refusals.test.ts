import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../../virtual-clock.ts'
import type { TaskEvent, TaskSpec } from '../runtime.ts'
import { openDockerRuntime } from './runtime.ts'

const spec: TaskSpec = {
  id: '0123456789abcdef0123456789abcdef',
  name: 'web:1',
  image: 'web:1',
  entryPoint: [],
  command: [],
  environment: {},
  ports: [{ containerPort: 80, protocol: 'tcp' }],
  stopTimeoutMs: 1_000,
}

/** A runtime on a Docker that has one container, whose stops a test answers; `heard` is what it said, in order. */
async function setUp(t: TestContext, task: TaskSpec, onStop: (response: ServerResponse, end: () => void) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const socketPath = join(directory, 'docker.sock')
  let isRunning = true
  const inspection = () => ({
    State: {
      Status: isRunning ? 'running' : 'exited',
      Running: isRunning,
      OOMKilled: false,
      ExitCode: 0,
      StartedAt: '2026-01-01T00:00:00Z',
    },
    NetworkSettings: { Networks: { bridge: { IPAddress: '172.17.0.2' } } },
  })
  const docker = createServer((request, response) => {
    const path = request.url?.replace(/\?.*/, '') ?? ''
    if (path === '/events') response.flushHeaders()
    else if (path.endsWith('/stop') && isRunning) {
      onStop(response, () => {
        isRunning = false
        response.end()
      })
    } else response.end(path === '/containers/json' ? '[]' : path.endsWith('/json') ? JSON.stringify(inspection()) : '')
  })
  await once(docker.listen(socketPath), 'listening')
  const clock = new VirtualClock()
  const heard: string[] = []
  let wake = () => {}
  const hear = (line: string) => {
    heard.push(line)
    wake()
  }
  const runtime = openDockerRuntime({
    dataDir: directory,
    socketPath,
    clock,
    onEvent: (event: TaskEvent) => hear(event.kind),
    log: hear,
  })
  t.after(async () => {
    await runtime.leave()
    docker.close()
    docker.closeAllConnections()
    rmSync(directory, { recursive: true })
  })
  const hearing = async (count: number) => {
    while (heard.length < count) await new Promise<void>(resolve => (wake = resolve))
  }
  await runtime.adopt([task])
  return { clock, heard, hearing, runtime }
}

test('a stop that Docker refuses is said once and asked for again, and the task is told when it has stopped', async t => {
  let refusals = 2
  const { clock, heard, hearing, runtime } = await setUp(t, spec, (response, end) => {
    if (refusals-- > 0) response.writeHead(500).end('{"message":"permission denied"}')
    else end()
  })
  runtime.stop(spec.id)
  await hearing(2)
  while (heard.length < 3) await clock.advance(1_000)
  assert.deepEqual(heard, ['running', 'Docker refuses (permission denied); it is tried again', 'stopped'])
})

test('a stop that takes as long as the task may is no silence of Docker’s', async t => {
  const stopping = Promise.withResolvers<() => void>()
  const task = { ...spec, stopTimeoutMs: 600_000 }
  const { clock, heard, hearing, runtime } = await setUp(t, task, (_, end) => stopping.resolve(end))
  runtime.stop(spec.id)
  const end = await stopping.promise
  await clock.advance(600_000)
  end()
  await hearing(2)
  assert.deepEqual(heard, ['running', 'stopped'])
})

test('a task waits a minute for a Docker that is away, and then fails with that reason', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const clock = new VirtualClock()
  const events: TaskEvent[] = []
  const runtime = openDockerRuntime({
    dataDir: directory,
    socketPath: join(directory, 'docker.sock'),
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      // As Node's timers are, by less than a millisecond.
      after: (ms, task) => clock.after(ms - 0.5, task),
      every: (ms, task) => clock.every(ms, task),
    },
    onEvent: event => events.push(event),
    log: () => {},
  })
  t.after(() => runtime.leave())
  await runtime.adopt([])
  runtime.start(spec)
  await clock.advance(59_999)
  assert.equal(events.length, 0)
  for (let tries = 0; events.length === 0 && tries < 100; tries++) await clock.advance(1)
  const [event] = events
  assert.ok(event?.kind === 'stopped' && event.failedToStart)
  assert.match(event.reason, /^no answer from Docker at \S+ \(ENOENT\): dockerd must run$/)
})
