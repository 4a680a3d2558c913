import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { type Clock, systemClock } from '../../clock.ts'
import type { Snapshot } from '../../domain/snapshot.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import { engineContract } from '../engine.contract.ts'
import type { Suspicion } from '../engine.ts'
import { socketTraffic } from '../socket-traffic.fixture.ts'
import { until } from '../until.fixture.ts'
import { openUserspaceEngine } from './engine.ts'
import { clientOf, ending, groupOf, listenerOn, serveEcho, take, targetAt } from './tcp.fixture.ts'

// The ports below are then nobody else's.
if (process.getuid?.() === 0) enterOwnNetwork()

engineContract('userspace', async t => ({ engine: (await open(t)).engine, traffic: socketTraffic(t) }))

async function open(t: TestContext, { workers = 2, clock = systemClock as Clock } = {}) {
  const suspicions: Suspicion[] = []
  const log: string[] = []
  const engine = await openUserspaceEngine({
    workers,
    clock,
    udpFlowLimit: 1_000,
    directory: tmpdir(),
    onSuspicion: suspicion => suspicions.push(suspicion),
    log: line => log.push(line),
  })
  t.after(() => engine.close())
  return { engine, suspicions, log }
}

/** Ids of the worker processes that a process (this one by default) has. */
function workersOf(pid: number = process.pid): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number)
  return children.filter(child => {
    try {
      return readFileSync(`/proc/${child}/cmdline`, 'latin1').includes('userspace/worker.ts')
    } catch {
      return false
    }
  })
}

function isThere(pid: number): boolean {
  try {
    // A process that has ended and was not waited for yet answers signals too; its state tells (proc_pid_stat(5)).
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

/** A UDP client whose questions are answered with the port that the target sees. */
function udpClient(t: TestContext, port: number) {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  let questions = 0
  return {
    /** Asks every 20 ms until there is an answer. */
    async ask(): Promise<string> {
      questions += 1
      // One that was asked twice is answered twice, maybe only while the next is asked.
      const question = String(questions)
      const answer = Promise.withResolvers<string>()
      const take = (datagram: Buffer) => {
        const [seen = '', answered] = String(datagram).split(' ')
        if (answered === question) answer.resolve(seen)
      }
      socket.on('message', take)
      const send = () => socket.send(question, port, '127.0.0.1')
      send()
      const timer = setInterval(send, 20)
      const seen = await answer.promise
      clearInterval(timer)
      socket.off('message', take)
      return seen
    },
  }
}

async function udpTarget(t: TestContext, port: number): Promise<void> {
  const socket = createSocket('udp4')
  socket.on('message', (question, from) => socket.send(`${from.port} ${question}`, from.port, from.address))
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
}

function snapshot(revision: number, changes: Partial<Snapshot>): Snapshot {
  return { revision, listeners: [], groups: [], guards: [], ...changes }
}

test('a worker killed with -9: its own connections are reset, the others go on, and no new one is refused', async t => {
  await serveEcho(t, 21700, 'a')
  const { engine, log } = await open(t)
  const desired = snapshot(1, { listeners: [listenerOn(21701)], groups: [groupOf([targetAt(21700)])] })
  await engine.apply(desired)
  const clients: net.Socket[] = []
  for (let n = 0; n < 40; n++) {
    const client = clientOf(t, 21701)
    assert.equal(await take(client, 1), 'a')
    clients.push(client)
  }
  const before = await engine.observe()
  const [victim] = workersOf()
  assert.ok(victim)
  process.kill(victim, 'SIGKILL')
  const killedAt = performance.now()
  let firstMs = 0
  for (let n = 0; n < 30; n++) {
    assert.equal(await take(clientOf(t, 21701), 1), 'a')
    firstMs ||= performance.now() - killedAt
  }
  t.diagnostic(`first new connection answered after ${firstMs.toFixed(1)} ms`)
  // 300 ms is the promise; a machine that runs other tests beside this one may be late.
  assert.ok(firstMs <= 1_000)
  const alive: net.Socket[] = []
  for (const client of clients) {
    client.write('x')
    const answer = await take(client, 1).catch(() => '')
    if (answer === 'x') alive.push(client)
  }
  t.diagnostic(`${clients.length - alive.length} of ${clients.length} connections were the killed worker's`)
  await until(() => workersOf().length === 2)
  assert.deepEqual(await engine.apply(desired), { revision: 1, problems: [], fallbacks: [] })
  const after = await engine.observe()
  assert.equal(before.listeners[0]?.newFlows, 40)
  assert.equal(after.listeners[0]?.activeFlows, alive.length + 30)
  assert.ok(log.some(line => line.includes(`worker ${victim} ended (SIGKILL)`)))
})

test('the only worker killed with -9: clients wait for the next one, and none is refused', async t => {
  await serveEcho(t, 21702, 'a')
  const clock = new VirtualClock()
  const { engine } = await open(t, { workers: 1, clock })
  await engine.apply(snapshot(1, { listeners: [listenerOn(21703)], groups: [groupOf([targetAt(21702)])] }))
  // One that dies within its first second is taken for the victim of something that would kill the next one too.
  await clock.advance(1_000)
  process.kill(workersOf()[0] ?? 0, 'SIGKILL')
  const killedAt = performance.now()
  const clients = Array.from({ length: 20 }, () => clientOf(t, 21703))
  for (const client of clients) assert.equal(await take(client, 1), 'a')
  const ms = performance.now() - killedAt
  t.diagnostic(`20 connections answered after ${ms.toFixed(0)} ms`)
  assert.ok(ms < 2_000)
})

test("a killed worker's UDP listeners go to another at once; those of the others keep their flows", async t => {
  await udpTarget(t, 21704)
  const { engine } = await open(t)
  const ports = [21705, 21706, 21707, 21708]
  const listeners = ports.map(port => listenerOn(port, { protocol: 'UDP' }))
  await engine.apply(snapshot(1, { listeners, groups: [groupOf([targetAt(21704)])] }))
  const clients = ports.map(port => udpClient(t, port))
  const before = await Promise.all(clients.map(client => client.ask()))
  process.kill(workersOf()[0] ?? 0, 'SIGKILL')
  const killedAt = performance.now()
  const after = await Promise.all(clients.map(client => client.ask()))
  const ms = performance.now() - killedAt
  t.diagnostic(`all answered after ${ms.toFixed(0)} ms`)
  assert.ok(ms <= 1_000)
  const kept = before.filter((port, n) => port === after[n]).length
  assert.equal(kept, 2, 'each worker had two of four')
})

test('apply ends, and everything is in place, although workers die all the time', async t => {
  await serveEcho(t, 21709, 'a')
  const { engine } = await open(t)
  const groups = [groupOf([targetAt(21709)])]
  for (let revision = 1; revision <= 6; revision++) {
    const listeners = [0, 1, 2].map(n => listenerOn(21710 + ((revision + n) % 4)))
    const applied = engine.apply(snapshot(revision, { listeners, groups }))
    const pids = workersOf()
    process.kill(pids[revision % pids.length] ?? 0, 'SIGKILL')
    assert.equal((await applied).revision, revision)
    assert.deepEqual((await engine.apply(snapshot(revision, { listeners, groups }))).problems, [])
    for (const { port } of listeners) assert.equal(await take(clientOf(t, port), 1), 'a')
    await until(() => workersOf().length === 2)
  }
})

test('a worker that does not answer is replaced, and apply goes on', async t => {
  const clock = new VirtualClock()
  await serveEcho(t, 21715, 'a')
  const { engine, log } = await open(t, { clock })
  const groups = [groupOf([targetAt(21715)])]
  await engine.apply(snapshot(1, { listeners: [listenerOn(21716)], groups }))
  const [stuck] = workersOf()
  assert.ok(stuck)
  process.kill(stuck, 'SIGSTOP')
  t.after(() => isThere(stuck) && process.kill(stuck, 'SIGKILL'))
  const applied = engine.apply(snapshot(2, { listeners: [listenerOn(21717)], groups }))
  let isDone = false
  const done = applied.finally(() => {
    isDone = true
  })
  await until(async () => !(await refuses(21717)))
  assert.equal(await take(clientOf(t, 21717), 1), 'a', 'the other worker serves already')
  await clock.advance(9_900)
  assert.ok(isThere(stuck))
  // In small steps: workers live in real time, and a new one is not stuck.
  await until(async () => {
    await clock.advance(20)
    return isDone
  })
  await done
  assert.deepEqual(await applied, { revision: 2, problems: [], fallbacks: [] })
  assert.ok(log.some(line => line === `worker ${stuck} does not answer and is replaced`))
  assert.ok(!isThere(stuck))
  assert.equal(await take(clientOf(t, 21717), 1), 'a')
})

test('a listener that cannot be had is a problem in words, disturbs no other, and comes with the next apply', async t => {
  await serveEcho(t, 21718, 'a')
  const other = await serveEcho(t, 21719)
  const { engine } = await open(t)
  const listeners = [listenerOn(21719), listenerOn(21720, { address: '203.0.113.9', id: 'far' }), listenerOn(21721)]
  const desired = snapshot(1, { listeners, groups: [groupOf([targetAt(21718)])] })
  const { problems } = await engine.apply(desired)
  assert.deepEqual(
    problems.map(({ listener, reason }) => [listener, reason.replace(/by \S+/, 'by NAME')]),
    [
      ['TCP 127.0.0.1 21719', `port 21719 on 127.0.0.1 is taken by NAME (pid ${process.pid})`],
      ['far', 'address 203.0.113.9 is not on this host'],
    ],
  )
  assert.equal(await take(clientOf(t, 21721), 1), 'a')
  other.close()
  await once(other, 'close')
  assert.deepEqual(
    (await engine.apply(desired)).problems.map(({ listener }) => listener),
    ['far'],
  )
  assert.equal(await take(clientOf(t, 21719), 1), 'a')
})

test('a listener that is gone ends its connections; a target or group that is gone does not', async t => {
  await serveEcho(t, 21722, 'a')
  const { engine } = await open(t)
  const listener = listenerOn(21723)
  await engine.apply(snapshot(1, { listeners: [listener], groups: [groupOf([targetAt(21722)])] }))
  const client = clientOf(t, 21723)
  assert.equal(await take(client, 1), 'a')
  for (const groups of [[groupOf([])], []]) {
    await engine.apply(snapshot(2, { listeners: [listener], groups }))
    client.write('more')
    assert.equal(await take(client, 4), 'more')
  }
  assert.equal((await engine.observe()).targets[0]?.activeFlows, 1)
  const seen = ending(client)
  client.resume()
  await engine.apply(snapshot(3, {}))
  assert.equal(await seen, 'ECONNRESET')
  assert.deepEqual((await engine.observe()).listeners, [])
})

test('a refusing target is told to the engine at once', async t => {
  await serveEcho(t, 21724, 'a')
  const { engine, suspicions } = await open(t)
  const groups = [groupOf([targetAt(21724), targetAt(21725)])]
  await engine.apply(snapshot(1, { listeners: [listenerOn(21726)], groups }))
  for (let n = 0; n < 20; n++) assert.equal(await take(clientOf(t, 21726), 1), 'a')
  await until(() => suspicions.length > 0)
  assert.deepEqual(suspicions[0], { target: 'target-21725', reason: 'connection refused' })
})

test('close stops accepting, lets connections finish, and ends with the last of them or at the limit', async t => {
  await serveEcho(t, 21727, 'a')
  const desired = snapshot(1, { listeners: [listenerOn(21728)], groups: [groupOf([targetAt(21727)])] })
  const first = await open(t)
  await first.engine.apply(desired)
  const client = clientOf(t, 21728)
  assert.equal(await take(client, 1), 'a')
  const closed = first.engine.close(60_000)
  await until(() => refuses(21728))
  client.write('more')
  assert.equal(await take(client, 4), 'more')
  client.destroy()
  await closed

  const second = await open(t)
  assert.deepEqual(await second.engine.apply(desired), { revision: 1, problems: [], fallbacks: [] })
  const late = clientOf(t, 21728)
  assert.equal(await take(late, 1), 'a')
  late.resume()
  const seen = ending(late)
  await second.engine.close(100)
  assert.equal(await seen, 'ECONNRESET')
  assert.equal(workersOf().length, 0)
})

async function refuses(port: number): Promise<boolean> {
  const socket = net.connect({ host: '127.0.0.1', port })
  return new Promise(resolve => {
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}

/** A process with an engine, and what it printed so far. */
async function host(t: TestContext, desired: Snapshot, prefix: string[] = []) {
  const script = fileURLToPath(new URL('engine-host.fixture.ts', import.meta.url))
  const [command = '', ...args] = [...prefix, process.execPath, script, JSON.stringify(desired)]
  const child: ChildProcess = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  t.after(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? 'null')
  assert.deepEqual(await next(), { revision: desired.revision, problems: [], fallbacks: [] })
  return { child, pid: child.pid!, next }
}

test('the node process killed with -9: workers free the ports at once, finish their connections, and leave', async t => {
  await serveEcho(t, 21730, 'a')
  await udpTarget(t, 21731)
  const groups = [groupOf([targetAt(21730)]), groupOf([targetAt(21731)], { id: 'udp' })]
  const listeners = [listenerOn(21732), listenerOn(21733, { protocol: 'UDP', route: [{ group: 'udp', weight: 1 }] })]
  const desired = snapshot(1, { listeners, groups })
  const { pid } = await host(t, desired)
  const [worker] = workersOf(pid)
  assert.ok(worker)
  const client = clientOf(t, 21732)
  assert.equal(await take(client, 1), 'a')
  process.kill(pid, 'SIGKILL')
  const killedAt = performance.now()
  const { engine } = await open(t)
  await until(async () => (await engine.apply(desired)).problems.length === 0)
  assert.equal(await take(clientOf(t, 21732), 1), 'a')
  await udpClient(t, 21733).ask()
  t.diagnostic(`the next node serves after ${(performance.now() - killedAt).toFixed(0)} ms`)
  client.write('more')
  assert.equal(await take(client, 4), 'more')
  assert.ok(isThere(worker))
  client.destroy()
  await until(() => !isThere(worker))
})

test('without file descriptors left it neither dies nor spins, and serves again afterwards', async t => {
  await serveEcho(t, 21735, 'a')
  const desired = snapshot(1, { listeners: [listenerOn(21736)], groups: [groupOf([targetAt(21735)])] })
  // Fewer than the 16 connections that it always allows itself would need.
  const { child, pid, next } = await host(t, desired, ['sh', '-c', 'ulimit -n 48; exec "$@"', 'sh'])
  const clients = Array.from({ length: 60 }, () => clientOf(t, 21736))
  const answers = await Promise.all(clients.map(client => take(client, 1).catch(() => '')))
  const served = answers.filter(answer => answer === 'a').length
  t.diagnostic(`${served} of 60 served`)
  assert.ok(served > 0 && served <= 16)
  const [worker] = workersOf(pid)
  assert.ok(worker)
  const spent = () => Number(readFileSync(`/proc/${worker}/stat`, 'latin1').split(') ')[1]?.split(' ')[11])
  const before = spent()
  await new Promise(resolve => setTimeout(resolve, 500))
  assert.ok(spent() - before <= 5, 'hundredths of a second of processor time in half a second')
  for (const client of clients) client.destroy()
  await until(async () => (await take(clientOf(t, 21736), 1).catch(() => '')) === 'a')
  child.kill('SIGTERM')
  assert.ok((await next()).listeners[0].newFlows > served)
})
