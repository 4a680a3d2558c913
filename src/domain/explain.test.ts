import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Choice, type Flow } from './choice.ts'
import { explain, parseFlow } from './explain.ts'
import { anySeed, randomFrom } from './random.fixture.ts'
import type { GuardRule, Snapshot, SnapshotGroup, SnapshotListener } from './snapshot.ts'

const listener: SnapshotListener = {
  id: 'UDP 10.9.0.1 8080',
  listenerArn: 'arn:listener',
  protocol: 'UDP',
  address: '10.9.0.1',
  port: 8080,
  admit: [{ cidr: '10.9.0.0/24' }, { cidr: '192.0.2.0/24' }],
  route: [
    { group: 'blue', weight: 30 },
    { group: 'green', weight: 10 },
  ],
  idleTimeoutMs: 120_000,
  synproxy: false,
}

const group = (id: string, serving: number, targets = 3): SnapshotGroup => ({
  id,
  targets: Array.from({ length: targets }, (_, n) => ({
    key: `${id} 10.9.1.${n} 80`,
    address: `10.9.1.${n}`,
    port: 80,
    mode: n < serving ? 'serve' : 'cut',
  })),
  sticky: false,
  proxyProtocol: false,
  preserveClientIp: true,
})

const snapshot: Snapshot = {
  revision: 1,
  listeners: [listener],
  groups: [group('blue', 3), group('green', 2)],
  guards: [],
}

const flow = (from: string, to = '10.9.0.1:8080'): Flow => {
  const parsed = parseFlow('udp', from, to)
  assert.ok(parsed)
  return parsed
}

test('what it explains is what the choice of targets does, whatever the flow', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const choice = new Choice(listener, new Map(snapshot.groups.map(its => [its.id, its])))
  const seen = new Set<string>()
  for (let i = 0; i < 1000; i++) {
    const its = flow(`10.9.0.${2 + random(250)}:${1 + random(65_535)}`)
    const { choice: trace } = explain(snapshot, its)
    const chosen = choice.choose(its)
    assert.deepEqual([trace?.group, trace?.target], [chosen?.group, chosen?.target], `seed ${seed}: ${its.source}`)
    assert.equal(trace?.totalWeight, 40)
    assert.equal(trace.weight, trace.group.id === 'blue' ? 30 : 10)
    seen.add(trace.group.id)
  }
  assert.deepEqual([...seen].sort(), ['blue', 'green'])
})

test('it says which range admits a client, and that one without is refused', () => {
  assert.deepEqual(explain(snapshot, flow('192.0.2.7:5')).admission, {
    isAdmitted: true,
    client: '192.0.2.7',
    cidr: '192.0.2.0/24',
  })
  const refused = explain(snapshot, flow('198.51.100.1:5'))
  assert.deepEqual(refused.admission, { isAdmitted: false, client: '198.51.100.1' })
  assert.equal(refused.choice, undefined)
  const open = { ...snapshot, listeners: [{ ...listener, admit: undefined }] }
  assert.deepEqual(explain(open, flow('198.51.100.1:5')).admission, { isAdmitted: true, client: '198.51.100.1' })
})

test('a client of this host counts with the load balancer’s own address', () => {
  assert.equal(explain(snapshot, flow('127.0.0.1:5')).admission?.client, '10.9.0.1')
})

test('nobody listens, nobody has a weight, nobody serves, the listener itself: each ends where it ends', () => {
  assert.equal(explain(snapshot, flow('10.9.0.2:5', '10.9.0.1:8081')).listener, undefined)
  assert.equal(explain(snapshot, flow('10.9.0.1:8080')).isItself, true)
  const weightless = { ...listener, route: listener.route.map(({ group }) => ({ group, weight: 0 })) }
  assert.equal(explain({ ...snapshot, listeners: [weightless] }, flow('10.9.0.2:5')).choice, undefined)
  const dead = explain({ ...snapshot, groups: [group('blue', 0), group('green', 0)] }, flow('10.9.0.2:5'))
  assert.equal(dead.choice?.totalWeight, 40)
  assert.equal(dead.choice.target, undefined)
})

const rule = (extra: Partial<GuardRule>): GuardRule => ({
  protocol: 'UDP',
  fromPort: 80,
  toPort: 80,
  cidrs: [],
  through: [],
  ...extra,
})
const through = [listener.id]
for (const [title, rules, preserved, wanted] of [
  ['nothing admits it', [], true, { isAdmitted: false }],
  ['it came through the listener', [rule({ through })], true, { isAdmitted: true }],
  ['another port', [rule({ fromPort: 81, toPort: 90, through })], true, { isAdmitted: false }],
  ['another protocol', [rule({ protocol: 'TCP', through })], true, { isAdmitted: false }],
  ['the client’s address', [rule({ cidrs: ['10.9.0.2/32'] })], true, { isAdmitted: true, cidr: '10.9.0.2/32' }],
  ['the client’s address, hidden', [rule({ cidrs: ['10.9.0.2/32'] })], false, { isAdmitted: false }],
  [
    'the load balancer’s address',
    [rule({ protocol: 'ALL', fromPort: 0, toPort: 0, cidrs: ['10.9.0.1/32'] })],
    false,
    { isAdmitted: true, cidr: '10.9.0.1/32' },
  ],
] as const) {
  test(`the target’s own security groups: ${title}`, () => {
    const only = { ...group('blue', 1, 1), preserveClientIp: preserved }
    const guards = [{ id: 'i-1', address: '10.9.1.0', rules }]
    const its = explain({ ...snapshot, groups: [only, { ...only, id: 'green' }], guards }, flow('10.9.0.2:5'))
    assert.deepEqual(its.guard, { id: 'i-1', ...wanted })
  })
}

test('a flow is two addresses of one family with their ports', () => {
  assert.deepEqual(parseFlow('TCP', '[2001:DB8::1]:5', '[::1]:80'), {
    protocol: 'TCP',
    source: '2001:db8::1',
    sourcePort: 5,
    destination: '::1',
    destinationPort: 80,
  })
  for (const [protocol, from, to] of [
    ['sctp', '10.0.0.1:1', '10.0.0.2:2'],
    ['udp', '10.0.0.1', '10.0.0.2:2'],
    ['udp', '10.0.0.1:0', '10.0.0.2:2'],
    ['udp', '10.0.0.1:65536', '10.0.0.2:2'],
    ['udp', '10.0.0.1:1', '[::1]:2'],
    ['udp', '::1:1', '[::1]:2'],
    ['udp', '[10.0.0.1]:1', '10.0.0.2:2'],
    ['udp', 'web:1', '10.0.0.2:2'],
  ] as const)
    assert.equal(parseFlow(protocol, from, to), undefined, `${protocol} ${from} ${to}`)
})
