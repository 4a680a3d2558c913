import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allReferences, listenerEndpoints, referencesTo } from './references.ts'
import { applicationLoadBalancer, httpListener, listener, loadBalancer, rule, stateWith } from './state.fixture.ts'

test('endpoints are the same set over a change of weights, whatever other states are asked about between', () => {
  const state = stateWith({ loadBalancers: [loadBalancer()], listeners: [listener()] })
  const endpoints = listenerEndpoints(state)
  assert.deepEqual([...endpoints], ['TCP 10.0.1.4 80', 'TCP 10.0.2.4 80'])
  assert.equal(listenerEndpoints(stateWith({ loadBalancers: [], listeners: [] })).size, 0)
  const weighted = listener({ forward: [{ targetGroupArn: 'arn:tg', weight: 2 }] })
  assert.equal(listenerEndpoints(stateWith({ listeners: [weighted] }, state)), endpoints)
  const moved = listenerEndpoints(stateWith({ listeners: [listener({ port: 81, protocol: 'UDP' })] }, state))
  assert.deepEqual([...moved], ['UDP 10.0.1.4 81', 'UDP 10.0.2.4 81'])
})

test('a group is referred to once by a listener that names it in its action or any of its rules', () => {
  const records = { loadBalancers: [applicationLoadBalancer()], listeners: [httpListener()] }
  const state = stateWith({ ...records, rules: [rule(1), rule(2, { forward: [{ targetGroupArn: 'x', weight: 0 }] })] })
  const [loadBalancer] = records.loadBalancers
  assert.deepEqual(referencesTo(state, 'arn:tg'), [{ port: 80, loadBalancer }])
  assert.deepEqual(referencesTo(state, 'x'), [{ port: 80, loadBalancer }])
  const same = stateWith({ rules: [rule(2, { forward: [{ targetGroupArn: 'x', weight: 9 }] })] }, state)
  assert.equal(allReferences(same), allReferences(state))
  assert.deepEqual(referencesTo(stateWith({ rules: [rule(2)] }, same), 'x'), [])
  assert.equal(listenerEndpoints(stateWith({ rules: [rule(2)] }, same)), listenerEndpoints(state))
})
