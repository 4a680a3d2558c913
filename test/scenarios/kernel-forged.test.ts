/** What outsiders may send to do harm: packets that are not what they claim to be (R31; `npm run bench -- flow-table`). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tcpFlags } from '../../bench/stage/packets.ts'
import { ask, echo, entries, families, idle, kernelStage, sendRaw, service, watched } from './kernel-stage.ts'
import { until } from './sluice.ts'

const [ipv4] = families

test('a datagram from the load balancer itself, from loopback or from no port goes nowhere', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const { client, targets } = stage
  const { vip, target } = ipv4
  await stage.serve(service('UDP', vip, 8080, [target(1)]), service('UDP', vip, 8081, [target(1)]))
  const reached = watched(targets[0]!, 'ip', 'udp dport 9000')
  const sources = [`${vip} 8080`, `${vip} 8081`, `${vip} 7`, '127.0.0.1 7', '10.9.0.2 0', '10.9.1.1 7', '224.0.0.1 7']
  for (const source of sources) {
    const [from = '', port] = source.split(' ')
    await sendRaw(client, { udp: { from, fromPort: Number(port), to: vip, toPort: 8080 } })
  }
  assert.equal(reached(), 0)
  assert.deepEqual(entries('-d', vip), [])
  await sendRaw(client, { udp: { from: '10.9.0.2', fromPort: 5555, to: vip, toPort: 8080 } })
  assert.equal(reached(), 1, 'one that is what it claims to be')
})

test('services of two targets can’t be set at each other by a datagram in the name of one', async t => {
  const stage = await kernelStage(t, 2)
  if (stage === undefined) return
  const { client, targets } = stage
  await stage.serve(
    ...families.flatMap(({ vip, target }) => [
      service('UDP', vip, 8080, [target(1)]),
      service('UDP', vip, 8081, [target(2)]),
    ]),
  )
  for (const [n, { vip, target }] of families.entries()) {
    const reached = watched(targets[0]!, (['ip', 'ip6'] as const)[n]!, 'udp dport 9000')
    const inItsName = { udp: { from: target(2), fromPort: 9000, to: vip, toPort: 8080 } }
    await sendRaw(client, inItsName)
    assert.equal(reached(), 0, vip)
    // Two echoes, which go on for as long as there is a link between them.
    await sendRaw(targets[1]!, inItsName)
    await until(`the target’s own datagram to ${vip} is served`, () => reached() > 0)
  }
})

test('nobody from outside reaches a listener on loopback, though its target has an address that could be', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const { balancer, client } = stage
  await echo(balancer, 'local')
  await stage.serve(service('UDP', '127.0.0.1', 8080, ['10.9.1.1']), service('TCP', '127.0.0.1', 8080, ['10.9.1.1']))
  // As a neighbor would, who makes his frames himself.
  const commands = [
    'sysctl -qw net.ipv4.conf.all.route_localnet=1',
    'ip address del 127.0.0.1/8 dev lo',
    'ip rule add pref 1 lookup 77',
    'ip route add 127.0.0.1 via 10.9.0.1 table 77',
    'ip rule add pref 2 lookup local',
    'ip rule del pref 0 lookup local',
  ]
  for (const command of commands) client.run('sh', '-c', command)
  const ends = { from: '10.9.0.2', fromPort: 5555, to: '127.0.0.1', toPort: 8080 }
  await sendRaw(client, { udp: ends }, { tcp: ends, flags: tcpFlags.syn })
  assert.deepEqual(entries('-s', '10.9.0.2'), [])
  const own: { name?: string } = await ask(balancer, 'asker.fixture.ts', 'TCP', '127.0.0.1', 8080, 100, 0)
  assert.equal(own.name, 'local')
})

test('a segment outside a live connection’s window is answered by nobody, and so ends it on no side', async t => {
  const stage = await kernelStage(t, 1)
  if (stage === undefined) return
  const { client, targets } = stage
  const [only] = targets
  await stage.serve(...families.map(({ vip, target }) => service('TCP', vip, 8080, [target(1)], { targetPort: 9001 })))
  for (const [n, { vip, client: from, target }] of families.entries()) {
    await idle(only!, 'target', target(1), 9001)
    await idle(client, 'client', vip, 8080, 1)
    const [, port] = / sport=(\d+) /.exec(entries('-s', from)[0] ?? '') ?? []
    const family = (['ip', 'ip6'] as const)[n]!
    const resets = [client, only!].map(host => watched(host, family, 'tcp flags & rst == rst'))
    const strays = watched(client, family, `${family} saddr ${target(1)}`)
    const numbers = { flags: tcpFlags.ack | tcpFlags.psh, sequence: 0x1234_5678, acknowledged: 0x9abc_def0 }
    await sendRaw(client, { tcp: { from, fromPort: Number(port), to: vip, toPort: 8080 }, ...numbers })
    await sendRaw(only!, { tcp: { from: target(1), fromPort: 9001, to: from, toPort: Number(port) }, ...numbers })
    assert.deepEqual([...resets.map(count => count()), strays()], [0, 0, 0], vip)
    assert.match(entries('-s', from)[0] ?? '', /ESTABLISHED/)
  }
})

test('a client can’t make a target suspect by an ICMP error of its own making', async t => {
  const stage = await kernelStage(t, 2)
  if (stage === undefined) return
  const { client, targets } = stage
  const { vip, target, spoofed } = ipv4
  stage.balancer.run('ip', 'route', 'add', '10.77.0.0/16', 'via', '10.9.0.2')
  await stage.serve(service('UDP', vip, 8080, [target(1)]), service('UDP', vip, 8081, [target(2)]))
  const from = spoofed(1)
  for (const toPort of [8080, 8081]) await sendRaw(client, { udp: { from, fromPort: 5555, to: vip, toPort } })
  const about = (n: number) => ({ udp: { from, fromPort: 5555, to: target(n), toPort: 9000 } })
  const unreachable = { type: 3, code: 3 }
  await sendRaw(client, { icmp: { from: '10.9.0.2', to: from }, ...unreachable, about: about(1) })
  await sendRaw(targets[1]!, { icmp: { from: target(2), to: from }, ...unreachable, about: about(2) })
  await until('the target’s own error is noticed', () => stage.suspicions.length > 0)
  assert.deepEqual(
    stage.suspicions.map(({ target }) => target),
    [`UDP ${vip} 8081 ${target(2)}`],
  )
})

test('flows of another program whose marks begin like ours are left alone', async t => {
  const stage = await kernelStage(t, 2)
  if (stage === undefined) return
  const { balancer, client } = stage
  const { vip, target } = ipv4
  await stage.serve(service('TCP', vip, 8080, [target(1)]), service('TCP', vip, 8081, [target(1)]))
  await idle(client, 'client', vip, 8080, 1)
  const [, mark = '0'] = / mark=(\d+) /.exec(entries('-d', vip)[0] ?? '') ?? []
  const theirs = (Number(mark) | 0xffff) >>> 0
  balancer.run('nft', 'add table ip t; add chain ip t forward { type filter hook forward priority 0; }')
  balancer.run('nft', `add rule ip t forward ip daddr ${target(2)} ct mark set ${theirs}`)
  await idle(client, 'client', target(2), 9000, 1)
  assert.match(entries('-d', target(2))[0] ?? '', new RegExp(` mark=${theirs} `))
  // What a listener had ends with it, and so all flows are looked at.
  await stage.serve(service('TCP', vip, 8081, [target(1)]))
  await until('ours has ended', () => entries('-d', vip).length === 0)
  assert.match(entries('-d', target(2))[0] ?? '', /ESTABLISHED/)
})

test('a flood of spoofed flows costs those who are talking nothing', async t => {
  const stage = await kernelStage(t, 2)
  if (stage === undefined) return
  const { balancer, client } = stage
  const { vip, target } = ipv4
  balancer.run('ip', 'route', 'add', '10.77.0.0/16', 'via', '10.9.0.2')
  await stage.serve(service('UDP', vip, 8080, [target(1), target(2)]))
  const talking: Promise<{ answeredBy: Readonly<Record<string, number>> }>[] = Array.from({ length: 4 }, () =>
    ask(client, 'asker.fixture.ts', 'UDP', vip, 8080, 100, 100),
  )
  await ask(client, '../../bench/stage/raw-sender.ts', vip, 8080, 50_000, 1, '10.77')
  for (const { answeredBy } of await Promise.all(talking)) assert.deepEqual(Object.values(answeredBy), [20])
})
