import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { lacking } from '../../../test/lacking.ts'
import { enterOwnNetwork } from '../../../test/own-network.ts'
import { hostWith } from './host.fixture.ts'
import { hostReader, isOwn } from './host.ts'

const ip = (command: string) => execFileSync('ip', command.split(' '))

test('the facts are those of this network namespace, and the same object while nothing changes', t => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return lacking(t, 'root on Linux')
  enterOwnNetwork()
  const read = hostReader()
  const bare = read()
  assert.deepEqual([...bare.addresses].sort(), ['127.0.0.1', '::1'])
  assert.deepEqual([bare.links, bare.ownsLocalRange], [[], false])
  assert.equal(bare.settings.get('net.ipv4.ip_forward'), '0')
  assert.equal(read(), bare)

  ip('link add v0 type veth peer name v1')
  ip('addr add 10.9.0.1/24 dev v0')
  ip('addr add 10.9.0.7/24 dev v0')
  ip('addr add 10.9.3.3/32 dev v0')
  ip('-6 addr add fd00:9::1/64 dev v0 nodad')
  for (const name of ['v0', 'v1']) ip(`link set ${name} up`)
  const linked = read()
  assert.notEqual(linked, bare)
  assert.deepEqual(linked.links, [
    { name: 'v0', cidr: '10.9.0.0/24' },
    { name: 'v0', cidr: 'fd00:9::/64' },
  ])
  for (const address of ['10.9.0.1', '10.9.0.7', '10.9.3.3', 'fd00:9::1', '127.65.0.2', '::1'])
    assert.ok(isOwn(linked, address), address)
  for (const address of ['10.9.0.2', 'fd00:9::2', '198.18.0.7']) assert.ok(!isOwn(linked, address), address)

  ip('route add local 198.18.0.0/15 dev lo')
  const ranged = read()
  assert.ok(isOwn(ranged, '198.18.0.7') && isOwn(ranged, '198.19.255.254'))
  assert.ok(!isOwn(ranged, '198.20.0.1'))

  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
  const forwarding = read()
  assert.equal(forwarding.settings.get('net.ipv4.ip_forward'), '1')
  assert.equal(read(), forwarding)
})

test('a default route does not make the local range this host’s own', t => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return lacking(t, 'root on Linux')
  enterOwnNetwork()
  ip('link add v0 type veth peer name v1')
  ip('addr add 10.9.0.1/24 dev v0')
  for (const name of ['v0', 'v1']) ip(`link set ${name} up`)
  ip('route add default via 10.9.0.2')
  assert.equal(hostReader()().ownsLocalRange, false)
})

test('loopback is own on any host', () => {
  assert.ok(isOwn(hostWith(), '127.64.3.4'))
})
