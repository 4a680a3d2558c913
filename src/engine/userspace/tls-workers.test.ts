import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import tls from 'node:tls'
import { systemClock } from '../../clock.ts'
import { until } from '../until.fixture.ts'
import { openUserspaceEngine } from './engine.ts'
import { groupOf, listenerOn, serveEcho, take, targetAt } from './tcp.fixture.ts'
import { certificateFor, snapshotTls } from './tls.fixture.ts'

function workers(): readonly number[] {
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'latin1')
    .split(' ')
    .filter(Boolean)
  return children.map(Number).filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('userspace/worker.ts')
    } catch {
      return false
    }
  })
}

test('a session goes on in any worker, and in those that come after them', { timeout: 30_000 }, async t => {
  await serveEcho(t, 24730)
  const engine = await openUserspaceEngine({
    workers: 2,
    clock: systemClock,
    udpFlowLimit: 100,
    directory: tmpdir(),
    onSuspicion: () => {},
    log: line => t.diagnostic(line),
  })
  t.after(() => engine.close())
  const listener = listenerOn(24731, { tls: snapshotTls([certificateFor(['a.test'])]) })
  const snapshot = { revision: 1, listeners: [listener], groups: [groupOf([targetAt(24730)])], guards: [] }
  assert.deepEqual((await engine.apply(snapshot)).problems, [])

  const connect = async (session?: Buffer) => {
    const options = { host: '127.0.0.1', port: 24731, servername: 'a.test', rejectUnauthorized: false }
    const client = tls.connect(session === undefined ? options : { ...options, session })
    t.after(() => client.destroy())
    let given: Buffer | undefined
    client.on('session', session => {
      given = session
    })
    client.write('ping')
    assert.equal(await take(client, 4), 'ping')
    const reused = client.isSessionReused()
    client.destroy()
    return { reused, session: given }
  }
  const first = await connect()
  assert.equal(first.reused, false)
  for (let turn = 0; turn < 12; turn++) assert.equal((await connect(first.session)).reused, true, `${turn}`)

  const before = workers()
  for (const pid of before) process.kill(pid, 'SIGKILL')
  await until(() => workers().length === 2 && workers().every(pid => !before.includes(pid)), 10_000)
  assert.equal((await connect(first.session)).reused, true)
})
