import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { until } from '../../engine/until.fixture.ts'
import { PortSite } from './port-site.ts'
import { ProcessBench, processRuntimeContract, shell, temporaryDirectory } from './process.contract.ts'
import { identify } from './process-table.ts'
import { TaskFolders, type TaskRecord } from './task-folder.ts'

const isRoot = process.getuid?.() === 0
/** A process group of root's, as sudo makes one, which ends with its input. */
const roots = isRoot ? spawn('cat', { detached: true, stdio: ['pipe', 'ignore', 'ignore'] }) : undefined
roots?.unref()
if (isRoot) {
  process.setgroups?.([])
  process.setgid?.('nogroup')
  process.setuid?.('nobody')
}

processRuntimeContract('processes with ports', process.platform === 'linux' ? undefined : 'Linux')

test('its own HOST and PORT would be another task’s, so ours go first', async t => {
  const bench = await ProcessBench.open(t)
  const { place, output } = await bench.echo('$HOST:$PORT:$PORT_8080', { HOST: '0.0.0.0', PORT: '1', PORT_8080: '2' })
  assert.equal(output, `127.0.0.1:${place.ports[8080]}:${place.ports[8080]}`)
})

test('a task that is not ours to end is named, and ends all the same when it does', async t => {
  if (roots?.pid === undefined) return lacking(t, 'root')
  const dataDir = temporaryDirectory()
  const task = { ...shell(''), stopTimeoutMs: 0 }
  const place = { address: '127.0.0.1', ports: {} }
  const record = { name: task.name, stopTimeoutMs: 0, place, startedAt: 0, process: identify(roots.pid) }
  new TaskFolders(dataDir).keep(task.id, record as TaskRecord)
  const bench = await ProcessBench.open(t, dataDir, [task])
  bench.runtime.stop(task.id)
  await until(() => bench.log.some(line => line.includes('SIGKILL')))
  const refusals = bench.log.filter(line => line.includes(task.id))
  assert.deepEqual(
    refusals,
    ['SIGTERM', 'SIGKILL'].map(signal => `task ${task.id}: ${signal} to its processes: kill EPERM`),
  )
  roots.stdin?.end()
  await bench.told(task, 'stopped')
})

const spec = {
  id: '0'.repeat(32),
  ports: [
    { containerPort: 53, protocol: 'udp' },
    { containerPort: 53, protocol: 'tcp' },
    { containerPort: 80, protocol: 'tcp' },
  ],
} as const

test('each container port gets one port for TCP and UDP that nobody has, until the task is gone', async t => {
  const site = new PortSite()
  const server = createServer().listen(24_000, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.after(() => server.close())
  assert.deepEqual(await site.prepare(spec), { address: '127.0.0.1', ports: { 53: 24_001, 80: 24_002 } })
  const other = { ...spec, id: `${'0'.repeat(31)}1` }
  assert.deepEqual((await site.prepare(other)).ports, { 53: 24_003, 80: 24_004 })
  await site.remove(spec.id)
  const third = { ...spec, id: `${'0'.repeat(31)}2` }
  assert.deepEqual((await site.prepare(third)).ports, { 53: 24_001, 80: 24_002 })
})

test('two that prepare at once get different ports', async () => {
  const site = new PortSite()
  const places = await Promise.all(
    ['a', 'b', 'c'].map(digit => site.prepare({ ...spec, id: `00000000${digit.repeat(24)}` })),
  )
  assert.equal(new Set(places.flatMap(({ ports }) => Object.values(ports))).size, 6)
})
