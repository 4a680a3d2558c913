/** Routing failover, with 20 targets in two zones: reliability row R19. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { startTarget } from './targets.ts'

/** Routing's threshold; a zone's failing in DNS may not come later than that. */
const minimum = (count: number, percentage = 'off') => ({
  'target_group_health.dns_failover.minimum_healthy_targets.count': String(count),
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': String(count),
  'target_group_health.dns_failover.minimum_healthy_targets.percentage': percentage,
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': percentage,
})

test('R19: AWS’s example of a group that fails open, by percentage and by count, cross-zone off and on: exact sets within a second', async t => {
  const [port, healthPort] = [26_050, 26_051]
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const zones = ['local-1a', 'local-1b']
  const addresses = ['127.76.5', '127.204.5'].map(net => Array.from({ length: 10 }, (_, host) => `${net}.${host + 1}`))
  const start = (at: number) =>
    Promise.all(addresses.map(zone => Promise.all(zone.map(address => startTarget(t, address, at)))))
  // The service lives all the time; it is the health service beside it that fails.
  const [services, health] = [await start(port), await start(healthPort)]
  const group = await network.targetGroup('TCP', services.flat(), {}, { HealthCheckPort: String(healthPort) })
  const set = (attributes: Record<string, string>) =>
    network.elbv2.modifyTargetGroupAttributes({
      TargetGroupArn: group,
      Attributes: Object.entries(attributes).map(([Key, Value]) => ({ Key, Value })),
    })
  await set(minimum(1, '50'))
  const subnets = await Promise.all(zones.map(zone => network.subnet(zone)))
  const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer({
    Name: 'r19',
    Type: 'network',
    Subnets: subnets.map(({ subnetId }) => subnetId),
  })
  await network.listener(String(LoadBalancers[0]?.LoadBalancerArn), 'TCP', port, { [group]: 1 })
  await network.allHealthy(group)

  /** The targets that answer 200 connections to the load balancer's address in a zone. */
  const answering = async (zone: number): Promise<string[]> => {
    const seen = new Set<string>()
    for (let round = 0; round < 4; round++)
      await Promise.all(Array.from({ length: 50 }, () => ask(`127.0.0.${zone + 1}`, port).then(from => seen.add(from))))
    return [...seen].sort()
  }
  const [a = [], b = []] = addresses
  /** Within a second of now, and again after it. */
  const expect = async (what: string, ...expected: string[][]) => {
    const isSo = async () => {
      const seen = await Promise.all(expected.map((_, zone) => answering(zone)))
      return seen.every((targets, zone) => String(targets) === String([...(expected[zone] ?? [])].sort()))
    }
    await until(what, isSo, 1_000)
    assert.ok(await isSo(), what)
  }
  const unhealthy = async () => Object.values(await network.health(group)).filter(state => state === 'unhealthy').length

  await expect('each zone’s own targets', a, b)
  const failing = health[1]?.slice(0, 6) ?? []
  for (const target of failing) target.kill()
  await until('six of ten in zone b are unhealthy', async () => (await unhealthy()) === 6)
  await expect('zone b is below 50 %: it fails open, zone a does not', a, b)
  const healthy = [...a, ...b.slice(6)]
  await set(minimum(1))
  await expect('by default one healthy target is enough', a, b.slice(6))
  await set({ 'load_balancing.cross_zone.enabled': 'true', ...minimum(1, '50') })
  await expect('cross-zone: 70 % are healthy', healthy, healthy)
  await set(minimum(15))
  await expect('cross-zone: 14 are fewer than 15', [...a, ...b], [...a, ...b])
  await set(minimum(14))
  await expect('14 are not fewer than 14', healthy, healthy)
  await Promise.all(failing.map(target => target.start()))
  await network.allHealthy(group)
  await expect('all are healthy again', [...a, ...b], [...a, ...b])
})

/** The name that a new connection is answered with. */
function ask(host: string, port: number): Promise<string> {
  const socket = connect(port, host)
  socket.write('hello')
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.once('data', data => {
      socket.destroy()
      resolve(String(data).split(' ')[0] ?? '')
    })
  })
}
