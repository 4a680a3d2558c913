import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { lacking } from '../../test/lacking.ts'
import { behindRouter, host, hostsOf, onLink } from './target-hosts.fixture.ts'
import { renderTargetRoutes } from './target-routes.ts'

const onLink6 = { ...onLink, address: 'fd00::1' }
const services = [
  { protocol: 'TCP', port: 8080 },
  { protocol: 'UDP', port: 8080 },
] as const

test('targets on the same link get a route back and a rule for each service, and for ICMP where there is UDP', () => {
  assert.equal(
    renderTargetRoutes(hostsOf([host('10.9.0.2', onLink, { id: 'i-1', services }), host('fd00::2', onLink6)])),
    `# Replies of the targets of web go back through the load balancer. Whoever asks these ports directly gets no answer
# any more, but through the load balancer. Run each part on its own host, at every start.

# i-1, TCP 10.9.0.2:8080, UDP 10.9.0.2:8080: back through 10.9.0.1, the balancing host's address on the same link (its eth1).
# A container or a namespace whose default route this is already needs nothing.
ip route replace default via 10.9.0.1 table 5151
ip rule add from 10.9.0.2 ipproto tcp sport 8080 lookup 5151
ip rule add ipproto udp sport 8080 lookup 5151
ip rule add from 10.9.0.2 ipproto icmp lookup 5151

# UDP [fd00::2]:8080: back through fd00::1, the balancing host's address on the same link (its eth1).
# A container or a namespace whose default route this is already needs nothing.
ip -6 route replace default via fd00::1 table 5151
ip -6 rule add ipproto udp sport 8080 lookup 5151
ip -6 rule add from fd00::2 ipproto ipv6-icmp lookup 5151
`,
  )
})

const comments: [title: string, given: Parameters<typeof hostsOf>, said: RegExp][] = [
  [
    'a target behind a router needs the routers’ help or a tunnel',
    [[host('10.20.0.5', behindRouter)]],
    /10\.9\.0\.254.*tunnel/s,
  ],
  [
    'a target on this host needs nothing',
    [[host('127.65.0.2', { kind: 'own' })]],
    /balancing host itself. Nothing is to/,
  ],
  [
    'of a target without a route nothing is known',
    [[host('10.7.0.1', { kind: 'unknown', reason: 'no route' })]],
    /no route, so/,
  ],
  [
    'without client addresses nothing is needed',
    [[host('10.9.0.2', onLink)], { preservesClient: false }],
    /Nothing is to be done/,
  ],
  ['a group without targets', [[]], /web has no registered targets/],
]
for (const [title, given, said] of comments) {
  test(`${title}: comments, and no command`, () => {
    const text = renderTargetRoutes(hostsOf(...given))
    assert.match(text, said)
    assert.deepEqual(
      text.split('\n').filter(line => line !== '' && !line.startsWith('#')),
      [],
    )
  })
}

test('a target host takes the commands, and looks replies up as they say', t => {
  if (spawnSync('unshare', ['-rn', 'ip', '-V']).status !== 0) return lacking(t, 'unshare and ip (Debian: iproute2)')
  const commands = renderTargetRoutes(hostsOf([host('10.9.0.2', onLink), host('fd00::2', onLink6)]))
  const script = `set -e
    ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up
    ip addr add 10.9.0.2/24 dev eth0; ip addr add fd00::2/64 dev eth0 nodad
    ip route add default via 10.9.0.254
    ${commands}
    ip route get 192.0.2.7 from 10.9.0.2 ipproto udp sport 8080
    ip route get 192.0.2.7 from 10.9.0.2 ipproto udp sport 9999
    ip route get 192.0.2.9 ipproto udp sport 8080
    ip route get 2001:db8::7 from fd00::2 ipproto udp sport 8080`
  const found = execFileSync('unshare', ['-rn', 'sh', '-c', script], { encoding: 'utf8', timeout: 10_000 })
  assert.match(
    found,
    /192\.0\.2\.7 from 10\.9\.0\.2 via 10\.9\.0\.1 .*via 10\.9\.0\.254 .*192\.0\.2\.9 via 10\.9\.0\.1 .*via fd00::1 /s,
  )
})
