/** What packets say of the whole: two protocols and two families on one port, security groups, and any change among crashes. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { suite, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { anySeed, randomFrom } from '../../src/domain/random.fixture.ts'
import { testOnEachEngine } from './engines.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { Flows, startTarget } from './targets.ts'

const protocols = ['TCP', 'UDP'] as const

/** The target that answers on a new flow, its client at `from`; `undefined` where none does. */
async function ask(protocol: 'TCP' | 'UDP', port: number, address = '127.0.0.1', from?: string) {
  const signal = AbortSignal.timeout(500)
  const client = protocol === 'TCP' ? tcpClient(port, address, from) : await udpClient(port, address, from)
  client.on('error', () => {})
  const [answer] = await once(client, protocol === 'TCP' ? 'data' : 'message', { signal }).catch(() => [])
  if ('destroy' in client) client.destroy()
  else client.close()
  return answer === undefined ? undefined : String(answer).split(' ')[0]
}

function tcpClient(port: number, host = '127.0.0.1', from?: string): Socket {
  const socket = connect({ port, host, ...(from !== undefined && { localAddress: from }) })
  socket.write('hello')
  return socket
}

async function udpClient(port: number, address: string, from?: string) {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  await new Promise<void>(resolve => socket.bind(0, from, resolve))
  socket.send('hello', port, address)
  return socket
}

/** Connections that each had an answer. */
async function establish(t: TestContext, count: number, port: number, from?: string): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => tcpClient(port, '127.0.0.1', from))
  t.after(() => sockets.forEach(socket => void socket.destroy()))
  await Promise.all(sockets.map(socket => once(socket, 'data')))
  for (const socket of sockets) socket.on('error', () => {})
  return sockets
}

testOnEachEngine(
  'a dualstack load balancer answers TCP and UDP over IPv4 and IPv6 on one port, whatever family its targets are of',
  25_000,
  async (t, { flags, port }) => {
    const sluice = await startSluice(t, { flags })
    const network = new Network(sluice.url)
    const { subnetId } = await network.subnet()
    const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer({
      Name: 'dualstack',
      Type: 'network',
      Subnets: [subnetId],
      IpAddressType: 'dualstack',
    })
    const loadBalancer = String(LoadBalancers[0]?.LoadBalancerArn)
    const targets = await Promise.all(['127.75.0.1', '::1'].map((address, n) => startTarget(t, address, port + 10 + n)))
    for (const [n, target] of targets.entries()) {
      const family = { IpAddressType: n === 0 ? 'ipv4' : 'ipv6' }
      const group = await network.targetGroup('TCP_UDP', [target], {}, family)
      await network.listener(loadBalancer, 'TCP_UDP', port + n, { [group]: 1 })
      await network.allHealthy(group)
      for (const protocol of protocols)
        for (const address of ['127.0.0.1', '::1'])
          assert.equal(await ask(protocol, port + n, address), target.address, `${protocol} at ${address}`)
    }
  },
)

testOnEachEngine(
  'a UDP service that is dead costs a TCP_UDP listener no TCP connection',
  25_020,
  async (t, { flags, port }) => {
    const targets = [1, 2].map(host => ({ address: `127.75.20.${host}`, port }))
    const accepted = new Set<Socket>()
    for (const { address } of targets) {
      const server = createServer(socket => {
        accepted.add(socket)
        socket.on('error', () => {})
        socket.pipe(socket)
      })
      await once(server.listen(port, address), 'listening')
      t.after(() => server.close())
    }
    t.after(() => accepted.forEach(socket => void socket.destroy()))
    const sluice = await startSluice(t, { flags })
    const network = new Network(sluice.url)
    const group = await network.targetGroup('TCP_UDP', targets)
    await network.listener(await network.loadBalancer(), 'TCP_UDP', port, { [group]: 1 })
    await network.allHealthy(group)
    const sockets = await establish(t, 40, port)
    await until('both targets are suspect', async () => {
      await ask('UDP', port)
      return (await sluice.status()).listeners[0]?.targets.every(({ suspect }) => suspect === 'port unreachable')
    })
    for (const socket of sockets) {
      socket.write('still there?')
      await once(socket, 'data', { signal: AbortSignal.timeout(500) })
    }
  },
)

testOnEachEngine(
  'security groups judge new flows only, by range and by group, and drops are counted',
  25_030,
  async (t, { flags, port }) => {
    const sluice = await startSluice(t, { flags })
    const network = new Network(sluice.url)
    const { ec2, elbv2 } = network
    const { subnetId, vpcId: VpcId } = await network.subnet()
    const [its, others] = await Promise.all(
      ['its', 'others'].map(async GroupName =>
        String((await ec2.createSecurityGroup({ GroupName, Description: 'a test', VpcId })).GroupId),
      ),
    )
    assert.ok(its && others)
    const { LoadBalancers = [] } = await elbv2.createLoadBalancer({
      Name: 'guarded',
      Type: 'network',
      Subnets: [subnetId],
      SecurityGroups: [its],
    })
    const elsewhere = [(await network.subnet('local-1b')).subnetId]
    await elbv2.createLoadBalancer({ Name: 'other', Type: 'network', Subnets: elsewhere, SecurityGroups: [others] })
    const target = await startTarget(t, '127.75.30.1', port)
    const group = await network.targetGroup('TCP_UDP', [target])
    await network.listener(String(LoadBalancers[0]?.LoadBalancerArn), 'TCP_UDP', port, { [group]: 1 })
    await network.allHealthy(group)
    const client = '127.75.31.7'
    const inPlace = () =>
      until('it is in place', async () => {
        const { node, revision } = await sluice.status()
        return node.revision === revision
      })
    const answers = (from: string) =>
      Promise.all(protocols.map(async protocol => (await ask(protocol, port, '127.0.0.1', from)) !== undefined))

    await inPlace()
    assert.deepEqual(await answers(client), [false, false], 'no rule admits nobody')
    const rule = { IpProtocol: 'tcp', FromPort: port, ToPort: port, IpRanges: [{ CidrIp: '127.75.31.0/24' }] }
    const byGroup = { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: others }] }
    await ec2.authorizeSecurityGroupIngress({ GroupId: its, IpPermissions: [rule, byGroup] })
    await inPlace()
    assert.deepEqual(await answers(client), [true, false], 'the rule is for TCP')
    assert.deepEqual(await answers('127.0.0.2'), [true, true], 'the address of a load balancer that is a member')

    const [socket] = await establish(t, 1, port, client)
    await ec2.revokeSecurityGroupIngress({ GroupId: its, IpPermissions: [rule] })
    await inPlace()
    assert.deepEqual(await answers(client), [false, false], 'the rule is revoked')
    socket?.write('still there?')
    assert.ok(socket && (await once(socket, 'data')), 'what is established goes on')
    await until(
      'all drops are counted',
      async () => {
        const [listener] = (await sluice.status()).listeners
        return listener?.drops['security-group'] === 5
      },
      3_000,
    )
  },
)

// Both mostly wait, so they do it at once.
suite('any change among crashes', { concurrency: true }, () => {
  testOnEachEngine(
    'after random changes among random crashes, packets go where the API says, and what was not changed noticed nothing',
    25_040,
    async (t, { engine, flags, port }) => {
      const seed = Number(process.env.SEED ?? anySeed())
      t.diagnostic(`SEED=${seed}`)
      const random = randomFrom(seed)
      const sluice = await startSluice(t, { flags })
      const network = new Network(sluice.url)
      const loadBalancer = await network.loadBalancer()
      const targets = await Promise.all([1, 2, 3, 4, 5].map(host => startTarget(t, `127.75.40.${host}`, port)))
      const delay = { 'deregistration_delay.timeout_seconds': '0' }
      const groups: { readonly arn: string; readonly members: Set<(typeof targets)[number]> }[] = []
      for (let n = 0; n < 3; n++)
        groups.push({ arn: await network.targetGroup('TCP_UDP', [], delay), members: new Set() })
      const quiet = await network.targetGroup('TCP_UDP', targets)
      await network.listener(loadBalancer, 'TCP_UDP', port, { [quiet]: 1 })
      await network.allHealthy(quiet)
      const flows = await Flows.open(t, 50, '127.0.0.1', port)
      flows.sendAll()
      await until('all flows have a target', () => flows.unanswered() === 0)
      const before = flows.lastFrom()
      flows.start(5)
      const connections = await establish(t, 50, port)
      const restless = await Promise.all([1, 2, 3].map(n => Flows.open(t, 20, '127.0.0.1', port + n)))
      for (const each of restless) each.start(20)

      /** What was asked for, by port: weights in the order of the groups. */
      const listeners = new Map<number, { readonly arn: string; readonly weights: readonly number[] }>()
      const crashes: string[] = []
      for (let change = 0; change < 80; change++) {
        const group = groups[random(3)]
        const target = targets[random(5)]
        const at = port + 1 + random(3)
        const weights = [1 + random(99), random(3) * 50, random(2) * 50]
        const route = Object.fromEntries(groups.map(({ arn }, n) => [arn, weights[n] ?? 0]))
        const known = listeners.get(at)
        assert.ok(group && target)
        const what = random(6)
        if (what === 5) {
          const Value = String(random(2) === 0)
          const Attributes = [{ Key: 'load_balancing.cross_zone.enabled', Value }]
          const TargetGroupArn = random(2) === 0 ? quiet : group.arn
          await network.elbv2.modifyTargetGroupAttributes({ TargetGroupArn, Attributes })
        } else if (what === 0) {
          await network.deregister(group.arn, target)
          group.members.delete(target)
        } else if (what === 1 || what === 2) {
          await network.register(group.arn, target)
          group.members.add(target)
        } else if (known === undefined) {
          listeners.set(at, { arn: await network.listener(loadBalancer, 'TCP_UDP', at, route), weights })
        } else if (what === 3) {
          await network.forward(known.arn, route)
          listeners.set(at, { ...known, weights })
        } else {
          await network.elbv2.deleteListener({ ListenerArn: known.arn })
          listeners.delete(at)
        }
        if (change % 20 !== 10) continue
        // In userspace the node is left out: with it go its workers, and so UDP flows have a new owner and lose what is on its way.
        const parts = engine === 'kernel' ? (['control', 'worker', 'node'] as const) : (['control', 'worker'] as const)
        const part = parts[random(parts.length)] ?? 'control'
        const pids = sluice.pids(part)
        crashes.push(part)
        const pid = pids[random(pids.length)]
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
        await pause(random(300))
      }
      t.diagnostic(`crashes: ${crashes.join(' ')}`)
      await until(
        'everything is in place',
        async () => {
          const { node, revision } = await sluice.status().catch(() => ({ node: undefined, revision: 0 }))
          return node?.connected && node.revision === revision
        },
        2_000,
      )
      flows.stop()
      // A switch may wait for a first healthy target; new ones are checked within moments.
      await until('no switch is held', async () =>
        (await sluice.status()).listeners.every(({ heldUntil }) => heldUntil === undefined),
      )

      // Flows that never stop sending have a second to be where they may be.
      await pause(1_000)
      const settled = performance.now()
      await pause(300)
      for (const each of restless) each.stop()
      for (const [index, { answers: answered }] of restless.entries()) {
        const at = port + 1 + index
        const weights = listeners.get(at)?.weights
        const expected = new Set(
          groups.flatMap(({ members }, n) => (weights?.[n] ? [...members].map(({ address }) => address) : [])),
        )
        const isServed = weights !== undefined && groups.every(({ members }) => members.size > 0)
        for (const protocol of protocols) {
          const answers = await Promise.all(Array.from({ length: 30 }, () => ask(protocol, at)))
          const wrong = answers.filter(answer => answer !== undefined && !expected.has(answer))
          assert.deepEqual(wrong, [], `${protocol} ${at}: ${[...expected]} may answer`)
          if (isServed) assert.ok(!answers.includes(undefined), `${protocol} ${at}`)
        }
        const heard = answered.map(its => its.filter(({ at }) => at > settled).map(({ from }) => from))
        const strangers = new Set(heard.flat()).difference(expected)
        assert.deepEqual([...strangers], [], `${[...expected]} may answer flows that are older, at ${at}`)
        if (isServed)
          assert.ok(
            heard.every(its => its.length > 0),
            `a flow at ${at} that is older gets no answer`,
          )
      }
      assert.deepEqual(flows.lastFrom(), before, 'UDP flows keep their targets')
      // In userspace a worker takes its own connections with it.
      if (engine === 'kernel' || !crashes.includes('worker'))
        assert.ok(
          connections.every(({ destroyed }) => !destroyed),
          'nor does any change cut one',
        )
    },
  )
})
