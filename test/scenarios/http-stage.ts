/** An Application Load Balancer with targets in the test's own process. */
import type { TestContext } from 'node:test'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { startWebTarget, type WebTarget } from './web-target.ts'

interface Wishes {
  readonly port: number
  readonly targets: number
  /** What targets do; absent: they echo, after their address. */
  readonly answer?: Parameters<typeof startWebTarget>[3]
  /** Of the load balancer. */
  readonly attributes?: Readonly<Record<string, string>>
  /** Of the target group. */
  readonly groupAttributes?: Readonly<Record<string, string>>
}

/** One HTTP listener with one group of healthy targets. */
export async function httpStage(t: TestContext, wishes: Wishes) {
  const { port, targets: count, answer, attributes, groupAttributes } = wishes
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const targets: WebTarget[] = []
  for (let host = 1; host <= count; host++)
    targets.push(await startWebTarget(t, `127.74.${port % 256}.${host}`, 0, answer))
  const group = await network.targetGroup('HTTP', targets, groupAttributes)
  const loadBalancer = await network.applicationLoadBalancer(attributes)
  const listener = await network.listener(loadBalancer, 'HTTP', port, { [group]: 1 })
  await network.allHealthy(group)
  await until('the listener serves', () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      response => response.ok,
      () => false,
    ),
  )
  return { sluice, network, targets, group, loadBalancer, listener }
}
