import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allocateAddress, isOnNoCard, reservedAddresses } from './addresses.ts'
import { cidrContains } from './cidr.ts'
import { instance, loadBalancer, stateWith, subnet, target, targetGroup } from './state.fixture.ts'

const host = { own: ['127.0.0.1', '::1', '192.0.2.7', '192.0.2.8', '2001:db8::7'], range: '198.18.0.0/15' }
const none: ReadonlySet<string> = new Set()
const foreign = subnet('a', '10.0.1.0/24', { ipv6CidrBlock: 'fd00:1::/64' })

test('load balancers of a default subnet share its address', () => {
  const shared = subnet('a', '127.0.0.0/9', { sharedAddress: '127.0.0.1', sharedIpv6Address: '::1' })
  assert.equal(allocateAddress(shared, 'x', 'ipv4', host, new Set(['127.0.0.1'])), '127.0.0.1')
  assert.equal(allocateAddress(shared, 'x', 'ipv6', host, none), '::1')
  assert.equal(allocateAddress({ ...shared, sharedIpv6Address: undefined! }, 'x', 'ipv6', host, none), undefined)
})

test('a subnet of this host’s own network gives its addresses, the first free one', () => {
  const own = subnet('a', '192.0.2.0/24', { ipv6CidrBlock: '2001:db8::/64' })
  assert.equal(allocateAddress(own, 'x', 'ipv4', host, none), '192.0.2.7')
  assert.equal(allocateAddress(own, 'x', 'ipv4', host, new Set(['192.0.2.7'])), '192.0.2.8')
  assert.equal(allocateAddress(own, 'x', 'ipv4', host, new Set(['192.0.2.7', '192.0.2.8'])), '192.0.2.7')
  assert.equal(allocateAddress(own, 'x', 'ipv6', host, none), '2001:db8::7')
})

test('any other subnet gets an address of the host’s range, the same for the same name each time', () => {
  const first = allocateAddress(foreign, 'web', 'ipv4', host, none)
  assert.ok(first && cidrContains('198.18.0.0/15', first))
  assert.equal(allocateAddress({ ...foreign, id: 'subnet-after-a-reset' }, 'web', 'ipv4', host, none), first)
  assert.notEqual(allocateAddress(foreign, 'api', 'ipv4', host, none), first)
  assert.notEqual(allocateAddress(subnet('b', '10.0.2.0/24'), 'web', 'ipv4', host, none), first)
  const next = allocateAddress(foreign, 'web', 'ipv4', host, new Set([first]))
  assert.ok(next && next !== first && cidrContains('198.18.0.0/15', next))
})

test('a small range is used to its last address, without those of the network itself', () => {
  const small = { own: [], range: '127.64.0.0/29' }
  const taken = new Set<string>()
  for (let i = 0; i < 6; i++) taken.add(allocateAddress(foreign, 'web', 'ipv4', small, taken)!)
  assert.deepEqual(
    [...taken].sort(),
    [1, 2, 3, 4, 5, 6].map(n => `127.64.0.${n}`),
  )
  assert.equal(allocateAddress(foreign, 'web', 'ipv4', small, taken), undefined)
})

test('IPv6 needs a range of the subnet and one of the host', () => {
  assert.equal(allocateAddress(foreign, 'web', 'ipv6', host, none), undefined)
  const address = allocateAddress(foreign, 'web', 'ipv6', { ...host, ipv6Range: 'fd5a::/64' }, none)
  assert.ok(address && cidrContains('fd5a::/64', address))
  assert.equal(
    allocateAddress(subnet('a', '10.0.1.0/24'), 'web', 'ipv6', { ...host, ipv6Range: 'fd5a::/64' }, none),
    undefined,
  )
})

test('load balancers, instances that exist, and targets hold their addresses', () => {
  const state = stateWith({
    loadBalancers: [loadBalancer({ ipAddressType: 'dualstack' })],
    instances: [instance('i-1'), instance('i-2', { state: 'terminated', privateIpAddress: '10.0.1.30' })],
    targetGroups: [
      targetGroup({ targets: [target('10.0.1.10')] }),
      targetGroup({ arn: 'arn:2', targetType: 'instance', targets: [target('i-1')] }),
    ],
  })
  assert.deepEqual([...reservedAddresses(state)].sort(), [
    '10.0.1.10',
    '10.0.1.20',
    '10.0.1.4',
    '10.0.2.4',
    'fd00:1::4',
    'fd00:2::4',
  ])
})

test('addresses on no network card are loopback’s and those of the local ranges', () => {
  const addresses = ['127.65.0.2', '::1', '198.19.255.1', 'fd53:4c55::9', '198.20.0.1', '192.0.2.1', 'fd53:4c56::1']
  assert.deepEqual(addresses.filter(isOnNoCard), addresses.slice(0, 4))
})
