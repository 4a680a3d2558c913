/** Datagrams of many fragments through the kernel (R29): 1,000 of each kind in the long form. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { long } from '../long.ts'
import { ask, families, kernelStage, service } from './kernel-stage.ts'

test('datagrams of 4,000 and 60,000 bytes arrive whole, in whatever order their fragments come, where small ones go', async t => {
  const stage = await kernelStage(t, 3)
  if (stage === undefined) return
  const services = families.map(({ vip, target }) => service('UDP', vip, 8080, [1, 2, 3].map(target)))
  await stage.serve(...services)
  const count = long ? 1_000 : 100
  for (const { vip, client } of families) {
    for (const size of [4_000, 60_000]) {
      for (const order of ['kernel', 'reversed', 'shuffled']) {
        const found: object = await ask(stage.client, 'fragments.fixture.ts', vip, 8080, count, size, order, client)
        assert.deepEqual(found, { whole: count }, `${size} bytes to ${vip}, ${order}`)
      }
    }
  }
})
