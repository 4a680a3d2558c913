/** Draining at layer 4, in the kernel and in userspace: reliability row R17. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lacking } from '../lacking.ts'
import { long, slackMs } from '../long.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { startTarget } from './targets.ts'

interface Client {
  readonly socket: Socket
  readonly from: string
}

async function talk(t: TestContext, port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write('hello')
  const [data] = await once(socket, 'data')
  return { socket, from: String(data).split(' ')[0] ?? '' }
}

/** Whether a target answers what is asked on it: `after MS` takes so long. */
async function isAnswered({ socket }: Client, question = 'still there?'): Promise<boolean> {
  if (socket.destroyed) return false
  socket.write(question)
  return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)])
}

/** Half of the clients are at the target that goes, and each of those has a request under way. */
async function story(t: TestContext, port: number, flags: readonly string[], termination: boolean): Promise<void> {
  const delayMs = 10_000
  // Four tests run at once.
  const count = long ? 500 : 80
  const network = new Network((await startSluice(t, { flags })).url)
  const [one, two] = await Promise.all([1, 2].map(host => startTarget(t, `127.73.${port % 256}.${host}`, port)))
  assert.ok(one && two)
  const group = await network.targetGroup('TCP', [one, two], {
    'deregistration_delay.timeout_seconds': String(delayMs / 1000),
    'deregistration_delay.connection_termination.enabled': String(termination),
  })
  await network.listener(await network.loadBalancer(), 'TCP', port, { [group]: 1 })
  await network.allHealthy(group)
  const clients = await until('the listener serves', () =>
    Promise.all(Array.from({ length: count }, () => talk(t, port))).catch(() => undefined),
  )
  const atOne = clients.filter(({ from }) => from === one.address)
  assert.ok(atOne.length > count / 8)
  const requests = atOne.map((client, i) =>
    isAnswered(client, `after ${Math.round(1_000 + (7_000 * i) / atOne.length)}`),
  )

  await network.deregister(group, one)
  const acknowledged = performance.now()
  assert.equal((await network.health(group))[one.address], 'draining')
  await pause(acknowledged + 100 - performance.now())
  const before = one.connections.length
  const later = await Promise.all(Array.from({ length: count }, () => talk(t, port)))
  assert.ok(
    later.every(({ from }) => from === two.address),
    'new connections go elsewhere',
  )
  assert.equal(one.connections.length, before)

  const answered = (await Promise.all(requests)).filter(Boolean).length
  assert.equal(answered, atOne.length, 'no request is cut inside the delay')
  await pause(acknowledged + delayMs - 500 - performance.now())
  const used = (await Promise.all(atOne.map(client => isAnswered(client)))).filter(Boolean).length
  assert.equal(used, atOne.length, 'nor any connection')
  await until('it is unused', async () => (await network.health(group))[one.address] === undefined, 2_500)
  const unused = performance.now()
  const unusedAfterMs = unused - acknowledged
  const lateMs = unusedAfterMs - delayMs
  assert.ok(lateMs >= -1_000 && lateMs <= 1_000 + slackMs, `unused after ${unusedAfterMs.toFixed(0)} ms`)
  if (termination) {
    await until('all its connections are closed', () => atOne.every(({ socket }) => socket.destroyed), 2_000)
  } else {
    await pause(1_500)
    const alive = (await Promise.all(atOne.map(client => isAnswered(client)))).filter(Boolean).length
    assert.equal(alive, atOne.length, 'with termination off, active connections go on')
  }
  t.diagnostic(
    `${answered} of ${atOne.length} requests of 1-8 s answered, ${used} connections used to the end of the delay, unused after ${(unusedAfterMs / 1000).toFixed(2)} s of ${delayMs / 1000}${termination ? `, all closed ${(performance.now() - unused).toFixed(0)} ms later` : ''}`,
  )
}

suite('R17', { concurrency: true }, () => {
  for (const [place, flags, port] of [
    ['kernel', [], 28_401],
    ['userspace', ['--no-kernel'], 28_403],
  ] as const) {
    for (const termination of [false, true]) {
      test(`${place}: a deregistered target keeps its connections for the delay and gets no new ones; termination ${termination ? 'on: all closed 2 s after' : 'off: they go on'}`, async t => {
        if (place === 'kernel' && process.getuid?.() !== 0) return lacking(t, 'root')
        await story(t, port + Number(termination), flags, termination)
      })
    }
  }
})
