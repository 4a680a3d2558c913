/** What target hosts do themselves: the rulesets and routes that `sluice sg render` and `sluice target render` print for them. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { Host } from '../../bench/stage/namespaces.ts'
import { sdkDriver } from './drivers.ts'
import { hostTest, onBalancer, type Running, talker, witness } from './hosts.ts'
import { port, S1Network } from './s1-network.ts'
import { startSluice, temporaryDirectory, until } from './sluice.ts'

const command = join(import.meta.dirname, '../../bin/sluice')
const client = '10.9.0.2'
const anyone = { IpRanges: [{ CidrIp: '0.0.0.0/0' }] }

/** What `sluice sg` or `sluice target` prints for this group's target hosts, in a file. */
async function rendered(t: TestContext, url: string, subject: 'sg' | 'target', group: string): Promise<string> {
  const asked = [subject, 'render', '--target-group', group, '--port', new URL(url).port]
  const { stdout } = await promisify(execFile)(command, asked, { timeout: 20_000 })
  const file = join(temporaryDirectory(t), subject)
  writeFileSync(file, stdout)
  return file
}

/** The packets that a host's chain has dropped so far. */
function droppedBy(host: Host, table: string): number {
  const counted = host.run('nft', 'list', 'table', 'inet', table).matchAll(/counter packets (\d+) bytes \d+ drop/g)
  return [...counted].reduce((total, [, packets]) => total + Number(packets), 0)
}

/** What arrived from a client's port, health checks apart. */
const from = (service: Running, clientPort: number) =>
  service.lines.filter(({ words }) => words[2] === String(clientPort)).map(({ words }) => `${words[0]} ${words[1]}`)

for (const targetType of ['instance', 'ip'] as const) {
  hostTest(
    `S1.10: a target host of type ${targetType} with the rendered ruleset admits what came through the load balancer`,
    ['nft'],
    async t => {
      const hosts = onBalancer(t, 1)
      const [target] = hosts.targets as [Host]
      const stranger = hosts.behind(target)
      const sluice = await startSluice(t)
      const network = await S1Network.create(sdkDriver(sluice.url), 1)
      const balancing = await network.securityGroup('balancer', { udp: anyone })
      const fromBalancer = { UserIdGroupPairs: [{ GroupId: balancing }] }
      const own = await network.securityGroup('targets', { udp: fromBalancer, tcp: fromBalancer })
      const loadBalancer = await network.loadBalancer(0, balancing)
      const id = targetType === 'ip' ? target.address : await network.instance(1, target.address, own)
      const group = await network.targetGroup('UDP', targetType, [id])
      await network.listener(loadBalancer, 'UDP', group)
      const [service, other] = [witness(target, port), witness(target, 9000)]
      await until('they listen', () => [service, other].every(each => each.of('READY').length > 0))
      target.run('nft', '-f', await rendered(t, sluice.url, 'sg', group))

      // From here on every health check passes the ruleset, or the target never becomes healthy.
      await network.allHealthy(group)
      const talking = talker(hosts.client, 'UDP', 5555, '10.9.0.1', port, 20)
      await until('the service answers', () => talking.of('GOT').length > 5)
      assert.deepEqual([...new Set(from(service, 5555))], [`UDP ${client}`])

      // A host that reaches the target on another way, and one port that the load balancer has nothing to do with.
      const table = 'sluice-target-s1-UDP'
      assert.equal(droppedBy(target, table), 0)
      const strangers = [
        talker(stranger, 'UDP', 5556, target.address, port, 20),
        talker(stranger, 'TCP', 5556, target.address, port, 20),
      ]
      await until('they are dropped', () => droppedBy(target, table) > 20)
      assert.deepEqual(from(service, 5556), [])
      for (const each of strangers) each.kill()
      const elsewhere = talker(stranger, 'UDP', 5557, target.address, 9000, 20)
      if (targetType === 'ip') {
        await until('the ruleset leaves other ports alone', () => elsewhere.of('GOT').length > 5)
        return
      }
      // Of an instance all that its groups do not admit is dropped, and on the way through Sluice's own host, too.
      const before = droppedBy(target, table)
      await until('other ports are closed as well', () => droppedBy(target, table) > before + 20)
      talker(hosts.client, 'UDP', 5558, target.address, port, 20)
      await until('who asks directly is dropped on the way', async () => {
        const { securityGroups } = await sluice.status()
        return Number(securityGroups.find(({ id }) => id === own)?.dropped) > 20
      })
      assert.deepEqual([from(other, 5557), from(service, 5558)], [[], []])
    },
  )
}

hostTest('replies that take another way are a named problem, and the rendered routes cure it', [], async t => {
  const hosts = onBalancer(t, 2)
  const sluice = await startSluice(t)
  const network = await S1Network.create(sdkDriver(sluice.url), 2)
  const balancing = await network.securityGroup('balancer', { '-1': anyone })
  const services = hosts.targets.map(host => witness(host, port))
  // What these hosts send everywhere else goes to another one than Sluice's.
  for (const host of hosts.targets) host.run('ip', 'route', 'replace', 'default', 'via', hosts.behind(host).address)
  const [near, far] = hosts.targets as [Host, Host]
  const loadBalancer = await network.loadBalancer(0, balancing)
  const preserved = { 'preserve_client_ip.enabled': 'true' }
  const tcp = await network.targetGroup('TCP', 'ip', [near.address], preserved)
  const udp = await network.targetGroup('UDP', 'ip', [far.address])
  await network.listener(loadBalancer, 'TCP', tcp)
  await network.listener(loadBalancer, 'UDP', udp, 8081)
  await network.allHealthy(tcp)

  const problems = async () => (await sluice.status()).listeners.flatMap(({ problems }) => problems)
  const callers = [5551, 5552, 5553].map(clientPort => talker(hosts.client, 'TCP', clientPort, '10.9.0.1', port, 50))
  const [problem] = await until('the problem is found', async () => {
    const found = await problems()
    return found.length > 0 ? found : undefined
  })
  assert.match(String(problem), /^target 10\.9\.1\.2:8080 gets flows and none is answered.*sluice target render/)
  assert.deepEqual(await network.health(tcp), { [near.address]: 'healthy' })
  assert.deepEqual(
    callers.flatMap(each => each.of('CONNECTED')),
    [],
  )

  near.run('sh', '-e', await rendered(t, sluice.url, 'target', tcp))
  far.run('sh', '-e', await rendered(t, sluice.url, 'target', udp))
  const calling = talker(hosts.client, 'TCP', 5554, '10.9.0.1', port, 50)
  await until('the connection is answered', () => calling.of('GOT').length > 5)
  assert.ok(from(services[0] as Running, 5554).includes(`TCP ${client}`))
  await until('the problem is over', async () => (await problems()).length === 0)
  const sending = talker(hosts.client, 'UDP', 5555, '10.9.0.1', 8081, 50)
  await until('datagrams are answered', () => sending.of('GOT').length > 5)
  assert.deepEqual([...new Set(from(services[1] as Running, 5555))], [`UDP ${client}`])
})
