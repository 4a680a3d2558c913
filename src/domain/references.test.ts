import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenerEndpoints } from './references.ts'
import { listener, loadBalancer, stateWith } from './state.fixture.ts'

test('endpoints are the same set over a change of weights, whatever other states are asked about between', () => {
  const state = stateWith({ loadBalancers: [loadBalancer()], listeners: [listener()] })
  const endpoints = listenerEndpoints(state)
  assert.deepEqual([...endpoints], ['10.0.1.4 80', '10.0.2.4 80'])
  assert.equal(listenerEndpoints(stateWith({ loadBalancers: [], listeners: [] })).size, 0)
  const weighted = listener({ forward: [{ targetGroupArn: 'arn:tg', weight: 2 }] })
  assert.equal(listenerEndpoints(stateWith({ listeners: [weighted] }, state)), endpoints)
  const moved = listenerEndpoints(stateWith({ listeners: [listener({ port: 81 })] }, state))
  assert.deepEqual([...moved], ['10.0.1.4 81', '10.0.2.4 81'])
})
