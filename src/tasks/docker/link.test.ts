import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { VirtualClock } from '../../virtual-clock.ts'
import { DockerApi, DockerAway, DockerError, dockerSocket } from './engine-api.ts'
import { Link } from './link.ts'

/** A link to a Docker that has nothing but events; `heard` is what it said to its owner, in order. */
function setUp(t: TestContext, isMute = false) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const socketPath = join(directory, 'docker.sock')
  const clock = new VirtualClock()
  const heard: string[] = []
  let wake = () => {}
  const hear = (line: string) => {
    heard.push(line)
    wake()
  }
  const hearing = async (count: number) => {
    while (heard.length < count) await new Promise<void>(resolve => (wake = resolve))
  }
  const streams: ServerResponse[] = []
  const docker = createServer((_, response) => {
    streams.push(response)
    if (!isMute) response.flushHeaders()
  })
  const listen = () => once(docker.listen(socketPath), 'listening')
  const open = (onOpen = () => Promise.resolve(hear('open'))) => {
    const link = new Link({
      api: new DockerApi(socketPath, clock),
      clock,
      filters: {},
      onOpen,
      onEvent: labels => hear(`event of ${labels['sluice.task']}`),
      log: hear,
    })
    t.after(() => link.close())
    return link
  }
  t.after(() => {
    docker.close()
    docker.closeAllConnections()
    rmSync(directory, { recursive: true })
  })
  return { socketPath, clock, heard, hearing, streams, listen, open }
}

function event(task: string): string {
  return `${JSON.stringify({ Action: 'die', Actor: { Attributes: { 'sluice.task': task } } })}\n`
}

test('events are told by the labels of their container, however the stream is cut', async t => {
  const { heard, hearing, streams, listen, open } = setUp(t)
  await listen()
  await open().tried
  streams[0]?.write(event('a') + event('b').slice(0, 10))
  await hearing(2)
  streams[0]?.write(event('b').slice(10))
  await hearing(3)
  assert.deepEqual(heard, ['open', 'event of a', 'event of b'])
})

test('that Docker is away is said once, it is tried with growing pauses, and that it is back is said, too', async t => {
  const { socketPath, clock, heard, hearing, streams, listen, open } = setUp(t)
  const link = open()
  await link.tried
  assert.deepEqual(heard, [
    `no answer from Docker at ${socketPath} (ENOENT): dockerd must run; running tasks are left alone, and it is tried again`,
  ])
  await clock.advance(20_000)
  assert.equal(heard.length, 1)
  await listen()
  await clock.advance(5_000)
  await hearing(3)
  assert.deepEqual(heard.slice(1), ['open', 'Docker answers again'])

  streams[0]?.destroy()
  await hearing(4)
  assert.match(heard[3] ?? '', /^Docker broke off in the middle/)
  await clock.advance(5_000)
  await hearing(6)
  assert.deepEqual(heard.slice(4), ['open', 'Docker answers again'])
})

test('where a call got no answer, the stream is opened anew', async t => {
  const { clock, heard, hearing, listen, open } = setUp(t)
  await listen()
  const link = open()
  await link.tried
  link.renew(new DockerAway('broken off'))
  await hearing(2)
  await clock.advance(200)
  await hearing(4)
  assert.deepEqual(heard, [
    'open',
    'broken off; running tasks are left alone, and it is tried again',
    'open',
    'Docker answers again',
  ])
})

test('what Docker refuses when the stream is open is tried again, and said once', async t => {
  const { clock, heard, hearing, listen, open } = setUp(t)
  let tries = 0
  await listen()
  open(async () => {
    if (++tries < 4) throw new DockerError(500, 'not\n now')
  })
  while (tries < 4) {
    await clock.advance(1_000)
  }
  await hearing(2)
  assert.deepEqual(heard, ['not now; running tasks are left alone, and it is tried again', 'Docker answers again'])
})

test('what listens at Docker’s socket and says nothing is away', async t => {
  const { socketPath, clock, heard, hearing, streams, listen, open } = setUp(t, true)
  await listen()
  const link = open()
  while (streams.length === 0) await clock.advance(0)
  await clock.advance(10_000)
  await link.tried
  assert.deepEqual(heard, [
    `no answer from Docker at ${socketPath} (it said nothing for 10 s): dockerd must run; running tasks are left alone, and it is tried again`,
  ])
  while (streams.length === 1) await clock.advance(50)
  streams[1]?.flushHeaders()
  await hearing(3)
  assert.deepEqual(heard.slice(1), ['open', 'Docker answers again'])
})

test('a call that Docker never answers ends', async t => {
  const { socketPath, clock, streams, listen } = setUp(t, true)
  await listen()
  const call = new DockerApi(socketPath, clock).call('GET', '/containers/json')
  while (streams.length === 0) await clock.advance(0)
  const answer = assert.rejects(call, {
    constructor: DockerAway,
    message: `no answer from Docker at ${socketPath} (it said nothing to GET /containers/json for 30 s): dockerd must run`,
  })
  await clock.advance(30_000)
  await answer
})

test('closed, it tries no more', async t => {
  const { clock, heard, listen, open } = setUp(t)
  const link = open()
  await link.tried
  link.close()
  await listen()
  await clock.advance(60_000)
  assert.equal(heard.length, 1)
})

test('Docker’s socket is where DOCKER_HOST says, if that is on this host', () => {
  assert.equal(dockerSocket(undefined), '/var/run/docker.sock')
  assert.equal(dockerSocket(''), '/var/run/docker.sock')
  assert.equal(dockerSocket('unix:///run/user/1000/docker.sock'), '/run/user/1000/docker.sock')
  assert.throws(() => dockerSocket('tcp://10.0.0.1:2375'), /DOCKER_HOST is tcp:\/\/10\.0\.0\.1:2375: .*unix:\/\/\/PATH/)
})
