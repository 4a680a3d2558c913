/** Security groups on packets, told by the API: who is admitted, that it is stateful, and what is counted; and a listener in trouble. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { testOnEachEngine } from './engines.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { Flows, startTarget } from './targets.ts'

/** A connection from `source` that was answered once, or `undefined`. */
async function open(t: TestContext, port: number, source: string, to = '127.0.0.1'): Promise<Socket | undefined> {
  const socket = connect({ port, host: to, localAddress: source })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write('hello')
  // Userspace refuses; the kernel drops, as AWS does.
  const timer = setTimeout(() => socket.destroy(), 500)
  // `once` would reject with the error of a refusal; here that is an answer, too.
  return new Promise(resolve => {
    socket.once('data', () => {
      clearTimeout(timer)
      resolve(socket)
    })
    socket.once('close', () => resolve(undefined))
  })
}

testOnEachEngine(
  'a security group admits by address and port when a flow opens; what is dropped is counted with its reason',
  26_040,
  async (t, { flags, port }) => {
    const sluice = await startSluice(t, { flags })
    const network = new Network(sluice.url)
    const target = await startTarget(t, '127.76.4.1', port)
    const { subnetId, vpcId } = await network.subnet()
    const other = await network.subnet('local-1b')
    const securityGroup = async (GroupName: string) => {
      const { GroupId } = await network.ec2.createSecurityGroup({ GroupName, Description: GroupName, VpcId: vpcId })
      return String(GroupId)
    }
    const [own, front] = [await securityGroup('own'), await securityGroup('front')]
    const balancer = async (Name: string, subnet: string, group: string) => {
      const wish = { Name, Type: 'network' as const, Subnets: [subnet], SecurityGroups: [group] }
      const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer(wish)
      return String(LoadBalancers[0]?.LoadBalancerArn)
    }
    const loadBalancer = await balancer('own', subnetId, own)
    // Its address, 127.0.0.2, is a member of the group `front`.
    await balancer('front', other.subnetId, front)
    const group = await network.targetGroup('TCP_UDP', [target])
    await network.listener(loadBalancer, 'TCP_UDP', port, { [group]: 1 })
    await network.allHealthy(group)

    const drops = async () => (await sluice.status()).listeners[0]?.drops['security-group'] ?? 0
    assert.equal(await open(t, port, '127.0.0.1'), undefined, 'a group without a rule admits nobody')
    const flows = await Flows.open(t, 1, '127.0.0.1', port)
    flows.sendAll()
    await until('a connection and a datagram are counted', async () => (await drops()) >= 2, 5_000)
    assert.equal(target.datagrams.length + target.connections.length, 0)

    const rule = (IpProtocol: string, peer: object) => ({
      GroupId: own,
      IpPermissions: [{ IpProtocol, FromPort: port, ToPort: port, ...peer }],
    })
    const range = (CidrIp: string) => ({ IpRanges: [{ CidrIp }] })
    // 127.76.4.9 is a host of the VPC of its own, 127.0.0.1 is the load balancer's.
    await network.ec2.authorizeSecurityGroupIngress(rule('tcp', range('127.76.4.9/32')))
    const established = await until('the address is admitted', () => open(t, port, '127.76.4.9'), 2_000)
    assert.equal(await open(t, port, '127.76.4.8'), undefined, 'and no other')
    flows.sendAll()

    await network.ec2.revokeSecurityGroupIngress(rule('tcp', range('127.76.4.9/32')))
    await until('the address is admitted no more', async () => (await open(t, port, '127.76.4.9')) === undefined, 2_000)
    established.write('still there?')
    await once(established, 'data')

    await network.ec2.authorizeSecurityGroupIngress(rule('tcp', { UserIdGroupPairs: [{ GroupId: front }] }))
    await until('a member of the group is admitted', () => open(t, port, '127.0.0.2'), 2_000)
    assert.equal(await open(t, port, '127.76.4.9'), undefined, 'and nobody else')
    assert.equal(target.datagrams.length, 0, 'TCP rules admit no datagrams')
    await network.ec2.authorizeSecurityGroupIngress(rule('udp', range('127.0.0.0/8')))
    await until(
      'datagrams are admitted',
      () => {
        flows.sendAll()
        return flows.lastFrom()[0] === target.address
      },
      2_000,
    )
  },
)

testOnEachEngine(
  'a listener whose port is taken is a problem in words, disturbs no other, and is in place once the port is free',
  26_045,
  async (t, { flags, port }) => {
    const sluice = await startSluice(t, { flags })
    const network = new Network(sluice.url)
    const target = await startTarget(t, '127.76.4.2', port)
    const group = await network.targetGroup('TCP', [target])
    const loadBalancer = await network.loadBalancer()
    const holder = createServer().listen(port + 1, '127.0.0.1')
    t.after(() => holder.close())
    await once(holder, 'listening')
    await network.listener(loadBalancer, 'TCP', port + 1, { [group]: 1 })
    await network.listener(loadBalancer, 'TCP', port, { [group]: 1 })
    await network.allHealthy(group)
    await until('the other one serves', () => open(t, port, '127.0.0.1'), 2_000)
    const problems = async () => (await sluice.status()).listeners.map(({ problems }) => problems.join())
    assert.deepEqual(await problems(), [`port ${port + 1} on 127.0.0.1 is taken by node (pid ${process.pid})`, ''])
    holder.close()
    await until('it is in place', async () => (await problems()).every(text => text === ''), 10_000)
    await until('it serves', () => open(t, port + 1, '127.0.0.1'), 2_000)
  },
)
