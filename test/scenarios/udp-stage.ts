/**
 * UDP flows through a whole Sluice at each place where it serves: in userspace, in the kernel with targets on its own host, and in
 * the kernel between hosts.
 */
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { lacking } from '../lacking.ts'
import { timeout } from '../long.ts'
import { HostFlows, HostTarget } from './host-flows.ts'
import { loadBalancerBetween, onBalancer } from './hosts.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { Flows, startTarget } from './targets.ts'

const places = ['userspace', 'kernel', 'kernel, between hosts'] as const
type Place = (typeof places)[number]

export const isRoot = process.getuid?.() === 0
/** The test process is on the balancer; all places are there at once. */
const hosts = isRoot ? onBalancer({ after }, 3) : undefined

/** The story at each place, on ports of its own from `port` on. */
export function testEverywhere(what: string, port: number, story: (t: TestContext, at: At) => Promise<void>): void {
  for (const [index, place] of places.entries()) {
    test(`${place}: ${what}`, { timeout }, async t => {
      if (place !== 'userspace' && !isRoot) return lacking(t, 'root')
      await story(t, { place, port: port + index })
    })
  }
}

interface At {
  readonly place: Place
  readonly port: number
}

export type StageTarget = HostTarget | Awaited<ReturnType<typeof startTarget>>
export type StageFlows = HostFlows | Flows

/**
 * One UDP listener with the two groups A (targets a1, a2) and B (b1), A in use and healthy, and flows that every target has
 * seen.
 */
export async function udpStage(
  t: TestContext,
  { place, port }: At,
  flowCount: number,
  attributes: Record<string, string> = {},
) {
  const sluice = await startSluice(t, { flags: place === 'userspace' ? ['--no-kernel'] : [] })
  const network = new Network(sluice.url)
  const isBetweenHosts = place === 'kernel, between hosts' && hosts !== undefined
  const [a1, a2, b1] = await Promise.all(
    [1, 2, 3].map(
      (host): Promise<StageTarget> =>
        isBetweenHosts
          ? HostTarget.start(hosts.targets[host - 1]!, port)
          : startTarget(t, `127.71.${port % 256}.${host}`, port),
    ),
  )
  assert.ok(a1 && a2 && b1)
  const { loadBalancer, address, vpc } = isBetweenHosts
    ? await loadBalancerBetween(network, hosts)
    : { loadBalancer: await network.loadBalancer(), address: '127.0.0.1', vpc: {} }
  const targetGroup = (...targets: StageTarget[]) => network.targetGroup('UDP', targets, attributes, vpc)
  const groupA = await targetGroup(a1, a2)
  const groupB = await targetGroup(b1)
  const listener = await network.listener(loadBalancer, 'UDP', port, { [groupA]: 1, [groupB]: 0 })
  await network.allHealthy(groupA)
  await network.allHealthy(groupB)
  const open = async (count: number): Promise<StageFlows> =>
    isBetweenHosts ? HostFlows.open(hosts.client, count, address, port) : Flows.open(t, count, address, port)
  const flows = await open(flowCount)
  await until('every flow is answered', () => {
    flows.sendAll()
    return flows.lastFrom().every(from => from !== undefined)
  })
  return { sluice, network, a1, a2, b1, groupA, groupB, targetGroup, loadBalancer, listener, flows, open }
}

/** The flows that `target` answered last. */
export function flowsAt(flows: StageFlows, target: StageTarget): number[] {
  return flows.lastFrom().flatMap((from, flow) => (from === target.address ? [flow] : []))
}
