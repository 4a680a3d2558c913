import type { Certificate } from './certificate.ts'
import type { Health } from './health.ts'
import type { Listener, LoadBalancer } from './load-balancer.ts'
import type { Instance, Subnet } from './network.ts'
import type { Rule } from './rule.ts'
import type { SecurityGroup, SecurityGroupPeer, SecurityGroupRule } from './security-group.ts'
import { applyChanges, type Change, emptyState, type State } from './state.ts'
import { type Target, type TargetGroup, targetKey } from './target-group.ts'

/** Desired states for tests: a VPC 10.0.0.0/16 with the subnets 10.0.1.0/24 in zone `a` and 10.0.2.0/24 in zone `b`. */
export const now = Date.UTC(2026, 0, 1)

export function subnet(zoneName: string, cidrBlock: string, extra: Partial<Subnet> = {}): Subnet {
  return { id: `subnet-${zoneName}`, vpcId: 'vpc-1', zoneName, cidrBlock, defaultForAz: false, tags: [], ...extra }
}

/** The load balancer's addresses are 10.0.1.4 in zone `a` and 10.0.2.4 in zone `b`; dualstack, fd00:1::4 and fd00:2::4 too. */
export function loadBalancer(extra: Partial<LoadBalancer> = {}): LoadBalancer {
  const dualstack = extra.ipAddressType === 'dualstack'
  return {
    arn: 'arn:lb',
    name: 'lb',
    type: 'network',
    scheme: 'internal',
    vpcId: 'vpc-1',
    ipAddressType: 'ipv4',
    dnsName: 'lb-1.elb.sluice.internal',
    createdTime: now,
    zones: [
      { zoneName: 'a', subnetId: 'subnet-a', ipv4Address: '10.0.1.4', ...(dualstack && { ipv6Address: 'fd00:1::4' }) },
      { zoneName: 'b', subnetId: 'subnet-b', ipv4Address: '10.0.2.4', ...(dualstack && { ipv6Address: 'fd00:2::4' }) },
    ],
    securityGroups: [],
    enforceInboundRulesOnPrivateLink: 'on',
    attributes: {},
    tags: [],
    ...extra,
  }
}

export function listener(extra: Partial<Listener> = {}): Listener {
  return {
    arn: 'arn:listener',
    loadBalancerArn: 'arn:lb',
    port: 80,
    protocol: 'TCP',
    forward: [{ targetGroupArn: 'arn:tg', weight: 1 }],
    attributes: {},
    tags: [],
    ...extra,
  }
}

export function targetGroup(extra: Partial<TargetGroup> = {}): TargetGroup {
  return {
    arn: 'arn:tg',
    name: 'tg',
    protocol: 'TCP',
    port: 8080,
    vpcId: 'vpc-1',
    targetType: 'ip',
    ipAddressType: 'ipv4',
    healthCheck: {
      protocol: 'TCP',
      port: 'traffic-port',
      path: '/',
      intervalSeconds: 30,
      timeoutSeconds: 10,
      healthyThresholdCount: 5,
      unhealthyThresholdCount: 2,
      matcher: '200-399',
    },
    attributes: {},
    targets: [],
    tags: [],
    ...extra,
  }
}

/** Of type application, at the same addresses. */
export function applicationLoadBalancer(extra: Partial<LoadBalancer> = {}): LoadBalancer {
  const arn = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/app/site/50dc6c495c0c9188'
  return loadBalancer({ arn, name: 'site', type: 'application', secret: '00'.repeat(32), ...extra })
}

/** An HTTP listener of `applicationLoadBalancer`. */
export function httpListener(extra: Partial<Listener> = {}): Listener {
  return listener({ arn: 'arn:http', loadBalancerArn: applicationLoadBalancer().arn, protocol: 'HTTP', ...extra })
}

/** A rule of `httpListener`, for the path `/PRIORITY`. */
export function rule(priority: number, extra: Partial<Rule> = {}): Rule {
  return {
    arn: `arn:rule:${priority}`,
    listenerArn: 'arn:http',
    priority,
    conditions: [{ field: 'path-pattern', values: [`/${priority}`], regexValues: [] }],
    forward: [{ targetGroupArn: 'arn:tg', weight: 1 }],
    tags: [],
    ...extra,
  }
}

/** Neither it nor its key could be used. */
export function certificate(arn: string, extra: Partial<Certificate> = {}): Certificate {
  return {
    arn,
    type: 'IMPORTED',
    certificate: `CERTIFICATE ${arn}\n`,
    chain: '',
    privateKey: `KEY ${arn}\n`,
    domainName: 'example.com',
    names: ['example.com', '*.example.com'],
    keyAlgorithm: 'RSA_2048',
    notBefore: now,
    notAfter: now + 86_400_000,
    createdAt: now,
    tags: [],
    ...extra,
  }
}

export function target(id: string, extra: Partial<Target> = {}): Target {
  return { id, port: 8080, ...extra }
}

export function instance(id: string, extra: Partial<Instance> = {}): Instance {
  return {
    id,
    imageId: 'ami-1',
    instanceType: 't3.micro',
    state: 'running',
    subnetId: 'subnet-a',
    vpcId: 'vpc-1',
    privateIpAddress: '10.0.1.20',
    securityGroups: [],
    launchTime: now,
    reservationId: 'r-1',
    tags: [],
    ...extra,
  }
}

/** A security group with these inbound rules, each `PROTOCOL FROM-TO`, `PROTOCOL` or `-1`, and a peer. */
export function securityGroup(id: string, rules: readonly (readonly [string, SecurityGroupPeer])[]): SecurityGroup {
  return {
    id,
    name: id,
    description: id,
    vpcId: 'vpc-1',
    rules: rules.map(([what, peer], i): SecurityGroupRule => {
      const [ipProtocol = '', ports] = what.split(' ')
      const [, fromPort, toPort] = /^(-?\d+)-(-?\d+)$/.exec(ports ?? '')?.map(Number) ?? []
      const range = fromPort !== undefined && toPort !== undefined ? { fromPort, toPort } : {}
      return { id: `sgr-${id}-${i}`, isEgress: false, ipProtocol, ...range, peer, tags: [] }
    }),
    tags: [],
  }
}

export function health(verdict: Health['verdict'], extra: Partial<Health> = {}): Health {
  return { verdict, since: now, against: 0, results: [], ...extra }
}

/** Health by `targetKey` of targets of `arn:tg`, port 8080. */
export function healthOf(verdicts: Record<string, Health>): ReadonlyMap<string, Health> {
  return new Map(Object.entries(verdicts).map(([id, its]) => [targetKey('arn:tg', { id, port: 8080 }), its]))
}

interface Records {
  readonly subnets?: readonly Subnet[]
  readonly securityGroups?: readonly SecurityGroup[]
  readonly instances?: readonly Instance[]
  readonly loadBalancers?: readonly LoadBalancer[]
  readonly listeners?: readonly Listener[]
  readonly rules?: readonly Rule[]
  readonly certificates?: readonly Certificate[]
  readonly targetGroups?: readonly TargetGroup[]
}

/** `before` with these records put in place, one revision later. */
export function stateWith(records: Records, before: State = emptyState): State {
  const subnets = records.subnets ?? [subnet('a', '10.0.1.0/24'), subnet('b', '10.0.2.0/24')]
  const changes: Change[] = [
    ...subnets.map(value => ({ table: 'subnets', key: value.id, value }) as const),
    ...(records.securityGroups ?? []).map(value => ({ table: 'securityGroups', key: value.id, value }) as const),
    ...(records.instances ?? []).map(value => ({ table: 'instances', key: value.id, value }) as const),
    ...(records.loadBalancers ?? []).map(value => ({ table: 'loadBalancers', key: value.arn, value }) as const),
    ...(records.listeners ?? []).map(value => ({ table: 'listeners', key: value.arn, value }) as const),
    ...(records.rules ?? []).map(value => ({ table: 'rules', key: value.arn, value }) as const),
    ...(records.certificates ?? []).map(value => ({ table: 'certificates', key: value.arn, value }) as const),
    ...(records.targetGroups ?? []).map(value => ({ table: 'targetGroups', key: value.arn, value }) as const),
  ]
  return applyChanges(before, before.revision + 1, changes)
}

/** So many groups of ten healthy targets, each with a listener of its own. */
export function manyGroups(count: number) {
  const groups: TargetGroup[] = Array.from({ length: count }, (_, i) =>
    targetGroup({ arn: `arn:tg:${i}`, targets: Array.from({ length: 10 }, (_, n) => target(`10.0.1.${n + 10}`)) }),
  )
  const state = stateWith({
    loadBalancers: [loadBalancer({ securityGroups: ['sg-1'] })],
    securityGroups: [securityGroup('sg-1', [['-1', { cidrIpv4: '0.0.0.0/0' }]])],
    listeners: groups.map(({ arn }, i) =>
      listener({ arn: `arn:listener:${i}`, port: i + 1, forward: [{ targetGroupArn: arn, weight: 1 }] }),
    ),
    targetGroups: groups,
  })
  const known = new Map(
    groups.flatMap(({ arn, targets }) => targets.map(one => [targetKey(arn, one), health('healthy')])),
  )
  return { state, known, groups }
}
