import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { addressesOf } from './dns-answers.ts'
import {
  applicationLoadBalancer,
  health,
  healthOf,
  httpListener,
  listener,
  loadBalancer,
  now,
  rule,
  stateWith,
  target,
  targetGroup,
} from './state.fixture.ts'
import type { TargetGroup } from './target-group.ts'

const [a, b] = ['10.0.1.4', '10.0.2.4']
const count = 'target_group_health.dns_failover.minimum_healthy_targets.count'
const percentage = 'target_group_health.dns_failover.minimum_healthy_targets.percentage'
const crossZone = { 'load_balancing.cross_zone.enabled': 'true' }

const name = 'lb-1.elb.sluice.internal'
const everyZone = [target('10.9.9.9', { availabilityZone: 'all' })]

/** Two targets in zone `a` (10.0.1.x) and two in zone `b` (10.0.2.x), unless `group` has others; `healthy` are, by id. */
function answers(healthy: readonly string[], group: Partial<TargetGroup> = {}, asked = name) {
  const targets = ['10.0.1.10', '10.0.1.11', '10.0.2.10', '10.0.2.11'].map(id => target(id))
  const state = stateWith({
    loadBalancers: [loadBalancer()],
    listeners: [listener()],
    targetGroups: [targetGroup({ targets, ...group })],
  })
  const known = healthOf(Object.fromEntries(healthy.map(id => [id, health('healthy')])))
  return addressesOf(state, key => known.get(key), now, asked)
}

describe('the addresses of a load balancer name', () => {
  for (const [what, healthy, group, expected] of [
    ['both zones are healthy', ['10.0.1.10', '10.0.2.10'], {}, [a, b]],
    ['a zone without a healthy target is left out', ['10.0.1.10', '10.0.1.11'], {}, [a]],
    ['no zone is healthy, so all stay', [], {}, [a, b]],
    ['with cross-zone balancing one healthy target serves all', ['10.0.1.10'], { attributes: crossZone }, [a, b]],
    ['below the count', ['10.0.1.10', '10.0.2.10', '10.0.2.11'], { attributes: { [count]: '2' } }, [b]],
    [
      'at the percentage of registered targets',
      ['10.0.1.10', '10.0.2.10', '10.0.2.11'],
      { attributes: { [percentage]: '50' } },
      [a, b],
    ],
    ['below the percentage', ['10.0.1.10', '10.0.2.10', '10.0.2.11'], { attributes: { [percentage]: '51' } }, [b]],
    ['switched off', ['10.0.1.10'], { attributes: { [count]: 'off' } }, [a, b]],
    ['a target for all zones counts in each', ['10.9.9.9'], { targets: everyZone }, [a, b]],
  ] as const) {
    it(what, () => assert.deepEqual(answers(healthy, group), expected))
  }

  it('leave out a zone for a group that only a rule names', () => {
    const zonal = { 'load_balancing.cross_zone.enabled': 'false' }
    const state = stateWith({
      loadBalancers: [applicationLoadBalancer()],
      listeners: [httpListener({ forward: [] })],
      rules: [rule(1)],
      targetGroups: [targetGroup({ protocol: 'HTTP', attributes: zonal, targets: [target('10.0.1.10')] })],
    })
    const known = healthOf({ '10.0.1.10': health('healthy') })
    assert.deepEqual(
      addressesOf(state, key => known.get(key), now, name),
      [a],
    )
  })

  it('are those of one zone for its zonal name, healthy or not', () => {
    assert.deepEqual(answers(['10.0.1.10'], {}, 'b.lb-1.elb.sluice.internal'), [b])
  })

  it('are found in any case and with a final dot, and not for another name', () => {
    assert.deepEqual(answers([], {}, 'LB-1.elb.Sluice.internal.'), [a, b])
    assert.equal(answers([], {}, 'lb-2.elb.sluice.internal'), undefined)
    assert.equal(answers([], {}, 'c.lb-1.elb.sluice.internal'), undefined)
  })

  it('hold IPv6 too for a dualstack load balancer', () => {
    const state = stateWith({ loadBalancers: [loadBalancer({ ipAddressType: 'dualstack' })] })
    const found = addressesOf(state, () => undefined, now, name)
    assert.deepEqual(found, [a, 'fd00:1::4', b, 'fd00:2::4'])
  })

  it('do not depend on a group of weight 0', () => {
    const state = stateWith({
      loadBalancers: [loadBalancer()],
      listeners: [
        listener({
          forward: [
            { targetGroupArn: 'arn:tg', weight: 1 },
            { targetGroupArn: 'arn:other', weight: 0 },
          ],
        }),
      ],
      targetGroups: [targetGroup({ targets: [target('10.0.1.10')] }), targetGroup({ arn: 'arn:other', name: 'other' })],
    })
    const known = healthOf({ '10.0.1.10': health('healthy') })
    assert.deepEqual(
      addressesOf(state, key => known.get(key), now, name),
      [a],
    )
  })
})
