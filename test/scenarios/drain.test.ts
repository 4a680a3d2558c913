/** Draining at layer 4: reliability row R17. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { long } from '../long.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { startTarget } from './targets.ts'

async function talk(port: number): Promise<{ socket: Socket; from: string }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write('hello')
  const [data] = await once(socket, 'data')
  return { socket, from: String(data).split(' ')[0] ?? '' }
}

/** Whether a target still answers on it. */
async function isAnswered({ socket }: { socket: Socket }): Promise<boolean> {
  if (socket.destroyed) return false
  socket.write('still there?')
  return Promise.race([once(socket, 'data').then(() => true), once(socket, 'close').then(() => false)])
}

suite('R17', { concurrency: true }, () => {
  for (const termination of [false, true]) {
    test(`a deregistered target keeps its connections for the delay and gets no new ones; termination ${termination ? 'on: all closed 2 s after' : 'off: they go on'}`, async t => {
      const port = termination ? 28401 : 28402
      // Both tests run at once, and about half of the connections are at the target that goes.
      const [delay, count] = long ? [10, 1_000] : [3, 40]
      const sluice = await startSluice(t)
      const network = new Network(sluice.url)
      const [one, two] = await Promise.all([1, 2].map(host => startTarget(t, `127.73.${port % 256}.${host}`, port)))
      assert.ok(one && two)
      const group = await network.targetGroup('TCP', [one, two], {
        'deregistration_delay.timeout_seconds': String(delay),
        'deregistration_delay.connection_termination.enabled': String(termination),
      })
      await network.listener(await network.loadBalancer(), 'TCP', port, { [group]: 1 })
      await network.allHealthy(group)
      const connections = await Promise.all(Array.from({ length: count }, () => talk(port)))
      const atOne = connections.filter(({ from }) => from === one.address)
      assert.ok(atOne.length > count / 8)
      const closed = () => atOne.filter(({ socket }) => socket.destroyed).length

      await network.deregister(group, one)
      const acknowledged = performance.now()
      assert.equal((await network.health(group))[one.address], 'draining')
      await pause(100)
      const before = one.connections.length
      const later = await Promise.all(Array.from({ length: count }, () => talk(port)))
      assert.ok(
        later.every(({ from }) => from === two.address),
        'new connections go elsewhere',
      )
      assert.equal(one.connections.length, before)

      await pause(acknowledged + delay * 1_000 - 500 - performance.now())
      const answered = (await Promise.all(atOne.map(isAnswered))).filter(Boolean).length
      assert.equal(answered, atOne.length, 'nothing is cut inside the delay')
      await until('it is unused', async () => (await network.health(group))[one.address] === undefined, 2_500)
      const unusedAfter = (performance.now() - acknowledged) / 1000
      t.diagnostic(
        `${answered} of ${atOne.length} connections used to the end of the delay, unused after ${unusedAfter.toFixed(2)} s of ${delay}`,
      )
      assert.ok(Math.abs(unusedAfter - delay) <= 1, `unused after ${unusedAfter.toFixed(2)} s`)
      if (termination) await until('all its connections are closed', () => closed() === atOne.length, 2_000)
      else {
        await pause(1_500)
        const answered = (await Promise.all(atOne.map(isAnswered))).filter(Boolean).length
        assert.equal(answered, atOne.length, 'with termination off, active connections go on')
      }
      for (const { socket } of [...connections, ...later]) socket.destroy()
    })
  }
})
