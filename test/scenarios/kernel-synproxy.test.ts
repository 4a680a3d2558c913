/** Handshakes that the kernel answers with SYN cookies, in the place of targets (R26; `npm run bench -- syn-flood`). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tcpFlags } from '../../bench/stage/packets.ts'
import { slackMs } from '../long.ts'
import { ask, echo, entries, families, idle, kernelStage, sendRaw, service } from './kernel-stage.ts'
import { until } from './sluice.ts'

interface Connects {
  readonly greeted: number
  readonly failures: object
  readonly p99: number
}

test('behind SYN cookies targets see their clients, and serve them without delay', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const { balancer, client } = stage
  const local = ['10.9.1.1', 'fd09:1::1']
  await echo(balancer, 'local')
  const synproxy = true
  await stage.serve(
    ...families.flatMap(({ vip, target }, n) => [
      service('TCP', vip, 8080, [target(1)], { synproxy }),
      service('TCP', vip, 8081, [target(1)], { synproxy, preserveClientIp: false }),
      service('TCP', vip, 8082, [local[n]!], { synproxy }),
    ]),
  )
  for (const { vip, client: address } of families) {
    for (const port of [8080, 8081, 8082]) {
      const what = `${vip} ${port}`
      const its: { name?: string; from?: string } = await ask(client, 'asker.fixture.ts', 'TCP', vip, port, 10_000, 0)
      assert.equal(its.name, port === 8082 ? 'local' : 't1', what)
      assert.equal(its.from === address, port !== 8081, `${what} from ${its.from}`)
      const { greeted, failures, p99 }: Connects = await ask(
        client,
        '../../bench/stage/connector.ts',
        port,
        50,
        0.2,
        vip,
      )
      assert.deepEqual([greeted, failures], [10, {}], what)
      // A service that speaks first is not held up until something is sent again.
      assert.ok(p99 < 500, `${what}: ${p99} ms`)
      // From this host it needs no cookie.
      const own: { name?: string } = await ask(balancer, 'asker.fixture.ts', 'TCP', vip, port, 10_000, 0)
      assert.equal(own.name, its.name, what)
    }
  }
})

test('a SYN whose cookie does not come back leaves nothing behind, and reaches no target', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  await stage.serve(...families.map(({ vip, target }) => service('TCP', vip, 8080, [target(1)], { synproxy: true })))
  for (const { vip, spoofed } of families) {
    const ends = Array.from({ length: 100 }, (_, n) => ({
      from: spoofed(n + 1),
      fromPort: 5555,
      to: vip,
      toPort: 8080,
    }))
    await sendRaw(stage.client, ...ends.map(its => ({ tcp: its, flags: tcpFlags.syn, sequence: 1 })))
    await sendRaw(stage.client, ...ends.map(its => ({ tcp: its, flags: tcpFlags.ack, sequence: 2, acknowledged: 7 })))
    assert.deepEqual(entries('-d', vip), [])
  }
  const { listeners } = await stage.engine.observe()
  assert.deepEqual(
    listeners.map(({ newFlows }) => newFlows),
    [0, 0],
  )
})

test('who is not admitted gets no cookie either', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const [{ vip, target }] = families
  await stage.serve(service('TCP', vip, 8080, [target(1)], { synproxy: true, admit: ['10.9.0.3/32'] }))
  stage.client.run('nft', 'add table ip t; add chain ip t input { type filter hook input priority 0; }')
  stage.client.run('nft', `add rule ip t input ip saddr ${vip} counter`)
  await sendRaw(stage.client, {
    tcp: { from: '10.9.0.2', fromPort: 5555, to: vip, toPort: 8080 },
    flags: tcpFlags.syn,
    sequence: 1,
  })
  const [listener] = (await stage.engine.observe()).listeners
  assert.deepEqual(listener?.drops, { 'security-group': 1 })
  assert.match(stage.client.run('nft', 'list', 'table', 'ip', 't'), /counter packets 0 /)
})

for (const [what, setting, synproxy] of [
  ['SYN cookies', 1, true],
  ['conntrack strict about what it has not seen begin', 0, false],
] as const) {
  test(`with ${what}, idle connections to a target that is cut end on both sides within a second`, async t => {
    const stage = await kernelStage(t, 1)
    if (stage === undefined) return
    stage.balancer.run('sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_loose=${setting}`)
    const [only] = stage.targets
    const services = families.map(({ vip, target }) => service('TCP', vip, 8080, [target(1)], { synproxy }))
    const to = (mode: 'serve' | 'cut') =>
      services.map(its => ({ ...its, targets: its.targets.map(({ address }) => ({ address, port: 9001, mode })) }))
    await stage.serve(...to('serve'))
    const targets = await Promise.all(families.map(({ target }) => idle(only!, 'target', target(1), 9001)))
    const clients = await Promise.all(families.map(({ vip }) => idle(stage.client, 'client', vip, 8080, 20)))
    await until('all are established', () => families.every(({ vip }) => entries('-d', vip).length === 20))
    const began = performance.now()
    await stage.serve(...to('cut'))
    for (const { ends } of [...clients, ...targets]) assert.deepEqual(await ends(), { ECONNRESET: 20 })
    const ms = performance.now() - began
    assert.ok(ms < 1_200 + slackMs, `${ms} ms`)
  })
}
