import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from './build-snapshot.ts'
import {
  applicationLoadBalancer,
  certificate,
  httpListener,
  instance,
  listener,
  loadBalancer,
  now,
  rule,
  securityGroup,
  stateWith,
  target,
  targetGroup,
} from './state.fixture.ts'
import type { TargetGroup } from './target-group.ts'
import { type Facing, targetHostAddresses, targetHosts } from './target-hosts.ts'

const link: Facing = { kind: 'link', address: '10.0.1.1', device: 'eth1', mac: '52:54:00:00:00:01' }

/** The load balancer listens on UDP 53; the second listener, TCP 54, goes elsewhere. */
function hostsOf(group: TargetGroup) {
  const state = stateWith({
    instances: [instance('i-1', { securityGroups: ['sg-app'] })],
    securityGroups: [securityGroup('sg-app', [['udp 8080-8080', { groupId: 'sg-lb' }]])],
    loadBalancers: [loadBalancer({ securityGroups: ['sg-lb'], ipAddressType: 'dualstack' })],
    listeners: [
      listener({ protocol: 'UDP', port: 53 }),
      listener({ arn: 'arn:other', port: 54, forward: [{ targetGroupArn: 'arn:tg:other', weight: 1 }] }),
    ],
    targetGroups: [group, targetGroup({ arn: 'arn:tg:other' })],
  })
  const { snapshot } = snapshotBuilder()(state, new Map(), now)
  return {
    its: targetHosts(state, group, snapshot, () => link, now),
    addresses: targetHostAddresses(state, group, now),
  }
}

test('targets of one address are one host, with the services and checks of all its ports', () => {
  const over = { deregistration: { until: now } }
  const targets = [
    target('10.0.1.10'),
    target('10.0.1.10', { port: 8081, deregistration: { until: now + 1 } }),
    target('10.0.1.11', over),
    target('10.0.1.12'),
  ]
  const { its, addresses } = hostsOf(targetGroup({ protocol: 'TCP_UDP', targets }))
  assert.deepEqual(addresses, ['10.0.1.10', '10.0.1.12'])
  assert.deepEqual(its.hosts[0], {
    address: '10.0.1.10',
    id: '10.0.1.10',
    services: [
      { protocol: 'TCP', port: 8080 },
      { protocol: 'UDP', port: 8080 },
      { protocol: 'TCP', port: 8081 },
      { protocol: 'UDP', port: 8081 },
    ],
    checkPorts: [8080, 8081],
    facing: link,
  })
  assert.equal(its.preservesClient, true)
})

test('they know the load balancer’s addresses and the listeners that forward to them', () => {
  const healthCheck = { ...targetGroup().healthCheck, port: '9000' }
  const { its } = hostsOf(targetGroup({ protocol: 'UDP', targets: [target('10.0.1.10')], healthCheck }))
  assert.deepEqual(its.balancerAddresses, ['10.0.1.4', 'fd00:1::4', '10.0.2.4', 'fd00:2::4'])
  assert.deepEqual(its.through, ['UDP 10.0.1.4 53', 'UDP fd00:1::4 53', 'UDP 10.0.2.4 53', 'UDP fd00:2::4 53'])
  assert.deepEqual(
    its.listeners.map(({ id }) => id),
    its.through,
  )
  assert.deepEqual(its.hosts[0]?.checkPorts, [9000])
})

test('an instance brings its own security groups, and all listeners that these let through', () => {
  const { its } = hostsOf(targetGroup({ protocol: 'UDP', targetType: 'instance', targets: [target('i-1')] }))
  const [host] = its.hosts
  assert.deepEqual([host?.id, host?.address, host?.guard?.rules.length], ['i-1', '10.0.1.20', 1])
  assert.deepEqual(
    its.listeners.map(({ id }) => id).filter(id => !its.through.includes(id)),
    ['TCP 10.0.1.4 54', 'TCP fd00:1::4 54', 'TCP 10.0.2.4 54', 'TCP fd00:2::4 54'],
  )
})

test('a TCP group of ip targets does not preserve clients’ addresses unless it is told to', () => {
  assert.equal(hostsOf(targetGroup()).its.preservesClient, false)
  const attributes = { 'preserve_client_ip.enabled': 'true' }
  assert.equal(hostsOf(targetGroup({ attributes })).its.preservesClient, true)
})

test('no key or secret is told, and a listener counts that names the group in a rule only', () => {
  const group = targetGroup({ protocol: 'HTTPS', targets: [target('10.0.1.10')] })
  const tls = { defaultCertificate: 'arn:one', certificates: [], sslPolicy: 'P' }
  const state = stateWith({
    loadBalancers: [applicationLoadBalancer()],
    listeners: [httpListener({ protocol: 'HTTPS', forward: [], tls })],
    rules: [rule(1)],
    certificates: [certificate('arn:one')],
    targetGroups: [group],
  })
  const its = targetHosts(state, group, snapshotBuilder()(state, new Map(), now).snapshot, () => link, now)
  assert.deepEqual(its.through, ['TCP 10.0.1.4 80', 'TCP 10.0.2.4 80'])
  assert.deepEqual(its.hosts[0]?.services, [{ protocol: 'TCP', port: 8080 }])
  assert.doesNotMatch(JSON.stringify(its), /KEY|0000000000000000/)
})
