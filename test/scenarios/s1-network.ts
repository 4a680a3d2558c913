/**
 * S1 between hosts (hosts.ts), asked for through any client of AWS's: a VPC over the balancer's links, a load balancer at 10.9.0.1
 * with a security group, and two instances, targets 1 and 2, with one that admits what the load balancer's group sends.
 */
import type { Driver } from './drivers.ts'
import { until } from './sluice.ts'

export const port = 8080

/** S1.4: the fastest that AWS allows. */
const healthCheck = {
  HealthCheckProtocol: 'TCP',
  HealthCheckIntervalSeconds: 5,
  HealthCheckTimeoutSeconds: 2,
  HealthyThresholdCount: 2,
  UnhealthyThresholdCount: 2,
}

export class S1Network {
  readonly #aws: Driver
  readonly #vpcId: string
  readonly #subnets: readonly string[]

  /** A VPC for 10.9.0.0/16 with a subnet for each of the balancer's links: 10.9.0.0/24 to the client, 10.9.N.0/24 to target N. */
  static async create(aws: Driver, targetCount: number): Promise<S1Network> {
    const { Vpc } = await aws('ec2', 'CreateVpc', { CidrBlock: '10.9.0.0/16' })
    const subnets = Array.from({ length: 1 + targetCount }, async (_, n) => {
      const wish = { VpcId: Vpc.VpcId, CidrBlock: `10.9.${n}.0/24`, AvailabilityZone: 'local-1a' }
      return (await aws('ec2', 'CreateSubnet', wish)).Subnet.SubnetId
    })
    return new S1Network(aws, Vpc.VpcId, await Promise.all(subnets))
  }

  constructor(aws: Driver, vpcId: string, subnets: readonly string[]) {
    this.#aws = aws
    this.#vpcId = vpcId
    this.#subnets = subnets
  }

  /** A security group that admits to the service's port whom `rules` say, by protocol; its id. */
  async securityGroup(name: string, rules: Readonly<Record<string, object>>): Promise<string> {
    const { GroupId } = await this.#aws('ec2', 'CreateSecurityGroup', {
      GroupName: name,
      Description: name,
      VpcId: this.#vpcId,
    })
    const IpPermissions = Object.entries(rules).map(([IpProtocol, source]) => ({
      IpProtocol,
      FromPort: port,
      ToPort: port,
      ...source,
    }))
    if (IpPermissions.length > 0) {
      await this.#aws('ec2', 'AuthorizeSecurityGroupIngress', { GroupId, IpPermissions })
    }
    return GroupId
  }

  /** An internal one at the balancer's address on link N, 10.9.N.1; its ARN. */
  async loadBalancer(link: number, securityGroup: string): Promise<string> {
    const wish = {
      Name: 's1',
      Type: 'network',
      Subnets: [this.#subnets[link]],
      SecurityGroups: [securityGroup],
      Scheme: 'internal',
    }
    return (await this.#aws('elbv2', 'CreateLoadBalancer', wish)).LoadBalancers[0].LoadBalancerArn
  }

  /** A name for the host at this address on link N; its id. */
  async instance(link: number, address: string, securityGroup: string): Promise<string> {
    const { Instances } = await this.#aws('ec2', 'RunInstances', {
      ImageId: 'ami-12345678',
      MinCount: 1,
      MaxCount: 1,
      SubnetId: this.#subnets[link],
      PrivateIpAddress: address,
      SecurityGroupIds: [securityGroup],
    })
    return Instances[0].InstanceId
  }

  /** A group of targets on the service's port; its ARN. */
  async targetGroup(
    protocol: 'TCP' | 'UDP' | 'TCP_UDP',
    targetType: 'instance' | 'ip',
    targets: readonly string[],
    attributes: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const wish = {
      Name: `s1-${protocol.replace('_', '')}`,
      Protocol: protocol,
      Port: port,
      VpcId: this.#vpcId,
      TargetType: targetType,
    }
    const { TargetGroups } = await this.#aws('elbv2', 'CreateTargetGroup', { ...wish, ...healthCheck })
    const { TargetGroupArn } = TargetGroups[0]
    const Attributes = Object.entries(attributes).map(([Key, Value]) => ({ Key, Value }))
    if (Attributes.length > 0) await this.#aws('elbv2', 'ModifyTargetGroupAttributes', { TargetGroupArn, Attributes })
    await this.#aws('elbv2', 'RegisterTargets', { TargetGroupArn, Targets: targets.map(Id => ({ Id })) })
    return TargetGroupArn
  }

  async listener(
    loadBalancer: string,
    protocol: 'TCP' | 'UDP' | 'TCP_UDP',
    targetGroup: string,
    listenerPort = port,
  ): Promise<void> {
    await this.#aws('elbv2', 'CreateListener', {
      LoadBalancerArn: loadBalancer,
      Protocol: protocol,
      Port: listenerPort,
      DefaultActions: [{ Type: 'forward', TargetGroupArn: targetGroup }],
    })
  }

  /** What the API says of a target: its state, and the reason where it has one. */
  async health(targetGroup: string): Promise<Readonly<Record<string, string>>> {
    const { TargetHealthDescriptions } = await this.#aws('elbv2', 'DescribeTargetHealth', {
      TargetGroupArn: targetGroup,
    })
    return Object.fromEntries(
      TargetHealthDescriptions.map(
        ({ Target, TargetHealth }: { Target: { Id: string }; TargetHealth: { State: string; Reason?: string } }) => [
          Target.Id,
          [TargetHealth.State, TargetHealth.Reason].filter(word => word !== undefined).join(' '),
        ],
      ),
    )
  }

  async allHealthy(targetGroup: string): Promise<void> {
    await until('all targets are healthy', async () =>
      Object.values(await this.health(targetGroup)).every(state => state === 'healthy'),
    )
  }
}
