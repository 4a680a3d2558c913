import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from './build-snapshot.ts'
import type { Health } from './health.ts'
import type { Attributes } from './load-balancer.ts'
import { printSnapshot } from './print-snapshot.ts'
import type { Snapshot } from './snapshot.ts'
import {
  health,
  healthOf,
  instance,
  listener,
  loadBalancer,
  manyGroups,
  now,
  securityGroup,
  stateWith,
  target,
  targetGroup,
} from './state.fixture.ts'
import type { State } from './state.ts'

const build = (state: State, known = new Map<string, Health>() as ReadonlyMap<string, Health>, at = now) =>
  snapshotBuilder()(state, known, at)

const crossZone = { 'load_balancing.cross_zone.enabled': 'true' }
const minimum = 'target_group_health.unhealthy_state_routing.minimum_healthy_targets'
const termination = { 'deregistration_delay.connection_termination.enabled': 'true' }
const suspect = { since: now, until: now + 5000, reason: 'connection refused' }
const leaving = (until: number) => ({ deregistration: { until } })

test('a TCP_UDP listener of a dualstack load balancer in two zones is eight listeners and four groups', () => {
  const state = stateWith({
    securityGroups: [
      securityGroup('sg-1', [
        ['tcp 53-53', { cidrIpv4: '10.0.0.0/8' }],
        ['udp 53-53', { cidrIpv6: '::/0' }],
      ]),
    ],
    loadBalancers: [loadBalancer({ ipAddressType: 'dualstack', securityGroups: ['sg-1'] })],
    listeners: [listener({ protocol: 'TCP_UDP', port: 53, forward: [{ targetGroupArn: 'arn:tg', weight: 7 }] })],
    targetGroups: [
      targetGroup({
        protocol: 'TCP_UDP',
        targets: ['10.0.1.10', '10.0.2.10', '192.0.2.1'].map(id => target(id)),
        attributes: { 'stickiness.enabled': 'true', 'preserve_client_ip.enabled': 'true' },
      }),
    ],
  })
  const all = healthOf({
    '10.0.1.10': health('healthy'),
    '10.0.2.10': health('healthy'),
    '192.0.2.1': health('healthy'),
  })
  assert.equal(
    printSnapshot(build(state, all).snapshot),
    `revision 1
listener TCP 10.0.1.4 53, idle 350 s, admits 10.0.0.0/8
  7 arn:tg TCP a
listener TCP fd00:1::4 53, idle 350 s, admits 10.0.0.0/8
  7 arn:tg TCP a
listener TCP 10.0.2.4 53, idle 350 s, admits 10.0.0.0/8
  7 arn:tg TCP b
listener TCP fd00:2::4 53, idle 350 s, admits 10.0.0.0/8
  7 arn:tg TCP b
listener UDP 10.0.1.4 53, idle 120 s, admits ::/0
  7 arn:tg UDP a
listener UDP fd00:1::4 53, idle 120 s, admits ::/0
  7 arn:tg UDP a
listener UDP 10.0.2.4 53, idle 120 s, admits ::/0
  7 arn:tg UDP b
listener UDP fd00:2::4 53, idle 120 s, admits ::/0
  7 arn:tg UDP b
group arn:tg TCP a, sticky, preserves the client address
  serve 10.0.1.10 8080
  serve 192.0.2.1 8080
group arn:tg TCP b, sticky, preserves the client address
  serve 10.0.2.10 8080
  serve 192.0.2.1 8080
group arn:tg UDP a, sticky, preserves the client address
  serve 10.0.1.10 8080
  serve 192.0.2.1 8080
group arn:tg UDP b, sticky, preserves the client address
  serve 10.0.2.10 8080
  serve 192.0.2.1 8080
`,
  )
})

test('with cross-zone load balancing every zone sees the targets of all enabled zones', () => {
  const targets = ['10.0.1.10', '10.0.2.10', '192.0.2.1'].map(id => target(id))
  const elsewhere = target('10.0.9.10', { availabilityZone: 'c' })
  const group = (own: string) =>
    targetGroup({ targets: [...targets, elsewhere], attributes: { 'load_balancing.cross_zone.enabled': own } })
  const seen = (of: Attributes, own: string) => {
    const { groups } = build(
      stateWith({
        loadBalancers: [loadBalancer({ attributes: of })],
        listeners: [listener()],
        targetGroups: [group(own)],
      }),
    ).snapshot
    return groups.map(({ id, targets }) => `${id}: ${targets.map(({ address }) => address).join(' ')}`)
  }
  const together = ['arn:tg TCP *: 10.0.1.10 10.0.2.10 192.0.2.1']
  const apart = ['arn:tg TCP a: 10.0.1.10 192.0.2.1', 'arn:tg TCP b: 10.0.2.10 192.0.2.1']
  assert.deepEqual(seen({}, 'use_load_balancer_configuration'), apart)
  assert.deepEqual(seen(crossZone, 'use_load_balancer_configuration'), together)
  assert.deepEqual(seen({}, 'true'), together)
  assert.deepEqual(seen(crossZone, 'false'), apart)
})

test('weights, idle timeout, proxy protocol and an instance’s address come along', () => {
  const state = stateWith({
    instances: [instance('i-1')],
    loadBalancers: [loadBalancer({ zones: loadBalancer().zones.slice(0, 1) })],
    listeners: [
      listener({
        attributes: { 'tcp.idle_timeout.seconds': '60' },
        forward: [
          { targetGroupArn: 'arn:tg', weight: 999 },
          { targetGroupArn: 'arn:green', weight: 0 },
        ],
      }),
    ],
    targetGroups: [
      targetGroup({
        targetType: 'instance',
        targets: [target('i-1')],
        attributes: { 'proxy_protocol_v2.enabled': 'true' },
      }),
      targetGroup({ arn: 'arn:green' }),
    ],
  })
  assert.equal(
    printSnapshot(build(state).snapshot),
    `revision 1
listener TCP 10.0.1.4 80, idle 60 s, admits everyone
  999 arn:tg TCP a
  0 arn:green TCP a
group arn:tg TCP a, proxy protocol, preserves the client address
  serve 10.0.1.20 8080 (i-1)
group arn:green TCP a
guard i-1 10.0.1.20
`,
  )
})

/** Twenty targets, ten in each of two zones, as in AWS's example (Target group health); the first ones of each zone fail. */
function serving(
  failing: { a: number; b: number },
  attributes: Attributes,
  of: Attributes = {},
): Record<string, number> {
  const ids = [1, 2].flatMap(zone => Array.from({ length: 10 }, (_, n) => `10.0.${zone}.${10 + n}`))
  const state = stateWith({
    loadBalancers: [loadBalancer({ attributes: of })],
    listeners: [listener()],
    targetGroups: [targetGroup({ targets: ids.map(id => target(id)), attributes })],
  })
  const verdict = (id: string) =>
    Number(id.slice(7)) - 10 < (id.startsWith('10.0.1.') ? failing.a : failing.b) ? 'unhealthy' : 'healthy'
  const { groups } = build(state, healthOf(Object.fromEntries(ids.map(id => [id, health(verdict(id))])))).snapshot
  for (const { targets } of groups) {
    const isServing = targets.filter(({ mode }) => mode === 'serve').map(({ address }) => address)
    const isHealthy = targets.map(({ address }) => address).filter(id => verdict(id) === 'healthy')
    const failsOpen = isServing.length === targets.length
    assert.deepEqual(isServing, failsOpen ? targets.map(({ address }) => address) : isHealthy)
  }
  return Object.fromEntries(
    groups.map(({ id, targets }) => [id.split(' ')[2], targets.filter(({ mode }) => mode === 'serve').length]),
  )
}

test('the tag sluice:synproxy=true concerns the TCP part of a listener, and no other value does', () => {
  const synproxy = (value: string) => {
    const tags = [{ key: 'sluice:synproxy', value }]
    const { listeners } = build(
      stateWith({
        loadBalancers: [loadBalancer({ zones: loadBalancer().zones.slice(0, 1) })],
        listeners: [listener({ protocol: 'TCP_UDP', port: 53, tags })],
      }),
    ).snapshot
    return listeners.map(({ protocol, synproxy }) => `${protocol} ${synproxy}`)
  }
  assert.deepEqual(synproxy('true'), ['TCP true', 'UDP false'])
  assert.deepEqual(synproxy('false'), ['TCP false', 'UDP false'])
})

test('guards are in the snapshot, and only a change of theirs makes another one', () => {
  const builder = snapshotBuilder()
  const state = stateWith({
    instances: [instance('i-1', { securityGroups: ['sg-1'] })],
    securityGroups: [securityGroup('sg-1', [['tcp 22-22', { cidrIpv4: '10.0.0.0/8' }]])],
  })
  const first = builder(state, new Map(), now).snapshot
  assert.match(printSnapshot(first), /guard i-1 10\.0\.1\.20\n {2}TCP 22 from 10\.0\.0\.0\/8\n/)
  assert.equal(builder(structuredClone(state), new Map(), now).snapshot, first)
  const closed = { ...state, securityGroups: new Map([['sg-1', securityGroup('sg-1', [])]]) }
  assert.deepEqual(builder(closed, new Map(), now).snapshot.guards[0]?.rules, [])
})

test('fail open: AWS’s example, 50 % and six of ten targets failing in zone b', () => {
  const half = { [`${minimum}.percentage`]: '50' }
  assert.deepEqual(
    serving({ a: 0, b: 6 }, half),
    { a: 10, b: 10 },
    'cross-zone off: zone b fails open, zone a does not',
  )
  assert.deepEqual(serving({ a: 0, b: 6 }, half, crossZone), { '*': 14 }, 'cross-zone on: 70 % are healthy')
  assert.deepEqual(serving({ a: 0, b: 5 }, half), { a: 10, b: 5 }, 'half is not below half')
  assert.deepEqual(serving({ a: 4, b: 6 }, half, crossZone), { '*': 10 })
  assert.deepEqual(serving({ a: 5, b: 6 }, half, crossZone), { '*': 20 })
  assert.deepEqual(serving({ a: 6, b: 5 }, half), { a: 10, b: 5 })
})

test('fail open: a count of five', () => {
  const five = { [`${minimum}.count`]: '5' }
  assert.deepEqual(serving({ a: 5, b: 6 }, five), { a: 5, b: 10 })
  assert.deepEqual(serving({ a: 8, b: 7 }, five, crossZone), { '*': 5 })
  assert.deepEqual(serving({ a: 8, b: 8 }, five, crossZone), { '*': 20 })
})

test('fail open: of count and percentage either breach suffices', () => {
  const both = { [`${minimum}.count`]: '3', [`${minimum}.percentage`]: '20' }
  assert.deepEqual(serving({ a: 7, b: 8 }, both), { a: 3, b: 10 })
  const other = { [`${minimum}.count`]: '1', [`${minimum}.percentage`]: '40' }
  assert.deepEqual(serving({ a: 6, b: 7 }, other), { a: 4, b: 10 })
})

test('fail open: by default it takes that nobody is healthy', () => {
  assert.deepEqual(serving({ a: 9, b: 10 }, {}), { a: 1, b: 10 })
  assert.deepEqual(serving({ a: 10, b: 9 }, {}, crossZone), { '*': 1 })
  assert.deepEqual(serving({ a: 10, b: 10 }, {}, crossZone), { '*': 20 })
})

test('fail open: new targets serve, leaving and stopped ones do not, nor do they count', () => {
  const group = targetGroup({
    targetType: 'instance',
    targets: [target('i-1'), target('i-2'), target('i-3', leaving(now + 1000)), target('i-4')],
    attributes: { [`${minimum}.percentage`]: '50' },
  })
  const state = stateWith({
    instances: ['i-1', 'i-2', 'i-3'].map(id => instance(id)).concat(instance('i-4', { state: 'stopped' })),
    loadBalancers: [loadBalancer()],
    listeners: [listener()],
    targetGroups: [group],
  })
  const modes = (known: Record<string, Health>) =>
    build(state, healthOf(known)).snapshot.groups[0]?.targets.map(({ mode }) => mode)
  assert.deepEqual(modes({ 'i-3': health('healthy') }), ['serve', 'serve', 'drain', 'cut'])
  assert.deepEqual(modes({ 'i-1': health('healthy'), 'i-2': health('unhealthy') }), ['serve', 'cut', 'drain', 'cut'])
})

test('listeners without a load balancer, and routes to groups that are gone, are left out', () => {
  const state = stateWith({
    loadBalancers: [loadBalancer()],
    listeners: [
      listener({ forward: [{ targetGroupArn: 'arn:gone', weight: 1 }] }),
      listener({ arn: 'arn:2', loadBalancerArn: 'arn:gone' }),
    ],
  })
  const { snapshot } = build(state)
  assert.deepEqual(
    snapshot.listeners.map(({ route }) => route),
    [[], []],
  )
  assert.deepEqual(snapshot.groups, [])
})

/** Ids of what is another object than before. */
function changed(before: Snapshot, after: Snapshot): string[] {
  const old = new Set<unknown>([...before.listeners, ...before.groups])
  return [...after.listeners, ...after.groups].filter(one => !old.has(one)).map(({ id }) => id)
}

test('of 1,000 groups only the one whose target changed is another object', () => {
  const { state, known, groups } = manyGroups(1000)
  const builder = snapshotBuilder()
  const first = builder(state, known, now).snapshot
  assert.equal(builder(state, new Map(known), now + 1).snapshot, first)

  known.set('arn:tg:500 10.0.1.10 8080', health('unhealthy'))
  const second = builder(state, known, now).snapshot
  assert.deepEqual(changed(first, second), ['arn:tg:500 TCP a'])
  const [before, after] = [first, second].map(of => of.groups.find(({ id }) => id === 'arn:tg:500 TCP a')?.targets)
  assert.deepEqual(
    after?.filter(one => !before?.includes(one)).map(({ key, mode }) => [key, mode]),
    [['arn:tg:500 10.0.1.10 8080', 'cut']],
  )

  const grown = stateWith(
    { targetGroups: [{ ...groups[7]!, targets: [...groups[7]!.targets, target('10.0.2.10')] }] },
    state,
  )
  const third = builder(grown, known, now).snapshot
  assert.deepEqual(changed(second, third), ['arn:tg:7 TCP b'])

  const heavier = stateWith(
    {
      listeners: [{ ...state.listeners.get('arn:listener:3')!, forward: [{ targetGroupArn: 'arn:tg:3', weight: 5 }] }],
    },
    grown,
  )
  const fourth = builder(heavier, known, now).snapshot
  assert.deepEqual(changed(third, fourth), ['TCP 10.0.1.4 4', 'TCP 10.0.2.4 4'])

  const anew = builder(structuredClone(heavier), structuredClone(known), now).snapshot
  assert.equal(anew, fourth, 'an equal state that arrives anew changes nothing')
})

test('time alone changes what nextAt foretold, and nothing else', () => {
  const state = stateWith({
    loadBalancers: [loadBalancer()],
    listeners: [listener()],
    targetGroups: [
      targetGroup({
        targets: [target('10.0.1.10', leaving(now + 1000)), target('10.0.1.11')],
        attributes: termination,
      }),
    ],
  })
  const known = healthOf({ '10.0.1.10': health('healthy'), '10.0.1.11': health('healthy', { suspect }) })
  const builder = snapshotBuilder()
  const modes = (at: number) => {
    const { snapshot, nextAt } = builder(state, known, at)
    return [...(snapshot.groups[0]?.targets.map(({ mode }) => mode) ?? []), nextAt]
  }
  assert.deepEqual(modes(now), ['drain', 'serve', now + 1000])
  assert.deepEqual(modes(now + 999), ['drain', 'serve', now + 1000])
  assert.deepEqual(modes(now + 1000), ['cut', 'serve', suspect.until])
  assert.deepEqual(modes(suspect.until), ['cut', 'serve', undefined])
  assert.deepEqual(modes(now), ['drain', 'serve', now + 1000], 'a clock that was set back')
})
