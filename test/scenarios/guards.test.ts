/** Instances' own security groups, where their packets pass the host that balances; and where this is the instance itself. */
import assert from 'node:assert/strict'
import { sdkDriver } from './drivers.ts'
import { hostTest, onBalancer, talker, witness } from './hosts.ts'
import { port, S1Network } from './s1-network.ts'
import { startSluice, until } from './sluice.ts'

const anyone = { IpRanges: [{ CidrIp: '0.0.0.0/0' }] }

hostTest(
  'of an instance on loopback this host reaches what its security group admits from the load balancer, and no more',
  [],
  async t => {
    const { balancer: host } = onBalancer(t, 1)
    const sluice = await startSluice(t)
    const aws = sdkDriver(sluice.url)
    const [{ VpcId, SubnetId }] = (
      await aws('ec2', 'DescribeSubnets', { Filters: [{ Name: 'availability-zone', Values: ['local-1a'] }] })
    ).Subnets
    const network = new S1Network(aws, VpcId, [SubnetId])
    const balancing = await network.securityGroup('balancer', { udp: anyone })
    const fromBalancer = { UserIdGroupPairs: [{ GroupId: balancing }] }
    const own = await network.securityGroup('targets', { udp: fromBalancer, tcp: fromBalancer })
    const instance = await network.instance(0, '127.65.0.9', own)
    const group = await network.targetGroup('UDP', 'instance', [instance])
    const [, other] = [port, 9000].map(each => witness(host, each, 'one', '127.65.0.9'))
    await network.listener(await network.loadBalancer(0, balancing), 'UDP', group)
    await network.allHealthy(group)

    const through = talker(host, 'UDP', 5555, '127.0.0.1', port, 20)
    await until('it answers', () => through.of('GOT').length > 5)
    const direct = talker(host, 'UDP', 5556, '127.65.0.9', 9000, 20)
    await until('who asks another port is dropped, and counted', async () => {
      const { securityGroups } = await sluice.status()
      return Number(securityGroups.find(({ id }) => id === own)?.dropped) > 20
    })
    assert.deepEqual([direct.of('GOT'), other?.of('UDP')], [[], []])
  },
)

hostTest('an instance that is this host itself stays open, whatever its security group says', [], async t => {
  const hosts = onBalancer(t, 1)
  const sluice = await startSluice(t)
  const network = await S1Network.create(sdkDriver(sluice.url), 1)
  const nobody = await network.securityGroup('nobody', {})
  const id = await network.instance(1, '10.9.1.1', nobody)
  await until('that is told', async () => (await sluice.status()).ownInstances.length > 0)
  assert.deepEqual((await sluice.status()).ownInstances, [{ id, address: '10.9.1.1' }])
  // Its neighbor, with the same group, is barred: the guards are in place.
  await network.instance(1, '10.9.1.2', nobody)
  const services = [hosts.balancer, ...hosts.targets].map(host => witness(host, 2222))
  await until('they listen', () => services.every(each => each.of('READY').length > 0))
  const [operator, stranger] = ['10.9.1.1', '10.9.1.2'].map(address =>
    talker(hosts.client, 'TCP', 0, address, 2222, 20),
  )
  await until('the operator is in', () => Number(operator?.of('GOT').length) > 5)
  await until('the neighbor drops', async () => {
    const { securityGroups } = await sluice.status()
    return Number(securityGroups.find(({ id }) => id === nobody)?.dropped) > 0
  })
  assert.equal(stranger?.of('CONNECTED').length, 0)
})
