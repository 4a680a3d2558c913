/** A firewall that drops what is forwarded unless it knows it, on the host that balances: as Docker sets one up. */
import assert from 'node:assert/strict'
import { sdkDriver } from './drivers.ts'
import { hostTest, onBalancer, talker, witness } from './hosts.ts'
import { port, S1Network } from './s1-network.ts'
import { startSluice, until } from './sluice.ts'

hostTest('what another firewall drops is a named problem, and what it is to be told ends it', ['nft'], async t => {
  const { client, balancer, targets } = onBalancer(t, 1)
  const sluice = await startSluice(t)
  const network = await S1Network.create(sdkDriver(sluice.url), 1)
  const anyone = { IpRanges: [{ CidrIp: '0.0.0.0/0' }] }
  const balancing = await network.securityGroup('balancer', { udp: anyone })
  const [target] = targets.map(host => witness(host, port))
  const group = await network.targetGroup('UDP', 'ip', ['10.9.1.2'])
  await network.listener(await network.loadBalancer(0, balancing), 'UDP', group)
  await network.allHealthy(group)
  balancer.run('nft', 'add table ip filter')
  balancer.run('nft', 'add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }')

  const problems = async () => (await sluice.status()).listeners.flatMap(({ problems }) => problems)
  // Checks do not pass that chain, so the target stays healthy; and in conntrack there is no trace of what is dropped.
  const talking = talker(client, 'UDP', 5555, '10.9.0.1', port, 50)
  const [problem = ''] = await until('the problem is found', async () => {
    const found = await problems()
    return found.length > 0 ? found : undefined
  })
  assert.match(problem, /^target 10\.9\.1\.2:8080 gets no flows: another firewall's rules on this host drop them\. /)
  assert.deepEqual([await network.health(group), target?.of('UDP')], [{ '10.9.1.2': 'healthy' }, []])

  const [, rule = ''] = /nft: (.* accept)\)$/.exec(problem) ?? []
  balancer.run('nft', `insert rule ip filter FORWARD ${rule}`)
  await until('the same socket is answered', () => talking.of('GOT').length > 5)
  assert.deepEqual(target?.of('UDP')[0]?.words.slice(1, 3), ['10.9.0.2', '5555'])
  await until('the problem is over', async () => (await problems()).length === 0)
})
