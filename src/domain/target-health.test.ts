import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Health, ProbeFailure } from './health.ts'
import {
  applicationLoadBalancer,
  health,
  httpListener,
  instance,
  listener,
  loadBalancer,
  now,
  rule,
  stateWith,
  target,
  targetGroup,
} from './state.fixture.ts'
import type { Target, TargetGroup } from './target-group.ts'
import { isInUse, targetAddress, targetHealth, targetZone } from './target-health.ts'

interface Row {
  readonly what: string
  readonly target?: Target
  readonly group?: Partial<TargetGroup>
  readonly health?: Health
  readonly weight?: number | 'none'
  readonly expected: readonly [state: string, reason?: string, description?: string]
}

const draining = (until: number) => target('10.0.1.10', { deregistration: { until } })
const keepsConnections = (seconds: string) => ({
  attributes: {
    'target_health_state.unhealthy.connection_termination.enabled': 'false',
    'target_health_state.unhealthy.draining_interval_seconds': seconds,
  },
})
const notInUse = [
  'unused',
  'Target.NotInUse',
  'Target group is not configured to receive traffic from the load balancer',
] as const
const otherZone = [
  'unused',
  'Target.NotInUse',
  'Target is in an Availability Zone that is not enabled for the load balancer',
] as const
const failed = ['unhealthy', 'Target.FailedHealthChecks', 'Health checks failed'] as const
const failedDraining = ['unhealthy.draining', 'Target.FailedHealthChecks', 'Health checks failed'] as const
const registering = ['initial', 'Elb.RegistrationInProgress', 'Target registration is in progress'] as const
const checking = ['initial', 'Elb.InitialHealthChecking', 'Initial health checks in progress'] as const
const unusable = [
  'unused',
  'Target.IpUnusable',
  'The IP address cannot be used as a target, as it is in use by a load balancer',
] as const
const deregistering = ['draining', 'Target.DeregistrationInProgress', 'Target deregistration is in progress'] as const
const instances = { targetType: 'instance' } as const
const invalid = (state: string) => ['unused', 'Target.InvalidState', `Target is in the ${state} state`] as const

/** Unhealthy for a reason, and with `isBetter` once right since. */
function failing(why: ProbeFailure, isBetter = false): Health {
  const result = { at: now, ms: 1, reason: '' }
  const results = [{ ...result, ok: false, ...why }, ...(isBetter ? [{ ...result, ok: true }] : [])]
  return health('unhealthy', { results })
}

const rows: readonly Row[] = [
  { what: 'the node has not heard of it', expected: registering },
  {
    what: 'no verdict yet',
    health: health('initial'),
    expected: checking,
  },
  {
    what: 'what is known is of an earlier registration',
    target: target('10.0.1.10', { registeredAt: now }),
    health: health('unhealthy', { registeredAt: now - 1 }),
    expected: registering,
  },
  {
    what: 'what is known is of this registration',
    target: target('10.0.1.10', { registeredAt: now }),
    health: health('healthy', { registeredAt: now }),
    expected: ['healthy'],
  },
  { what: 'it passes its checks', health: health('healthy'), expected: ['healthy'] },
  {
    what: 'a suspicion is no verdict',
    health: health('healthy', { suspect: { since: now, until: now + 1000, reason: 'connection refused' } }),
    expected: ['healthy'],
  },
  { what: 'it fails its checks', health: health('unhealthy'), expected: failed },
  {
    what: 'it fails, its connections go on for an interval',
    group: keepsConnections('60'),
    health: health('unhealthy', { since: now - 59_999 }),
    expected: failedDraining,
  },
  {
    what: 'it fails, the interval is over',
    group: keepsConnections('60'),
    health: health('unhealthy', { since: now - 60_000 }),
    expected: failed,
  },
  {
    what: 'it fails, its connections go on for ever',
    group: keepsConnections('0'),
    health: health('unhealthy'),
    expected: failed,
  },
  {
    what: 'it answers an Application Load Balancer’s checks with other codes',
    group: { protocol: 'HTTP' },
    health: failing({ status: 502 }),
    expected: ['unhealthy', 'Target.ResponseCodeMismatch', 'Health checks failed with these codes: [502]'],
  },
  {
    what: 'it does not answer an Application Load Balancer’s checks in time, and then once',
    group: { protocol: 'HTTPS' },
    health: failing({ timedOut: true }, true),
    expected: ['unhealthy', 'Target.Timeout', 'Request timed out'],
  },
  {
    what: 'it refuses an Application Load Balancer',
    group: { protocol: 'HTTP' },
    health: failing({}),
    expected: failed,
  },
  { what: 'it answers a Network Load Balancer’s with other codes', health: failing({ status: 502 }), expected: failed },
  {
    what: 'it is well, and its group is not registered with the load balancer yet',
    health: health('healthy', { linking: 'Elb.RegistrationInProgress' }),
    expected: registering,
  },
  {
    what: 'it fails, and its group is being linked',
    health: health('unhealthy', { linking: 'Elb.InitialHealthChecking' }),
    expected: checking,
  },
  {
    what: 'it is being deregistered while its group is linked',
    target: draining(now + 1),
    health: health('healthy', { linking: 'Elb.InitialHealthChecking' }),
    expected: deregistering,
  },
  { what: 'it is being deregistered', target: draining(now + 1), health: health('healthy'), expected: deregistering },
  {
    what: 'it fails while it is being deregistered',
    target: draining(now + 1),
    health: health('unhealthy'),
    expected: deregistering,
  },
  {
    what: 'its deregistration is over',
    target: draining(now),
    health: health('healthy'),
    expected: ['unused', 'Target.NotRegistered', 'Target is not registered to the target group'],
  },
  { what: 'no listener names its group', weight: 'none', health: health('healthy'), expected: notInUse },
  { what: 'a listener names its group with weight 0', weight: 0, health: health('healthy'), expected: ['healthy'] },
  { what: 'its zone is not enabled', target: target('10.0.3.10'), health: health('healthy'), expected: otherZone },
  {
    what: 'the zone it was registered with is not enabled',
    target: target('10.0.1.10', { availabilityZone: 'c' }),
    health: health('healthy'),
    expected: otherZone,
  },
  {
    what: 'it was registered for all zones',
    target: target('10.0.3.10', { availabilityZone: 'all' }),
    health: health('healthy'),
    expected: ['healthy'],
  },
  {
    what: 'its address lies in no subnet',
    target: target('192.0.2.1'),
    health: health('healthy'),
    expected: ['healthy'],
  },
  { what: 'it is a listener', target: target('10.0.2.4', { port: 80 }), health: health('healthy'), expected: unusable },
  {
    what: 'it has a load balancer’s address but another port',
    target: target('10.0.2.4', { port: 81 }),
    health: health('healthy'),
    expected: ['healthy'],
  },
  {
    what: 'its instance runs',
    group: instances,
    target: target('i-1'),
    health: health('healthy'),
    expected: ['healthy'],
  },
  { what: 'its instance is stopped', group: instances, target: target('i-2'), expected: invalid('stopped') },
  { what: 'its instance is terminated', group: instances, target: target('i-3'), expected: invalid('terminated') },
  { what: 'its instance is forgotten', group: instances, target: target('i-9'), expected: invalid('terminated') },
]

function stateOf(group: TargetGroup, weight: Row['weight'] = 1) {
  const forward = weight === 'none' ? [] : [{ targetGroupArn: group.arn, weight }]
  return stateWith({
    subnets: ['a', 'b', 'c'].map((zoneName, i) => ({
      id: `subnet-${zoneName}`,
      vpcId: 'vpc-1',
      zoneName,
      cidrBlock: `10.0.${i + 1}.0/24`,
      defaultForAz: false,
      tags: [],
    })),
    instances: [
      instance('i-1'),
      instance('i-2', { state: 'stopped' }),
      instance('i-3', { state: 'terminated' }),
      instance('i-4', { subnetId: 'subnet-b' }),
    ],
    loadBalancers: [loadBalancer()],
    listeners: [listener({ forward })],
    targetGroups: [group],
  })
}

for (const { what, target: its = target('10.0.1.10'), group, health, weight, expected } of rows) {
  test(`target health: ${what}: ${expected.slice(0, 2).join(', ')}`, () => {
    const of = targetGroup({ ...group, targets: [its] })
    const [State, Reason, Description] = expected
    assert.deepEqual(
      targetHealth(stateOf(of, weight), of, its, health, now),
      Reason === undefined ? { State } : { State, Reason, Description },
    )
  })
}

test('a target is in the zone it was registered with, its instance’s, or its subnet’s', () => {
  const [ips, hosts] = [targetGroup(), targetGroup(instances)]
  const state = stateOf(ips)
  assert.equal(targetZone(state, ips, target('10.0.2.10')), 'b')
  assert.equal(targetZone(state, ips, target('10.0.2.10', { availabilityZone: 'all' })), 'all')
  assert.equal(targetZone(state, ips, target('192.0.2.1')), undefined)
  assert.equal(targetZone(state, targetGroup({ vpcId: 'vpc-2' }), target('10.0.2.10')), undefined)
  assert.equal(targetZone(state, hosts, target('i-4')), 'b')
})

test('a group is in use while a listener of a load balancer names it', () => {
  const group = targetGroup()
  assert.ok(isInUse(stateOf(group, 0), group))
  assert.ok(!isInUse(stateOf(group, 'none'), group))
})

test('a load balancer that is a target is reached in the same zone, or else in its first, whatever it listens on', () => {
  const web = loadBalancer({
    arn: 'arn:alb',
    type: 'application',
    zones: loadBalancer().zones.map(zone => ({ ...zone, ipv4Address: zone.ipv4Address.replace('.4', '.9') })),
  })
  const group = targetGroup({ targetType: 'alb', targets: [target('arn:alb', { port: 80 })] })
  const [alb] = group.targets as [Target]
  const state = stateWith({
    loadBalancers: [loadBalancer(), web],
    listeners: [listener(), listener({ arn: 'arn:http', loadBalancerArn: 'arn:alb', protocol: 'HTTP', forward: [] })],
    targetGroups: [group],
  })
  assert.equal(targetAddress(state, group, alb, 'b'), '10.0.2.9')
  assert.equal(targetAddress(state, group, alb, '*'), '10.0.1.9')
  assert.deepEqual(targetHealth(state, group, alb, health('healthy'), now), { State: 'healthy' })
  const gone = { ...alb, id: 'arn:gone' }
  assert.equal(targetHealth(state, group, gone, health('healthy'), now).Reason, 'Target.InvalidState')
})

test('a group is in use while a rule names it', () => {
  const group = targetGroup({ protocol: 'HTTP' })
  const records = { loadBalancers: [applicationLoadBalancer()], listeners: [httpListener({ forward: [] })] }
  assert.equal(isInUse(stateWith({ ...records, targetGroups: [group] }), group), false)
  assert.equal(isInUse(stateWith({ ...records, targetGroups: [group], rules: [rule(1)] }), group), true)
})
