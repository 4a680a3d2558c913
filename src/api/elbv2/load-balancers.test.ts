import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from '../../domain/state.ts'
import { Account, awsError, subnets, vpc } from './account.fixture.ts'
import { ModifyLoadBalancerAttributes } from './attributes.ts'
import { DeleteListener, DescribeListeners } from './listeners.ts'
import { CreateLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancers } from './load-balancers.ts'
import { SetSecurityGroups } from './security-groups.ts'
import { SetIpAddressType, SetSubnets } from './subnets.ts'
import { DescribeTargetGroups } from './target-groups.ts'

test('a new load balancer is provisioning, and active when it is described', () => {
  const account = new Account()
  const output = account.run(CreateLoadBalancer, {
    Name: 'hello',
    Type: 'network',
    Subnets: [...account.defaultSubnetIds],
  })
  const created = output.LoadBalancers?.[0]
  assert.match(
    created?.LoadBalancerArn ?? '',
    /^arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer\/net\/hello\/[0-9a-f]{16}$/,
  )
  assert.match(created?.DNSName ?? '', /^hello-[0-9a-f]{16}\.elb\.sluice\.internal$/)
  assert.equal(created?.State?.Code, 'provisioning')
  assert.equal(created?.Scheme, 'internet-facing')
  assert.equal(created?.IpAddressType, 'ipv4')
  assert.equal(created?.CanonicalHostedZoneId, 'Z26RNL4JYFTOTI')
  assert.equal(created?.SecurityGroups, undefined)
  assert.deepEqual(
    created?.AvailabilityZones?.map(zone => [zone.ZoneName, zone.LoadBalancerAddresses?.[0]?.IpAddress]),
    [
      ['local-1a', '127.0.0.1'],
      ['local-1b', '127.0.0.2'],
    ],
  )
  const described = account.run(DescribeLoadBalancers, { Names: ['hello'] }).LoadBalancers?.[0]
  assert.deepEqual(described, { ...created, State: { Code: 'active' } })
})

test('created twice with the same settings it is one load balancer', () => {
  const account = new Account()
  const arn = account.loadBalancer()
  const { revision } = account.state
  assert.equal(account.loadBalancer({ Subnets: account.defaultSubnetIds.toReversed() }), arn)
  assert.equal(account.state.revision, revision)
})

test('created twice with other settings it is refused', () => {
  const account = new Account()
  account.loadBalancer()
  assert.throws(
    () => account.loadBalancer({ Scheme: 'internal' }),
    awsError(
      'DuplicateLoadBalancerName',
      /^A load balancer with the same name '[a-z]+' exists, but with different settings$/,
    ),
  )
})

for (const [what, input, code, text] of [
  ['type gateway', { Type: 'gateway' }, 'InvalidConfigurationRequest', "type 'gateway'"],
  ['a long name', { Name: 'a'.repeat(33) }, 'ValidationError', "cannot be longer than '32' characters"],
  ['a name with an underscore', { Name: 'a_b' }, 'ValidationError', 'alphanumeric characters or hyphens'],
  ['a name that ends with a hyphen', { Name: 'a-' }, 'ValidationError', "cannot begin or end with '-'"],
  ['a name of an internal one', { Name: 'internal-a' }, 'ValidationError', "cannot begin with 'internal-'"],
  ['no subnet', { Subnets: [] }, 'ValidationError', 'At least one subnet must be specified'],
  ['an unknown subnet', { Subnets: ['subnet-0'] }, 'SubnetNotFound', "'subnet-0' does not exist"],
  ['an unknown security group', { SecurityGroups: ['sg-0'] }, 'InvalidConfigurationRequest', 'One or more security'],
  [
    'an address type of application load balancers',
    { IpAddressType: 'dualstack-without-public-ipv4' },
    'InvalidConfigurationRequest',
    'not supported for load balancers of type',
  ],
  ['dualstack where a subnet is IPv4 only', { IpAddressType: 'dualstack' }, 'InvalidConfigurationRequest', 'IPv6 CIDR'],
  [
    'a tag twice',
    {
      Tags: [
        { Key: 'a', Value: '1' },
        { Key: 'a', Value: '2' },
      ],
    },
    'DuplicateTagKeys',
    "'a'",
  ],
  [
    'an elastic IP address',
    { SubnetMappings: [{ SubnetId: subnets[0]?.id, AllocationId: 'eipalloc-1' }] },
    'AllocationIdNotFound',
    "'eipalloc-1' does not exist",
  ],
  [
    'an address outside its subnet',
    { SubnetMappings: [{ SubnetId: subnets[0]?.id, PrivateIPv4Address: '10.0.2.9' }] },
    'InvalidConfigurationRequest',
    'not in the address range',
  ],
] as const) {
  test(`a load balancer with ${what} is refused`, () => {
    const account = new Account()
    const { state } = account
    assert.throws(
      () => account.loadBalancer(input as unknown as Parameters<Account['loadBalancer']>[0]),
      awsError(code, text),
    )
    assert.equal(account.state, state)
  })
}

test('subnets of two VPCs, or two of one zone, are refused', () => {
  const account = new Account()
  const [a = '', b = ''] = account.defaultSubnetIds
  assert.throws(
    () => account.loadBalancer({ Subnets: [a, subnets[1]?.id ?? ''] }),
    awsError('InvalidConfigurationRequest', `All subnets must belong to the same VPC: '${account.defaultVpcId}'`),
  )
  assert.throws(
    () => account.loadBalancer({ Subnets: [b, b] }),
    awsError('InvalidConfigurationRequest', 'multiple subnets in the same Availability Zone'),
  )
})

test('outside the default VPC each load balancer has addresses of its own, and the chosen one if it chooses', () => {
  const account = new Account()
  const [a, b] = subnets.map(subnet => subnet.id)
  account.loadBalancer({
    Name: 'one',
    SubnetMappings: [{ SubnetId: a, PrivateIPv4Address: '10.0.1.77' }, { SubnetId: b }],
  })
  account.loadBalancer({ Name: 'two', SubnetMappings: [{ SubnetId: b }] })
  const zones = account.run(DescribeLoadBalancers, {}).LoadBalancers?.map(({ AvailabilityZones }) => AvailabilityZones)
  assert.deepEqual(zones?.[0]?.[0]?.LoadBalancerAddresses, [
    { IpAddress: '10.0.1.77', PrivateIPv4Address: '10.0.1.77' },
  ])
  const [own, other] = [zones?.[0]?.[1], zones?.[1]?.[0]].map(zone => zone?.LoadBalancerAddresses?.[0]?.IpAddress)
  assert.match(own ?? '', /^198\.1[89]\./)
  assert.match(other ?? '', /^198\.1[89]\./)
  assert.notEqual(own, other)
  assert.throws(
    () => account.loadBalancer({ Name: 'three', SubnetMappings: [{ SubnetId: a, PrivateIPv4Address: '10.0.1.77' }] }),
    awsError('InvalidConfigurationRequest', "'10.0.1.77' of subnet 'subnet-0aaa1' is already in use"),
  )
})

test('pages neither repeat nor skip a load balancer, even while one goes', () => {
  const account = new Account()
  const names = ['a', 'b', 'c', 'd', 'e']
  const arns = names.map(Name => account.loadBalancer({ Name }))
  const first = account.run(DescribeLoadBalancers, { PageSize: 2 })
  assert.deepEqual(
    first.LoadBalancers?.map(each => each.LoadBalancerName),
    ['a', 'b'],
  )
  account.run(DeleteLoadBalancer, { LoadBalancerArn: arns[1] })
  const second = account.run(DescribeLoadBalancers, { PageSize: 2, Marker: first.NextMarker })
  assert.deepEqual(
    second.LoadBalancers?.map(each => each.LoadBalancerName),
    ['c', 'd'],
  )
  const last = account.run(DescribeLoadBalancers, { PageSize: 2, Marker: second.NextMarker })
  assert.deepEqual(
    last.LoadBalancers?.map(each => each.LoadBalancerName),
    ['e'],
  )
  assert.equal(last.NextMarker, undefined)
  assert.throws(() => account.run(DescribeLoadBalancers, { Marker: '!' }), awsError('ValidationError', 'marker'))
})

test('load balancers are found by ARN or by name, and an unknown one is an error', () => {
  const account = new Account()
  const arn = account.loadBalancer()
  assert.equal(account.run(DescribeLoadBalancers, { LoadBalancerArns: [arn] }).LoadBalancers?.length, 1)
  assert.throws(
    () => account.run(DescribeLoadBalancers, { LoadBalancerArns: [`${arn}0`] }),
    awsError('LoadBalancerNotFound', 'One or more load balancers not found'),
  )
  assert.throws(
    () => account.run(DescribeLoadBalancers, { Names: ['hello', 'other'] }),
    awsError('LoadBalancerNotFound', "Load balancers '[other]' not found"),
  )
  assert.throws(
    () => account.run(DescribeLoadBalancers, { LoadBalancerArns: ['nonsense'] }),
    awsError('ValidationError', "'nonsense' is not a valid load balancer ARN"),
  )
})

test('a deleted load balancer takes its listeners with it and frees its target groups', () => {
  const account = new Account()
  const arn = account.loadBalancer()
  const group = account.targetGroup()
  const listener = account.listener(arn, group)
  account.run(DeleteLoadBalancer, { LoadBalancerArn: arn })
  account.run(DeleteLoadBalancer, { LoadBalancerArn: arn })
  assert.throws(
    () => account.run(DescribeListeners, { ListenerArns: [listener] }),
    awsError('ListenerNotFound', 'One or more listeners not found'),
  )
  const [freed] = account.run(DescribeTargetGroups, { TargetGroupArns: [group] }).TargetGroups ?? []
  assert.deepEqual(freed?.LoadBalancerArns, [])
})

test('deletion protection protects', () => {
  const account = new Account()
  const arn = account.loadBalancer()
  const protect = (Value: string) =>
    account.run(ModifyLoadBalancerAttributes, {
      LoadBalancerArn: arn,
      Attributes: [{ Key: 'deletion_protection.enabled', Value }],
    })
  protect('true')
  assert.throws(
    () => account.run(DeleteLoadBalancer, { LoadBalancerArn: arn }),
    awsError('OperationNotPermitted', 'cannot be deleted because deletion protection is enabled'),
  )
  protect('false')
  account.run(DeleteLoadBalancer, { LoadBalancerArn: arn })
  assert.equal(account.state.loadBalancers.size, 0)
})

test('there are at most 50 load balancers', () => {
  const account = new Account()
  for (let i = 0; i < 50; i++) account.loadBalancer({ Name: `n${i}` })
  assert.throws(() => account.loadBalancer({ Name: 'n50' }), awsError('TooManyLoadBalancers', 'more than 50'))
})

test('a load balancer created without a security group can never be given one', () => {
  const account = new Account()
  const arn = account.loadBalancer()
  const { state } = account
  assert.throws(
    () => account.run(SetSecurityGroups, { LoadBalancerArn: arn, SecurityGroups: [account.defaultGroupId] }),
    awsError(
      'InvalidConfigurationRequest',
      'You cannot set security groups on a Network Load Balancer which was created without any security groups.',
    ),
  )
  assert.equal(account.state, state)
})

test('the security groups of one created with some are replaced, but never by none', () => {
  const account = new Account()
  const arn = account.loadBalancer({ SecurityGroups: [account.defaultGroupId] })
  const described = () => account.run(DescribeLoadBalancers, {}).LoadBalancers?.[0]
  assert.deepEqual(described()?.SecurityGroups, [account.defaultGroupId])
  assert.equal(described()?.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic, 'on')
  assert.throws(
    () => account.run(SetSecurityGroups, { LoadBalancerArn: arn, SecurityGroups: [] }),
    awsError('ValidationError', 'At least one security group'),
  )
  assert.deepEqual(
    account.run(SetSecurityGroups, {
      LoadBalancerArn: arn,
      SecurityGroups: [account.defaultGroupId],
      EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'off',
    }),
    {
      SecurityGroupIds: [account.defaultGroupId],
      EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'off',
    },
  )
  assert.equal(described()?.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic, 'off')
})

test('a load balancer has at most five security groups', () => {
  const account = new Account()
  const groups = Array.from({ length: 6 }, (_, i) => `sg-${i}`)
  account.state = applyChanges(
    account.state,
    50,
    groups.map(id => ({
      table: 'securityGroups',
      key: id,
      value: { id, name: id, description: id, vpcId: account.defaultVpcId, rules: [], tags: [] },
    })),
  )
  const tooMany = awsError('InvalidConfigurationRequest', 'cannot have more than 5 security groups')
  assert.throws(() => account.loadBalancer({ SecurityGroups: groups }), tooMany)
  const arn = account.loadBalancer({ SecurityGroups: groups.slice(1) })
  assert.throws(() => account.run(SetSecurityGroups, { LoadBalancerArn: arn, SecurityGroups: groups }), tooMany)
})

test('a zone added or removed leaves the other zones their addresses', () => {
  const account = new Account()
  const [a = '', b = ''] = subnets.map(subnet => subnet.id)
  const arn = account.loadBalancer({ Name: 'one', Subnets: [b] })
  const before = account.state.loadBalancers.get(arn)?.zones[0]
  account.run(SetSubnets, { LoadBalancerArn: arn, Subnets: [a, b] })
  assert.deepEqual(account.state.loadBalancers.get(arn)?.zones[1], before)
  const output = account.run(SetSubnets, { LoadBalancerArn: arn, Subnets: [b] })
  assert.deepEqual(
    output.AvailabilityZones?.map(zone => zone.SubnetId),
    [b],
  )
  assert.throws(
    () => account.run(SetSubnets, { LoadBalancerArn: arn, Subnets: [...account.defaultSubnetIds] }),
    awsError('InvalidConfigurationRequest', `All subnets must belong to the same VPC: '${vpc.id}'`),
  )
})

test('dualstack adds an IPv6 address to each zone, and ipv4 takes it away', () => {
  const account = new Account()
  const [a = ''] = account.defaultSubnetIds
  const arn = account.loadBalancer({ Subnets: [a] })
  const addresses = () => account.state.loadBalancers.get(arn)?.zones.map(zone => [zone.ipv4Address, zone.ipv6Address])
  account.run(SetIpAddressType, { LoadBalancerArn: arn, IpAddressType: 'dualstack' })
  assert.deepEqual(addresses(), [['127.0.0.1', '::1']])
  const ListenerArn = account.listener(arn, account.targetGroup({ IpAddressType: 'ipv6' }))
  assert.throws(
    () => account.run(SetIpAddressType, { LoadBalancerArn: arn, IpAddressType: 'ipv4' }),
    awsError('InvalidConfigurationRequest', 'can only be associated with dualstack load balancers'),
  )
  account.run(DeleteListener, { ListenerArn })
  account.run(SetIpAddressType, { LoadBalancerArn: arn, IpAddressType: 'ipv4' })
  assert.deepEqual(addresses(), [['127.0.0.1', undefined]])
})

test('application is the default type, and the default security group its security group', () => {
  const account = new Account()
  const Subnets = [...account.defaultSubnetIds]
  const [created] = account.run(CreateLoadBalancer, { Name: 'web', Subnets }).LoadBalancers ?? []
  assert.match(created?.LoadBalancerArn ?? '', /:loadbalancer\/app\/web\/[0-9a-f]{16}$/)
  assert.match(created?.DNSName ?? '', /^web-[0-9a-f]{16}\.elb\.sluice\.internal$/)
  assert.equal(created?.Type, 'application')
  assert.equal(created?.CanonicalHostedZoneId, 'Z35SXDOTRQ7X7K')
  assert.deepEqual(created?.SecurityGroups, [account.defaultGroupId])
  assert.equal(created?.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic, undefined)
  assert.deepEqual(account.run(CreateLoadBalancer, { Name: 'web', Subnets }).LoadBalancers, [
    { ...created, State: { Code: 'active' } },
  ])
  assert.throws(
    () => account.loadBalancer({ Name: 'web' }),
    awsError(
      'DuplicateLoadBalancerName',
      /^A load balancer with the same name '[a-z]+' exists, but with different settings$/,
    ),
  )
})

test('every load balancer has a secret of its own, which no answer shows', () => {
  const account = new Account()
  for (const Type of ['application', 'network'] as const) account.loadBalancer({ Name: Type, Type })
  const secrets = [...account.state.loadBalancers.values()].map(loadBalancer => loadBalancer.secret ?? '')
  for (const secret of secrets) assert.match(secret, /^[0-9a-f]{64}$/)
  assert.notEqual(secrets[0], secrets[1])
  const shown = JSON.stringify(account.run(DescribeLoadBalancers, {}))
  for (const secret of secrets) assert(!shown.includes(secret))
})

for (const [what, input, code, text] of [
  [
    'one subnet',
    { Subnets: [subnets[1]?.id] },
    'ValidationError',
    'At least two subnets in two different Availability Zones must be specified',
  ],
  [
    'a chosen address',
    { SubnetMappings: [{ SubnetId: subnets[0]?.id, PrivateIPv4Address: '10.0.1.77' }, { SubnetId: subnets[1]?.id }] },
    'InvalidConfigurationRequest',
    "Addresses cannot be specified for load balancers of type 'application'",
  ],
  [
    'no public IPv4 addresses',
    { IpAddressType: 'dualstack-without-public-ipv4' },
    'InvalidConfigurationRequest',
    'is not offered here',
  ],
] as const) {
  test(`an Application Load Balancer with ${what} is refused`, () => {
    const account = new Account()
    const asked = { Type: 'application', ...input } as unknown as Parameters<Account['loadBalancer']>[0]
    assert.throws(() => account.loadBalancer(asked), awsError(code, text))
  })
}

test('an Application Load Balancer stays in two zones, and gets other security groups but not none', () => {
  const account = new Account()
  const LoadBalancerArn = account.loadBalancer({ Type: 'application' })
  const [Subnet = ''] = account.defaultSubnetIds
  assert.throws(
    () => account.run(SetSubnets, { LoadBalancerArn, Subnets: [Subnet] }),
    awsError('ValidationError', 'At least two subnets'),
  )
  const SecurityGroups = [account.defaultGroupId]
  assert.deepEqual(account.run(SetSecurityGroups, { LoadBalancerArn, SecurityGroups }), {
    SecurityGroupIds: SecurityGroups,
  })
  assert.throws(
    () => account.run(SetSecurityGroups, { LoadBalancerArn, SecurityGroups: [] }),
    awsError('ValidationError', 'At least one security group'),
  )
  assert.throws(
    () =>
      account.run(SetSecurityGroups, {
        LoadBalancerArn,
        SecurityGroups,
        EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic: 'off',
      }),
    awsError('InvalidConfigurationRequest', "type 'application'"),
  )
})

test('in a default VPC with one zone an Application Load Balancer stands in that one', () => {
  const account = new Account()
  const [first = '', second = ''] = account.defaultSubnetIds
  account.state = applyChanges(account.state, 50, [{ table: 'subnets', key: second }])
  account.loadBalancer({ Type: 'application', Subnets: [first] })
})

test('there are 50 load balancers of each type', () => {
  const account = new Account()
  for (let i = 0; i < 50; i++) account.loadBalancer({ Name: `n${i}` })
  const web = (Name: string) => account.loadBalancer({ Name, Type: 'application' })
  for (let i = 0; i < 50; i++) web(`a${i}`)
  assert.throws(() => web('a50'), awsError('TooManyLoadBalancers', 'more than 50 application load balancers'))
})

test('addresses that are not of its subnets are refused, not forgotten', () => {
  const account = new Account()
  for (const input of [
    { CustomerOwnedIpv4Pool: 'ipv4pool-coip-1' },
    { IpamPools: { Ipv4IpamPoolId: 'ipam-pool-1' } },
    { EnablePrefixForIpv6SourceNat: 'on' },
  ] as const) {
    assert.throws(() => account.loadBalancer(input), awsError('InvalidConfigurationRequest', 'is not offered here'))
  }
  account.loadBalancer({ EnablePrefixForIpv6SourceNat: 'off' })
})
