import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stateWith, targetGroup } from '../domain/state.fixture.ts'
import type { Target } from '../domain/target-group.ts'
import { lingeringTargets } from './lingering-targets.ts'

const stays: Target = { id: '10.0.0.1', port: 80, registeredAt: 1 }
const gone: Target = { ...stays, deregistration: { until: 1_000 } }
const delayed = [{ listenerArn: 'listener', until: 1_000, forward: [{ targetGroupArn: 'green', weight: 1 }] }]

test('a target that is deregistered while a delayed switch still sends flows to its group serves until the switch is made', () => {
  const before = stateOf(stays)
  const after = stateOf(gone)
  const [change, ...others] = lingeringTargets({ desired: before, state: before }, after, delayed)
  assert.deepEqual([change?.value, others], [targetGroup({ arn: 'green', targets: [stays] }), []])

  const inEffect = stateOf(stays)
  const again = lingeringTargets({ desired: after, state: inEffect }, after, delayed)
  assert.equal(again[0]?.value, inEffect.targetGroups.get('green'), 'the same object again')
  assert.deepEqual(lingeringTargets({ desired: after, state: inEffect }, after, []), [], 'made')
})

test('one that was deregistered before, or was registered anew meanwhile, does not', () => {
  const draining = stateOf(gone)
  const moved = stateOf({ ...gone, deregistration: { until: 2_000 } })
  assert.deepEqual(lingeringTargets({ desired: draining, state: draining }, moved, delayed), [])
  const anew = stateOf({ ...gone, registeredAt: 2 })
  assert.deepEqual(lingeringTargets({ desired: stateOf(stays), state: stateOf(stays) }, anew, delayed), [])
  const idle = delayed.map(its => ({ ...its, forward: [{ targetGroupArn: 'green', weight: 0 }] }))
  assert.deepEqual(lingeringTargets({ desired: stateOf(stays), state: stateOf(stays) }, stateOf(gone), idle), [])
})

function stateOf(target: Target) {
  return stateWith({ targetGroups: [targetGroup({ arn: 'green', targets: [target] })] })
}
