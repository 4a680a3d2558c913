import assert from 'node:assert/strict'
import { test } from 'node:test'
import { httpListener, listener, stateWith, targetGroup } from '../domain/state.fixture.ts'
import { flowCounters, httpCounters, httpTarget } from './counters.fixture.ts'
import { Totals } from './totals.ts'

const state = stateWith({ listeners: [listener(), httpListener()], targetGroups: [targetGroup()] })

test('a listener is the sum of its addresses', () => {
  const both = [flowCounters(), flowCounters({ listener: 'TCP 10.0.2.4 80', drops: { 'no-target': 1 } })]
  const total = new Totals().listeners([...both, httpCounters()], state).get('arn:listener')
  assert.deepEqual(
    [total?.newFlows, total?.activeFlows, total?.drops],
    [20, 4, { 'security-group': 3, 'no-target': 1 }],
  )
})

test('what a target counted stays when it is gone, and what it has at the time does not', () => {
  const totals = new Totals()
  totals.groups([httpTarget('arn:tg a 80', 70), httpTarget('arn:tg b 80', 5)], state)
  const total = totals.groups([httpTarget('arn:tg b 80', 6)], state).get('arn:tg')
  assert.equal(total?.http?.requests, 76)
  assert.deepEqual([total?.activeFlows, total?.http?.activeRequests, total?.http?.anomalous], [2, 1, 1])
  assert.equal(totals.groups([], state).get('arn:tg')?.http?.latency[1], 76)
})

test('a node that counts from nothing again goes on from what there was, once', () => {
  const totals = new Totals()
  totals.listeners([flowCounters()], state)
  const anew = flowCounters({ newFlows: 1, bytesIn: 0, bytesOut: 0 })
  for (let n = 0; n < 2; n++) assert.equal(totals.listeners([anew], state).get('arn:listener')?.newFlows, 11)
})

test('what is gone from the state is forgotten', () => {
  const totals = new Totals()
  totals.listeners([flowCounters()], state)
  assert.equal(totals.listeners([], stateWith({})).size, 0)
  assert.equal(totals.listeners([], state).size, 0)
})
