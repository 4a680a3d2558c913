/** A data directory as a Sluice leaves it that has served for a while: what was asked for, and every target healthy. */
import { systemClock } from '../../src/clock.ts'
import { defaultNetwork } from '../../src/domain/default-network.ts'
import type { Health } from '../../src/domain/health.ts'
import type { Listener, LoadBalancer } from '../../src/domain/load-balancer.ts'
import type { Subnet } from '../../src/domain/network.ts'
import type { Change } from '../../src/domain/state.ts'
import { type TargetGroup, targetKey } from '../../src/domain/target-group.ts'
import { LastGood } from '../../src/reconcile/last-good.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'

export const servicePort = 9_000
export const healthPort = 9_001
const targetsPerGroup = 5
/** AWS: at most 50 listeners of a load balancer. */
const listenersPerLoadBalancer = 50

/** A listener with all its weight on `blue` and none on `green`. */
export interface BlueGreen {
  readonly listener: Listener
  readonly blue: TargetGroup
  readonly green: TargetGroup
}

/**
 * Puts `count` listeners into `directory`, over as few load balancers as AWS allows, each with a blue and a green group of five
 * targets (127.80.0.0 and up): as AWS's limits have it, 1,000 listeners have 20 load balancers and 10,000 targets. Every
 * other listener is UDP. `watched` of those, spread over all, have their health checked every 5 s by HTTP, the others
 * every 30 s by TCP, as is AWS's default.
 *
 * @returns the watched ones
 */
export async function setUp(directory: string, count: number, watched: number): Promise<readonly BlueGreen[]> {
  const network = defaultNetwork('000000000000', 'us-east-1', false)
  const subnet = network.find(change => change.table === 'subnets')?.value as Subnet
  const changes: Change[] = [...network]
  const groups: TargetGroup[] = []
  const chosen: BlueGreen[] = []
  let loadBalancer: LoadBalancer | undefined
  for (let n = 0; n < count; n++) {
    if (n % listenersPerLoadBalancer === 0) {
      loadBalancer = loadBalancerIn(subnet, n / listenersPerLoadBalancer)
      changes.push({ table: 'loadBalancers', key: loadBalancer.arn, value: loadBalancer })
    }
    const isUdp = n % 2 === 0
    const isWatched = isUdp && chosen.length < Math.ceil(((n + 1) * watched) / count)
    const [blue, green] = ['blue', 'green'].map((color, i) => {
      const firstAddress = (2 * n + i) * targetsPerGroup
      return targetGroup(`${color}-${n}`, subnet.vpcId, isUdp ? 'UDP' : 'TCP', isWatched, firstAddress)
    }) as [TargetGroup, TargetGroup]
    const arn = loadBalancer!.arn.replace(':loadbalancer/', ':listener/')
    const listener: Listener = {
      arn: `${arn}/${id(n)}`,
      loadBalancerArn: loadBalancer!.arn,
      port: 20_000 + n,
      protocol: isUdp ? 'UDP' : 'TCP',
      forward: [
        { targetGroupArn: blue.arn, weight: 1 },
        { targetGroupArn: green.arn, weight: 0 },
      ],
      attributes: {},
      tags: [],
    }
    groups.push(blue, green)
    changes.push({ table: 'listeners', key: listener.arn, value: listener })
    if (isWatched) chosen.push({ listener, blue, green })
  }
  changes.push(...groups.map(group => ({ table: 'targetGroups', key: group.arn, value: group }) as const))

  const store = await openSqliteStore(directory)
  const lastGood = new LastGood({ directory, clock: systemClock, log: console.error })
  lastGood.state(await store.transact(0, changes))
  const healthy: Health = { verdict: 'healthy', since: systemClock.now(), against: 0, results: [] }
  const targets = groups.flatMap(group => group.targets.map(target => targetKey(group.arn, target)))
  lastGood.health(new Map(targets.map(key => [key, healthy])))
  await lastGood.close()
  await store.close()
  return chosen
}

function loadBalancerIn(subnet: Subnet, n: number): LoadBalancer {
  return {
    arn: `arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/bench-${n}/${id(n)}`,
    name: `bench-${n}`,
    type: 'network',
    scheme: 'internal',
    vpcId: subnet.vpcId,
    ipAddressType: 'ipv4',
    dnsName: `bench-${n}.elb.sluice.internal`,
    createdTime: systemClock.now(),
    zones: [{ zoneName: subnet.zoneName, subnetId: subnet.id, ipv4Address: subnet.sharedAddress! }],
    securityGroups: [],
    enforceInboundRulesOnPrivateLink: 'on',
    attributes: {},
    tags: [],
  }
}

function targetGroup(
  name: string,
  vpcId: string,
  protocol: 'TCP' | 'UDP',
  isWatched: boolean,
  firstAddress: number,
): TargetGroup {
  return {
    arn: `arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/${name}/${id(firstAddress)}`,
    name,
    protocol,
    port: servicePort,
    vpcId,
    targetType: 'ip',
    ipAddressType: 'ipv4',
    healthCheck: {
      protocol: isWatched ? 'HTTP' : 'TCP',
      port: String(healthPort),
      path: '/',
      intervalSeconds: isWatched ? 5 : 30,
      timeoutSeconds: isWatched ? 2 : 10,
      healthyThresholdCount: 2,
      unhealthyThresholdCount: 2,
      matcher: '200-399',
    },
    attributes: {},
    targets: Array.from({ length: targetsPerGroup }, (_, i) => {
      const address = firstAddress + i
      return { id: `127.80.${address >> 8}.${address & 255}`, port: servicePort }
    }),
    tags: [],
  }
}

function id(n: number): string {
  return n.toString(16).padStart(16, '0')
}
