import type { Health } from '../domain/health.ts'
import { listener, loadBalancer, target, targetGroup } from '../domain/state.fixture.ts'
import type { Change } from '../domain/state.ts'
import type { Node } from './meter.ts'

type Counters = NonNullable<ReturnType<Node['counters']>>

export const groupArn = 'arn:aws:elasticloadbalancing:us-east-1:0:targetgroup/tg/1'
export const loadBalancerArn = 'arn:aws:elasticloadbalancing:us-east-1:0:loadbalancer/net/lb/1'
export const listenerArn = 'arn:aws:elasticloadbalancing:us-east-1:0:listener/net/lb/1/1'
export const keys = ['10.0.1.20', '10.0.1.21'].map(id => `${groupArn} ${id} 8080`) as [string, string]

/** A load balancer with one listener, whose group has two targets. */
export const service: readonly Change[] = [
  { table: 'loadBalancers', key: loadBalancerArn, value: loadBalancer({ arn: loadBalancerArn }) },
  {
    table: 'targetGroups',
    key: groupArn,
    value: targetGroup({ arn: groupArn, targets: [target('10.0.1.20'), target('10.0.1.21')] }),
  },
  {
    table: 'listeners',
    key: listenerArn,
    value: listener({ arn: listenerArn, loadBalancerArn, forward: [{ targetGroupArn: groupArn, weight: 1 }] }),
  },
]

/** A node whose word is what the test says; counters are there only once they were asked for. */
export class FakeNode implements Node {
  nodeConnected = true
  counts = 0
  current: Counters = { listeners: [], targets: [] }
  readonly healths = new Map<string, Health>()
  #counted: Counters | undefined

  health(key: string): Health | undefined {
    return this.healths.get(key)
  }

  async count(): Promise<void> {
    this.counts++
    if (this.nodeConnected) this.#counted = this.current
  }

  counters(): Counters | undefined {
    return this.#counted
  }

  /** Totals of the listener and of the first target; `refused` by that one, as the kernel tells it. */
  flow(
    newFlows: number,
    activeFlows: number,
    bytes: number,
    drops: Readonly<Record<string, number>> = {},
    refused?: number,
  ): void {
    const flows = { newFlows, activeFlows, bytesIn: bytes, bytesOut: 0 }
    this.current = {
      listeners: [{ listener: 'TCP 10.0.1.4 80', listenerArn, drops, ...flows }],
      targets: [{ target: keys[0], ...flows, ...(refused !== undefined && { refused }) }],
    }
  }
}
