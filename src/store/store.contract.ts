import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Vpc } from '../domain/network.ts'
import { type Change, emptyState } from '../domain/state.ts'
import { RevisionConflict, type Store } from './store.ts'

/** What every store must do; `open` gives a new, empty one. */
export function storeContract(name: string, open: (t: TestContext) => Promise<Store>): void {
  test(`${name}: a new store is empty, at revision 0`, async t => {
    const store = await open(t)
    assert.deepEqual(store.read(), emptyState)
  })

  test(`${name}: a transaction puts and deletes as one step and answers the state after it`, async t => {
    const store = await open(t)
    await store.transact(0, [put('a'), put('b')])
    const state = await store.transact(1, [put('c'), put('a', '10.9.0.0/16'), remove('b')])
    assert.equal(state.revision, 2)
    assert.equal(state, store.read())
    assert.deepEqual(
      [...state.vpcs],
      [
        ['a', vpc('a', '10.9.0.0/16')],
        ['c', vpc('c')],
      ],
    )
  })

  test(`${name}: what a transaction does not name stays the same object`, async t => {
    const store = await open(t)
    const before = await store.transact(0, [put('a'), put('b')])
    const after = await store.transact(1, [put('b', '10.9.0.0/16')])
    assert.equal(after.vpcs.get('a'), before.vpcs.get('a'))
    assert.equal(after.listeners, before.listeners)
    assert.deepEqual(before.vpcs.get('b'), vpc('b'), 'the state before is as it was')
  })

  test(`${name}: a transaction on a stale revision conflicts and changes nothing`, async t => {
    const store = await open(t)
    const state = await store.transact(0, [put('a')])
    let told = 0
    store.watch(() => told++)
    await assert.rejects(store.transact(0, [put('b')]), RevisionConflict)
    await assert.rejects(store.transact(2, [put('b')]), RevisionConflict)
    assert.equal(store.read(), state)
    assert.equal(told, 0)
  })

  test(`${name}: of two transactions at once on one revision, one wins`, async t => {
    const store = await open(t)
    const results = await Promise.allSettled([store.transact(0, [put('a')]), store.transact(0, [put('b')])])
    assert.deepEqual(results.map(result => result.status).sort(), ['fulfilled', 'rejected'])
    assert.equal(store.read().vpcs.size, 1)
  })

  test(`${name}: no changes make no new revision`, async t => {
    const store = await open(t)
    let told = 0
    store.watch(() => told++)
    assert.equal((await store.transact(0, [])).revision, 0)
    assert.equal(told, 0)
  })

  test(`${name}: deleting what is not there is no error`, async t => {
    const store = await open(t)
    assert.equal((await store.transact(0, [remove('a')])).vpcs.size, 0)
  })

  test(`${name}: watchers are told every commit in order, also when a watcher commits`, async t => {
    const store = await open(t)
    const first: number[] = []
    const second: number[] = []
    const nested: Promise<unknown>[] = []
    store.watch(({ state }) => {
      first.push(state.revision)
      if (state.revision < 4) nested.push(store.transact(state.revision, [put('a', `10.${state.revision}.0.0/16`)]))
    })
    store.watch(({ state, changes }) => {
      second.push(state.revision)
      assert.equal(changes.length, 1)
    })
    await store.transact(0, [put('a')])
    await Promise.all(nested)
    assert.deepEqual(first, [1, 2, 3, 4])
    assert.deepEqual(second, [1, 2, 3, 4])
  })

  test(`${name}: a watcher is told only of commits after its start and before its end`, async t => {
    const store = await open(t)
    const told: number[] = []
    await store.transact(0, [put('a')])
    const stop = store.watch(({ state }) => told.push(state.revision))
    await store.transact(1, [put('b')])
    stop()
    await store.transact(2, [put('c')])
    assert.deepEqual(told, [2])
  })

  test(`${name}: a watcher that throws is warned about and breaks neither the commit nor the others`, async t => {
    const store = await open(t)
    const warned = new Promise<Error>(resolve => process.once('warning', resolve))
    let told = 0
    store.watch(() => {
      throw new Error('a bug of the watcher')
    })
    store.watch(() => told++)
    assert.equal((await store.transact(0, [put('a')])).revision, 1)
    assert.equal((await store.transact(1, [put('b')])).revision, 2)
    assert.equal(told, 2)
    assert.equal((await warned).message, 'a bug of the watcher')
  })

  test(`${name}: a closed store takes nothing more`, async t => {
    const store = await open(t)
    await store.close()
    await store.close()
    await assert.rejects(store.transact(0, [put('a')]), /the store is closed/)
  })
}

export function vpc(id: string, cidrBlock = '10.0.0.0/16'): Vpc {
  return { id, cidrBlock, isDefault: false, tags: [{ key: 'Name', value: `"${id}" é\n` }] }
}

export function put(id: string, cidrBlock?: string): Change {
  return { table: 'vpcs', key: id, value: vpc(id, cidrBlock) }
}

export function remove(id: string): Change {
  return { table: 'vpcs', key: id }
}
