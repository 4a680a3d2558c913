import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, type TestContext, test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { systemClock as clock } from '../../clock.ts'
import { commandServer, taskRuntimeContract } from '../runtime.contract.ts'
import type { TaskEvent, TaskSpec } from '../runtime.ts'
import { Dockerd, dockerdLacks, tarOf } from './dockerd.fixture.ts'
import { openRegistry } from './registry.fixture.ts'
import { openDockerRuntime } from './runtime.ts'

/** What hangs ends, and all after it are run. */
const limit = { timeout: 40_000 }

const lacks = dockerdLacks()
if (lacks !== undefined) test('the docker runtime does what every runtime does', t => lacking(t, lacks))
else {
  enterOwnNetwork()
  let dockerd: Dockerd
  before(async () => {
    dockerd = await Dockerd.open()
    await dockerd.importNode('node')
    // That nobody has an address any more is found out in 1.5 s instead of 40 s.
    const neighbours = { base_reachable_time_ms: 100, delay_first_probe_time: 0, retrans_time_ms: 100 }
    for (const [name, value] of Object.entries(neighbours))
      writeFileSync(`/proc/sys/net/ipv4/neigh/docker0/${name}`, String(value))
  })
  after(() => dockerd?.close())

  taskRuntimeContract('docker', async () => ({
    server: { image: 'node', entryPoint: [process.execPath], command: ['-e', commandServer] },
    open: async options => openDockerRuntime({ ...options, clock, socketPath: dockerd.socketPath }),
  }))

  test('docker: what Docker finds of a container’s health is told', limit, async t => {
    const { runtime, told } = await open(t, dockerd)
    const spec = node(commandServer, {
      healthCheck: {
        // Is content once.
        command: ['CMD-SHELL', '[ ! -e /checked ] && : >/checked'],
        intervalSeconds: 1,
        timeoutSeconds: 2,
        retries: 1,
        startPeriodSeconds: 0,
      },
    })
    runtime.start(spec)
    await told(spec, event => event.kind === 'running')
    await told(spec, event => event.kind === 'health' && event.health === 'HEALTHY')
    await told(spec, event => event.kind === 'health' && event.health === 'UNHEALTHY')
  })

  test(
    'docker: an image that is not there is pulled, and run with its own command where the task has none',
    limit,
    async t => {
      const registry = await openRegistry(tarOf(['/bin/sh']), ['/bin/sh', '-c', 'echo pulled for $HOST:$PORT; exit 7'])
      t.after(registry.close)
      const { runtime, told } = await open(t, dockerd)
      const spec = node('', { image: `${registry.address}/app`, entryPoint: [], command: [] })
      runtime.start(spec)
      const event = await told(spec, ({ kind }) => kind === 'stopped')
      assert.deepEqual(event, {
        id: spec.id,
        kind: 'stopped',
        failedToStart: false,
        reason: 'exited with 7',
        exitCode: 7,
      })
      assert.equal(String(await runtime.logs(spec.id, 1_000)), 'pulled for 0.0.0.0:8080\n')
    },
  )

  test('docker: an image that cannot be pulled fails the task with the registry’s reason', limit, async t => {
    const registry = await openRegistry(Buffer.alloc(0), [])
    t.after(registry.close)
    const { runtime, told } = await open(t, dockerd)
    const spec = node('', { image: `${registry.address}/app:2` })
    runtime.start(spec)
    const event = await told(spec, ({ kind }) => kind === 'stopped')
    assert.ok(event.kind === 'stopped' && event.failedToStart)
    assert.match(event.reason, /^CannotPullContainerError: 127\.0\.0\.1:\d+\/app:2: .*manifest unknown/)
  })

  test('docker: a task that is stopped while its image is pulled never runs', limit, async t => {
    const registry = createServer().listen(0, '127.0.0.1')
    t.after(() => registry.close())
    await once(registry, 'listening')
    const { runtime, told } = await open(t, dockerd)
    const spec = node('', { image: `127.0.0.1:${(registry.address() as AddressInfo).port}/app` })
    runtime.start(spec)
    const [socket] = await once(registry, 'connection')
    t.after(() => socket.destroy())
    runtime.stop(spec.id)
    const event = await told(spec, ({ kind }) => kind === 'stopped')
    assert.deepEqual(event, { id: spec.id, kind: 'stopped', failedToStart: false, reason: 'stopped before it ran' })
  })

  test('docker: tasks go on while dockerd is away, and what was asked for is done when it is back', limit, async t => {
    t.after(() => dockerd.start(), limit)
    const { runtime, run, told, events, log } = await open(t, dockerd)
    const [serving, ending] = [node(commandServer, { stopTimeoutMs: 30_000 }), node(commandServer)]
    const [servingAt, endingAt] = [await run(serving), await run(ending)]
    await dockerd.kill()
    const late = node(commandServer)
    runtime.start(late)
    const never = node(commandServer)
    runtime.start(never)
    runtime.stop(never.id)
    await told(never, ({ kind }) => kind === 'stopped')
    assert.equal(await ask(servingAt, 'echo still there'), 'still there')
    await ask(endingAt, 'exit 3')
    assert.equal(events.filter(({ kind }) => kind === 'stopped').length, 1)

    runtime.stop(serving.id)
    await dockerd.start()
    await told(late, ({ kind }) => kind === 'running')
    const [stopped, ended] = await Promise.all(
      [serving, ending].map(spec => told(spec, ({ kind }) => kind === 'stopped')),
    )
    assert.deepEqual(
      [stopped, ended].map(event => event?.kind === 'stopped' && event.reason),
      ['exited with 0', 'exited with 3'],
    )
    assert.equal(log.length, 2, log.join('\n'))
    assert.match(log[0] ?? '', /; running tasks are left alone, and it is tried again$/)
    assert.equal(log[1], 'Docker answers again')
  })

  test('docker: tasks are adopted when dockerd comes later than we do', limit, async t => {
    const dataDir = mkdtempSync(join(tmpdir(), 'sluice-test-'))
    t.after(() => dockerd.start(), limit)
    t.after(() => rmSync(dataDir, { recursive: true }))
    const first = await open(t, dockerd, dataDir)
    const spec = node(commandServer)
    await first.run(spec)
    await first.runtime.leave()
    await dockerd.kill()
    const { runtime, told, events } = await open(t, dockerd, dataDir, [spec])
    assert.deepEqual(events, [])
    await dockerd.start()
    await told(spec, ({ kind }) => kind === 'running')
    await runtime.close()
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['running', 'stopped'],
    )
  })

  test(
    'docker: a directory that has another name by now still knows its tasks, and no one else’s are touched',
    limit,
    async t => {
      const [first, foreign] = [await open(t, dockerd), await open(t, dockerd)]
      const [spec, other] = [node(commandServer), node(commandServer)]
      const [address] = [await first.run(spec), await foreign.run(other)]
      await first.runtime.leave()
      const { told, events } = await open(t, dockerd, '', [spec])
      await told(spec, ({ kind }) => kind === 'running')
      await ask(address, 'exit 3')
      const end = await told(spec, ({ kind }) => kind === 'stopped')
      assert.equal(end.kind === 'stopped' && end.exitCode, 3)
      assert.deepEqual(
        [events.map(({ id }) => id), foreign.events.map(({ kind }) => kind)],
        [[spec.id, spec.id], ['running']],
      )
    },
  )

  test('docker: what the host forwards to a task’s port arrives', limit, async t => {
    const { run } = await open(t, dockerd)
    const address = await run(node(commandServer))
    await ask(address, 'echo it serves')
    const client = otherHost(t)
    execFileSync('nft', ['-f', '-'], { input: forwarding(address) })
    t.after(() => execFileSync('nft', ['delete', 'table', 'ip', 'forwarding']))
    assert.equal(await client('echo through the host'), 'through the host')
  })
}

/** A runtime whose tasks are ended after the test. */
async function open(t: TestContext, dockerd: Dockerd, dataDir = '', known: readonly TaskSpec[] = []) {
  const directory = dataDir || mkdtempSync(join(tmpdir(), 'sluice-test-'))
  const [events, log]: [TaskEvent[], string[]] = [[], []]
  const waiting = new Set<() => void>()
  const runtime = openDockerRuntime({
    dataDir: directory,
    clock,
    socketPath: dockerd.socketPath,
    log: line => log.push(line),
    onEvent(event) {
      events.push(event)
      for (const look of waiting) look()
    },
  })
  t.after(async () => {
    await runtime.close()
    if (dataDir === '') rmSync(directory, { recursive: true })
  }, limit)
  await runtime.adopt(known)
  const told = (spec: TaskSpec, matches: (event: TaskEvent) => boolean) =>
    new Promise<TaskEvent>((resolve, reject) => {
      const look = () => {
        const its = events.filter(({ id }) => id === spec.id)
        const found = its.find(matches)
        if (found !== undefined) resolve(found)
        else if (its.at(-1)?.kind === 'stopped') reject(new Error(`nothing more is told: ${JSON.stringify(its)}`))
        else return
        waiting.delete(look)
      }
      waiting.add(look)
      look()
    })
  /** Where it runs. */
  const run = async (spec: TaskSpec) => {
    runtime.start(spec)
    const running = await told(spec, ({ kind }) => kind === 'running')
    assert.ok(running.kind === 'running')
    return running.place.address
  }
  return { runtime, run, told, events, log }
}

function node(program: string, extra: Partial<TaskSpec> = {}): TaskSpec {
  return {
    id: randomBytes(16).toString('hex'),
    name: 'web:1',
    image: 'node',
    entryPoint: [process.execPath],
    command: ['-e', program],
    environment: {},
    ports: [{ containerPort: 8080, protocol: 'tcp' }],
    stopTimeoutMs: 1_000,
    ...extra,
  }
}

/** What the command server there answers, waited for until it serves. */
async function ask(host: string, line: string): Promise<string> {
  for (;;) {
    const socket = connect({ host, port: 8080 }, () => socket.write(`${line}\n`))
    const answer = await text(socket).catch((error: NodeJS.ErrnoException) => error)
    if (typeof answer === 'string') return answer
    if (answer.code !== 'ECONNREFUSED') throw answer
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Sends a line to 10.9.0.1 from a host that is linked to this one. */
function otherHost(t: TestContext): (line: string) => Promise<string> {
  const host = spawn('unshare', ['--net', 'sh', '-c', 'echo; read end'], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.after(() => host.kill())
  const there = ['nsenter', '--target', String(host.pid), '--net']
  return async line => {
    await once(host.stdout, 'data')
    const commands = [
      `ip link add uplink type veth peer name downlink netns ${host.pid}`,
      'ip addr add 10.8.0.1/24 dev uplink && ip link set uplink up',
      `${there.join(' ')} sh -c 'ip addr add 10.8.0.2/24 dev downlink && ip link set downlink up && ip route add default via 10.8.0.1'`,
    ]
    execFileSync('sh', ['-ec', commands.join('\n')])
    const program = `
      const socket = require('node:net').connect(8080, '10.9.0.1', () => socket.write(process.argv[1]))
      socket.setTimeout(5_000, () => process.exit(1)).pipe(process.stdout)`
    return execFileSync('timeout', ['10', ...there, process.execPath, '-e', program, `${line}\n`], { encoding: 'utf8' })
  }
}

function forwarding(address: string): string {
  return `table ip forwarding {
    chain in { type nat hook prerouting priority -100; ip daddr 10.9.0.1 dnat to ${address}; }
  }`
}
