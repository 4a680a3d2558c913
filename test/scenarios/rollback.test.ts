/** UDP flows that move to another target and back, as in every rollback, while a slow service still answers from the first. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { HostFlows, HostTarget } from './host-flows.ts'
import { hostTest, loadBalancerBetween, onBalancer } from './hosts.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'

const flowCount = 50

hostTest(
  'a switch and its rollback change no flow’s source port, and no late reply reaches a client from a wrong address',
  [],
  async t => {
    const hosts = onBalancer(t, 2)
    const network = new Network((await startSluice(t)).url)
    const { loadBalancer, address, vpc } = await loadBalancerBetween(network, hosts)

    /** To target 2 and back to target 1, with a service that answers after `delayMs`, for a client in another host and for one here. */
    const moveAndReturn = async (port: number, firstSourcePort: number, delayMs: number) => {
      const targets = await Promise.all(hosts.targets.map(host => HostTarget.start(host, port, delayMs)))
      const [blue = '', green = ''] = await Promise.all(
        targets.map(target => network.targetGroup('UDP', [target], {}, vpc)),
      )
      const listener = await network.listener(loadBalancer, 'UDP', port, { [blue]: 1, [green]: 0 })
      await Promise.all([blue, green].map(group => network.allHealthy(group)))
      const clients = await Promise.all(
        [hosts.client, hosts.balancer].map(async host => ({
          host,
          flows: await HostFlows.open(host, flowCount, address, port, firstSourcePort),
        })),
      )
      for (const { flows } of clients) flows.start(20)
      const isAt = async (target: HostTarget | undefined) => {
        const since = performance.now() + 2 * delayMs
        await until('all flows have moved', () =>
          clients.every(({ flows }) =>
            flows.answers.every(its => its.at(-1)?.from === target?.address && Number(its.at(-1)?.at) > since),
          ),
        )
      }
      await isAt(targets[0])
      for (const [group, target] of [
        [green, targets[1]],
        [blue, targets[0]],
        [green, targets[1]],
        [blue, targets[0]],
      ] as const) {
        await network.forward(listener, { [group]: 1 })
        await isAt(target)
      }
      // And a change of mind, before the first late reply is out.
      await network.forward(listener, { [green]: 1 })
      await pause(delayMs / 2)
      await network.forward(listener, { [blue]: 1 })
      await isAt(targets[0])
      for (const { flows } of clients) flows.stop()
      await pause(2 * delayMs)
      report(t, delayMs, targets, clients)
      for (const { flows } of clients) assert.deepEqual([...flows.sources], [`${address} ${port}`])
      const clientAddresses = clients.map(({ host }) => host.address)
      for (const client of new Set(targets.flatMap(({ clients }) => clients))) {
        const [from = '', sourcePort] = client.split(' ')
        assert.ok(clientAddresses.includes(from), client)
        const flow = Number(sourcePort) - firstSourcePort
        assert.ok(flow >= 0 && flow < flowCount, `${client} is no client’s own port`)
      }
    }
    await Promise.all([moveAndReturn(8_020, 5_555, 20), moveAndReturn(8_200, 6_555, 200)])
  },
)

function report(
  t: TestContext,
  delayMs: number,
  targets: readonly HostTarget[],
  clients: readonly { readonly flows: HostFlows }[],
): void {
  const sent = clients.reduce((total, { flows }) => total + flowCount * (flows.sent[0]?.length ?? 0), 0)
  const lost = clients.reduce((total, { flows }) => total + flows.unanswered(), 0)
  const arrived = targets.reduce((total, { datagrams }) => total + datagrams.length, 0)
  t.diagnostic(
    `answers after ${delayMs} ms: ${sent} datagrams sent, ${arrived} arrived, ${lost} answers late and dropped`,
  )
}
