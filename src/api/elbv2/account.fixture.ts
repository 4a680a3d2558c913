import type { Certificate } from '../../domain/certificate.ts'
import type { Instance, Subnet, Vpc } from '../../domain/network.ts'
import { applyChanges } from '../../domain/state.ts'
import { Calls } from '../calls.fixture.ts'
import { ApiError } from '../errors.ts'
import { CreateListener } from './listeners.ts'
import { CreateLoadBalancer } from './load-balancers.ts'
import { CreateTargetGroup } from './target-groups.ts'

/**
 * An account for tests of actions: beside the default VPC with its two zones, a VPC 10.0.0.0/16 with two subnets and two
 * running instances.
 */
export class Account extends Calls {
  readonly defaultSubnetIds = [...this.state.subnets.keys()]
  readonly defaultGroupId = [...this.state.securityGroups.keys()][0] ?? ''

  constructor() {
    super()
    this.state = applyChanges(this.state, 1, [
      { table: 'vpcs', key: vpc.id, value: vpc },
      ...subnets.map(value => ({ table: 'subnets', key: value.id, value }) as const),
      ...instances.map(value => ({ table: 'instances', key: value.id, value }) as const),
    ])
  }

  /** A Network Load Balancer in the default VPC; answers its ARN. */
  loadBalancer(input: Partial<Parameters<typeof CreateLoadBalancer>[0]> = {}): string {
    const output = this.run(CreateLoadBalancer, {
      Name: 'hello',
      Type: 'network',
      Subnets: input.SubnetMappings === undefined ? [...this.defaultSubnetIds] : undefined,
      ...input,
    })
    return output.LoadBalancers?.[0]?.LoadBalancerArn ?? ''
  }

  /** A target group of type ip in the default VPC; answers its ARN. */
  targetGroup(input: Partial<Parameters<typeof CreateTargetGroup>[0]> = {}): string {
    const output = this.run(CreateTargetGroup, {
      Name: 'blue',
      Protocol: 'UDP',
      Port: 9000,
      VpcId: this.defaultVpcId,
      TargetType: 'ip',
      ...input,
    })
    return output.TargetGroups?.[0]?.TargetGroupArn ?? ''
  }

  /** A listener on UDP port 8080; answers its ARN. */
  listener(loadBalancer: string, group: string, input: Partial<Parameters<typeof CreateListener>[0]> = {}): string {
    const output = this.run(CreateListener, {
      LoadBalancerArn: loadBalancer,
      Protocol: 'UDP',
      Port: 8080,
      DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
      ...input,
    })
    return output.Listeners?.[0]?.ListenerArn ?? ''
  }
}

/**
 * An account with an Application Load Balancer `web`, the HTTP target groups `blue` and `green`, and a listener on HTTP port 80 that
 * answers 404 by itself.
 */
export class WebAccount extends Account {
  readonly web = this.loadBalancer({ Name: 'web', Type: 'application' })
  readonly blue = this.httpGroup({ Name: 'blue' })
  readonly green = this.httpGroup({ Name: 'green' })
  readonly http = this.httpListener()

  httpGroup(input: Partial<Parameters<typeof CreateTargetGroup>[0]> = {}): string {
    return this.targetGroup({ Protocol: 'HTTP', Port: 8080, ...input })
  }

  httpListener(input: Partial<Parameters<typeof CreateListener>[0]> = {}): string {
    return this.listener(this.web, '', {
      Protocol: 'HTTP',
      Port: 80,
      DefaultActions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
      ...input,
    })
  }

  /** An HTTPS listener on port 443 with a certificate of its own. */
  httpsListener(input: Partial<Parameters<typeof CreateListener>[0]> = {}): string {
    const Certificates = [{ CertificateArn: this.certificate() }]
    return this.httpListener({ Protocol: 'HTTPS', Port: 443, Certificates, ...input })
  }

  /** A record of a certificate; what it holds nobody reads here. */
  certificate(): string {
    const arn = `arn:aws:acm:us-east-1:000000000000:certificate/${this.state.certificates.size}`
    const value: Certificate = {
      arn,
      type: 'IMPORTED',
      certificate: '',
      chain: '',
      privateKey: '',
      domainName: 'example.com',
      names: ['example.com'],
      keyAlgorithm: 'RSA_2048',
      notBefore: 0,
      notAfter: this.now,
      createdAt: 0,
      tags: [],
    }
    this.state = applyChanges(this.state, this.state.revision + 1, [{ table: 'certificates', key: arn, value }])
    return arn
  }
}

/** For `assert.throws`: an error of AWS with this code and a text that contains, or matches, `text`. */
export function awsError(code: string, text: string | RegExp): (error: unknown) => true {
  return error => {
    if (!(error instanceof ApiError)) throw error
    const matches = typeof text === 'string' ? error.message.includes(text) : text.test(error.message)
    if (error.code !== code || !matches)
      throw new Error(`expected ${code} (${text}), got ${error.code} (${error.message})`)
    return true
  }
}

export const vpc: Vpc = { id: 'vpc-0aaa', cidrBlock: '10.0.0.0/16', isDefault: false, tags: [] }

export const subnets: readonly Subnet[] = [
  {
    id: 'subnet-0aaa1',
    vpcId: vpc.id,
    zoneName: 'local-1a',
    cidrBlock: '10.0.1.0/24',
    ipv6CidrBlock: 'fd00:1::/64',
    defaultForAz: false,
    tags: [],
  },
  {
    id: 'subnet-0aaa2',
    vpcId: vpc.id,
    zoneName: 'local-1b',
    cidrBlock: '10.0.2.0/24',
    defaultForAz: false,
    tags: [],
  },
]

export const instances: readonly Instance[] = ['10.0.1.20', '10.0.2.20'].map((privateIpAddress, i) => ({
  id: `i-0000000000000000${i + 1}`,
  imageId: 'ami-1',
  instanceType: 't3.micro',
  state: 'running',
  subnetId: subnets[i]?.id ?? '',
  vpcId: vpc.id,
  privateIpAddress,
  securityGroups: [],
  launchTime: 0,
  reservationId: 'r-1',
  tags: [],
}))
