import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probesBuilder } from './probes.ts'
import {
  applicationLoadBalancer,
  httpListener,
  instance,
  listener,
  loadBalancer,
  now,
  rule,
  stateWith,
  target,
  targetGroup,
} from './state.fixture.ts'
import type { TargetGroup } from './target-group.ts'

const dualstack = loadBalancer({ ipAddressType: 'dualstack' })
const lb = { loadBalancers: [loadBalancer()], listeners: [listener()] }

function probes(group: Partial<TargetGroup>, more: Parameters<typeof stateWith>[0] = lb) {
  return [...probesBuilder()(stateWith({ ...more, targetGroups: [targetGroup(group)] })).values()]
}

test('a target is checked on its own port, from the load balancer’s address in its zone', () => {
  assert.deepEqual(probes({ targets: [target('10.0.2.10', { port: 9000 })] }), [
    {
      key: 'arn:tg 10.0.2.10 9000',
      protocol: 'TCP',
      address: '10.0.2.10',
      port: 9000,
      path: '/',
      matcher: '200-399',
      intervalMs: 30_000,
      timeoutMs: 10_000,
      healthyThreshold: 5,
      unhealthyThreshold: 2,
      source: '10.0.2.4',
      host: '10.0.2.4:80',
    },
  ])
})

test('an Application Load Balancer’s check names the target as its host', () => {
  const healthCheck = { ...targetGroup().healthCheck, protocol: 'HTTPS', port: '8443' } as const
  const [probe] = probes(
    { protocol: 'HTTP', healthCheck, targets: [target('10.0.2.10')] },
    { loadBalancers: [applicationLoadBalancer()], listeners: [httpListener({ forward: [] })], rules: [rule(1)] },
  )
  assert.equal(probe?.source, '10.0.2.4')
  assert.equal(probe.host, '10.0.2.10:8443')
})

test('a load balancer that is a target is checked through it, and followed where it goes', () => {
  const healthCheck = { ...targetGroup().healthCheck, protocol: 'HTTP' } as const
  const group = targetGroup({ targetType: 'alb', healthCheck, targets: [target('arn:alb', { port: 80 })] })
  const at = (ipv4Address: string) =>
    loadBalancer({ arn: 'arn:alb', type: 'application', zones: [{ zoneName: 'b', subnetId: 'subnet-b', ipv4Address }] })
  const before = stateWith({ ...lb, loadBalancers: [loadBalancer(), at('10.0.2.9')], targetGroups: [group] })
  const probesOf = probesBuilder()
  const [probe] = probesOf(before).values()
  assert.deepEqual([probe?.address, probe?.port, probe?.host], ['10.0.2.9', 80, '10.0.1.4:80'])
  const [moved] = probesOf(stateWith({ loadBalancers: [at('10.0.2.8')] }, before)).values()
  assert.equal(moved?.address, '10.0.2.8')
})

test('a check may have a port of its own, and a target no zone', () => {
  const healthCheck = { ...targetGroup().healthCheck, protocol: 'HTTP', port: '8081', path: '/ok' } as const
  const [probe] = probes({ healthCheck, targets: [target('192.0.2.10')] })
  assert.equal(probe?.port, 8081)
  assert.equal(probe?.protocol, 'HTTP')
  assert.equal(probe?.source, '10.0.1.4')
})

test('an IPv6 target is checked from an IPv6 address', () => {
  const [probe] = probes(
    { ipAddressType: 'ipv6', targets: [target('fd00:9::1')] },
    { ...lb, loadBalancers: [dualstack] },
  )
  assert.equal(probe?.source, 'fd00:1::4')
  assert.equal(probe?.host, '[fd00:1::4]:80')
})

test('a group that nobody refers to is checked all the same, from any address', () => {
  const [probe] = probes({ targets: [target('10.0.2.10')] }, {})
  assert.equal(probe?.host, '10.0.2.10:8080')
  assert.ok(probe && !('source' in probe))
})

test('a draining target is checked; one that can’t be reached is not', () => {
  const keys = (group: Partial<TargetGroup>) =>
    probes(group, { ...lb, instances: [instance('i-1'), instance('i-2', { state: 'stopped' })] }).map(({ key }) => key)
  const deregistration = { until: now + 1 }
  assert.deepEqual(keys({ targets: [target('10.0.1.10', { deregistration }), target('10.0.1.4', { port: 80 })] }), [
    'arn:tg 10.0.1.10 8080',
  ])
  assert.deepEqual(keys({ targetType: 'instance', targets: ['i-1', 'i-2', 'i-9'].map(id => target(id)) }), [
    'arn:tg i-1 8080',
  ])
})

test('a probe says of which registration it is, and until when', () => {
  const [of, draining] = probes({
    targets: [target('10.0.1.10', { registeredAt: 7 }), target('10.0.1.11', { deregistration: { until: now } })],
  })
  assert.equal(of?.registeredAt, 7)
  assert.ok(of && !('until' in of))
  assert.equal(draining?.until, now)
  assert.ok(draining && !('registeredAt' in draining))
})

test('a probe that did not change is the same object, also when the whole state arrives anew', () => {
  const before = stateWith({
    ...lb,
    targetGroups: [targetGroup({ targets: [target('10.0.1.10'), target('10.0.1.11')] })],
  })
  const probesOf = probesBuilder()
  const first = probesOf(before)
  const added = targetGroup({ targets: [...targetGroup().targets, target('10.0.1.11'), target('10.0.1.12')] })
  const second = probesOf(stateWith({ targetGroups: [added] }, before))
  assert.deepEqual([...second.keys()], ['arn:tg 10.0.1.11 8080', 'arn:tg 10.0.1.12 8080'])
  assert.equal(second.get('arn:tg 10.0.1.11 8080'), first.get('arn:tg 10.0.1.11 8080'))
  const third = probesOf(structuredClone(stateWith({ targetGroups: [added] }, before)))
  for (const [key, probe] of third) assert.equal(probe, second.get(key))
  const moved = probesOf(stateWith({ targetGroups: [added], listeners: [listener({ port: 81 })] }, before))
  assert.equal(moved.get('arn:tg 10.0.1.11 8080')?.host, '10.0.1.4:81')
})

test('what another builder is asked between is not remembered', () => {
  const state = stateWith({ ...lb, targetGroups: [targetGroup({ targets: [target('10.0.1.10')] })] })
  const [probesOf, othersOf] = [probesBuilder(), probesBuilder()]
  const [probe] = probesOf(state).values()
  othersOf(stateWith({ listeners: [listener({ port: 81 })] }, state))
  const [again] = probesOf(structuredClone(state)).values()
  assert.ok(probe)
  assert.equal(again, probe)
})
