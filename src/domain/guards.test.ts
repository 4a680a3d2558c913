import assert from 'node:assert/strict'
import { test } from 'node:test'
import { guardsBuilder } from './guards.ts'
import type { SecurityGroupPeer } from './security-group.ts'
import type { GuardRule, SnapshotListener } from './snapshot.ts'
import { instance, listener, loadBalancer, securityGroup, stateWith } from './state.fixture.ts'
import type { State } from './state.ts'

/** The load balancer carries sg-lb; its listeners are UDP 10.0.1.4 53 and, IPv6, UDP fd00:1::4 53. i-1 has both families. */
const udp = ['UDP 10.0.1.4 53', 'UDP fd00:1::4 53']
const snapshotListeners = udp.map((id): SnapshotListener => {
  const [, address = ''] = id.split(' ')
  return {
    id,
    listenerArn: 'arn:listener',
    protocol: 'UDP',
    address,
    port: 53,
    admit: undefined,
    route: [],
    idleTimeoutMs: 120_000,
    synproxy: false,
  }
})

const dual = { privateIpAddress: '10.0.1.21', ipv6Address: 'fd00:1::21', securityGroups: ['sg-app'] }

function stateOf(
  rules: readonly (readonly [string, SecurityGroupPeer])[],
  extra: Parameters<typeof stateWith>[0] = {},
) {
  return stateWith({
    securityGroups: [securityGroup('sg-app', rules), securityGroup('sg-lb', [])],
    loadBalancers: [
      loadBalancer({
        securityGroups: ['sg-lb'],
        zones: [{ zoneName: 'a', subnetId: 'subnet-a', ipv4Address: '10.0.1.4', ipv6Address: 'fd00:1::4' }],
      }),
    ],
    listeners: [listener({ protocol: 'UDP', port: 53 })],
    instances: [instance('i-1', dual), instance('i-2', { privateIpAddress: '10.0.1.22', securityGroups: ['sg-peer'] })],
    ...extra,
  })
}

const describe = ({ protocol, fromPort, toPort, cidrs, through, fromBalancer }: GuardRule) =>
  `${protocol} ${fromPort}-${toPort} from ${[...cidrs, ...through.map(id => `(${id})`), ...(fromBalancer ? ['+ checks'] : [])].join(' ')}`

const guardsOf = (state: State) => guardsBuilder()(state, snapshotListeners)

const world4 = { cidrIpv4: '0.0.0.0/0' }
const tables: [title: string, rules: [string, SecurityGroupPeer][], ipv4: string[], ipv6: string[]][] = [
  ['no rule admits nobody', [], [], []],
  ['a range admits its own family', [['tcp 80-81', world4]], ['TCP 80-81 from 0.0.0.0/0'], []],
  ['an IPv6 range likewise', [['udp 53-53', { cidrIpv6: '::/0' }]], [], ['UDP 53-53 from ::/0']],
  [
    '-1 is every protocol, whatever the ports',
    [['-1', { cidrIpv4: '10.0.0.0/8' }]],
    ['ALL 0-65535 from 10.0.0.0/8'],
    [],
  ],
  [
    'ICMP keeps type and code, and each family has its own',
    [
      ['icmp 8--1', world4],
      ['icmpv6 -1--1', { cidrIpv6: 'fd00::/8' }],
      ['icmp -1--1', { cidrIpv6: '::/0' }],
    ],
    ['ICMP 8--1 from 0.0.0.0/0'],
    ['ICMP -1--1 from fd00::/8'],
  ],
  [
    'a group of instances is their addresses',
    [['tcp 22-22', { groupId: 'sg-peer' }]],
    ['TCP 22-22 from 10.0.1.22/32'],
    [],
  ],
  [
    'a group that a load balancer carries is its addresses and all that came through it, health checks of any protocol too',
    [
      ['udp 8080-8080', { groupId: 'sg-lb' }],
      ['tcp 8081-8081', { groupId: 'sg-lb' }],
    ],
    [
      'UDP 8080-8080 from 10.0.1.4/32 (UDP 10.0.1.4 53) (UDP fd00:1::4 53) + checks',
      'TCP 8081-8081 from 10.0.1.4/32 (UDP 10.0.1.4 53) (UDP fd00:1::4 53) + checks',
    ],
    [
      'UDP 8080-8080 from fd00:1::4/128 (UDP 10.0.1.4 53) (UDP fd00:1::4 53) + checks',
      'TCP 8081-8081 from fd00:1::4/128 (UDP 10.0.1.4 53) (UDP fd00:1::4 53) + checks',
    ],
  ],
  [
    'rules for the same ports are one, its ranges disjoint',
    [
      ['tcp 80-80', { cidrIpv4: '10.1.0.0/16' }],
      ['tcp 443-443', world4],
      ['tcp 80-80', { cidrIpv4: '10.0.0.0/8' }],
      ['tcp 80-80', { groupId: 'sg-peer' }],
    ],
    ['TCP 80-80 from 10.0.0.0/8', 'TCP 443-443 from 0.0.0.0/0'],
    [],
  ],
  ['a group that nobody carries admits nobody', [['tcp 80-80', { groupId: 'sg-none' }]], [], []],
]

for (const [title, rules, ipv4, ipv6] of tables) {
  test(`an instance’s guards: ${title}`, () => {
    const its = guardsOf(stateOf(rules)).filter(({ id }) => id === 'i-1')
    assert.deepEqual(
      its.map(({ address, rules }) => [address, rules.map(describe)]),
      [
        ['10.0.1.21', ipv4],
        ['fd00:1::21', ipv6],
      ],
    )
  })
}

test('outbound rules do not count', () => {
  const group = securityGroup('sg-app', [['-1', world4]])
  const outbound = { ...group, rules: group.rules.map(rule => ({ ...rule, isEgress: true })) }
  assert.deepEqual(guardsOf(stateOf([], { securityGroups: [outbound] }))[0]?.rules, [])
})

test('every instance that exists is guarded, but for addresses that are this host’s own', () => {
  const addresses = ['10.0.1.21', '10.0.1.4', '127.0.0.1', '127.0.0.2', '127.65.0.2']
  const instances = addresses.map((privateIpAddress, n) => instance(`i-${n}`, { privateIpAddress }))
  instances.push(instance('i-stopped', { privateIpAddress: '10.0.1.30', state: 'stopped' }))
  instances.push(instance('i-gone', { privateIpAddress: '10.0.1.31', state: 'terminated', ipv6Address: '::1' }))
  assert.deepEqual(
    guardsOf(stateOf([], { instances })).map(({ address }) => address),
    ['10.0.1.21', '127.65.0.2', '10.0.1.30'],
  )
})

test('what does not change stays the same object: over weights, over the same state whole anew, over another instance', () => {
  const guardsOf = guardsBuilder()
  const rules: [string, SecurityGroupPeer][] = [['udp 53-53', { groupId: 'sg-lb' }]]
  const state = stateOf(rules)
  const first = guardsOf(state, snapshotListeners)
  const weighted = stateWith({ listeners: [listener({ protocol: 'UDP', port: 53, forward: [] })] }, state)
  assert.equal(guardsOf(weighted, snapshotListeners), first)
  assert.equal(guardsOf(stateOf(rules), snapshotListeners), first)
  const launched = stateWith({ instances: [instance('i-3', { privateIpAddress: '10.0.1.33' })] }, state)
  const second = guardsOf(launched, snapshotListeners)
  assert.equal(second.length, first.length + 1)
  for (const [n, guard] of first.entries()) assert.equal(second[n], guard)
  assert.notEqual(guardsOf(stateOf([]), snapshotListeners)[0], first[0])
})

test('a new listener of the load balancer is admitted as soon as it is there', () => {
  const guardsOf = guardsBuilder()
  const state = stateOf([['udp 53-53', { groupId: 'sg-lb' }]])
  const [rule] = guardsOf(state, [])[0]?.rules ?? []
  assert.deepEqual([rule?.through, rule?.fromBalancer], [[], true], 'health checks come before it')
  assert.deepEqual(guardsOf(state, snapshotListeners)[0]?.rules[0]?.through, udp)
})
