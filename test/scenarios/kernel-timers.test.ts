/** For how long the kernel remembers an idle flow, and what becomes of what comes later (R32). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tcpFlags } from '../../bench/stage/packets.ts'
import { entries, families, idle, kernelStage, sendRaw, service, watched } from './kernel-stage.ts'
import { until } from './sluice.ts'

test('idle flows are remembered as long as the listener says, UDP for 120 s with an answer or without', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const { client } = stage
  await stage.serve(
    ...families.flatMap(({ vip, target }) => [
      service('UDP', vip, 8080, [target(1)]),
      // Nobody is there, and who is told of it is not there either.
      service('UDP', vip, 8081, [target(1)], { targetPort: 9001 }),
      service('TCP', vip, 8080, [target(1)], { idleSeconds: 60 }),
      service('TCP', vip, 8081, [target(1)], { idleSeconds: 350 }),
      service('TCP', vip, 8082, [target(1)], { idleSeconds: 60, synproxy: true }),
    ]),
  )
  const datagrams = families.flatMap(({ vip, client: from }) =>
    [8080, 8081].map(toPort => ({ udp: { from, fromPort: 5555, to: vip, toPort } })),
  )
  await Promise.all([
    sendRaw(client, ...datagrams),
    ...families.flatMap(({ vip }) => [8080, 8081, 8082].map(port => idle(client, 'client', vip, port, 1))),
  ])
  for (const { vip } of families) {
    for (const [protocol, port, seconds, state] of [
      ['udp', 8080, 120, /src.* src/],
      ['udp', 8081, 120, /UNREPLIED/],
      ['tcp', 8080, 60, /ESTABLISHED/],
      ['tcp', 8081, 350, /ESTABLISHED/],
      ['tcp', 8082, 60, /ESTABLISHED/],
    ] as const) {
      const [entry = '', ...others] = entries('-d', vip, '-p', protocol, '--dport', String(port))
      assert.match(entry, state)
      assert.deepEqual(others, [])
      const left = Number(/^\w+ +\d+ +(\d+) /.exec(entry)?.[1])
      assert.ok(left <= seconds && left > seconds - 10, entry)
    }
  }
})

test('what comes after that is answered with a reset, on both sides', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const { client, targets } = stage
  const ports = [8080, 8081]
  await stage.serve(
    ...families.flatMap(({ vip, target }) =>
      ports.map(port => service('TCP', vip, port, [target(1)], { idleSeconds: 2, synproxy: port === 8081 })),
    ),
  )
  await Promise.all(families.flatMap(({ vip }) => ports.map(port => idle(client, 'client', vip, port, 1))))
  const sources = families.map(({ vip }) =>
    ports.map(port =>
      Number(/ sport=(\d+) /.exec(entries('-d', vip, '-p', 'tcp', '--dport', String(port))[0] ?? '')?.[1]),
    ),
  )
  await until('all are forgotten', () => families.every(({ vip }) => entries('-d', vip).length === 0))
  const late = { flags: tcpFlags.ack | tcpFlags.psh, sequence: 1, acknowledged: 1 }
  for (const [n, { vip, client: from, target }] of families.entries()) {
    const hosts = [client, targets[0]!]
    const resets = hosts.map(host => watched(host, (['ip', 'ip6'] as const)[n]!, 'tcp flags & rst == rst'))
    const ends = ports.map((toPort, i) => ({ from, fromPort: sources[n]![i]!, to: vip, toPort }))
    await sendRaw(client, ...ends.map(tcp => ({ tcp, ...late })))
    const backwards = ends.map(({ fromPort }) => ({ from: target(1), fromPort: 9000, to: from, toPort: fromPort }))
    await sendRaw(hosts[1]!, ...backwards.map(tcp => ({ tcp, ...late })))
    const counts = resets.map(count => count())
    assert.deepEqual(counts, [2, 2], vip)
  }
})
