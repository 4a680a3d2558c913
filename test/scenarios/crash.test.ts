/** What may be lost when a process is killed: reliability rows R3, R4, R5, R6, and what a start refuses. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { readOptions } from '../../src/cli/options.ts'
import { Network } from './network.ts'
import { startSluice, temporaryDirectory, until } from './sluice.ts'
import { startTarget } from './targets.ts'

/** Sends one line on a new connection and answers what comes back; `undefined` where none is to be had. */
async function ask(port: number, timeoutMs = 1_000): Promise<string | undefined> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.setTimeout(timeoutMs, () => socket.destroy())
    socket.write('hello')
    const answer = await Promise.race([
      once(socket, 'data').then(([data]) => String(data)),
      once(socket, 'close').then(() => undefined),
    ])
    return answer
  } catch {
    // Refused or reset: no answer.
    return undefined
  } finally {
    socket.destroy()
  }
}

/** Established connections that each had one answer. */
async function establish(port: number, count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.write('hello')
      await once(socket, 'data')
      socket.on('error', () => {})
      return socket
    }),
  )
}

/** Whether the target still answers on it. */
function isAlive(socket: Socket): Promise<boolean> {
  if (socket.destroyed) return Promise.resolve(false)
  return new Promise(resolve => {
    const timer = setTimeout(resolve, 1_000, false)
    socket.once('data', () => resolve(true))
    socket.once('close', () => resolve(false))
    socket.write('still there?')
    socket.once('close', () => clearTimeout(timer))
  })
}

/** Asks on new connections, one after the other, for `ms`; the longest time without an answer, in ms. */
async function longestGap(port: number, ms: number): Promise<number> {
  let [last, longest] = [performance.now(), 0]
  for (const end = last + ms; last < end; ) {
    if ((await ask(port, 100)) !== undefined) {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
  }
  return longest
}

/** A TCP listener with two healthy targets. */
async function stage(t: TestContext, port: number) {
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const [one, two] = await Promise.all([1, 2].map(host => startTarget(t, `127.72.${port % 256}.${host}`, port)))
  assert.ok(one && two)
  const group = await network.targetGroup('TCP', [one, two])
  await network.listener(await network.loadBalancer(), 'TCP', port, { [group]: 1 })
  await network.allHealthy(group)
  return { sluice, network, group, one, two }
}

test('R3: when a worker is killed, the listener goes on and only that worker’s connections are lost', async t => {
  const port = 28301
  const { sluice } = await stage(t, port)
  const sockets = await establish(port, 60)
  const [victim] = sluice.pids('worker')
  assert.ok(victim !== undefined)
  process.kill(victim, 'SIGKILL')
  const gap = await longestGap(port, 1_500)
  t.diagnostic(`longest time without an answer: ${gap.toFixed(0)} ms`)
  assert.ok(gap <= 300, `nothing was served for ${gap.toFixed(0)} ms`)
  const alive = (await Promise.all(sockets.map(isAlive))).filter(Boolean).length
  t.diagnostic(`${alive} of 60 connections live on`)
  assert.ok(alive > 0 && alive < 60)
  await until('the worker is replaced', () => sluice.pids('worker').length === 2)
  for (let attempt = 0; attempt < 20; attempt++) assert.ok(await ask(port), 'every new connection is served')
})

test('R3: when the node process is killed, established connections finish, and a new one serves', async t => {
  const port = 28302
  const { sluice } = await stage(t, port)
  const sockets = await establish(port, 20)
  for (const pid of sluice.pids('node')) process.kill(pid, 'SIGKILL')
  const gap = await longestGap(port, 3_000)
  t.diagnostic(`longest time without an answer: ${gap.toFixed(0)} ms`)
  const alive = (await Promise.all(sockets.map(isAlive))).filter(Boolean).length
  assert.equal(alive, 20, 'established connections live on in the old workers')
})

test('R4: without the control process no request fails, and a target that dies meanwhile leaves service', async t => {
  const port = 28303
  const { sluice, one, two } = await stage(t, port)
  // A stopped supervisor starts nothing again, and its node goes on.
  sluice.process.kill('SIGSTOP')
  t.after(() => sluice.process.kill('SIGCONT'))
  for (const pid of sluice.pids('control')) process.kill(pid, 'SIGKILL')
  await until('the control process is gone', () =>
    fetch(sluice.url).then(
      () => false,
      () => true,
    ),
  )
  let failed = 0
  let asked = 0
  const from = new Map<string, number>()
  const askFor = async (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; asked++) {
      const answer = await ask(port)
      if (answer === undefined) failed++
      else from.set(answer.split(' ')[0] ?? '', performance.now())
    }
  }
  await askFor(2_000)
  one.kill()
  const killed = performance.now()
  await askFor(11_000)
  assert.equal(failed, 0, `${failed} of ${asked} requests failed`)
  assert.ok((from.get(two.address) ?? 0) > killed)
  // It is dead in its own health, not only avoided at each connect: it comes back, and is only used after its checks have passed.
  await one.start()
  const restarted = performance.now()
  assert.equal(await ask(port).then(answer => answer?.startsWith(two.address)), true)
  await until('it serves again', async () => (await ask(port))?.startsWith(one.address), 15_000)
  const back = performance.now() - restarted
  t.diagnostic(
    `${asked} requests, ${failed} failed; the target was back in service after ${(back / 1000).toFixed(1)} s`,
  )
  assert.ok(back > 1_000, 'only after its checks')
})

test('R5: a node alone, with no control process and no database, serves within two seconds, before its first probe', async t => {
  const port = 28304
  const { sluice } = await stage(t, port)
  await pause(500)
  const { dataDir } = sluice
  sluice.process.kill('SIGKILL')
  await until('all processes are gone', () => sluice.pids('node').length + sluice.pids('worker').length === 0)
  for (const file of ['sluice.db', 'sluice.db-wal', 'sluice.db-shm']) rmSync(join(dataDir, file), { force: true })
  const options = readOptions(['--data-dir', dataDir, '--workers', '1'], {})
  const started = performance.now()
  const node = fork(join(import.meta.dirname, '../../src/node.ts'), [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    await until('it serves', () => ask(port, 100), 2_000)
    t.diagnostic(`served ${(performance.now() - started).toFixed(0)} ms after the start of the node`)
  } finally {
    node.kill('SIGKILL')
  }
})

test('R6: kill -9 among API writes loses no acknowledged write, and the data plane follows within a second', async t => {
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const { vpcId } = await network.subnet()
  const loadBalancer = await network.loadBalancer()
  const acknowledged: string[] = []
  let writing = true
  const writer = (async () => {
    for (let number = 0; writing; number++) {
      const group = { Name: `w-${number}`, Protocol: 'TCP', Port: 80, VpcId: vpcId } as const
      // A call that finds nobody is made again; only what was answered counts as acknowledged.
      const answer = await network.elbv2.createTargetGroup(group).catch(() => undefined)
      if (answer === undefined) number--
      else acknowledged.push(String(answer.TargetGroups?.[0]?.TargetGroupName))
    }
  })()
  const seed = Date.now() % 1e9
  for (let kill = 0; kill < 10; kill++) {
    await pause(50 + ((seed * (kill + 7)) % 250))
    const count = acknowledged.length
    for (const pid of sluice.pids('control')) process.kill(pid, 'SIGKILL')
    await until('writes go on', () => acknowledged.length > count)
  }
  writing = false
  await writer
  const present = new Set<string>()
  let Marker: string | undefined
  do {
    const page = await network.elbv2.describeTargetGroups({ ...(Marker === undefined ? {} : { Marker }) })
    for (const group of page.TargetGroups ?? []) {
      present.add(String(group.TargetGroupName))
      assert.ok(group.TargetGroupArn && group.HealthCheckProtocol === 'TCP' && group.VpcId === vpcId, 'no half objects')
    }
    Marker = page.NextMarker
  } while (Marker !== undefined)
  const lost = acknowledged.filter(name => !present.has(name))
  t.diagnostic(`seed ${seed}: ${acknowledged.length} acknowledged writes over 10 kills, ${lost.length} lost`)
  assert.deepEqual(lost, [])

  const target = await startTarget(t, '127.72.9.1', 28305)
  const group = await network.targetGroup('TCP', [target])
  await network.listener(loadBalancer, 'TCP', 28305, { [group]: 1 })
  await until('packets follow the API', () => ask(28305, 200), 1_500)
})

test('a second Sluice on the same data directory is refused with a clear message', async t => {
  const sluice = await startSluice(t)
  const failure = await startSluice(t, { dataDir: sluice.dataDir }).then(
    () => assert.fail('it started'),
    (error: Error) => error.message,
  )
  assert.match(failure, /another|in use|locked/i)
})

test('SIGTERM lets an established connection finish and exits 0', async t => {
  const port = 28306
  const { sluice } = await stage(t, port)
  const [socket] = await establish(port, 1)
  assert.ok(socket)
  const stopped = sluice.stop('SIGTERM')
  await until('it accepts no more', async () => (await ask(port, 200)) === undefined)
  assert.ok(await isAlive(socket), 'the established connection lives')
  socket.end()
  assert.equal(await stopped, 0)
})

test('a second signal ends it at once', async t => {
  const port = 28307
  const { sluice } = await stage(t, port)
  await establish(port, 1)
  const stopped = sluice.stop('SIGINT')
  await pause(200)
  const second = performance.now()
  sluice.process.kill('SIGINT')
  assert.equal(await stopped, 1)
  assert.ok(performance.now() - second < 1_000)
})

test('a data directory that does not exist is made, and one that cannot be is refused in one line', async t => {
  const dataDir = join(temporaryDirectory(t), 'new', 'one')
  await startSluice(t, { dataDir })
  const inTheWay = join(temporaryDirectory(t), 'file')
  writeFileSync(inTheWay, '')
  const failure = await startSluice(t, { dataDir: join(inTheWay, 'data') }).then(
    () => assert.fail('it started'),
    (error: Error) => error.message,
  )
  assert.match(failure, /cannot use .*file\/data.*--data-dir/)
})
