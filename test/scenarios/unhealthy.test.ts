/** What TCP connections notice when their target turns unhealthy, in the kernel and in userspace: reliability row R9. */
import assert from 'node:assert/strict'
import { after, suite, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Host } from '../../bench/stage/namespaces.ts'
import { slackMs } from '../long.ts'
import { hostTest, loadBalancerBetween, onBalancer, type Running, run, witness } from './hosts.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'

const intervalMs = 200

const hosts = process.getuid?.() === 0 ? onBalancer({ after }, 2) : undefined

/** Connections of one listener: half of them are idle after a first answer, the others go on asking. */
class Connections {
  readonly idle: Running
  readonly busy: Running

  constructor(client: Host, address: string, port: number, count: number) {
    const args = ['TCP', address, port, count, 0].map(String)
    this.idle = run(client, 'crowd.fixture.ts', args)
    this.busy = run(client, 'crowd.fixture.ts', args)
  }

  async begin(): Promise<void> {
    const all = [this.idle, this.busy]
    await until('they are established', () => all.every(its => its.of('READY').length > 0))
    for (const its of all) its.process.stdin?.write('send\n')
    await until('they are answered', () => all.every(its => its.of('GOT').length >= countOf(its)))
    this.busy.process.stdin?.write(`start ${1_000 / intervalMs}\n`)
  }

  /** All together, by the target that answered first. */
  at(address: string): { idle: readonly string[]; busy: readonly string[] } {
    return { idle: flowsAt(this.idle, address), busy: flowsAt(this.busy, address) }
  }
}

function countOf(its: Running): number {
  return Number(its.process.spawnargs.at(-2))
}

function flowsAt(its: Running, address: string): readonly string[] {
  return its
    .of('GOT')
    .slice(0, countOf(its))
    .flatMap(({ words }) => (words[3] === address ? [String(words[1])] : []))
}

/** When each of those flows ended, in ms after `since`, the last one last. */
function endings(its: Running, flows: readonly string[], since: number): readonly number[] {
  const ended = its.of('END').filter(({ words }) => flows.includes(String(words[1])))
  assert.ok(ended.every(({ words }) => words[2] === 'ECONNRESET'))
  return ended.map(({ at }) => Math.round(at - since)).sort((a, b) => a - b)
}

/** @param count of the connections that end @param firstPort one of four ports that no other story uses */
async function story(t: TestContext, flags: readonly string[], count: number, firstPort: number): Promise<void> {
  assert.ok(hosts)
  // The service lives all the time; it is the health service beside it that fails.
  const [servicePort, healthPort, endingPort, keepingPort] = [0, 1, 2, 3].map(n => firstPort + n) as [
    number,
    number,
    number,
    number,
  ]
  const network = new Network((await startSluice(t, { flags })).url)
  const { loadBalancer, address, vpc } = await loadBalancerBetween(network, hosts)
  const [one, two] = hosts.targets
  assert.ok(one && two)
  const services = hosts.targets.map(host => witness(host, servicePort, host.address))
  const health = hosts.targets.map(host => witness(host, healthPort))
  const targets = hosts.targets.map(host => ({ address: host.address, port: servicePort }))
  const group = (attributes: Record<string, string>) =>
    network.targetGroup('TCP', targets, attributes, { ...vpc, HealthCheckPort: String(healthPort) })
  const ending = await group({})
  const keeping = await group({ 'target_health_state.unhealthy.connection_termination.enabled': 'false' })
  await network.listener(loadBalancer, 'TCP', endingPort, { [ending]: 1 })
  await network.listener(loadBalancer, 'TCP', keepingPort, { [keeping]: 1 })
  await Promise.all([ending, keeping].map(arn => network.allHealthy(arn)))
  const ended = new Connections(hosts.client, address, endingPort, count)
  const kept = new Connections(hosts.client, address, keepingPort, count / 5)
  await Promise.all([ended.begin(), kept.begin()])
  const at = ended.at(one.address)
  const isUnhealthy = async () => (await network.health(ending))[one.address] === 'unhealthy'

  assert.ok(at.idle.length > count / 4 && at.busy.length > count / 4)
  assert.deepEqual([...ended.idle.of('END'), ...ended.busy.of('END')], [])
  health[0]?.kill()
  await until('the target is unhealthy', isUnhealthy, 15_000)
  const since = performance.now()
  await pause(100)
  const opened = services[0]?.of('OPEN').length
  const late = run(hosts.client, 'crowd.fixture.ts', ['TCP', address, endingPort, 100, 0].map(String))
  await until('new connections are made', () => late.of('READY').length > 0)
  late.process.stdin?.write('send\n')
  await until('new connections are answered', () => late.of('GOT').length === 100)
  assert.equal(flowsAt(late, two.address).length, 100, 'new connections go to the other target')
  assert.equal(services[0]?.of('OPEN').length, opened)

  const reset = () => [endings(ended.idle, at.idle, since), endings(ended.busy, at.busy, since)] as const
  await until('all are reset', () => {
    const [idle, busy] = reset()
    return idle.length === at.idle.length && busy.length === at.busy.length
  })
  // Whether others are, too, and whether those with termination off go on.
  await pause(since + 1_500 + slackMs - performance.now())
  const [idle, busy] = reset()
  t.diagnostic(
    `reset after: ${idle.length} of ${at.idle.length} idle ones ${idle.at(-1)} ms, ${busy.length} of ${at.busy.length} busy ones ${busy.at(-1)} ms (one says something each ${intervalMs} ms)`,
  )
  assert.ok(Number(idle.at(-1)) <= 1_000 + slackMs)
  // Half a second: the API may say it later than the data plane does it.
  assert.ok(Number(busy.at(-1)) <= intervalMs + 500 + slackMs)
  assert.equal(ended.idle.of('END').length + ended.busy.of('END').length, idle.length + busy.length, 'and no others')

  // Termination off.
  assert.deepEqual([...kept.idle.of('END'), ...kept.busy.of('END')], [])
  kept.idle.process.stdin?.write('send\n')
  await until('idle ones are answered', () => kept.idle.of('GOT').length === 2 * countOf(kept.idle))
  const isAnswered = new Set(
    kept.busy
      .of('GOT')
      .filter(({ at }) => at > since + 1_000)
      .map(({ words }) => words[1]),
  )
  assert.equal(isAnswered.size, countOf(kept.busy), 'all of them go on')
  for (const each of [...services, ...health, ended.idle, ended.busy, kept.idle, kept.busy, late]) each.kill()
}

// They mostly wait for health checks, so they do it at once.
suite('R9', { concurrency: true }, () => {
  for (const [place, flags, count, firstPort] of [
    ['kernel', [], 500, 9_000],
    ['userspace', ['--no-kernel'], 100, 9_010],
  ] as const) {
    hostTest(
      `${place}: when a target turns unhealthy, busy clients are reset with their next packet, idle ones within a second; none where termination is off`,
      [],
      t => story(t, flags, count, firstPort),
    )
  }
})
