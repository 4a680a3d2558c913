import assert from 'node:assert/strict'
import { test } from 'node:test'
import { subnet } from '../domain/state.fixture.ts'
import { applyChanges, emptyState, type State } from '../domain/state.ts'
import { parseDesired } from './parse.ts'
import { stateOf, type WholeState, wholeState } from './whole-state.ts'

const state = applyChanges(emptyState, 3, [put('a'), put('b'), put('c')])

test('a state that was sent and read again is the same state', () => {
  const read = stateOf(sent(state), emptyState)
  assert.deepEqual(read, state)
  assert.equal(stateOf(sent(state), read), read, 'and where it is known, the very object')
})

test('a whole state keeps the records and the tables that did not change', () => {
  const next = applyChanges(state, 4, [put('b', '10.9.0.0/16')])
  const read = stateOf(sent(next), state)
  assert.deepEqual(read, next)
  assert.equal(read.subnets.get('a'), state.subnets.get('a'))
  assert.equal(read.listeners, state.listeners)
  assert.notEqual(read.subnets, state.subnets)
})

test('a whole state without a record that was known has it no more, and one in another order is another', () => {
  const fewer = applyChanges(state, 4, [{ table: 'subnets', key: 'c' }])
  assert.deepEqual([...stateOf(sent(fewer), state).subnets.keys()], ['a', 'b'])
  const moved = applyChanges(applyChanges(state, 4, [{ table: 'subnets', key: 'a' }]), 5, [put('a')])
  assert.deepEqual([...stateOf(sent(moved), state).subnets.keys()], ['b', 'c', 'a'])
})

test('a table that an older version did not write is empty', () => {
  const read = stateOf(parseDesired('{"kind":"state","revision":2,"tables":{}}') as WholeState, emptyState)
  assert.deepEqual(read, { ...emptyState, revision: 2 })
})

function sent(from: State): WholeState {
  return parseDesired(JSON.stringify(wholeState(from))) as WholeState
}

function put(id: string, cidrBlock = '10.0.0.0/16') {
  return { table: 'subnets', key: id, value: subnet(id, cidrBlock) } as const
}
