import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../clock.ts'
import type { Vpc } from '../domain/network.ts'
import { openMemoryStore } from '../store/memory.ts'
import { RevisionConflict, type Store } from '../store/store.ts'
import type { Action, Call } from './call.ts'
import { ApiError } from './errors.ts'
import { CallRunner } from './run-call.ts'

function runnerOn(store: Store): CallRunner {
  return new CallRunner({
    store,
    clock: systemClock,
    account: '000000000000',
    region: 'us-east-1',
    hostAddresses: () => ({ own: [], range: '127.64.0.0/10' }),
    health: () => undefined,
  })
}

const vpc = (id: string): Vpc => ({ id, cidrBlock: '10.0.0.0/16', isDefault: false, tags: [] })

/** Puts one more VPC, named after how many there are: any lost update shows. */
const addVpc: Action<unknown, string> = (_, { draft }: Call) => {
  const id = `vpc-${draft.state.vpcs.size}`
  draft.put('vpcs', id, vpc(id))
  return id
}

/** Durable only after a turn of the event loop, as a store on other machines would be. */
function slowStore(): Store & { conflicts: number } {
  const store = openMemoryStore()
  const slow = {
    ...store,
    conflicts: 0,
    async transact(expected: number, changes: Parameters<Store['transact']>[1]) {
      await new Promise(resolve => setImmediate(resolve))
      try {
        return await store.transact(expected, changes)
      } catch (error) {
        slow.conflicts++
        throw error
      }
    },
  }
  return slow
}

test('a hundred calls at once each commit once, and none meets a conflict', async () => {
  const store = slowStore()
  const runner = runnerOn(store)
  const ids = await Promise.all(Array.from({ length: 100 }, () => runner.run(addVpc, {}, 'test', false)))
  assert.equal(new Set(ids).size, 100)
  assert.equal(store.read().vpcs.size, 100)
  assert.equal(store.read().revision, 100)
  assert.equal(store.conflicts, 0)
})

test('a call is decided again when somebody else committed first', async () => {
  const store = slowStore()
  const call = runnerOn(store).run(addVpc, {}, 'test', false)
  await store.transact(0, [{ table: 'vpcs', key: 'vpc-0', value: vpc('vpc-0') }])
  assert.equal(await call, 'vpc-1')
  assert.equal(store.read().vpcs.size, 2)
})

test('a call that meets nothing but conflicts gives up and changes nothing', async () => {
  const store = openMemoryStore()
  let tries = 0
  const contended: Store = {
    ...store,
    transact: async expected => {
      tries++
      throw new RevisionConflict(expected, expected + 1)
    },
  }
  await assert.rejects(runnerOn(contended).run(addVpc, {}, 'test', false), { code: 'ServiceUnavailable', status: 503 })
  assert.ok(tries > 1 && tries < 100)
  assert.equal(store.read().revision, 0)
})

test('an action that throws after it wrote leaves nothing behind, and the next call goes on', async () => {
  const store = openMemoryStore()
  const runner = runnerOn(store)
  const failing: Action<unknown, string> = (input, call) => {
    addVpc(input, call)
    throw new ApiError('ResourceInUse', 'no')
  }
  await assert.rejects(runner.run(failing, {}, 'test', false), { code: 'ResourceInUse' })
  assert.equal(store.read().revision, 0)
  assert.equal(await runner.run(addVpc, {}, 'test', false), 'vpc-0')
})

test('a store that fails is told to its caller, and the next call goes on', async () => {
  const store = openMemoryStore()
  let broken = true
  const breaking: Store = {
    ...store,
    transact: (expected, changes) =>
      broken ? Promise.reject(new Error('disk full')) : store.transact(expected, changes),
  }
  const runner = runnerOn(breaking)
  await assert.rejects(runner.run(addVpc, {}, 'test', false), { message: 'disk full' })
  broken = false
  assert.equal(await runner.run(addVpc, {}, 'test', false), 'vpc-0')
})

test('a dry run answers what would have been, and changes nothing', async () => {
  const store = openMemoryStore()
  await assert.rejects(runnerOn(store).run(addVpc, {}, 'test', true), { code: 'DryRunOperation', status: 412 })
  assert.equal(store.read().revision, 0)
})

test('a call that reads waits for no call that writes', async () => {
  const store = openMemoryStore()
  let release = () => {}
  const held: Store = {
    ...store,
    transact: async (expected, changes) => {
      await new Promise<void>(resolve => {
        release = resolve
      })
      return store.transact(expected, changes)
    },
  }
  const runner = runnerOn(held)
  const writing = runner.run(addVpc, {}, 'test', false)
  const count: Action<unknown, number> = (_, call) => call.draft.state.vpcs.size
  assert.equal(await runner.run(count, {}, 'test', false), 0)
  release()
  assert.equal(await writing, 'vpc-0')
  assert.equal(await runner.run(count, {}, 'test', false), 1)
})

test('ids are as many lower-case hex digits as were asked for, odd numbers too', async () => {
  const hex: Action<unknown, readonly string[]> = (_, call) => [1, 8, 17].map(length => call.hex(length))
  const texts = await runnerOn(openMemoryStore()).run(hex, {}, 'test', false)
  assert.deepEqual(
    texts.map(text => /^[0-9a-f]+$/.test(text) && text.length),
    [1, 8, 17],
  )
})
