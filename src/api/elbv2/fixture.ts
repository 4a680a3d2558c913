import { defaultNetwork } from '../../domain/default-network.ts'
import type { Health } from '../../domain/health.ts'
import type { Instance, Subnet, Vpc } from '../../domain/network.ts'
import { applyChanges, emptyState, type State } from '../../domain/state.ts'
import { type Call, Draft } from '../call.ts'
import { ApiError } from '../errors.ts'
import { createListener } from './listeners.ts'
import { createLoadBalancer } from './load-balancers.ts'
import { createTargetGroup } from './target-groups.ts'

/**
 * An account for tests of actions: the default VPC with two zones, a VPC 10.0.0.0/16 with two subnets and two running
 * instances, and a host that has 10.0.1.10 of the first of these. Each action that answers is committed.
 */
export class Account {
  state: State
  now = Date.UTC(2026, 0, 1)
  readonly health = new Map<string, Health>()
  readonly defaultVpcId: string
  readonly defaultSubnetIds: readonly string[]
  readonly defaultGroupId: string
  #ids = 0

  constructor() {
    const network = defaultNetwork('000000000000', 'us-east-1', true)
    this.state = applyChanges(emptyState, 1, [
      ...network,
      { table: 'vpcs', key: vpc.id, value: vpc },
      ...subnets.map(value => ({ table: 'subnets', key: value.id, value }) as const),
      ...instances.map(value => ({ table: 'instances', key: value.id, value }) as const),
    ])
    const of = (table: string) => network.filter(change => change.table === table).map(change => change.key)
    this.defaultVpcId = of('vpcs')[0] ?? ''
    this.defaultSubnetIds = of('subnets')
    this.defaultGroupId = of('securityGroups')[0] ?? ''
  }

  /** Runs an action as the server does: its changes are kept if it answers, and none if it throws. */
  run<Input, Output>(action: (input: Input, call: Call) => Output, input: Input): Output {
    const draft = new Draft(this.state)
    const output = action(input, {
      draft,
      account: '000000000000',
      region: 'us-east-1',
      now: this.now,
      hex: length => (++this.#ids).toString(16).padStart(length, '0'),
      host: { own: ['127.0.0.1', '10.0.1.10'], range: '198.18.0.0/15', ipv6Range: 'fd00::/64' },
      health: key => this.health.get(key),
      accessKeyId: 'test',
    })
    if (draft.changes.length > 0) this.state = applyChanges(this.state, this.state.revision + 1, draft.changes)
    return output
  }

  /** A Network Load Balancer in the default VPC; answers its ARN. */
  loadBalancer(input: Partial<Parameters<typeof createLoadBalancer>[0]> = {}): string {
    const output = this.run(createLoadBalancer, {
      Name: 'hello',
      Type: 'network',
      Subnets: input.SubnetMappings === undefined ? [...this.defaultSubnetIds] : undefined,
      ...input,
    })
    return output.LoadBalancers?.[0]?.LoadBalancerArn ?? ''
  }

  /** A target group of type ip in the default VPC; answers its ARN. */
  targetGroup(input: Partial<Parameters<typeof createTargetGroup>[0]> = {}): string {
    const output = this.run(createTargetGroup, {
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
  listener(loadBalancer: string, group: string, input: Partial<Parameters<typeof createListener>[0]> = {}): string {
    const output = this.run(createListener, {
      LoadBalancerArn: loadBalancer,
      Protocol: 'UDP',
      Port: 8080,
      DefaultActions: [{ Type: 'forward', TargetGroupArn: group }],
      ...input,
    })
    return output.Listeners?.[0]?.ListenerArn ?? ''
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
