import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  applicationLoadBalancer,
  httpListener,
  instance,
  listener,
  loadBalancer,
  now,
  rule,
  securityGroup,
  stateWith,
  target,
  targetGroup,
} from './domain/state.fixture.ts'
import { nodeReports } from './feed/node-reports.fixture.ts'
import { statusOf } from './status.ts'

const state = stateWith({
  loadBalancers: [
    loadBalancer({ securityGroups: ['sg-1', 'sg-2'] }),
    loadBalancer({ arn: 'arn:lb:2', name: 'lb2', securityGroups: ['sg-2'] }),
  ],
  securityGroups: ['sg-1', 'sg-2', 'sg-idle'].map(id => securityGroup(id, [])),
  listeners: [
    listener(),
    listener({ arn: 'arn:listener:2', port: 81 }),
    listener({ arn: 'arn:listener:3', loadBalancerArn: 'arn:lb:2' }),
  ],
})

const fallback = (listener: string, reason: string) => ({ listener, listenerArn: 'arn:listener', reason })

test('a listener is in the kernel, or in userspace for the reasons of its parts, each said once', () => {
  const fallbacks = [
    fallback('TCP 10.0.1.4 80', 'proxy protocol'),
    fallback('TCP 10.0.2.4 80', 'proxy protocol'),
    fallback('UDP 10.0.1.4 80', 'no way to 10.9.0.2'),
  ]
  const { listeners } = statusOf(state, nodeReports({ applied: { fallbacks } }), now, new Set())
  assert.deepEqual(
    listeners.map(({ engine, fallbacks }) => [engine, ...fallbacks]),
    [['userspace', 'proxy protocol', 'no way to 10.9.0.2'], ['kernel'], ['kernel']],
  )
  assert.equal(
    statusOf(state, nodeReports(), now, new Set()).listeners[0]?.engine,
    undefined,
    'the node has not spoken',
  )
})

test('a listener is in place although one of its targets is in trouble', () => {
  const problems = [{ ...fallback('TCP 10.0.1.4 80', 'its replies take another way'), target: '10.0.1.10:8080' }]
  const [first] = statusOf(state, nodeReports({ applied: { problems } }), now, new Set()).listeners
  assert.deepEqual([first?.isInPlace, first?.problems], [true, ['its replies take another way']])
  const taken = [...problems, fallback('TCP 10.0.2.4 80', 'port 80 is taken')]
  const [second] = statusOf(state, nodeReports({ applied: { problems: taken } }), now, new Set()).listeners
  assert.deepEqual([second?.isInPlace, second?.problems.length], [false, 2])
})

test('what was not admitted is counted for every security group that the load balancer carries', () => {
  const counters = (listenerArn: string, dropped: number) => ({
    listener: `TCP 10.0.1.4 ${dropped}`,
    listenerArn,
    newFlows: 0,
    activeFlows: 0,
    bytesIn: 0,
    bytesOut: 0,
    drops: { 'security-group': dropped, 'no-target': 100 },
  })
  const listeners = [
    counters('arn:listener', 1),
    counters('arn:listener', 2),
    counters('arn:listener:2', 4),
    counters('arn:listener:3', 8),
    counters('arn:listener:gone', 16),
  ]
  const { securityGroups } = statusOf(state, nodeReports({ listeners }), now, new Set())
  assert.deepEqual(securityGroups, [
    { id: 'sg-1', name: 'sg-1', loadBalancers: ['lb'], instances: [], dropped: 7 },
    { id: 'sg-2', name: 'sg-2', loadBalancers: ['lb', 'lb2'], instances: [], dropped: 15 },
  ])
})

test('what instances’ own groups did not admit is counted with it, for each that has dropped something', () => {
  const instances = ['i-1', 'i-2', 'i-3'].map(id => instance(id, { securityGroups: ['sg-2', 'sg-idle'] }))
  const guards = [
    { id: 'i-1', address: '10.0.1.20', dropped: 3 },
    { id: 'i-1', address: 'fd00::20', dropped: 4 },
    { id: 'i-2', address: '10.0.1.20', dropped: 0 },
  ]
  const { securityGroups } = statusOf(stateWith({ instances }, state), nodeReports({ guards }), now, new Set())
  assert.deepEqual(securityGroups, [
    { id: 'sg-1', name: 'sg-1', loadBalancers: ['lb'], instances: [], dropped: 0 },
    { id: 'sg-2', name: 'sg-2', loadBalancers: ['lb', 'lb2'], instances: ['i-1'], dropped: 7 },
    { id: 'sg-idle', name: 'sg-idle', loadBalancers: [], instances: ['i-1'], dropped: 7 },
  ])
})

test('instances that are this host itself are pointed out', () => {
  const addresses = { privateIpAddress: '192.0.2.1', ipv6Address: 'fd00::1' }
  const instances = [
    instance('i-1', addresses),
    instance('i-2'),
    instance('i-gone', { ...addresses, state: 'terminated' }),
  ]
  const onCards = new Set(['192.0.2.1', 'fd00::1', '10.0.0.1'])
  const { ownInstances } = statusOf(stateWith({ instances }), nodeReports(), now, onCards)
  assert.deepEqual(ownInstances, [
    { id: 'i-1', address: '192.0.2.1' },
    { id: 'i-1', address: 'fd00::1' },
  ])
})

test('an HTTP listener is in userspace, and has the targets of all its rules with the greatest weight', () => {
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener()],
    rules: [rule(1, { forward: [{ targetGroupArn: 'arn:tg', weight: 7 }] })],
    targetGroups: [targetGroup({ protocol: 'HTTP', targets: [target('10.0.1.10')] })],
  })
  const held = [5, 9].map(until => ({ listenerArn: 'arn:http', ruleArn: 'arn:rule:1', until, forward: [] }))
  const [http] = statusOf(state, nodeReports({ applied: { held } }), now, new Set()).listeners
  assert.deepEqual([http?.engine, http?.rules, http?.heldUntil], ['userspace', 1, '1970-01-01T00:00:00.009Z'])
  const links = ['arn:tg', 'arn:other'].map(
    targetGroupArn => ({ targetGroupArn, reason: 'Elb.InitialHealthChecking' }) as const,
  )
  const [timed] = statusOf(state, nodeReports({ applied: { delayed: held, links } }), now, new Set()).listeners
  assert.deepEqual([timed?.heldUntil, timed?.delayedUntil], [undefined, '1970-01-01T00:00:00.009Z'])
  assert.deepEqual(timed?.linking, [{ targetGroup: 'tg', reason: 'Elb.InitialHealthChecking' }])
  assert.deepEqual(
    http?.targets.map(({ id, weight }) => [id, weight]),
    [['10.0.1.10', 7]],
  )
})
