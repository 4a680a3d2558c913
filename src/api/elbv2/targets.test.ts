import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expiredRegistrations } from '../../domain/registrations.ts'
import { applyChanges } from '../../domain/state.ts'
import { targetKey } from '../../domain/target-group.ts'
import { Account, awsError, instances, vpc } from './account.fixture.ts'
import { ModifyTargetGroupAttributes } from './attributes.ts'
import { DeregisterTargets, DescribeTargetHealth, RegisterTargets } from './targets.ts'

/** An account whose UDP group of the default VPC is in use by a load balancer in both zones. */
function started(): { account: Account; arn: string; health: () => unknown[] } {
  const account = new Account()
  const arn = account.targetGroup()
  account.listener(account.loadBalancer(), arn)
  const health = () =>
    (account.run(DescribeTargetHealth, { TargetGroupArn: arn }).TargetHealthDescriptions ?? []).map(each => [
      each.Target?.Id,
      each.TargetHealth?.State,
      each.TargetHealth?.Reason,
    ])
  return { account, arn, health }
}

test("a target takes the group's port and shows its zone and its health check's port", () => {
  const { account, arn } = started()
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }] })
  assert.deepEqual(account.run(DescribeTargetHealth, { TargetGroupArn: arn }).TargetHealthDescriptions, [
    {
      Target: { Id: '127.0.0.5', Port: 9000, AvailabilityZone: 'local-1a' },
      HealthCheckPort: '9000',
      TargetHealth: {
        State: 'initial',
        Reason: 'Elb.RegistrationInProgress',
        Description: 'Target registration is in progress',
      },
    },
  ])
})

test('a target that passes its checks is healthy, without a reason', () => {
  const { account, arn } = started()
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5', Port: 7 }] })
  account.health.set(targetKey(arn, { id: '127.0.0.5', port: 7 }), {
    verdict: 'healthy',
    registeredAt: account.now,
    since: account.now,
    against: 0,
    results: [],
  })
  const [described] = account.run(DescribeTargetHealth, { TargetGroupArn: arn }).TargetHealthDescriptions ?? []
  assert.deepEqual(described?.TargetHealth, { State: 'healthy' })
  assert.equal(described?.HealthCheckPort, '7')
})

test('registering again changes nothing', () => {
  const { account, arn } = started()
  const input = { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }, { Id: '127.0.0.5', Port: 9001 }] }
  account.run(RegisterTargets, input)
  const { revision } = account.state
  account.now += 1000
  account.run(RegisterTargets, input)
  assert.equal(account.state.revision, revision)
  assert.equal(account.state.targetGroups.get(arn)?.targets.length, 2)
})

test('a deregistered target drains for the delay and is gone after it', () => {
  const { account, arn, health } = started()
  account.run(ModifyTargetGroupAttributes, {
    TargetGroupArn: arn,
    Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '120' }],
  })
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }, { Id: '127.0.0.6' }] })
  account.run(DeregisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }] })
  const since = account.now
  account.now += 119_999
  account.run(DeregisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }, { Id: '127.0.0.9' }] })
  assert.deepEqual(account.state.targetGroups.get(arn)?.targets[0]?.deregistration, { until: since + 120_000 })
  assert.deepEqual(health(), [
    ['127.0.0.5', 'draining', 'Target.DeregistrationInProgress'],
    ['127.0.0.6', 'initial', 'Elb.RegistrationInProgress'],
  ])
  account.now += 1
  assert.deepEqual(health(), [['127.0.0.6', 'initial', 'Elb.RegistrationInProgress']])
})

test('id and port must be those of the registration to deregister it', () => {
  const { account, arn, health } = started()
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5', Port: 9001 }] })
  account.run(DeregisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }] })
  assert.deepEqual(health(), [['127.0.0.5', 'initial', 'Elb.RegistrationInProgress']])
})

test('a draining target that is registered again starts anew', () => {
  const { account, arn } = started()
  const input = { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5' }] }
  account.run(RegisterTargets, input)
  account.run(DeregisterTargets, input)
  account.now += 5000
  account.run(RegisterTargets, input)
  const registeredAt = account.now
  assert.deepEqual(account.state.targetGroups.get(arn)?.targets, [{ id: '127.0.0.5', port: 9000, registeredAt }])
})

test('a target of which only the zone is another one stays registered', () => {
  const { account, arn } = started()
  const register = (target: { AvailabilityZone?: string }) =>
    account.run(RegisterTargets, {
      TargetGroupArn: arn,
      Targets: [{ Id: '10.99.0.5', AvailabilityZone: 'all', ...target }],
    })
  register({})
  const registeredAt = account.now
  account.now += 5000
  register({ AvailabilityZone: 'local-1b' })
  const [target] = account.state.targetGroups.get(arn)?.targets ?? []
  assert.deepEqual(target, { id: '10.99.0.5', port: 9000, availabilityZone: 'local-1b', registeredAt })
})

test('a registration that is over is kept for a minute, whatever else is registered or deregistered, and then dropped', () => {
  const { account, arn, health } = started()
  const change = (action: typeof RegisterTargets | typeof DeregisterTargets, Id: string) =>
    account.run(action, { TargetGroupArn: arn, Targets: [{ Id }] })
  const kept = (state = account.state) => state.targetGroups.get(arn)?.targets.map(target => target.id)
  change(RegisterTargets, '127.0.0.5')
  change(DeregisterTargets, '127.0.0.5')
  const over = account.now + 300_000
  account.now = over
  change(RegisterTargets, '127.0.0.6')
  change(DeregisterTargets, '127.0.0.6')
  assert.deepEqual(kept(), ['127.0.0.5', '127.0.0.6'])
  assert.deepEqual(health(), [['127.0.0.6', 'draining', 'Target.DeregistrationInProgress']])
  assert.deepEqual(expiredRegistrations(account.state, over + 59_999), [])
  const changes = expiredRegistrations(account.state, over + 60_000)
  assert.deepEqual(kept(applyChanges(account.state, 99, changes)), ['127.0.0.6'])
})

test('a registration that is over leaves its place to others, and may begin anew', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup()
  const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: '0' }]
  account.run(ModifyTargetGroupAttributes, { TargetGroupArn, Attributes })
  const thousand = (Id: string) => Array.from({ length: 1000 }, (_, i) => ({ Id, Port: 10_000 + i }))
  account.run(RegisterTargets, { TargetGroupArn, Targets: thousand('127.0.0.5') })
  account.run(DeregisterTargets, { TargetGroupArn, Targets: thousand('127.0.0.5') })
  assert.deepEqual(account.run(DescribeTargetHealth, { TargetGroupArn }).TargetHealthDescriptions, [])
  const [again, ...others] = [{ Id: '127.0.0.5', Port: 10_000 }, ...thousand('127.0.0.6').slice(1)]
  account.run(RegisterTargets, { TargetGroupArn, Targets: others })
  account.run(RegisterTargets, { TargetGroupArn, Targets: [again] })
  assert.equal(account.run(DescribeTargetHealth, { TargetGroupArn }).TargetHealthDescriptions?.length, 1000)
  assert.deepEqual(account.state.targetGroups.get(TargetGroupArn)?.targets[0], {
    id: '127.0.0.5',
    port: 10_000,
    registeredAt: account.now,
  })
})

test('a target that is not registered is unused when asked for by name', () => {
  const { account, arn } = started()
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.5', Port: 9001 }] })
  const asked = (target: { Id: string; Port?: number }) =>
    account.run(DescribeTargetHealth, { TargetGroupArn: arn, Targets: [target] }).TargetHealthDescriptions?.[0]
  assert.deepEqual(asked({ Id: '127.0.0.6' }), {
    Target: { Id: '127.0.0.6', Port: 9000 },
    HealthCheckPort: '9000',
    TargetHealth: {
      State: 'unused',
      Reason: 'Target.NotRegistered',
      Description: 'Target is not registered to the target group',
    },
  })
  assert.equal(asked({ Id: '127.0.0.5', Port: 9000 })?.TargetHealth?.Reason, 'Target.NotRegistered')
  assert.equal(asked({ Id: '127.0.0.5' })?.TargetHealth?.Reason, 'Elb.RegistrationInProgress')
})

test('health asked of what can be no target is InvalidTarget', () => {
  const { account, arn } = started()
  assert.throws(
    () => account.run(DescribeTargetHealth, { TargetGroupArn: arn, Targets: [{ Id: 'i-0000' }] }),
    awsError('InvalidTarget', "'i-0000' is not a valid IPv4 address"),
  )
})

test('a group that no listener names has unused targets', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup()
  account.run(RegisterTargets, { TargetGroupArn, Targets: [{ Id: '127.0.0.5' }] })
  const [described] = account.run(DescribeTargetHealth, { TargetGroupArn }).TargetHealthDescriptions ?? []
  assert.equal(described?.TargetHealth?.Reason, 'Target.NotInUse')
})

for (const [what, target, code, text] of [
  ['a name', { Id: 'localhost' }, 'ValidationError', "The IP address 'localhost' is not a valid IPv4 address"],
  ['an octal address', { Id: '127.0.0.010' }, 'ValidationError', 'is not a valid IPv4 address'],
  ['an IPv6 address', { Id: '::1' }, 'ValidationError', 'is not a valid IPv4 address'],
  ['a public address', { Id: '8.8.8.8', AvailabilityZone: 'all' }, 'ValidationError', "'8.8.8.8' is not valid"],
  [
    'an outside address without a zone',
    { Id: '10.9.9.9' },
    'ValidationError',
    'The Availability Zone is required for IP',
  ],
  ['an outside address in no zone', { Id: '10.9.9.9', AvailabilityZone: 'x' }, 'ValidationError', "or select 'all'"],
  ['zone all inside', { Id: '127.0.0.5', AvailabilityZone: 'all' }, 'ValidationError', "to 'all' from 'local-1a'"],
  ['another zone inside', { Id: '127.0.0.5', AvailabilityZone: 'local-1b' }, 'ValidationError', "from 'local-1a'"],
  ['a QUIC server id', { Id: '127.0.0.5', QuicServerId: '0x0' }, 'ValidationError', 'QUIC'],
] as const) {
  test(`registering ${what} is refused`, () => {
    const { account, arn } = started()
    const { state } = account
    assert.throws(
      () => account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.7' }, target] }),
      awsError(code, text),
    )
    assert.equal(account.state, state)
  })
}

test('private addresses outside the VPC are targets of all zones or of one', () => {
  const { account, arn } = started()
  const Targets = [
    { Id: '10.9.9.9', AvailabilityZone: 'all' },
    { Id: '198.18.3.4', AvailabilityZone: 'local-1b' },
    { Id: '100.64.0.1', AvailabilityZone: 'all' },
  ]
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets })
  assert.deepEqual(
    account
      .run(DescribeTargetHealth, { TargetGroupArn: arn })
      .TargetHealthDescriptions?.map(each => each.Target?.AvailabilityZone),
    ['all', 'local-1b', 'all'],
  )
})

test('IPv6 groups take IPv6 addresses, in their canonical form', () => {
  const account = new Account()
  const TargetGroupArn = account.targetGroup({ IpAddressType: 'ipv6' })
  account.run(RegisterTargets, { TargetGroupArn, Targets: [{ Id: '0:0:0:0:0:0:0:1' }] })
  assert.equal(account.state.targetGroups.get(TargetGroupArn)?.targets[0]?.id, '::1')
})

test('instances must exist, run, and be in the VPC of the group', () => {
  const account = new Account()
  const [first = '', second = ''] = instances.map(instance => instance.id)
  const TargetGroupArn = account.targetGroup({ TargetType: 'instance', VpcId: vpc.id })
  const register = (group: string, Id: string, AvailabilityZone?: string) =>
    account.run(RegisterTargets, { TargetGroupArn: group, Targets: [{ Id, AvailabilityZone }] })
  assert.throws(
    () => register(TargetGroupArn, '10.0.1.20'),
    awsError('ValidationError', "Instance ID '10.0.1.20' is not valid"),
  )
  assert.throws(
    () => register(TargetGroupArn, 'i-12345678'),
    awsError('InvalidTarget', "The following targets are not valid instances: 'i-12345678'"),
  )
  assert.throws(
    () => register(TargetGroupArn, first, 'local-1a'),
    awsError('ValidationError', 'You cannot specify an Availability Zone'),
  )
  assert.throws(
    () => register(account.targetGroup({ Name: 'other', TargetType: 'instance' }), first),
    awsError(
      'InvalidTarget',
      `The following targets are not in the target group VPC '${account.defaultVpcId}': '${first}'`,
    ),
  )
  const stopped = account.state.instances.get(second)
  assert.ok(stopped)
  account.state = applyChanges(account.state, 50, [
    { table: 'instances', key: second, value: { ...stopped, state: 'stopped' } },
  ])
  assert.throws(
    () => register(TargetGroupArn, second),
    awsError('InvalidTarget', `The following targets are not in a running state and cannot be registered: '${second}'`),
  )
  register(TargetGroupArn, first)
  const [described] = account.run(DescribeTargetHealth, { TargetGroupArn }).TargetHealthDescriptions ?? []
  assert.deepEqual(described?.Target, { Id: first, Port: 9000 })
})

test('a target group has at most 1,000 targets', () => {
  const account = new Account()
  const arn = account.targetGroup()
  const Targets = Array.from({ length: 1000 }, (_, i) => ({ Id: '127.0.0.5', Port: 10_000 + i }))
  account.run(RegisterTargets, { TargetGroupArn: arn, Targets })
  assert.throws(
    () => account.run(RegisterTargets, { TargetGroupArn: arn, Targets: [{ Id: '127.0.0.6' }] }),
    awsError('TooManyTargets', 'more than 1000 targets per target group'),
  )
})

test('a load balancer serves at most 3,000 targets', () => {
  const account = new Account()
  const loadBalancer = account.loadBalancer()
  const outside = (Port: number) => ({ Id: '10.1.1.1', Port, AvailabilityZone: 'all' })
  const fill = (Name: string) => {
    const TargetGroupArn = account.targetGroup({ Name })
    const Targets = Array.from({ length: 1000 }, (_, i) => outside(10_000 + i))
    account.run(RegisterTargets, { TargetGroupArn, Targets })
    return TargetGroupArn
  }
  for (const [i, name] of ['a', 'b', 'c'].entries()) account.listener(loadBalancer, fill(name), { Port: 8000 + i })
  const last = account.targetGroup({ Name: 'last' })
  account.listener(loadBalancer, last)
  assert.throws(
    () => account.run(RegisterTargets, { TargetGroupArn: last, Targets: [outside(1)] }),
    awsError('TooManyTargets', 'more than 3000 targets per network load balancer'),
  )
})

test('a load balancer serves at most 500 targets of one Availability Zone, whichever groups they are in', () => {
  const account = new Account()
  const loadBalancer = account.loadBalancer()
  const filled = (Name: string, Id: string, length: number) => {
    const TargetGroupArn = account.targetGroup({ Name })
    const Targets = Array.from({ length }, (_, i) => ({ Id, Port: 10_000 + i }))
    account.run(RegisterTargets, { TargetGroupArn, Targets })
    return TargetGroupArn
  }
  account.listener(loadBalancer, filled('a', '127.0.0.5', 300))
  const other = filled('b', '127.0.0.6', 200)
  account.listener(loadBalancer, other, { Port: 8081 })
  account.run(RegisterTargets, { TargetGroupArn: other, Targets: [{ Id: '127.128.0.5' }] })
  const tooMany = awsError('TooManyTargets', 'more than 500 targets per Availability Zone per network load balancer')
  assert.throws(() => account.run(RegisterTargets, { TargetGroupArn: other, Targets: [{ Id: '127.0.0.7' }] }), tooMany)
  assert.throws(() => account.listener(loadBalancer, filled('c', '127.0.0.7', 1), { Port: 8082 }), tooMany)
})
