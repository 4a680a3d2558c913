import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account, awsError } from './account.fixture.ts'
import { CreateTargetGroup, DeleteTargetGroup, DescribeTargetGroups, ModifyTargetGroup } from './target-groups.ts'

test('a target group has the defaults of Network Load Balancers', () => {
  const account = new Account()
  const [group] =
    account.run(CreateTargetGroup, { Name: 'blue', Protocol: 'UDP', Port: 9000, VpcId: account.defaultVpcId })
      .TargetGroups ?? []
  assert.match(group?.TargetGroupArn ?? '', /:targetgroup\/blue\/[0-9a-f]{16}$/)
  assert.deepEqual(group, {
    TargetGroupArn: group?.TargetGroupArn,
    TargetGroupName: 'blue',
    Protocol: 'UDP',
    Port: 9000,
    VpcId: account.defaultVpcId,
    HealthCheckProtocol: 'TCP',
    HealthCheckPort: 'traffic-port',
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: 30,
    HealthCheckTimeoutSeconds: 10,
    HealthyThresholdCount: 5,
    UnhealthyThresholdCount: 2,
    LoadBalancerArns: [],
    TargetType: 'instance',
    IpAddressType: 'ipv4',
  })
})

test('an HTTP target group has the defaults of Application Load Balancers', () => {
  const account = new Account()
  const input = { Name: 'web', Protocol: 'HTTP', Port: 80, VpcId: account.defaultVpcId, TargetType: 'ip' } as const
  const [group] = account.run(CreateTargetGroup, input).TargetGroups ?? []
  assert.deepEqual(group, {
    TargetGroupArn: group?.TargetGroupArn,
    TargetGroupName: 'web',
    Protocol: 'HTTP',
    ProtocolVersion: 'HTTP1',
    Port: 80,
    VpcId: account.defaultVpcId,
    HealthCheckProtocol: 'HTTP',
    HealthCheckPort: 'traffic-port',
    HealthCheckEnabled: true,
    HealthCheckIntervalSeconds: 30,
    HealthCheckTimeoutSeconds: 5,
    HealthyThresholdCount: 5,
    UnhealthyThresholdCount: 2,
    HealthCheckPath: '/',
    Matcher: { HttpCode: '200' },
    LoadBalancerArns: [],
    TargetType: 'ip',
    IpAddressType: 'ipv4',
  })
})

test('gRPC, TLS and load balancer target groups have health checks of their own', () => {
  const account = new Account()
  const checkOf = (input: Parameters<Account['targetGroup']>[0]) => {
    const TargetGroupArns = [account.targetGroup(input)]
    const [group] = account.run(DescribeTargetGroups, { TargetGroupArns }).TargetGroups ?? []
    return [group?.HealthCheckProtocol, group?.HealthCheckPath, group?.Matcher, group?.HealthCheckTimeoutSeconds]
  }
  assert.deepEqual(checkOf({ Name: 'rpc', Protocol: 'HTTP', ProtocolVersion: 'GRPC' }), [
    'HTTP',
    '/AWS.ALB/healthcheck',
    { GrpcCode: '12' },
    5,
  ])
  assert.deepEqual(checkOf({ Name: 'tls', Protocol: 'TLS' }), ['TCP', undefined, undefined, 10])
  assert.deepEqual(checkOf({ Name: 'alb', Protocol: 'TCP', TargetType: 'alb' }), [
    'HTTP',
    '/',
    { HttpCode: '200-399' },
    6,
  ])
})

test('an HTTP health check has a path, a matcher and a shorter timeout by default', () => {
  const account = new Account()
  account.targetGroup({ HealthCheckProtocol: 'HTTP' })
  const [group] = account.run(DescribeTargetGroups, {}).TargetGroups ?? []
  assert.equal(group?.HealthCheckPath, '/')
  assert.deepEqual(group?.Matcher, { HttpCode: '200-399' })
  assert.equal(group?.HealthCheckTimeoutSeconds, 6)
})

test('the default timeout bends to a short interval, a given one does not', () => {
  const account = new Account()
  account.targetGroup({ HealthCheckIntervalSeconds: 5 })
  assert.equal(account.run(DescribeTargetGroups, {}).TargetGroups?.[0]?.HealthCheckTimeoutSeconds, 5)
  assert.throws(
    () => account.targetGroup({ Name: 'green', HealthCheckIntervalSeconds: 5, HealthCheckTimeoutSeconds: 6 }),
    awsError('ValidationError', "Health check timeout '6' must be smaller than or equal to the interval '5'"),
  )
})

for (const [what, input, code, text] of [
  ['a UDP health check', { HealthCheckProtocol: 'UDP' }, 'ValidationError', "'UDP' must be one of 'HTTP, HTTPS, TCP'"],
  ['a TCP_UDP health check', { HealthCheckProtocol: 'TCP_UDP' }, 'ValidationError', "'TCP_UDP' must be one of"],
  ['no health check', { HealthCheckEnabled: false }, 'ValidationError', 'Health check enabled must be true'],
  ['a path on a TCP check', { HealthCheckPath: '/' }, 'InvalidConfigurationRequest', 'paths are not supported'],
  ['a matcher on a TCP check', { Matcher: { HttpCode: '200' } }, 'InvalidConfigurationRequest', 'matchers are not'],
  ['a relative path', { HealthCheckProtocol: 'HTTP', HealthCheckPath: 'up' }, 'ValidationError', "begin with a '/'"],
  ['a bad matcher', { HealthCheckProtocol: 'HTTP', Matcher: { HttpCode: '2xx' } }, 'ValidationError', 'HttpCode must'],
  [
    'a matcher backwards',
    { HealthCheckProtocol: 'HTTP', Matcher: { HttpCode: '399-200' } },
    'ValidationError',
    'HttpC',
  ],
  ['a matcher beyond', { HealthCheckProtocol: 'HTTP', Matcher: { HttpCode: '600' } }, 'ValidationError', 'HttpCode'],
  ['a bad health check port', { HealthCheckPort: '70000' }, 'ValidationError', "Health check port '70000'"],
  ['no protocol', { Protocol: undefined }, 'ValidationError', 'A protocol must be specified'],
  ['no port', { Port: undefined }, 'ValidationError', 'A port must be specified'],
  ['no VPC', { VpcId: undefined }, 'ValidationError', 'A VPC ID must be specified'],
  ['an unknown VPC', { VpcId: 'vpc-0' }, 'ValidationError', "The VPC ID 'vpc-0' is not found"],
  ['a GENEVE protocol', { Protocol: 'GENEVE' }, 'InvalidConfigurationRequest', 'GENEVE protocol are not offered'],
  ['lambda targets', { TargetType: 'lambda' }, 'InvalidConfigurationRequest', "target type 'lambda'"],
  ['IPv6 instances', { TargetType: 'instance', IpAddressType: 'ipv6' }, 'InvalidConfigurationRequest', "'ipv6'"],
  ['a protocol version', { ProtocolVersion: 'HTTP1' }, 'ValidationError', 'protocol version'],
  [
    'a TCP check of HTTP targets',
    { Protocol: 'HTTP', HealthCheckProtocol: 'TCP' },
    'ValidationError',
    "'TCP' must be one of 'HTTP, HTTPS'",
  ],
  [
    'a 5xx matcher for HTTP targets',
    { Protocol: 'HTTP', Matcher: { HttpCode: '500' } },
    'ValidationError',
    'within 200-499',
  ],
  [
    'a timeout of the interval for HTTP targets',
    { Protocol: 'HTTP', HealthCheckIntervalSeconds: 10, HealthCheckTimeoutSeconds: 10 },
    'ValidationError',
    "Health check timeout '10' must be smaller than the interval '10'",
  ],
  ['a strange protocol version', { Protocol: 'HTTP', ProtocolVersion: 'HTTP3' }, 'ValidationError', "'HTTP3' must be"],
  ['a gRPC matcher', { Protocol: 'HTTP', Matcher: { GrpcCode: '12' } }, 'InvalidConfigurationRequest', 'GRPC matchers'],
  [
    'an HTTP matcher for gRPC',
    { Protocol: 'HTTP', ProtocolVersion: 'GRPC', Matcher: { HttpCode: '200' } },
    'InvalidConfigurationRequest',
    'HTTP matchers',
  ],
  ['a control port', { Protocol: 'HTTP', TargetControlPort: 9000 }, 'InvalidConfigurationRequest', 'control port'],
  ['HTTP for a load balancer', { TargetType: 'alb', Protocol: 'HTTP' }, 'InvalidConfigurationRequest', "type 'alb'"],
  [
    'a TCP check for a load balancer',
    { TargetType: 'alb', Protocol: 'TCP', HealthCheckProtocol: 'TCP' },
    'ValidationError',
    "'TCP' must be one of 'HTTP, HTTPS'",
  ],
  ['a bad name', { Name: '-blue' }, 'ValidationError', "cannot begin or end with '-'"],
] as const) {
  test(`a target group with ${what} is refused`, () => {
    const account = new Account()
    assert.throws(
      () => account.targetGroup(input as unknown as Parameters<Account['targetGroup']>[0]),
      awsError(code, text),
    )
    assert.equal(account.state.targetGroups.size, 0)
  })
}

test('created twice with the same settings it is one target group, with others it is refused', () => {
  const account = new Account()
  const arn = account.targetGroup()
  const { revision } = account.state
  assert.equal(account.targetGroup(), arn)
  assert.equal(account.state.revision, revision)
  assert.throws(
    () => account.targetGroup({ Port: 9001 }),
    awsError(
      'DuplicateTargetGroupName',
      "A target group with the same name 'blue' exists, but with different settings",
    ),
  )
})

test('modifying a health check keeps what is not given', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup({ HealthCheckProtocol: 'HTTP', HealthCheckPath: '/up' })
  const [changed] =
    account.run(ModifyTargetGroup, { TargetGroupArn, HealthyThresholdCount: 2, HealthCheckPort: '9100' })
      .TargetGroups ?? []
  assert.equal(changed?.HealthCheckPath, '/up')
  assert.equal(changed?.HealthCheckPort, '9100')
  assert.equal(changed?.HealthyThresholdCount, 2)
  assert.throws(
    () => account.run(ModifyTargetGroup, { TargetGroupArn, HealthCheckIntervalSeconds: 5 }),
    awsError('ValidationError', "timeout '6' must be smaller than or equal to the interval '5'"),
  )
  const [tcp] = account.run(ModifyTargetGroup, { TargetGroupArn, HealthCheckProtocol: 'TCP' }).TargetGroups ?? []
  assert.equal(tcp?.HealthCheckPath, undefined)
})

test("Terraform's empty texts say nothing", () => {
  const account = new Account()
  const empty = { HealthCheckPath: '', Matcher: { HttpCode: '' } }
  const TargetGroupArn = account.targetGroup({ Protocol: 'TLS', ProtocolVersion: '', ...empty })
  const [changed] =
    account.run(ModifyTargetGroup, { TargetGroupArn, HealthCheckProtocol: 'HTTP', ...empty }).TargetGroups ?? []
  assert.equal(changed?.HealthCheckPath, '/')
  assert.deepEqual(changed?.Matcher, { HttpCode: '200-399' })
  const web = account.targetGroup({ Name: 'web', Protocol: 'HTTP', ProtocolVersion: '', ...empty })
  const [shown] = account.run(DescribeTargetGroups, { TargetGroupArns: [web] }).TargetGroups ?? []
  assert.equal(shown?.ProtocolVersion, 'HTTP1')
  assert.deepEqual(shown?.Matcher, { HttpCode: '200' })
})

test('a target group in use cannot be deleted, one that is not there is deleted already', () => {
  const account = new Account()
  const loadBalancer = account.loadBalancer()
  const TargetGroupArn = account.targetGroup()
  account.listener(loadBalancer, TargetGroupArn)
  assert.throws(
    () => account.run(DeleteTargetGroup, { TargetGroupArn }),
    awsError('ResourceInUse', `Target group '${TargetGroupArn}' is currently in use by a listener or a rule`),
  )
  const unused = account.targetGroup({ Name: 'unused' })
  account.run(DeleteTargetGroup, { TargetGroupArn: unused })
  account.run(DeleteTargetGroup, { TargetGroupArn: unused })
  assert.throws(
    () => account.run(DescribeTargetGroups, { Names: ['unused'] }),
    awsError('TargetGroupNotFound', 'One or more target groups not found'),
  )
})

test('target groups are found by load balancer, ARN or name, one of these', () => {
  const account = new Account()
  const loadBalancer = account.loadBalancer()
  const blue = account.targetGroup()
  const green = account.targetGroup({ Name: 'green' })
  account.listener(loadBalancer, blue)
  const names = (input: Parameters<typeof DescribeTargetGroups>[0]) =>
    account.run(DescribeTargetGroups, input).TargetGroups?.map(group => group.TargetGroupName)
  assert.deepEqual(names({ LoadBalancerArn: loadBalancer }), ['blue'])
  assert.deepEqual(names({ TargetGroupArns: [green] }), ['green'])
  assert.deepEqual(names({ Names: ['green', 'blue'] }), ['blue', 'green'])
  assert.deepEqual(names({}), ['blue', 'green'])
  assert.deepEqual(account.run(DescribeTargetGroups, { TargetGroupArns: [blue] }).TargetGroups?.[0]?.LoadBalancerArns, [
    loadBalancer,
  ])
  assert.throws(() => names({ Names: ['blue'], TargetGroupArns: [green] }), awsError('ValidationError', 'same time'))
})
