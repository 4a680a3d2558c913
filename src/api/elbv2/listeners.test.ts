import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Account, awsError, subnets, vpc } from './account.fixture.ts'
import { type CreateListener, DeleteListener, DescribeListeners, ModifyListener } from './listeners.ts'
import { SetSubnets } from './subnets.ts'
import { RegisterTargets } from './targets.ts'

function started(): { account: Account; loadBalancer: string; blue: string; green: string } {
  const account = new Account()
  return {
    account,
    loadBalancer: account.loadBalancer(),
    blue: account.targetGroup(),
    green: account.targetGroup({ Name: 'green' }),
  }
}

const forwardTo = (...groups: readonly (readonly [string, number?])[]) => [
  {
    Type: 'forward' as const,
    ForwardConfig: { TargetGroups: groups.map(([TargetGroupArn, Weight]) => ({ TargetGroupArn, Weight })) },
  },
]

test('a listener shows its single target group in both places', () => {
  const { account, loadBalancer, blue } = started()
  const arn = account.listener(loadBalancer, blue)
  assert.match(arn, /:listener\/net\/hello\/[0-9a-f]{16}\/[0-9a-f]{16}$/)
  assert.ok(arn.includes(loadBalancer.split('/').at(-1) ?? '?'))
  assert.deepEqual(account.run(DescribeListeners, { ListenerArns: [arn] }).Listeners, [
    {
      ListenerArn: arn,
      LoadBalancerArn: loadBalancer,
      Port: 8080,
      Protocol: 'UDP',
      DefaultActions: [
        {
          Type: 'forward',
          TargetGroupArn: blue,
          ForwardConfig: {
            TargetGroups: [{ TargetGroupArn: blue, Weight: 1 }],
            TargetGroupStickinessConfig: { Enabled: false },
          },
        },
      ],
    },
  ])
})

test('a listener forwards to several target groups by weight', () => {
  const { account, loadBalancer, blue, green } = started()
  const arn = account.listener(loadBalancer, blue, { DefaultActions: forwardTo([blue, 90], [green, 0]) })
  const [listener] = account.run(DescribeListeners, { LoadBalancerArn: loadBalancer }).Listeners ?? []
  assert.equal(listener?.ListenerArn, arn)
  assert.equal(listener?.DefaultActions?.[0]?.TargetGroupArn, undefined)
  assert.deepEqual(listener?.DefaultActions?.[0]?.ForwardConfig?.TargetGroups, [
    { TargetGroupArn: blue, Weight: 90 },
    { TargetGroupArn: green, Weight: 0 },
  ])
})

test('created twice with the same settings it is one listener, with others the port is taken', () => {
  const { account, loadBalancer, blue, green } = started()
  const arn = account.listener(loadBalancer, blue)
  assert.equal(account.listener(loadBalancer, blue), arn)
  assert.equal(account.state.listeners.size, 1)
  const taken = awsError(
    'DuplicateListener',
    `A listener already exists on this port for this load balancer '${loadBalancer}'`,
  )
  assert.throws(() => account.listener(loadBalancer, green), taken)
  const tcp = account.targetGroup({ Name: 'tcp', Protocol: 'TCP' })
  assert.throws(() => account.listener(loadBalancer, tcp, { Protocol: 'TCP' }), taken)
})

test('load balancers that share an address share its ports, TCP and UDP apart', () => {
  const { account, loadBalancer, blue } = started()
  account.listener(loadBalancer, blue)
  const other = account.loadBalancer({ Name: 'other' })
  const udp = account.targetGroup({ Name: 'udp' })
  const tcp = account.targetGroup({ Name: 'tcp', Protocol: 'TCP' })
  const both = account.targetGroup({ Name: 'both', Protocol: 'TCP_UDP' })
  const taken = awsError(
    'DuplicateListener',
    /^Port 8080 \(UDP\) at 127\.0\.0\.1 is taken by a listener of load balancer 'hello'/,
  )
  assert.throws(() => account.listener(other, udp), taken)
  assert.throws(() => account.listener(other, both, { Protocol: 'TCP_UDP' }), taken)
  account.listener(other, udp, { Port: 8081 })
  account.listener(other, tcp, { Protocol: 'TCP' })
})

test('a listener does not take the port of a target that shares its address, of the other transport it may', () => {
  const { account, loadBalancer, blue } = started()
  const tcp = account.targetGroup({ Name: 'tcp', Protocol: 'TCP' })
  account.run(RegisterTargets, { TargetGroupArn: tcp, Targets: [{ Id: '127.0.0.1', Port: 9000 }] })
  const taken = awsError(
    'InvalidConfigurationRequest',
    /^Port 9000 at 127\.0\.0\.1 is that of a target of target group 'tcp'/,
  )
  assert.throws(() => account.listener(loadBalancer, tcp, { Protocol: 'TCP', Port: 9000 }), taken)
  account.listener(loadBalancer, blue, { Port: 9000 })
})

test('load balancers with addresses of their own may use the same port', () => {
  const { account, loadBalancer, blue } = started()
  account.listener(loadBalancer, blue)
  const own = account.loadBalancer({ Name: 'own', Subnets: [subnets[1]?.id ?? ''] })
  account.listener(own, account.targetGroup({ Name: 'own', VpcId: vpc.id }))
  assert.equal(account.state.listeners.size, 2)
})

test('a load balancer cannot move to an address where its port is taken', () => {
  const { account, blue, green } = started()
  const [a = '', b = ''] = account.defaultSubnetIds
  const first = account.loadBalancer({ Name: 'first', Subnets: [a] })
  const second = account.loadBalancer({ Name: 'second', Subnets: [b] })
  account.listener(first, blue)
  account.listener(second, green)
  assert.throws(
    () => account.run(SetSubnets, { LoadBalancerArn: second, Subnets: [a, b] }),
    awsError('DuplicateListener', "at 127.0.0.1 is taken by a listener of load balancer 'first'"),
  )
})

test('a target group belongs to one load balancer at a time', () => {
  const { account, loadBalancer, blue } = started()
  const listener = account.listener(loadBalancer, blue)
  account.listener(loadBalancer, blue, { Port: 8081 })
  const other = account.loadBalancer({ Name: 'other' })
  const limit = awsError(
    'TargetGroupAssociationLimit',
    `The following target groups cannot be associated with more than one load balancer: ${blue}`,
  )
  assert.throws(() => account.listener(other, blue, { Port: 8082 }), limit)
  account.run(DeleteListener, { ListenerArn: listener })
  assert.throws(() => account.listener(other, blue, { Port: 8082 }), limit)
  for (const { arn } of account.state.listeners.values()) account.run(DeleteListener, { ListenerArn: arn })
  account.listener(other, blue, { Port: 8082 })
})

for (const [listener, fits] of [
  ['TCP', ['TCP', 'TCP_UDP']],
  ['UDP', ['UDP', 'TCP_UDP']],
  ['TCP_UDP', ['TCP_UDP']],
] as const) {
  for (const group of ['TCP', 'UDP', 'TCP_UDP'] as const) {
    const good = (fits as readonly string[]).includes(group)
    test(`a ${listener} listener ${good ? 'forwards' : 'does not forward'} to a ${group} target group`, () => {
      const account = new Account()
      const loadBalancer = account.loadBalancer()
      const arn = account.targetGroup({ Protocol: group })
      const create = () => account.listener(loadBalancer, arn, { Protocol: listener })
      if (good) create()
      else assert.throws(create, awsError('IncompatibleProtocols', `have incompatible protocols: ${arn}`))
    })
  }
}

test('actions other than one forward are refused', () => {
  const { account, loadBalancer, blue, green } = started()
  const refused = (
    DefaultActions: Parameters<typeof CreateListener>[0]['DefaultActions'],
    code: string,
    text: string,
  ) => assert.throws(() => account.listener(loadBalancer, blue, { DefaultActions }), awsError(code, text))
  refused([], 'ValidationError', 'A default action must be specified')
  refused([{ Type: 'fixed-response' }], 'InvalidLoadBalancerAction', "'fixed-response' is not supported")
  refused([{ Type: 'forward' }], 'ValidationError', 'A target group ARN must be specified')
  refused([...forwardTo([blue]), ...forwardTo([green])], 'TooManyActions', 'exactly one action')
  refused(forwardTo([blue, 1], [green]), 'ValidationError', 'A weight must be specified')
  refused(forwardTo([blue, 1], [blue, 2]), 'ValidationError', 'more than once')
  refused(
    [{ Type: 'forward', TargetGroupArn: green, ForwardConfig: { TargetGroups: [{ TargetGroupArn: blue }] } }],
    'ValidationError',
    'same single target group',
  )
  refused(
    [
      {
        Type: 'forward',
        ForwardConfig: {
          TargetGroups: [{ TargetGroupArn: blue }],
          TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 60 },
        },
      },
    ],
    'InvalidLoadBalancerAction',
    'stickiness is not supported',
  )
  const six = ['a', 'b', 'c', 'd', 'e', 'f'].map(Name => [account.targetGroup({ Name }), 1] as const)
  refused(forwardTo(...six), 'InvalidLoadBalancerAction', 'more than 5 target groups')
  refused(forwardTo([`${blue}0`]), 'TargetGroupNotFound', `Target group '${blue}0' not found`)
  refused(
    forwardTo([account.targetGroup({ Name: 'far', VpcId: vpc.id })]),
    'InvalidConfigurationRequest',
    `are in a different VPC than load balancer ${loadBalancer}`,
  )
  refused(
    forwardTo([account.targetGroup({ Name: 'six', IpAddressType: 'ipv6' })]),
    'InvalidConfigurationRequest',
    'dualstack',
  )
  assert.equal(account.state.listeners.size, 0)
})

test('a listener without a port, with another protocol or with certificates is refused', () => {
  const { account, loadBalancer, blue } = started()
  const refused = (input: Partial<Parameters<typeof CreateListener>[0]>, code: string, text: string) =>
    assert.throws(() => account.listener(loadBalancer, blue, input), awsError(code, text))
  refused({ Port: undefined }, 'ValidationError', 'A listener port must be specified')
  refused({ Protocol: undefined }, 'ValidationError', 'A listener protocol must be specified')
  refused({ Protocol: 'HTTP' }, 'ValidationError', "Listener protocol 'HTTP' must be one of 'TCP, TCP_UDP, TLS, UDP'")
  refused({ Certificates: [{ CertificateArn: 'arn' }] }, 'ValidationError', 'A certificate cannot')
  refused({ LoadBalancerArn: `${loadBalancer}0` }, 'LoadBalancerNotFound', 'One or more load balancers not found')
})

test('modifying a listener replaces what is given and keeps the rest', () => {
  const { account, loadBalancer, blue, green } = started()
  const ListenerArn = account.listener(loadBalancer, blue)
  const [moved] = account.run(ModifyListener, { ListenerArn, Port: 8090 }).Listeners ?? []
  assert.equal(moved?.Port, 8090)
  assert.equal(moved?.DefaultActions?.[0]?.TargetGroupArn, blue)
  const [switched] = account.run(ModifyListener, { ListenerArn, DefaultActions: forwardTo([green]) }).Listeners ?? []
  assert.equal(switched?.Port, 8090)
  assert.equal(switched?.DefaultActions?.[0]?.TargetGroupArn, green)
  assert.throws(
    () => account.run(ModifyListener, { ListenerArn, Protocol: 'TCP' }),
    awsError('IncompatibleProtocols', green),
  )
  account.listener(loadBalancer, blue, { Port: 8091 })
  assert.throws(
    () => account.run(ModifyListener, { ListenerArn, Port: 8091 }),
    awsError('ValidationError', "Listener port '8091' is already in use"),
  )
})

test('a listener is deleted once', () => {
  const { account, loadBalancer, blue } = started()
  const ListenerArn = account.listener(loadBalancer, blue)
  account.run(DeleteListener, { ListenerArn })
  assert.throws(
    () => account.run(DeleteListener, { ListenerArn }),
    awsError('ListenerNotFound', 'One or more listeners not found'),
  )
})

test('a load balancer has at most 50 listeners', () => {
  const { account, loadBalancer, blue } = started()
  for (let i = 0; i < 50; i++) account.listener(loadBalancer, blue, { Port: 8000 + i })
  assert.throws(
    () => account.listener(loadBalancer, blue, { Port: 9000 }),
    awsError('TooManyListeners', 'more than 50 listeners'),
  )
})

test('listeners are described by load balancer or by ARN, page by page', () => {
  const { account, loadBalancer, blue } = started()
  for (let i = 0; i < 3; i++) account.listener(loadBalancer, blue, { Port: 8000 + i })
  const first = account.run(DescribeListeners, { LoadBalancerArn: loadBalancer, PageSize: 2 })
  const rest = account.run(DescribeListeners, { LoadBalancerArn: loadBalancer, PageSize: 2, Marker: first.NextMarker })
  assert.deepEqual(
    [...(first.Listeners ?? []), ...(rest.Listeners ?? [])].map(listener => listener.Port),
    [8000, 8001, 8002],
  )
  assert.equal(rest.NextMarker, undefined)
  assert.throws(
    () => account.run(DescribeListeners, {}),
    awsError('ValidationError', 'You must specify either listener ARNs or a load balancer ARN'),
  )
})
