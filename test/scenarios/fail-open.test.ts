/** Routing failover, with 20 targets in two zones, in the kernel and in userspace: reliability row R19. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { suite, type TestContext, test } from 'node:test'
import { lacking } from '../lacking.ts'
import { targetCounts } from './kernel-counters.ts'
import { Network } from './network.ts'
import { has, startSluice, until } from './sluice.ts'
import { startTarget } from './targets.ts'

/** Routing's threshold; a zone's failing in DNS may not come later than that. */
const minimum = (count: number, percentage = 'off') => ({
  'target_group_health.dns_failover.minimum_healthy_targets.count': String(count),
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.count': String(count),
  'target_group_health.dns_failover.minimum_healthy_targets.percentage': percentage,
  'target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage': percentage,
})

async function story(t: TestContext, isKernel: boolean, firstPort: number): Promise<void> {
  const [port, healthPort] = [firstPort, firstPort + 1]
  const sluice = await startSluice(t, { flags: isKernel ? [] : ['--no-kernel'] })
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
  let slowestMs = 0
  /** Within a second of now, and again after it. */
  const expect = async (what: string, ...expected: string[][]) => {
    const isSo = async () => {
      const before = isKernel ? targetCounts(sluice.dataDir) : []
      const seen = await Promise.all(expected.map((_, zone) => answering(zone)))
      const chosen = isKernel ? chosenSince(before, targetCounts(sluice.dataDir)) : new Set(seen.flat())
      // A connection that was chosen for a target just before that was cut is answered by nobody.
      if (chosen.symmetricDifference(new Set(seen.flat())).size > 0) return false
      return seen.every((targets, zone) => String(targets) === String([...(expected[zone] ?? [])].sort()))
    }
    const began = performance.now()
    await until(what, isSo, 1_000)
    slowestMs = Math.max(slowestMs, performance.now() - began)
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
  t.diagnostic(
    `the slowest change of set was seen ${slowestMs.toFixed(0)} ms after the API’s word, 400 connections included`,
  )
}

/** Targets that got flows between two readings, whatever zone's they were. */
function chosenSince(
  before: ReturnType<typeof targetCounts>,
  after: ReturnType<typeof targetCounts>,
): ReadonlySet<string> {
  const known = new Map(before.map(({ address, zone, newFlows }) => [`${address} ${zone}`, newFlows]))
  const chosen = after.filter(({ address, zone, newFlows }) => newFlows > (known.get(`${address} ${zone}`) ?? 0))
  return new Set(chosen.map(({ address }) => address).sort())
}

// They mostly wait for health checks, so they do it at once.
suite('R19: AWS’s example of a group that fails open, by percentage and by count, cross-zone off and on: exact sets within a second', {
  concurrency: true,
}, () => {
  test('kernel, by its counters too', async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    if (!has('nft')) return lacking(t, 'nft (Debian: nftables)')
    await story(t, true, 26_050)
  })
  test('userspace', t => story(t, false, 26_052))
})

/** The name that a new connection is answered with; a target that a change has just cut resets what it had. */
function ask(host: string, port: number): Promise<string> {
  const socket = connect(port, host)
  socket.write('hello')
  return new Promise(resolve => {
    socket.on('error', () => {})
    socket.once('close', () => resolve('nobody'))
    socket.once('data', data => {
      resolve(String(data).split(' ')[0] ?? '')
      socket.destroy()
    })
  })
}
