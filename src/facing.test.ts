import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { lacking } from '../test/lacking.ts'
import { facing, readMacs, readRoutes } from './facing.ts'

/** `ip -json -force -batch -` of iproute2 6.1, asked for addresses of every kind. */
const answer = `[{"dst":"10.20.0.5","gateway":"10.9.0.254","dev":"eth1","prefsrc":"10.9.0.1","flags":[],"uid":0,"cache":[]}]
[{"dst":"10.9.0.2","dev":"eth1","prefsrc":"10.9.0.1","flags":[],"uid":0,"cache":[]}]
[{"dst":"10.8.0.2","dev":"wg0","prefsrc":"10.8.0.1","flags":[],"uid":0,"cache":[]}]
[{"dst":"10.7.0.2","via":{"family":"inet6","host":"fe80::1"},"dev":"eth1","prefsrc":"10.9.0.1","flags":[],"uid":0,"cache":[]}]
[{"type":"local","dst":"127.65.0.2","dev":"lo","prefsrc":"127.0.0.1","flags":[],"uid":0,"cache":["local"]}]
[{"type":"multicast","dst":"239.1.1.1","dev":"eth1","prefsrc":"10.9.0.1","flags":[],"uid":0,"cache":["mc"]}]
[{"dst":"fd00::2","from":"::","dev":"eth1","protocol":"kernel","prefsrc":"fd00::1","metric":256,"flags":[],"pref":"medium"}]
`
const link = { device: 'eth1', mac: '52:54:00:00:00:01' }
const table: [string, object][] = [
  ['10.20.0.5', { kind: 'router', address: '10.9.0.1', device: 'eth1', router: '10.9.0.254' }],
  ['10.9.0.2', { kind: 'link', address: '10.9.0.1', ...link }],
  ['10.8.0.2', { kind: 'link', address: '10.8.0.1', device: 'wg0' }],
  ['10.7.0.2', { kind: 'router', address: '10.9.0.1', device: 'eth1', router: 'fe80::1' }],
  ['127.65.0.2', { kind: 'own' }],
  ['239.1.1.1', { kind: 'unknown', reason: 'it is a multicast address' }],
  ['fd00::2', { kind: 'link', address: 'fd00::1', ...link }],
]

/** `ip -json link show`, likewise. A GRE tunnel's address is no hardware's. */
const links = `[{"ifindex":2,"ifname":"eth1","link_type":"ether","address":"52:54:00:00:00:01"},{"ifindex":3,"ifname":"wg0","link_type":"none"},{"ifindex":4,"ifname":"gre1","link_type":"gre","address":"10.8.0.1"}]`

for (const [address, wanted] of table) {
  test(`the route to ${address} is read`, () => {
    const routes = readRoutes(answer, readMacs(links))
    assert.deepEqual(routes.get(address), wanted)
  })
}

test('without an answer no link has a hardware address', () => assert.deepEqual([...readMacs('')], []))

test('this host’s own addresses are found, and one without a route does not hide the others', async t => {
  try {
    execFileSync('ip', ['-V'], { stdio: 'ignore' })
  } catch {
    return lacking(t, 'ip (Debian: iproute2)')
  }
  const faces = await facing(['2001:db8:ffff::1', '127.0.0.9'])
  assert.deepEqual(faces('127.0.0.9'), { kind: 'own' })
  assert.equal(faces('10.255.255.254').kind, 'unknown')
})
