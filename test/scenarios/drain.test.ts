/** Draining at layer 4: reliability row R17. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
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

for (const termination of [false, true]) {
  test(`R17: a deregistered target keeps its connections for the delay and gets no new ones; termination ${termination ? 'on: all closed 2 s after' : 'off: they go on'}`, async t => {
    const port = termination ? 28401 : 28402
    const delay = 3
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
    const connections = await Promise.all(Array.from({ length: 40 }, () => talk(port)))
    const atOne = connections.filter(({ from }) => from === one.address)
    assert.ok(atOne.length > 5)
    const resets = () => atOne.filter(({ socket }) => socket.destroyed).length

    await network.deregister(group, one)
    const acknowledged = performance.now()
    assert.equal((await network.health(group))[one.address], 'draining')
    await pause(100)
    const before = one.connections.length
    const later = await Promise.all(Array.from({ length: 40 }, () => talk(port)))
    assert.ok(
      later.every(({ from }) => from === two.address),
      'new connections go elsewhere',
    )
    assert.equal(one.connections.length, before)

    await pause(acknowledged + delay * 1_000 - 500 - performance.now())
    assert.equal(resets(), 0, 'nothing is cut inside the delay')
    await until('it is unused', async () => (await network.health(group))[one.address] === undefined, 2_500)
    const unusedAfter = (performance.now() - acknowledged) / 1000
    assert.ok(Math.abs(unusedAfter - delay) <= 1, `unused after ${unusedAfter.toFixed(2)} s`)
    if (termination) await until('all its connections are closed', () => resets() === atOne.length, 2_000)
    else {
      await pause(1_500)
      assert.equal(resets(), 0, 'with termination off, active connections go on')
    }
    for (const { socket } of [...connections, ...later]) socket.destroy()
  })
}
