import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges, emptyState } from '../domain/state.ts'
import { openMemoryStore } from './memory.ts'
import { put, storeContract } from './store.contract.ts'

storeContract('memory', async () => openMemoryStore())

test('memory: it starts at the state that it is given', async () => {
  const initial = applyChanges(emptyState, 7, [put('a')])
  const store = openMemoryStore(initial)
  assert.equal(store.read(), initial)
  assert.equal((await store.transact(7, [put('b')])).revision, 8)
})

test('memory: what its journal refuses is not committed', async () => {
  const store = openMemoryStore(emptyState, {
    write() {
      throw new Error('no room')
    },
    close() {},
  })
  await assert.rejects(store.transact(0, [put('a')]), /no room/)
  assert.equal(store.read(), emptyState)
})
