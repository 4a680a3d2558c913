import assert from 'node:assert/strict'
import { test } from 'node:test'
import { admissionMemo, admissionOf, admits, admittedRanges, clientAddress } from './admission.ts'
import { formatCidr, parseCidr } from './cidr.ts'
import { anySeed, randomFrom } from './random.fixture.ts'
import type { SecurityGroup } from './security-group.ts'
import { instance, loadBalancer, securityGroup, stateWith } from './state.fixture.ts'

const world = { cidrIpv4: '0.0.0.0/0' }

function admitted(groups: readonly SecurityGroup[], protocol: 'TCP' | 'UDP', port: number, carried = ['sg-1']) {
  const state = stateWith({
    securityGroups: groups,
    loadBalancers: [
      loadBalancer({ ipAddressType: 'dualstack', securityGroups: carried }),
      loadBalancer({
        arn: 'arn:other',
        securityGroups: ['sg-front'],
        zones: [{ zoneName: 'a', subnetId: 'subnet-a', ipv4Address: '10.0.1.9', ipv6Address: 'fd00:1::9' }],
      }),
    ],
    instances: [
      instance('i-1', { securityGroups: ['sg-front', 'sg-1'], privateIpAddress: '10.0.1.21' }),
      instance('i-2', { securityGroups: ['sg-front'], privateIpAddress: '10.0.1.22', state: 'stopped' }),
      instance('i-3', { securityGroups: ['sg-front'], privateIpAddress: '10.0.1.23', state: 'terminated' }),
    ],
  })
  return admissionOf(state, state.loadBalancers.get('arn:lb')!, protocol, port)?.map(({ cidr }) => cidr)
}

test('a load balancer without security groups admits everyone, one with an empty group nobody', () => {
  assert.equal(admitted([], 'TCP', 80, []), undefined)
  assert.deepEqual(admitted([securityGroup('sg-1', [])], 'TCP', 80), [])
  assert.deepEqual(admitted([], 'TCP', 80), [])
})

test('only inbound rules for the protocol and the port count', () => {
  const outbound = securityGroup('sg-2', [['-1', world]])
  const groups = [
    securityGroup('sg-1', [
      ['tcp 80-90', { cidrIpv4: '10.1.0.0/16' }],
      ['udp 80-80', { cidrIpv4: '10.2.0.0/16' }],
      ['-1', { cidrIpv4: '10.3.0.0/16' }],
      ['icmp -1--1', { cidrIpv4: '10.4.0.0/16' }],
      ['50', { cidrIpv4: '10.5.0.0/16' }],
    ]),
    { ...outbound, rules: outbound.rules.map(rule => ({ ...rule, isEgress: true })) },
  ]
  const both = ['sg-1', 'sg-2']
  assert.deepEqual(admitted(groups, 'TCP', 80, both), ['10.1.0.0/16', '10.3.0.0/16'])
  assert.deepEqual(admitted(groups, 'TCP', 90, both), ['10.1.0.0/16', '10.3.0.0/16'])
  assert.deepEqual(admitted(groups, 'TCP', 91, both), ['10.3.0.0/16'])
  assert.deepEqual(admitted(groups, 'UDP', 80, both), ['10.2.0.0/16', '10.3.0.0/16'])
})

test('the union of all rules is sorted and disjoint', () => {
  const groups = [
    securityGroup('sg-1', [
      ['tcp 80-80', { cidrIpv6: '2001:db8::/32' }],
      ['tcp 80-80', { cidrIpv4: '10.1.2.0/24' }],
      ['tcp 80-80', { cidrIpv4: '192.0.2.0/24' }],
    ]),
    securityGroup('sg-2', [
      ['-1', { cidrIpv4: '10.0.0.0/8' }],
      ['tcp 0-65535', { cidrIpv4: '10.1.0.0/16' }],
      ['tcp 80-80', { cidrIpv4: '9.9.9.9/32' }],
      ['tcp 80-80', { cidrIpv6: '2001:db8:1::/48' }],
    ]),
  ]
  assert.deepEqual(admitted(groups, 'TCP', 80, ['sg-1', 'sg-2']), [
    '9.9.9.9/32',
    '10.0.0.0/8',
    '192.0.2.0/24',
    '2001:db8::/32',
  ])
})

test('a rule that names a group admits the addresses of load balancers and of instances that carry it', () => {
  const members = ['10.0.1.9/32', '10.0.1.21/32', '10.0.1.22/32', 'fd00:1::9/128']
  const front = securityGroup('sg-1', [['tcp 80-80', { groupId: 'sg-front' }]])
  assert.deepEqual(admitted([front], 'TCP', 80), members)
  const itself = securityGroup('sg-1', [['-1', { groupId: 'sg-1' }]])
  assert.deepEqual(admitted([itself], 'UDP', 53), [
    '10.0.1.4/32',
    '10.0.1.21/32',
    '10.0.2.4/32',
    'fd00:1::4/128',
    'fd00:2::4/128',
  ])
})

test('an address is admitted when one of the ranges holds it', () => {
  const ranges = ['10.0.0.0/8', '192.0.2.128/25', '198.51.100.7/32', '2001:db8::/33', '10.9.0.0/16', 'fd00::1/128']
  const admission = ranges.map(cidr => ({ cidr }))
  for (const source of ['10.0.0.0', '10.255.255.255', '192.0.2.128', '198.51.100.7', '2001:db8:7fff::1', 'fd00::1'])
    assert.ok(admits(admission, source), source)
  for (const source of [
    '9.255.255.255',
    '11.0.0.0',
    '192.0.2.127',
    '192.0.3.128',
    '198.51.100.8',
    '2001:db8:8000::',
    '::',
    'x',
    '',
  ])
    assert.ok(!admits(admission, source), source)
  assert.ok(admits(undefined, '203.0.113.1'))
  assert.ok(!admits([], '203.0.113.1'))
  assert.ok(admits([{ cidr: '0.0.0.0/0' }], '203.0.113.1') && !admits([{ cidr: '0.0.0.0/0' }], '2001:db8::1'))
})

test('hundreds of ranges answer as a search through all of them would', () => {
  const seed = anySeed()
  const random = randomFrom(seed)
  const byte = () => random(256)
  const ranges = Array.from({ length: 300 }, () => ({ network: [byte() & 3, byte(), byte()], bits: 9 + (byte() % 16) }))
  const admission = ranges.map(({ network, bits }) => ({ cidr: `${network.join('.')}.0/${bits}` }))
  const number = ([a = 0, b = 0, c = 0]: number[]) => (a << 16) | (b << 8) | c
  for (let i = 0; i < 2000; i++) {
    const address = [byte() & 3, byte(), byte()]
    const wanted = ranges.some(({ network, bits }) => number(address) >> (24 - bits) === number(network) >> (24 - bits))
    assert.equal(admits(admission, `${address.join('.')}.7`), wanted, `seed ${seed}: ${address}`)
  }
})

test('a client on this host counts with the load balancer’s own address, unless it chose one', () => {
  assert.equal(clientAddress('127.0.0.1', '10.0.1.4'), '10.0.1.4')
  assert.equal(clientAddress('::1', 'fd00:1::4'), 'fd00:1::4')
  assert.equal(clientAddress('::ffff:127.0.0.1', '10.0.1.4'), '10.0.1.4')
  assert.equal(clientAddress('127.0.0.9', '127.0.0.1'), '127.0.0.9')
  assert.equal(clientAddress('::ffff:192.0.2.1', '10.0.1.4'), '192.0.2.1')
  assert.equal(clientAddress('fe80::1%eth0', 'fd00:1::4'), 'fe80::1')
  assert.equal(clientAddress('2001:db8::1', 'fd00:1::4'), '2001:db8::1')
})

test('what admits the same is the same array, over ports, load balancers and changes elsewhere', () => {
  const memo = admissionMemo()
  const carrier = loadBalancer({ securityGroups: ['sg-1'] })
  const before = stateWith({
    loadBalancers: [carrier],
    securityGroups: [securityGroup('sg-1', [['tcp 80-81', world]]), securityGroup('sg-2', [['-1', world]])],
  })
  const first = memo(before, carrier, 'TCP', 80)
  assert.equal(memo(before, carrier, 'TCP', 81), first)
  assert.equal(memo(before, loadBalancer({ securityGroups: ['sg-2'] }), 'UDP', 53), first)
  assert.notEqual(memo(before, carrier, 'TCP', 82), first)
  const after = stateWith({ securityGroups: [securityGroup('sg-3', [])], instances: [instance('i-1')] }, before)
  assert.equal(memo(after, carrier, 'TCP', 80), first)
  const changed = stateWith({ securityGroups: [securityGroup('sg-1', [])] }, after)
  assert.deepEqual(memo(changed, carrier, 'TCP', 80), [])
})

test('as ranges: merged, sorted, and 127.0.0.1 as the load balancer’s own address', () => {
  const ranges = (cidrs: readonly string[] | undefined, own = '10.0.1.4') =>
    admittedRanges(
      cidrs?.map(cidr => ({ cidr })),
      own,
    ).map(({ from, to }) => `${from}-${to}`)
  assert.deepEqual(ranges(undefined), ['0.0.0.0-255.255.255.255'])
  assert.deepEqual(ranges(undefined, 'fd00::1'), ['::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'])
  assert.deepEqual(ranges([]), [])
  assert.deepEqual(ranges(['10.0.0.0/24', '10.0.1.0/24', '::/0']), ['10.0.0.0-10.0.1.255', '127.0.0.1-127.0.0.1'])
  assert.deepEqual(ranges(['127.0.0.0/30']), ['127.0.0.0-127.0.0.0', '127.0.0.2-127.0.0.3'])
  assert.deepEqual(ranges(['127.0.0.0/30'], '127.0.0.2'), ['127.0.0.0-127.0.0.3'])
  assert.deepEqual(ranges(['127.0.0.1/32'], '127.0.0.1'), ['127.0.0.1-127.0.0.1'])
})

test('as ranges they admit whom the rules admit', t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const number = (address: string) => address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0)
  for (let round = 0; round < 300; round++) {
    const cidrs = Array.from({ length: random(6) }, () => ({
      cidr: `127.0.${random(2)}.${random(16) * 16}/${28 + random(5)}`,
    }))
    const admission = cidrs.map(({ cidr }) => ({ cidr: formatCidr(parseCidr(cidr)!) }))
    const own = ['127.0.0.1', '127.0.0.2', '127.0.1.77', '10.0.1.4'][random(4)]!
    const ranges = admittedRanges(admission, own)
    for (let n = 0; n < 50; n++) {
      const source = n === 0 ? '127.0.0.1' : `127.0.${random(2)}.${random(256)}`
      const its = number(source)
      assert.equal(
        ranges.some(({ from, to }) => number(from) <= its && its <= number(to)),
        admits(admission, clientAddress(source, own)),
        `seed ${seed}: ${source} to ${own}, ${JSON.stringify(admission)}`,
      )
    }
  }
})
