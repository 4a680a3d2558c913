import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import test from 'node:test'
import { promisify } from 'node:util'
import { lacking } from '../../../test/lacking.ts'
import { systemClock } from '../../clock.ts'
import type { SnapshotTarget } from '../../domain/snapshot.ts'
import { VirtualClock } from '../../virtual-clock.ts'
import { until } from '../until.fixture.ts'
import { Balancer, balance, Client, type Desired, type Service, serviceAt, takePort } from './udp.fixture.ts'

test('a datagram reaches the target, and the reply leaves from the address that was asked', async t => {
  const blue = serviceAt(t, 'blue', '127.0.0.2')
  const balancer = await balance(t, { groups: { g: [blue.as()] }, address: '127.0.0.9' })
  const client = balancer.client(t)
  assert.equal(await client.ask('one'), 'blue one')
  assert.equal(await client.ask('two'), 'blue two')
  assert.deepEqual([client.from[0]!.address, client.from[0]!.port], ['127.0.0.9', balancer.port])
  const { listener, targets } = balancer.udp.counters()
  assert.deepEqual(
    [listener.newFlows, listener.activeFlows, listener.bytesIn, listener.bytesOut, listener.drops],
    [1, 1, 6, 16, {}],
  )
  assert.deepEqual(targets, [{ target: 'group blue', newFlows: 1, activeFlows: 1, bytesIn: 6, bytesOut: 16 }])
})

test('IPv6 clients and targets, and an IPv4 target behind an IPv6 listener', async t => {
  const six = serviceAt(t, 'six', '::1')
  const four = serviceAt(t, 'four')
  const balancer = await balance(t, { groups: { g: [six.as()] }, address: '::1' })
  assert.equal(await balancer.client(t).ask('hello'), 'six hello')
  balancer.apply({ groups: { g: [four.as()] } })
  assert.equal(await balancer.client(t).ask('hello'), 'four hello')
})

test('the largest datagram and the empty one pass both ways', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } })
  const client = balancer.client(t)
  client.socket.setSendBufferSize(1 << 18)
  const largest = Buffer.alloc(65_507, 'x0y')
  assert.equal(await client.ask(largest), largest.toString('latin1'))
  assert.equal(await client.ask(''), '')
  assert.deepEqual(
    blue.received.map(text => text.length),
    [65_507, 0],
  )
})

test('`nc -u` gets its answer', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } })
  const nc = spawn('nc', ['-u', '127.0.0.1', String(balancer.port)])
  const failed = once(nc, 'error').then(() => 'failed')
  nc.stdin.write('hello\n')
  const answer = once(nc.stdout, 'data').then(String)
  if ((await Promise.race([answer, failed])) === 'failed') return lacking(t, 'nc')
  nc.kill()
  assert.equal(await answer, 'blue hello\n')
})

test('200 flows keep their targets over 100 changes that do not concern them, and none is lost', async t => {
  const [blue, green, red] = ['blue', 'green', 'red'].map(name => serviceAt(t, name)) as [Service, Service, Service]
  const balancer = await balance(t, { groups: { g: [blue.as(), green.as()] } })
  const clients = Array.from({ length: 200 }, () => balancer.client(t))
  const first = await Promise.all(clients.map(client => client.ask('x')))
  for (let change = 0; change < 100; change++) {
    balancer.apply({
      groups: { g: [blue.as(), green.as(), red.as(change % 3 === 0 ? 'serve' : 'cut')], h: [red.as()] },
      weights: { h: change % 2 },
      admit: [{ cidr: `10.0.${change}.0/24` }],
    })
    if (change % 20 === 0) assert.deepEqual(await Promise.all(clients.map(client => client.ask('x'))), first)
  }
  balancer.apply({ groups: { g: [blue.as('drain'), green.as('drain'), red.as()] } })
  assert.deepEqual(await Promise.all(clients.map(client => client.ask('x'))), first)
  assert.equal(balancer.counted.newFlows, 200)
})

test('a flow ends after 120 s without a datagram, a one-way flow too; either direction keeps it', async t => {
  const blue = serviceAt(t, 'blue')
  const clock = new VirtualClock()
  const balancer = await balance(t, { groups: { g: [blue.as()] } }, { clock })
  const idle = balancer.client(t)
  const upward = balancer.client(t)
  const downward = balancer.client(t)
  idle.send('quiet')
  upward.send('quiet')
  await until(() => blue.received.length === 2)
  await downward.ask('x')
  const subscriber = blue.sources.at(-1)!
  await clock.advance(100_000)
  upward.send('quiet')
  blue.answer('news', subscriber)
  await until(() => blue.received.length === 4 && downward.received.includes('news'))
  await clock.advance(19_000)
  assert.equal(balancer.counted.activeFlows, 3)
  await clock.advance(2_000)
  assert.equal(balancer.counted.activeFlows, 2)
  await clock.advance(120_000)
  assert.equal(balancer.counted.activeFlows, 0)
})

// What may happen to a flow's target; `after` is where the client's next datagram goes, `dropped` if nowhere.
const situations: readonly {
  readonly name: string
  change(blue: Service, green: Service): Desired
  readonly after: 'green' | 'dropped'
}[] = [
  { name: 'its target is removed', change: (_, green) => ({ groups: { g: [green.as()] } }), after: 'green' },
  {
    name: 'its target is unhealthy',
    change: (blue, green) => ({ groups: { g: [blue.as('cut'), green.as()] } }),
    after: 'green',
  },
  {
    name: 'its target is replaced under the same registration',
    change: (_, green) => ({ groups: { g: [{ ...green.as('serve', 'blue') }] } }),
    after: 'green',
  },
  {
    name: 'its group is switched',
    change: (blue, green) => ({ groups: { g: [blue.as()], h: [green.as()] }, weights: { g: 0, h: 1 } }),
    after: 'green',
  },
  {
    name: 'its group has weight 0 beside another',
    change: (blue, green) => ({ groups: { h: [green.as()], g: [blue.as()] }, weights: { g: 0, h: 999 } }),
    after: 'green',
  },
  {
    name: 'its listener is moved to another group',
    change: (_, green) => ({ groups: { h: [green.as()] } }),
    after: 'green',
  },
  { name: 'there is no target left', change: () => ({ groups: { g: [] } }), after: 'dropped' },
]

for (const { name, change, after } of situations)
  test(`when ${name}, the next datagram goes elsewhere, and replies come for a second at most`, async t => {
    const blue = serviceAt(t, 'blue')
    const green = serviceAt(t, 'green')
    const clock = new VirtualClock()
    const balancer = await balance(t, { groups: { g: [blue.as()] } }, { clock })
    const client = balancer.client(t)
    assert.equal(await client.ask('1'), 'blue 1')
    client.send('hold 2')
    await until(() => blue.received.length === 2)

    balancer.apply(change(blue, green))
    blue.answer('under way', blue.sources.at(-1)!)
    await until(() => client.received.includes('under way'))
    await clock.advance(1_000)
    blue.answer('late', blue.sources.at(-1)!)
    if (after === 'green') {
      assert.equal(await client.ask('3'), 'green 3')
    } else {
      client.send('3')
      await until(() => balancer.counted.drops['no-target'] === 1)
      assert.equal(balancer.counted.activeFlows, 0)
      balancer.apply({ groups: { g: [green.as()] } })
    }
    blue.answer('later', blue.sources.at(-1)!)
    assert.equal(await client.ask('4'), 'green 4')
    assert.deepEqual(blue.received, ['1', 'hold 2'])
    assert.deepEqual(
      client.received.filter(text => text.startsWith('late')),
      [],
    )
  })

test('no target at all and then one: the same client is served', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as('cut')] } })
  const client = balancer.client(t)
  client.send('lost')
  await until(() => balancer.counted.drops['no-target'] === 1)
  balancer.apply({ groups: { g: [blue.as()] } })
  assert.equal(await client.ask('x'), 'blue x')
})

test('when a target dies, each of its flows moves after one lost datagram, and flows of other targets notice nothing', async t => {
  const blue = serviceAt(t, 'blue')
  const green = serviceAt(t, 'green')
  const balancer = await balance(t, { groups: { g: [blue.as(), green.as()] } })
  const clients = Array.from({ length: 40 }, () => balancer.client(t))
  const first = await Promise.all(clients.map(client => client.ask('x')))
  const moved = clients.filter((_, i) => first[i] === 'blue x')
  assert.ok(moved.length > 5 && moved.length < 35, `${moved.length} of 40 flows at blue`)

  const dead = blue.as()
  blue.close()
  for (const client of clients) client.send('y')
  await until(() => balancer.counted.drops.refused === moved.length)
  assert.deepEqual(balancer.suspicions, [{ target: dead.key, reason: 'port unreachable' }])
  await until(() => clients.every((client, i) => first[i] === 'blue x' || client.received.includes('green y')))
  assert.deepEqual(new Set(await Promise.all(clients.map(client => client.ask('z')))), new Set(['green z']))
  assert.equal(balancer.counted.newFlows, 40 + moved.length)
  blue.open(dead.port)
})

test('a flow that sends in pairs learns of a dead target, too', async t => {
  const blue = serviceAt(t, 'blue')
  const green = serviceAt(t, 'green')
  const balancer = await balance(t, { groups: { g: [blue.as(), green.as('cut')] } })
  const client = balancer.client(t)
  await client.ask('x')
  const { port } = blue
  balancer.apply({ groups: { g: [blue.as(), green.as()] } })
  blue.close()
  // Both datagrams of a pair are read in one go: the second send finds the first one's refusal and takes it off the socket.
  for (let pair = 0; pair < 8; pair++) {
    const { bytesIn } = balancer.counted
    client.send('p')
    client.send('p')
    await until(() => balancer.counted.bytesIn === bytesIn + 2)
  }
  await until(() => balancer.suspicions.length > 0)
  assert.equal(await client.ask('y'), 'green y')
  blue.open(port)
})

test('where no other target serves, a flow stays with the one that refused and goes on when that is back', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } })
  const client = balancer.client(t)
  await client.ask('x')
  const { port } = blue
  blue.close()
  client.send('y')
  await until(() => balancer.counted.drops.refused === 1)
  blue.open(port)
  assert.equal(await client.ask('z'), 'blue z')
  assert.equal(balancer.counted.newFlows, 1)
})

test('a suspect target gets no new flows for 1 s', async t => {
  const blue = serviceAt(t, 'blue')
  const green = serviceAt(t, 'green')
  const clock = new VirtualClock()
  const balancer = await balance(t, { groups: { g: [blue.as(), green.as()] } }, { clock })
  let witness = balancer.client(t)
  while (!(await witness.ask('x')).startsWith('blue')) witness = balancer.client(t)
  const { port } = blue
  blue.close()
  witness.send('y')
  await until(() => balancer.suspicions.length === 1)
  blue.open(port)
  const ask20 = () => Promise.all(Array.from({ length: 20 }, () => balancer.client(t).ask('z')))
  assert.deepEqual(new Set(await ask20()), new Set(['green z']))
  await clock.advance(1_000)
  assert.ok((await ask20()).includes('blue z'))
})

test('a client that is not admitted is dropped without an answer; an established flow outlives the rule', async t => {
  const blue = serviceAt(t, 'blue')
  const groups = { g: [blue.as()] }
  const balancer = await balance(t, { groups, admit: [{ cidr: '127.0.0.5/32' }] })
  const friend = balancer.client(t, '127.0.0.5')
  const stranger = balancer.client(t, '127.0.0.6')
  assert.equal(await friend.ask('x'), 'blue x')
  stranger.send('x')
  await until(() => balancer.counted.drops['security-group'] === 1)
  balancer.apply({ groups, admit: [{ cidr: '127.0.0.6/32' }] })
  assert.equal(await friend.ask('y'), 'blue y')
  assert.equal(await stranger.ask('y'), 'blue y')
  balancer.client(t, '127.0.0.5').send('z')
  await until(() => balancer.counted.drops['security-group'] === 2)
  assert.deepEqual(blue.received, ['x', 'y', 'y'])
})

test('a flood of 5,000 source ports at a limit of 1,000 flows breaks none of 100 conversations', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } }, { flowLimit: 1_000 })
  const clients = Array.from({ length: 100 }, () => balancer.client(t))
  await Promise.all(clients.map(client => client.ask('x')))
  const sources = new Set(blue.sources.map(({ port }) => port))

  for (let offered = 0; offered < 5_000; offered += 100) {
    // An address each: a port that one of them gave back could be the next one's, and that would be no new flow.
    const flood = Array.from({ length: 100 }, (_, i) => new Client(balancer, `127.1.${offered / 100}.${i + 1}`))
    for (const client of flood) client.send('quiet')
    await until(() => balancer.counted.newFlows === 100 + offered + 100)
    for (const client of flood) client.socket.close()
    assert.ok(balancer.counted.activeFlows <= 1_000)
  }
  assert.equal(balancer.counted.drops['flow-limit'], 4_100)
  assert.equal(await balancer.client(t).ask('new'), 'blue new')
  blue.sources.length = 0
  await Promise.all(clients.map(client => client.ask('y')))
  assert.deepEqual(new Set(blue.sources.map(({ port }) => port)), sources, 'the very same flows')
})

test('a table full of conversations serves a burst of new ones, the longest idle out first', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } }, { flowLimit: 320 })
  const old = Array.from({ length: 320 }, () => balancer.client(t))
  for (const client of old) await client.ask('x')
  await Promise.all(Array.from({ length: 20 }, () => balancer.client(t).ask('new')))
  await Promise.all(old.slice(20).map(client => client.ask('y')))
  assert.equal(balancer.counted.newFlows, 340)
})

test('a full table whose flows a change ends serves them all anew', async t => {
  const blue = serviceAt(t, 'blue')
  const green = serviceAt(t, 'green')
  const balancer = await balance(t, { groups: { g: [blue.as()] } }, { flowLimit: 50 })
  const clients = Array.from({ length: 50 }, () => balancer.client(t))
  for (const client of clients) await client.ask('x')
  balancer.apply({ groups: { g: [green.as()] } })
  assert.deepEqual(new Set(await Promise.all(clients.map(client => client.ask('y')))), new Set(['green y']))
  assert.deepEqual(balancer.counted.drops, {})
})

test('a flood of flows that are answered breaks no conversation either', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } }, { flowLimit: 100 })
  const client = balancer.client(t)
  await client.ask('x')
  await client.ask('x')
  for (let i = 0; i < 200; i++) {
    const other = new Client(balancer, `127.1.1.${i + 1}`)
    await other.ask('once')
    other.socket.close()
  }
  await client.ask('y')
  assert.equal(blue.sources.at(-1)!.port, blue.sources[0]!.port)
})

test('a process that is out of file descriptors gives up the longest idle flow', async t => {
  const blue = serviceAt(t, 'blue')
  const port = takePort()
  const target: SnapshotTarget = blue.as()
  const script = `
    const { Suspects } = await import('${new URL('suspects.ts', import.meta.url)}')
    const { UdpListener } = await import('${new URL('udp-listener.ts', import.meta.url)}')
    const clock = { monotonic: () => performance.now(), every() {} }
    const target = ${JSON.stringify(target)}
    const listener = { id: 'UDP', listenerArn: '', protocol: 'UDP', address: '127.0.0.1', port: ${port}, route: [{ group: 'g', weight: 1 }], idleTimeoutMs: 120_000 }
    const udp = new UdpListener({
      listener, choice: { choose: () => ({ target }) }, groups: new Map([['g', { targets: [target] }]]),
      clock, suspects: new Suspects({ clock, onSuspicion() {} }), flowLimit: 1_000, onError: error => { throw error },
    })
    await udp.start()
    console.log('ready')
  `
  const limited = ['-c', 'ulimit -n 60 && exec "$0" "$@"', process.execPath, '--input-type=module', '-e', script]
  const child = spawn('sh', limited, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  await once(child.stdout!, 'data')
  for (let i = 0; i < 100; i++) {
    const client = new Client({ address: '127.0.0.1', port })
    assert.equal(await client.ask('x'), 'blue x')
    client.socket.close()
  }
})

test('a datagram from port 0, or in the name of the listener itself, is not forwarded', async t => {
  if (process.getuid?.() !== 0) return lacking(t, 'root, to forge a source port')
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } })
  const forge = `socket(S, AF_INET, SOCK_RAW, 17) or die $!;
    for $from (0, ${balancer.port}) { send(S, pack("nnnna*", $from, ${balancer.port}, 14, 0, "forged"), 0, sockaddr_in(0, inet_aton("127.0.0.1"))) or die $! }`
  await promisify(execFile)('perl', ['-MSocket', '-e', forge])
  await until(() => balancer.counted.drops['bad-source'] === 2)
  assert.equal(await balancer.client(t).ask('x'), 'blue x')
  assert.deepEqual(blue.received, ['x'])
})

test('a listener that is its own target forwards nothing', async t => {
  const balancer = new Balancer(t, { groups: {} }, systemClock, 10)
  const { address, port } = balancer
  await balancer.udp.start()
  balancer.apply({ groups: { g: [{ key: 'group itself', address, port, mode: 'serve' }] } })
  balancer.client(t).send('x')
  await until(() => balancer.counted.drops['no-target'] === 1)
  assert.equal(balancer.counted.newFlows, 0)
})

test("a taken port and a foreign address reject start with the system's error, and start may be tried again", async t => {
  const blue = serviceAt(t, 'blue')
  const groups = { g: [blue.as()] }
  const balancer = new Balancer(t, { groups }, systemClock, 10)
  const holder = createSocket('udp4')
  holder.bindSync({ address: '127.0.0.1', port: balancer.port })
  await assert.rejects(balancer.udp.start(), { code: 'EADDRINUSE' })
  holder.close()
  await balancer.udp.start()
  assert.equal(await balancer.client(t).ask('x'), 'blue x')
  await assert.rejects(balance(t, { groups, address: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' })
})

test('a target that cannot be sent to costs its own datagrams and nothing else', async t => {
  const blue = serviceAt(t, 'blue')
  // Linux refuses to connect to the broadcast address (EACCES): no fault of a target that a health check should hear of.
  const broken: SnapshotTarget = { key: 'group broken', address: '255.255.255.255', port: 9, mode: 'serve' }
  const balancer = await balance(t, { groups: { g: [blue.as()] } })
  const client = balancer.client(t)
  await client.ask('x')
  balancer.apply({ groups: { g: [blue.as('drain'), broken] } })
  balancer.client(t).send('lost')
  await until(() => balancer.counted.drops['send-failed'] === 1)
  assert.equal(await client.ask('y'), 'blue y')
  assert.deepEqual([balancer.counted.activeFlows, balancer.suspicions], [1, []])
})

test('close gives the port back and ends every flow', async t => {
  const blue = serviceAt(t, 'blue')
  const balancer = await balance(t, { groups: { g: [blue.as()] } })
  await balancer.client(t).ask('x')
  balancer.udp.close()
  const next = createSocket('udp4')
  next.bindSync({ address: '127.0.0.1', port: balancer.port })
  next.close()
  assert.equal(balancer.counted.activeFlows, 0)
})
