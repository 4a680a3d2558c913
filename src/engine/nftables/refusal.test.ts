import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import { groupOf, listenerOn, targetAt } from '../userspace/tcp.fixture.ts'
import { hostWith } from './host.fixture.ts'
import type { HostFacts } from './host.ts'
import { missingSettings, refusal } from './refusal.ts'

const groupId = 'arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/50dc6c495c0c9188 TCP *'

/** A listener at an address with one target at another. */
function pair(from: string, to: string, changes: Partial<SnapshotListener> = {}) {
  const listener = listenerOn(8080, { address: from, route: [{ group: groupId, weight: 1 }], ...changes })
  const group = groupOf([{ ...targetAt(9001), address: to }], { id: groupId })
  return { listener, group }
}

function ask(listener: SnapshotListener, groups: readonly SnapshotGroup[], host: HostFacts = hostWith()) {
  return refusal(listener, new Map(groups.map(group => [group.id, group])), host)
}

const forwarding = hostWith({
  settings: new Map([
    ['net.ipv4.ip_forward', '1'],
    ['net.ipv6.conf.all.forwarding', '1'],
  ]),
})

test('what the kernel can carry, and what it can’t, by listener and target', () => {
  // What loopback can and can't was tried with nft 1.0.6 on Linux 6.18: TCP and UDP, from this host and from another one.
  const cases: readonly (readonly [string, string, HostFacts, RegExp | undefined])[] = [
    ['127.0.0.1', '127.65.0.2', hostWith(), undefined],
    ['127.0.0.1', '10.9.0.1', hostWith(), undefined],
    ['127.0.0.1', '198.18.0.7', hostWith({ ownsLocalRange: true }), undefined],
    ['127.0.0.1', '198.18.0.7', hostWith(), /198\.18\.0\.7 of target group web is not on this host/],
    ['127.0.0.1', '10.9.1.2', forwarding, /what comes from 127\.0\.0\.1 can't leave it/],
    ['10.9.0.1', '127.0.0.1', forwarding, /127\.0\.0\.1 of target group web can't be reached from other hosts/],
    ['198.18.0.5', '127.65.0.2', hostWith({ ownsLocalRange: true }), /can't be reached from other hosts/],
    ['10.9.0.1', '10.9.1.1', hostWith(), undefined],
    ['10.9.0.1', '10.9.1.2', forwarding, undefined],
    ['10.9.0.1', '10.9.1.2', hostWith(), /^net\.ipv4\.ip_forward is 0/],
    ['::1', '::1', hostWith(), undefined],
    ['::1', 'fd00:9::1', hostWith(), undefined],
    ['::1', 'fd00:9::2', forwarding, /what comes from ::1 can't leave it/],
    ['fd00:9::1', '::1', forwarding, /::1 of target group web can't be reached from other hosts/],
    ['fd00:9::1', 'fd00:9::2', forwarding, undefined],
    ['fd00:9::1', 'fd00:9::2', hostWith(), /^net\.ipv6\.conf\.all\.forwarding is 0/],
    ['fd00:9::1', '10.9.1.1', forwarding, /another address family than fd00:9::1/],
    ['10.9.0.1', 'fd00:9::1', forwarding, /another address family than 10\.9\.0\.1/],
  ]
  for (const [from, to, host, reason] of cases) {
    const { listener, group } = pair(from, to)
    const answer = ask(listener, [group], host)
    if (reason === undefined) assert.equal(answer, undefined, `${from} to ${to}`)
    else assert.match(answer ?? 'served', reason, `${from} to ${to}`)
  }
})

test('forwarding that is off names the setting, the packets and what to do', () => {
  const { listener, group } = pair('10.9.0.1', '10.9.1.2')
  assert.equal(
    ask(listener, [group]),
    'net.ipv4.ip_forward is 0, so packets for 10.9.1.2 would not be forwarded: set it to 1, or start Sluice with --sysctl',
  )
  const ipv6 = pair('fd00:9::1', 'fd00:9::2')
  assert.equal(
    ask(ipv6.listener, [ipv6.group]),
    'net.ipv6.conf.all.forwarding is 0, so packets for fd00:9::2 would not be forwarded: set it to 1, or start Sluice with --sysctl' +
      ' (an interface that takes its routes from router advertisements then needs accept_ra=2)',
  )
})

test('proxy protocol is userspace’s for TCP; UDP has none', () => {
  const { listener, group } = pair('127.0.0.1', '127.0.0.1')
  const proxied = { ...group, proxyProtocol: true }
  assert.equal(
    ask(listener, [proxied]),
    "target group web wants proxy protocol v2, which the kernel can't write: switch proxy_protocol_v2.enabled off",
  )
  assert.equal(ask({ ...listener, protocol: 'UDP' }, [proxied]), undefined)
})

test('a target counts while it may have flows: at weight 0 and draining, but neither cut nor off the route', () => {
  const { listener, group } = pair('10.9.0.1', '10.9.1.2')
  const [target] = group.targets
  assert.ok(target)
  const as = (mode: typeof target.mode) => [{ ...group, targets: [{ ...target, mode }] }]
  assert.notEqual(ask({ ...listener, route: [{ group: groupId, weight: 0 }] }, as('drain')), undefined)
  assert.equal(ask(listener, as('cut')), undefined)
  assert.equal(ask({ ...listener, route: [] }, as('serve')), undefined)
  assert.equal(ask(listener, []), undefined, 'a group that is not there')
})

test('an answer is new when the listener, one of its groups or the host is, and else the same', () => {
  const { listener, group } = pair('10.9.0.1', '10.9.1.2')
  assert.match(ask(listener, [group]) ?? '', /ip_forward/)
  assert.equal(ask(listener, [group], forwarding), undefined)
  assert.match(ask(listener, [group]) ?? '', /ip_forward/)
  assert.equal(ask(listener, [{ ...group, targets: [] }]), undefined)
  assert.equal(ask({ ...listener, route: [] }, [group]), undefined)
})

test('missing settings are named once, and not for what no setting would help', () => {
  const far = pair('10.9.0.1', '10.9.1.2')
  const farther = pair('10.9.0.1', '10.9.1.3')
  const loopback = pair('127.0.0.1', '10.9.1.4', { synproxy: true })
  const named = (pairs: readonly (typeof far)[]) =>
    missingSettings(
      {
        revision: 1,
        listeners: pairs.map(({ listener }, n) => ({ ...listener, route: [{ group: `g/${n}`, weight: 1 }] })),
        groups: pairs.map(({ group }, n) => ({ ...group, id: `g/${n}` })),
        guards: [],
      },
      hostWith(),
    )
  assert.deepEqual(named([loopback]), [])
  assert.deepEqual(named([far, farther, loopback]), [
    { name: 'net.ipv4.ip_forward', is: '0', needs: '1', otherwise: 'packets for 10.9.1.2 would not be forwarded' },
  ])
})
