import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { PortSite } from './port-site.ts'
import { processRuntimeContract } from './process.contract.ts'

if (process.getuid?.() === 0) {
  process.setgroups?.([])
  process.setgid?.('nogroup')
  process.setuid?.('nobody')
}

processRuntimeContract('processes with ports', process.platform === 'linux' ? undefined : 'Linux')

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
