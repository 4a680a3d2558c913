import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Marks } from './marks.ts'

const web = 'tg/web/50dc6c495c0c9188/udp/all'
const api = 'tg/api/60dc6c495c0c9188/udp/all'

test('a target keeps its mark, and the same address in another group has another', () => {
  const marks = new Marks(0xab)
  const first = marks.ofTarget(web, '10.9.1.2', 8080)
  assert.equal(marks.ofTarget(web, '10.9.1.2', 8080), first)
  assert.notEqual(marks.ofTarget(api, '10.9.1.2', 8080), first)
  assert.notEqual(marks.ofTarget(web, '10.9.1.2', 8081), first)
  assert.deepEqual(marks.targetOf(first), { mark: first, group: web, address: '10.9.1.2', port: 8080 })
})

test('every mark begins with this number, and no group is taken for a target', () => {
  const marks = new Marks(0xab)
  const all = [
    marks.ofTarget(web, '10.9.1.2', 1),
    marks.ofGroup(web),
    marks.ofGroup(api),
    marks.ofTarget(api, '::2', 1),
  ]
  for (const mark of all) assert.equal((mark & marks.mask) >>> 0, marks.prefix)
  assert.equal(new Set(all).size, all.length)
})

test('a mark that was given back is not given out again before all others were', () => {
  const marks = new Marks(1)
  const first = marks.ofTarget(web, '10.9.1.2', 8080)
  marks.forgetTarget(first)
  assert.equal(marks.targetOf(first), undefined)
  assert.notEqual(marks.ofTarget(web, '10.9.1.2', 8080), first)
})

test('what the kernel holds is taken over, and new marks go on from there', () => {
  const before = new Marks(7)
  const mark = before.ofTarget(web, '10.9.1.2', 8080)
  const group = before.ofGroup(web)
  const after = new Marks(7)
  after.adoptTarget({ mark, group: web, address: '10.9.1.2', port: 8080 })
  after.adoptGroup(web, group)
  assert.equal(after.ofTarget(web, '10.9.1.2', 8080), mark)
  assert.equal(after.ofGroup(web), group)
  assert.notEqual(after.ofTarget(web, '10.9.1.3', 8080), mark)
  assert.notEqual(after.ofGroup(api), group)
  assert.equal([...after.targets()].length, 2)
})
