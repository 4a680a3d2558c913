/** A load balancer between hosts (hosts.ts) that carries live traffic, and the Sluice behind it, which may come and go. */
import type { TestContext } from 'node:test'
import type { Topology } from '../../bench/stage/namespaces.ts'
import { long } from '../long.ts'
import { onBalancer, type Running, witness } from './hosts.ts'
import { LiveTraffic } from './live-traffic.ts'
import { Network } from './network.ts'
import { startSluice, temporaryDirectory } from './sluice.ts'

export const address = '10.9.0.1'
/** TCP, with iperf3 on target 1 behind it. */
const bulkPort = 5201
/** TCP and UDP, with a witness on each target's `servicePort` behind it. */
export const port = 8080
export const servicePort = 9000

export interface LiveStage {
  readonly hosts: Topology
  /** Services on targets 1 and 2. */
  readonly witnesses: readonly Running[]
  readonly dataDir: string
  /** The Sluice that runs now, or did last. */
  readonly sluice: Awaited<ReturnType<typeof startSluice>>
  readonly network: Network
  readonly vpcId: string
  /** The load balancer's; it admits the client's link. */
  readonly securityGroup: string
  readonly loadBalancer: string
  /** Listener and target group of `port`. */
  readonly listener: string
  readonly group: string
  /** Starts another Sluice on the same data directory, with these flags or as before; answers how long it took, in ms. */
  restart(flags?: readonly string[]): Promise<number>
  /** `kill -9` of every process of it, its supervisor first. */
  killAll(): void
  /** Begins traffic that lasts so long. */
  traffic(seconds: number): Promise<LiveTraffic>
}

/** Everything is in place and healthy. This process is on the balancer from now on. */
export async function liveStage(t: TestContext, flags: readonly string[] = []): Promise<LiveStage> {
  const hosts = onBalancer(t, 2)
  const witnesses = hosts.targets.map(host => witness(host, servicePort))
  // Health checks make it complain.
  hosts.targets[0]?.start('iperf3', ['-s', '-p', String(bulkPort)], { stdio: 'ignore' })
  const dataDir = temporaryDirectory(t)
  let sluice = await startSluice(t, { dataDir, flags })
  let network = new Network(sluice.url)

  const { Vpc } = await network.ec2.createVpc({ CidrBlock: '10.9.0.0/16' })
  const vpcId = String(Vpc?.VpcId)
  const subnets: string[] = []
  for (const n of [0, ...hosts.targets.keys().map(index => index + 1)]) {
    const wish = { VpcId: vpcId, CidrBlock: `10.9.${n}.0/24`, AvailabilityZone: 'local-1a' }
    const { Subnet } = await network.ec2.createSubnet(wish)
    subnets.push(String(Subnet?.SubnetId))
  }
  const { GroupId = '' } = await network.ec2.createSecurityGroup({
    GroupName: 'live',
    Description: 'live',
    VpcId: vpcId,
  })
  const fromClients = { IpProtocol: '-1', IpRanges: [{ CidrIp: '10.9.0.0/24' }] }
  await network.ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [fromClients] })
  const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer({
    Name: 'live',
    Type: 'network',
    Subnets: subnets.slice(0, 1),
    SecurityGroups: [GroupId],
  })
  const loadBalancer = String(LoadBalancers[0]?.LoadBalancerArn)
  const own = { VpcId: vpcId }
  const [first, ...others] = hosts.targets.map(host => ({ address: host.address, port: servicePort }))
  if (first === undefined) throw new Error('no target')
  const bulk = await network.targetGroup('TCP', [{ ...first, port: bulkPort }], {}, own)
  const group = await network.targetGroup('TCP_UDP', [first, ...others], {}, own)
  await network.listener(loadBalancer, 'TCP', bulkPort, { [bulk]: 1 })
  const listener = await network.listener(loadBalancer, 'TCP_UDP', port, { [group]: 1 })
  await Promise.all([bulk, group].map(arn => network.allHealthy(arn)))

  return {
    hosts,
    witnesses,
    dataDir,
    vpcId,
    securityGroup: GroupId,
    loadBalancer,
    listener,
    group,
    get sluice() {
      return sluice
    },
    get network() {
      return network
    },
    async restart(others = flags) {
      const began = performance.now()
      sluice = await startSluice(t, { dataDir, flags: others })
      network = new Network(sluice.url)
      return performance.now() - began
    },
    killAll() {
      const parts = (['control', 'node', 'worker'] as const).flatMap(part => sluice.pids(part))
      for (const pid of [Number(sluice.process.pid), ...parts]) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended with its parent.
        }
      }
    },
    traffic(seconds) {
      const crowd = long ? { flows: 1_000, perSecond: 2 } : { flows: 40, perSecond: 25 }
      return LiveTraffic.start({ client: hosts.client, address, bulkPort, port, ...crowd, seconds })
    },
  }
}
