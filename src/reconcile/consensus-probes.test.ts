import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Probe } from '../domain/health.ts'
import { stateWith, target, targetGroup } from '../domain/state.fixture.ts'
import { targetKey } from '../domain/target-group.ts'
import type { Timing } from '../domain/timing.ts'
import { consensusProbes } from './consensus-probes.ts'

test('S2.12 a Network Load Balancer’s targets are checked many times over, and a verdict takes what it took', () => {
  const state = stateWith({
    targetGroups: [
      targetGroup({ arn: 'blue' }),
      targetGroup({ arn: 'web', protocol: 'HTTP' }),
      targetGroup({ arn: 'green' }),
    ],
  })
  const probe = (arn: string, extra: Partial<Probe> = {}): [string, Probe] => {
    const key = targetKey(arn, target('10.0.1.1'))
    return [
      key,
      {
        key,
        protocol: 'TCP',
        address: '10.0.1.1',
        port: 1,
        path: '/',
        matcher: '200',
        intervalMs: 30_000,
        timeoutMs: 10_000,
        healthyThreshold: 5,
        unhealthyThreshold: 2,
        host: 'h',
        ...extra,
      },
    ]
  }
  const given = new Map([probe('blue'), probe('web'), probe('green', { intervalMs: 300_000, timeoutMs: 2_000 })])
  const timing: Timing = { profile: 'aws-nlb', scale: 1, seed: 0 }
  const [blue, web, green] = [...consensusProbes(given, state, timing).values()]
  assert.deepEqual([blue!.intervalMs, blue!.healthyThreshold, blue!.unhealthyThreshold], [10_000, 15, 6])
  assert.equal(web, given.get(web!.key))
  assert.deepEqual([green!.intervalMs, green!.healthyThreshold, green!.unhealthyThreshold], [30_000, 50, 20])
  assert.equal([...consensusProbes(given, state, timing).values()][0], blue, 'the same object again')
  assert.equal(consensusProbes(given, state, { ...timing, profile: 'aws-alb' }), given)
})
