/** What scenarios ask of the API, in a line each: load balancers, groups, targets, listeners. */
import { EC2 } from '@aws-sdk/client-ec2'
import {
  type Action,
  ElasticLoadBalancingV2,
  type ProtocolEnum,
  type RuleCondition,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Status } from '../../src/status.ts'
import { outlasting } from './outlasting.ts'
import { until } from './sluice.ts'

export class Network {
  readonly elbv2: ElasticLoadBalancingV2
  readonly ec2: EC2
  /** For what only looks how far things are. */
  readonly #observer: ElasticLoadBalancingV2
  readonly #endpoint: string
  readonly #subnets = new Map<string, Promise<{ readonly subnetId: string; readonly vpcId: string }>>()
  #names = 0

  /** @param elbv2 whom to change load balancers with; the SDK's unless given */
  constructor(endpoint: string, elbv2?: ElasticLoadBalancingV2) {
    this.#endpoint = endpoint
    const configuration = {
      endpoint,
      region: 'us-east-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      retryStrategy: outlasting,
    }
    this.#observer = new ElasticLoadBalancingV2(configuration)
    this.elbv2 = elbv2 ?? this.#observer
    this.ec2 = new EC2(configuration)
  }

  /** The default VPC's, in this zone. */
  subnet(zone = 'local-1a') {
    return this.#subnets.getOrInsertComputed(zone, async () => {
      const { Subnets = [] } = await this.ec2.describeSubnets({
        Filters: [{ Name: 'availability-zone', Values: [zone] }],
      })
      return { subnetId: String(Subnets[0]?.SubnetId), vpcId: String(Subnets[0]?.VpcId) }
    })
  }

  /** A load balancer on 127.0.0.1; its ARN. */
  async loadBalancer(): Promise<string> {
    const { subnetId } = await this.subnet()
    const { LoadBalancers = [] } = await this.elbv2.createLoadBalancer({
      Name: this.#name('lb'),
      Type: 'network',
      Subnets: [subnetId],
    })
    return String(LoadBalancers[0]?.LoadBalancerArn)
  }

  /** An Application Load Balancer on 127.0.0.1 and 127.0.0.2 that admits everyone; its ARN. */
  async applicationLoadBalancer(attributes: Readonly<Record<string, string>> = {}): Promise<string> {
    const zones = [await this.subnet('local-1a'), await this.subnet('local-1b')]
    const name = this.#name('alb')
    const { GroupId } = await this.ec2.createSecurityGroup({
      GroupName: name,
      Description: 'everyone',
      VpcId: zones[0]!.vpcId,
    })
    await this.ec2.authorizeSecurityGroupIngress({
      GroupId,
      IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
    })
    const { LoadBalancers = [] } = await this.elbv2.createLoadBalancer({
      Name: name,
      Type: 'application',
      Subnets: zones.map(({ subnetId }) => subnetId),
      SecurityGroups: [String(GroupId)],
    })
    const LoadBalancerArn = String(LoadBalancers[0]?.LoadBalancerArn)
    const Attributes = Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }))
    if (Attributes.length > 0) await this.elbv2.modifyLoadBalancerAttributes({ LoadBalancerArn, Attributes })
    return LoadBalancerArn
  }

  /** A group of ip targets, checked every 5 s, unhealthy after two failures, with these targets; its ARN. */
  async targetGroup(
    protocol: ProtocolEnum,
    targets: readonly { address: string; port: number }[],
    attributes: Readonly<Record<string, string>> = {},
    healthCheck: object = {},
  ): Promise<string> {
    const { vpcId } = await this.subnet()
    const { TargetGroups = [] } = await this.elbv2.createTargetGroup({
      Name: this.#name('tg'),
      Protocol: protocol,
      Port: 1,
      VpcId: vpcId,
      TargetType: 'ip',
      HealthCheckIntervalSeconds: 5,
      HealthCheckTimeoutSeconds: 2,
      HealthyThresholdCount: 2,
      UnhealthyThresholdCount: 2,
      ...healthCheck,
    })
    const arn = String(TargetGroups[0]?.TargetGroupArn)
    const Attributes = Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }))
    if (Attributes.length > 0) await this.elbv2.modifyTargetGroupAttributes({ TargetGroupArn: arn, Attributes })
    if (targets.length > 0) await this.register(arn, ...targets)
    return arn
  }

  async register(group: string, ...targets: readonly { address: string; port: number }[]): Promise<void> {
    await this.elbv2.registerTargets({
      TargetGroupArn: group,
      Targets: targets.map(({ address, port }) => ({ Id: address, Port: port })),
    })
  }

  async deregister(group: string, ...targets: readonly { address: string; port: number }[]): Promise<void> {
    await this.elbv2.deregisterTargets({
      TargetGroupArn: group,
      Targets: targets.map(({ address, port }) => ({ Id: address, Port: port })),
    })
  }

  /** A listener that forwards to these groups with these weights; its ARN. */
  async listener(
    loadBalancer: string,
    protocol: ProtocolEnum,
    port: number,
    groups: Readonly<Record<string, number>>,
  ): Promise<string> {
    const { Listeners = [] } = await this.elbv2.createListener({
      LoadBalancerArn: loadBalancer,
      Protocol: protocol,
      Port: port,
      DefaultActions: [forward(groups)],
    })
    await this.inPlace()
    return String(Listeners[0]?.ListenerArn)
  }

  /** A rule of a listener; its ARN. */
  async rule(listener: string, Priority: number, Conditions: RuleCondition[], action: Action): Promise<string> {
    const { Rules = [] } = await this.elbv2.createRule({
      ListenerArn: listener,
      Priority,
      Conditions,
      Actions: [action],
    })
    await this.inPlace()
    return String(Rules[0]?.RuleArn)
  }

  async forward(listener: string, groups: Readonly<Record<string, number>>): Promise<void> {
    await this.elbv2.modifyListener({ ListenerArn: listener, DefaultActions: [forward(groups)] })
  }

  /** The API answers before the node has acted; this waits for it. */
  async inPlace(): Promise<void> {
    await until('what was asked for is in place', async () => {
      const response = await fetch(`${this.#endpoint}/_sluice/status`, { headers: { authorization: 'test' } })
      const { revision, node } = (await response.json()) as Status
      return node.revision >= revision
    })
  }

  /** State by target address. */
  async health(group: string): Promise<Record<string, string>> {
    const { TargetHealthDescriptions = [] } = await this.#observer.describeTargetHealth({ TargetGroupArn: group })
    return Object.fromEntries(
      TargetHealthDescriptions.map(({ Target, TargetHealth }) => [String(Target?.Id), String(TargetHealth?.State)]),
    )
  }

  async allHealthy(group: string): Promise<void> {
    await until('all targets are healthy', async () => {
      const states = Object.values(await this.health(group))
      return states.length > 0 && states.every(state => state === 'healthy')
    })
  }

  #name(prefix: string): string {
    return `${prefix}-${++this.#names}-${process.pid}`
  }
}

/** A forward action to these groups with these weights. */
export function forward(groups: Readonly<Record<string, number>>) {
  return {
    Type: 'forward' as const,
    ForwardConfig: {
      TargetGroups: Object.entries(groups).map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })),
    },
  }
}
