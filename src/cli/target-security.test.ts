import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { lacking } from '../../test/lacking.ts'
import type { GuardRule, SnapshotGuard } from '../domain/snapshot.ts'
import type { TargetHost, TargetHosts } from '../domain/target-hosts.ts'
import { behindRouter, host, hostsOf, onLink, snapshotListener } from './target-hosts.fixture.ts'
import { renderTargetSecurity } from './target-security.ts'

const onLink6 = { ...onLink, address: 'fd00::1' }

/** The two rules of an instance behind the load balancer, both of which name its group, and more of every kind. */
const balanced = { through: ['UDP 10.0.1.4 53', 'UDP fd00:1::4 53', 'TCP 10.0.1.4 443'], fromBalancer: true } as const
const rule = (
  protocol: GuardRule['protocol'],
  ports: readonly [number, number],
  cidrs: readonly string[],
): GuardRule => ({
  protocol,
  fromPort: ports[0],
  toPort: ports[1],
  cidrs,
  through: [],
})
const s110: readonly GuardRule[] = [
  { ...rule('UDP', [8080, 8080], ['10.0.1.4/32']), ...balanced },
  { ...rule('TCP', [8081, 8081], ['10.0.1.4/32']), ...balanced },
]
const more = [
  rule('TCP', [22, 23], ['10.0.0.0/8', '192.0.2.1/32']),
  rule('ICMP', [8, -1], ['0.0.0.0/0']),
  rule('ICMP', [3, 4], ['10.0.0.0/8']),
  rule('ICMP', [-1, -1], ['10.1.0.0/16']),
  rule('ALL', [0, 65_535], ['10.5.0.0/16']),
]
const guard = (rules: readonly GuardRule[]): SnapshotGuard => ({ id: 'i-1', address: '10.9.0.2', rules })

function chains(targets: TargetHosts): string {
  return renderTargetSecurity(targets).split('  chain target-').slice(1).join('').replace(/\}\n$/, '')
}

test('on the same link the frame’s source is the test, and says so', () => {
  assert.equal(
    renderTargetSecurity(hostsOf([host('10.9.0.2', onLink), host('10.9.0.3', onLink), host('fd00::2', onLink6)])),
    `# What may reach the targets of web, as of revision 12. On each target's own host: nft -f THIS-FILE
# Loading it again replaces it; it is gone after: nft delete table inet sluice-target-web
#
# 10.9.0.2, 10.9.0.3, fd00::2:
# the test is the frame's source: 52:54:00:00:00:01, the balancing host's eth1, on the same link.
# It holds whoever the client is. It cannot tell what that host forwards without balancing it, nor forged frames.

table inet sluice-target-web
delete table inet sluice-target-web
table inet sluice-target-web {
  chain input {
    type filter hook input priority filter; policy accept;
    iif "lo" accept
    ct state established,related accept
    ip daddr 10.9.0.2 jump target-10.9.0.2
    ip daddr 10.9.0.3 jump target-10.9.0.3
    ip6 daddr fd00::2 jump target-fd00__2
  }

  chain target-10.9.0.2 {
    ether saddr 52:54:00:00:00:01 udp dport 8080 accept
    ether saddr 52:54:00:00:00:01 tcp dport 8081 accept
    udp dport 8080 counter drop
    tcp dport 8081 counter drop
  }

  chain target-10.9.0.3 {
    ether saddr 52:54:00:00:00:01 udp dport 8080 accept
    ether saddr 52:54:00:00:00:01 tcp dport 8081 accept
    udp dport 8080 counter drop
    tcp dport 8081 counter drop
  }

  chain target-fd00__2 {
    ether saddr 52:54:00:00:00:01 udp dport 8080 accept
    ether saddr 52:54:00:00:00:01 tcp dport 8081 accept
    udp dport 8080 counter drop
    tcp dport 8081 counter drop
  }
}
`,
  )
})

test('behind a router it is the source’s address: whom the listener admits, and for checks the balancing host alone', () => {
  const text = renderTargetSecurity(hostsOf([host('10.20.0.5', behindRouter)]))
  assert.match(
    text,
    /# the test is the source's address: behind the router 10\.9\.0\.254.*\n# Admitted: whom the listeners admit/,
  )
  assert.equal(
    chains(hostsOf([host('10.20.0.5', behindRouter)])),
    `10.20.0.5 {
    ip saddr { 10.0.1.4/32, 10.9.0.1/32, 192.0.2.0/24, 198.51.100.0/24 } udp dport 8080 accept
    ip saddr { 10.0.1.4/32, 10.9.0.1/32 } tcp dport 8081 accept
    udp dport 8080 counter drop
    tcp dport 8081 counter drop
  }
`,
  )
})

test('so it is on a tunnel, and where no way is known', () => {
  const tunnel = { kind: 'link', address: '10.8.0.1', device: 'wg0' } as const
  assert.match(
    renderTargetSecurity(hostsOf([host('10.8.0.2', tunnel)])),
    /wg0, has no hardware addresses.*10\.8\.0\.1\/32/s,
  )
  const unknown = { kind: 'unknown', reason: 'no route' } as const
  assert.match(
    renderTargetSecurity(hostsOf([host('10.7.0.2', unknown)])),
    /no route, so nothing is known.*10\.0\.1\.4\/32/s,
  )
})

test('a load balancer without security groups admits everyone, and that is said', () => {
  const open = hostsOf([host('10.20.0.5', behindRouter)], {
    listeners: [snapshotListener('UDP 10.0.1.4 53', undefined)],
  })
  assert.match(renderTargetSecurity(open), /# Admitted: everyone, as the load balancer has no security groups/)
  assert.match(chains(open), /^ {4}udp dport 8080 accept$/m)
})

test('where clients’ addresses are not kept, only the balancing host comes', () => {
  const services = [{ protocol: 'TCP', port: 8080 }] as const
  const hidden = hostsOf([host('10.20.0.5', behindRouter, { services })], { preservesClient: false })
  assert.match(chains(hidden), /^ {4}ip saddr \{ 10\.0\.1\.4\/32, 10\.9\.0\.1\/32 \} tcp dport 8080 accept$/m)
})

test('a service port that is checked itself has one rule', () => {
  const services = [{ protocol: 'TCP', port: 8081 }] as const
  assert.equal(
    chains(hostsOf([host('10.9.0.2', onLink, { services })])),
    '10.9.0.2 {\n    ether saddr 52:54:00:00:00:01 tcp dport 8081 accept\n    tcp dport 8081 counter drop\n  }\n',
  )
})

test('an instance’s security groups are rendered whole, and all else to it is dropped', () => {
  const instances = hostsOf([host('10.9.0.2', onLink, { id: 'i-1', guard: guard([...s110, ...more]) })])
  assert.match(renderTargetSecurity(instances), /# i-1 \(10\.9\.0\.2\):.*# All else .* is dropped, on every port\./s)
  assert.equal(
    chains(instances),
    `10.9.0.2 {
    ip saddr { 10.0.1.4/32 } udp dport 8080 accept
    ether saddr 52:54:00:00:00:01 udp dport 8080 accept
    ip saddr { 10.0.1.4/32 } tcp dport 8081 accept
    ether saddr 52:54:00:00:00:01 tcp dport 8081 accept
    ip saddr { 10.0.0.0/8, 192.0.2.1/32 } tcp dport 22-23 accept
    icmp type 8 accept
    ip saddr { 10.0.0.0/8 } icmp type 3 icmp code 4 accept
    ip saddr { 10.1.0.0/16 } meta l4proto icmp accept
    ip saddr { 10.5.0.0/16 } accept
    counter drop
  }
`,
  )
})

test('behind a router an instance admits whom the listeners of the rule’s protocol admit', () => {
  assert.equal(
    chains(hostsOf([host('10.20.0.5', behindRouter, { guard: guard(s110) })])),
    `10.20.0.5 {
    ip saddr { 10.0.1.4/32, 10.9.0.1/32, 192.0.2.0/24, 198.51.100.0/24 } udp dport 8080 accept
    ip saddr { 10.0.1.4/32, 10.9.0.1/32, 203.0.113.0/24 } tcp dport 8081 accept
    counter drop
  }
`,
  )
})

test('an IPv6 instance is found by its neighbors', () => {
  const its = guard([
    { ...rule('UDP', [8080, 8080], ['fd00:1::4/128']), ...balanced },
    rule('ICMP', [128, 0], ['::/0']),
  ])
  assert.equal(
    chains(hostsOf([host('fd00::2', onLink6, { guard: its, checkPorts: [] })])),
    `fd00__2 {
    icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } accept
    ip6 saddr { fd00:1::4/128 } udp dport 8080 accept
    ether saddr 52:54:00:00:00:01 udp dport 8080 accept
    icmpv6 type 128 icmpv6 code 0 accept
    counter drop
  }
`,
  )
})

test('what the load balancer needs and no rule admits is pointed out', () => {
  const barred = hostsOf([host('10.9.0.2', onLink, { id: 'i-1', guard: guard(more.slice(0, 1)) })])
  assert.match(
    renderTargetSecurity(barred),
    /# NOTE: .* admits anybody to UDP 10\.9\.0\.2:8080, TCP 10\.9\.0\.2:8081\./,
  )
})

test('for targets of the balancing host itself there is nothing but a comment', () => {
  const textFor = (its: TargetHost) => renderTargetSecurity(hostsOf([its]))
  const own = { kind: 'own' } as const
  assert.match(
    textFor(host('127.65.0.2', own)),
    /^(#.*\n)+# an address of the balancing host itself\. Nothing is to be loaded\.\n$/,
  )
  const its = guard(s110)
  assert.match(
    textFor(host('127.65.0.2', own, { guard: its })),
    /^(#.*\n)+# .*where its security groups are enforced\..*\n$/,
  )
  // Of a network card's nothing is barred: the operator's ssh may come that way.
  const card = textFor(host('192.0.2.1', own, { guard: its }))
  assert.match(card, /^(#.*\n)+$/)
  assert.match(card, /No group is enforced on it/)
})

test('nft takes all of it', t => {
  if (spawnSync('unshare', ['-rn', 'nft', 'list', 'ruleset']).status !== 0)
    return lacking(t, 'unshare and nft (Debian: nftables)')
  const its = guard([...s110, ...more])
  const its6 = guard([
    { ...rule('UDP', [8080, 8080], ['fd00:1::4/128']), ...balanced },
    rule('ICMP', [-1, -1], ['::/0']),
  ])
  const hosts = [
    host('10.9.0.2', onLink),
    host('10.9.0.3', onLink, { guard: its }),
    host('fd00::2', onLink6, { guard: its6 }),
    host('10.20.0.5', behindRouter),
    host('10.20.0.6', behindRouter, { guard: its }),
    host('fd00:20::6', behindRouter, { guard: its6 }),
    host('127.65.0.2', { kind: 'own' }),
  ]
  for (const chosen of [hosts, ...hosts.map(host => [host])]) {
    const input = renderTargetSecurity(hostsOf(chosen))
    const { status, stderr } = spawnSync('unshare', ['-rn', 'nft', '-c', '-f', '-'], { input, encoding: 'utf8' })
    assert.equal(status, 0, `${stderr}\n${input}`)
  }
})
