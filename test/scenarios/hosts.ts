/** Hosts around a Sluice, as network namespaces: services that say whom they see, clients that count what they get. */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildTopology, type Host, type Topology } from '../../bench/stage/namespaces.ts'
import { lacking } from '../lacking.ts'
import { enterNetwork } from '../own-network.ts'
import type { Network } from './network.ts'
import { has } from './sluice.ts'

/** A test that needs hosts, so root, and these programs. */
export function hostTest(
  title: string,
  programs: readonly string[],
  story: (t: TestContext) => Promise<void>,
): Promise<void> {
  return test(title, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root')
    const missing = programs.find(program => !has(program))
    if (missing !== undefined) return lacking(t, missing)
    await story(t)
  })
}

/**
 * A client, a balancer and targets as hosts of their own; this process, and what it starts, is on the balancer from now on.
 * client 10.9.0.2 - balancer 10.9.0.1, 10.9.N.1 - target N 10.9.N.2. It ends with the test.
 */
export function onBalancer(t: { after(last: () => void): void }, targetCount: number): Topology {
  const topology = buildTopology(targetCount)
  t.after(() => topology.close())
  enterNetwork(topology.balancer.name)
  return topology
}

/**
 * A VPC over the balancer's links, a subnet for each, and a load balancer at 10.9.0.1. `vpc` is what target groups for the
 * hosts need to be told.
 */
export async function loadBalancerBetween(network: Network, { targets }: Topology) {
  const { Vpc } = await network.ec2.createVpc({ CidrBlock: '10.9.0.0/16' })
  const vpc = { VpcId: String(Vpc?.VpcId) }
  const [link] = await Promise.all(
    Array.from({ length: 1 + targets.length }, (_, n) =>
      network.ec2.createSubnet({ ...vpc, CidrBlock: `10.9.${n}.0/24`, AvailabilityZone: 'local-1a' }),
    ),
  )
  const wish = { Name: 'between', Type: 'network' as const, Subnets: [String(link?.Subnet?.SubnetId)] }
  const { LoadBalancers = [] } = await network.elbv2.createLoadBalancer(wish)
  return { loadBalancer: String(LoadBalancers[0]?.LoadBalancerArn), address: '10.9.0.1', vpc }
}

/** A line that a fixture printed, and when: `performance.now()`. */
export interface Line {
  readonly at: number
  readonly words: readonly string[]
}

export interface Running {
  readonly process: ChildProcess
  readonly lines: readonly Line[]
  /** Lines that begin with this word. */
  of(word: string): readonly Line[]
  kill(signal?: NodeJS.Signals): void
}

/** A service `NAME` on UDP and TCP `port` of the host; see witness.fixture.ts. */
export function witness(host: Host, port: number, name = host.name, address = '0.0.0.0'): Running {
  return run(host, 'witness.fixture.ts', [String(port), name, address])
}

/** A client that sends a number each `intervalMs` over one socket; see talker.fixture.ts. */
export function talker(
  host: Host,
  protocol: 'TCP' | 'UDP',
  sourcePort: number,
  address: string,
  port: number,
  intervalMs: number,
): Running {
  return run(host, 'talker.fixture.ts', [protocol, ...[sourcePort, address, port, intervalMs].map(String)])
}

/** A fixture of this directory in that host. */
export function run(host: Host, fixture: string, args: readonly string[]): Running {
  const child = host.start(process.execPath, [join(import.meta.dirname, fixture), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: Line[] = []
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const at = performance.now()
    const all = `${rest}${text}`.split('\n')
    rest = all.pop() ?? ''
    for (const line of all) lines.push({ at, words: line.split(' ') })
  })
  return {
    process: child,
    lines,
    of: word => lines.filter(({ words }) => words[0] === word),
    kill: (signal = 'SIGTERM') => child.kill(signal),
  }
}
