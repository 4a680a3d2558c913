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
  ['an HTTP protocol', { Protocol: 'HTTP' }, 'InvalidConfigurationRequest', 'HTTP protocol are not offered'],
  ['lambda targets', { TargetType: 'lambda' }, 'InvalidConfigurationRequest', "target type 'lambda'"],
  ['IPv6 instances', { TargetType: 'instance', IpAddressType: 'ipv6' }, 'InvalidConfigurationRequest', "'ipv6'"],
  ['a protocol version', { ProtocolVersion: 'HTTP1' }, 'ValidationError', 'protocol version'],
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
    awsError('DuplicateTargetGroupName', 'A target group with the specified name already exists.'),
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
