/** How evenly the kernel spreads flows, by its own counters, and that they stay where they are: reliability row R14. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lacking } from '../lacking.ts'
import { targetCounts } from './kernel-counters.ts'
import { Network } from './network.ts'
import { has, startSluice, until } from './sluice.ts'
import { Flows, startTarget } from './targets.ts'

/** With 10,000 flows one run in a hundred would be past 1.10 by chance; with twice as many, one in a hundred thousand. */
const flowCount = 20_000
const atOnce = 250

test('R14: 20,000 flows over ten equal targets: the busiest has at most 1.10 times the mean; a target removed moves only its own flows', async t => {
  if (process.getuid?.() !== 0) return lacking(t, 'root')
  if (!has('nft')) return lacking(t, 'nft (Debian: nftables)')
  const port = 26_060
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const hosts = Array.from({ length: 10 }, (_, host) => `127.76.6.${host + 1}`)
  const targets = await Promise.all(hosts.map(address => startTarget(t, address, port)))
  const group = await network.targetGroup('UDP', targets, { 'deregistration_delay.timeout_seconds': '0' })
  await network.listener(await network.loadBalancer(), 'UDP', port, { [group]: 1 })
  await network.allHealthy(group)
  const flows = await Flows.open(t, 1_000, '127.0.0.1', port)
  flows.sendAll()
  await until('every flow is answered', () => flows.unanswered() === 0)

  const before = new Map(targetCounts(sluice.dataDir).map(({ address, newFlows }) => [address, newFlows]))
  for (let first = 0; first < flowCount; first += atOnce) {
    const answers = await Promise.all(Array.from({ length: atOnce }, (_, i) => ask(10_000 + first + i, port)))
    assert.ok(!answers.includes(undefined), 'a flow was not answered')
  }
  const counts = targetCounts(sluice.dataDir).map(({ address, newFlows }) => newFlows - Number(before.get(address)))
  assert.equal(
    counts.reduce((sum, its) => sum + its, 0),
    flowCount,
  )
  const busiest = Math.max(...counts) / (flowCount / hosts.length)
  t.diagnostic(`flows per target: ${counts.join(' ')}; busiest / mean: ${busiest.toFixed(3)}`)
  assert.ok(busiest <= 1.1)

  const last = flows.lastFrom()
  await network.deregister(group, ...targets.slice(0, 1))
  await pause(500)
  flows.sendAll()
  await until('every flow is answered', () => flows.unanswered() === 0)
  assert.ok(!flows.lastFrom().includes(hosts[0]), 'nobody is at the removed target')
  const moved = flows.lastFrom().filter((from, flow) => last[flow] !== hosts[0] && from !== last[flow]).length
  t.diagnostic(`one target removed: ${moved} of ${last.filter(from => from !== hosts[0]).length} flows at others moved`)
  assert.equal(moved, 0)
})

/** A new flow's answer, if it comes within a second. */
async function ask(sourcePort: number, port: number): Promise<string | undefined> {
  const socket = createSocket('udp4')
  socket.on('error', () => {})
  socket.bind(sourcePort, '127.77.6.1')
  socket.send('hello', port, '127.0.0.1')
  const [answer] = await once(socket, 'message', { signal: AbortSignal.timeout(1_000) }).catch(() => [])
  socket.close()
  return answer === undefined ? undefined : String(answer)
}
