import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SnapshotGroup } from '../../domain/snapshot.ts'
import { Marks } from './marks.ts'
import { groupName } from './names.ts'
import { RetiredTargets } from './retired.ts'

function group(...ports: readonly number[]): readonly [SnapshotGroup, 'UDP'] {
  const targets = ports.map(port => ({ key: `web ${port}`, address: '10.9.1.2', port, mode: 'serve' as const }))
  return [{ id: 'web', targets, sticky: false, proxyProtocol: false, preserveClientIp: true }, 'UDP']
}

const ports = (targets: readonly { readonly port: number }[]) => targets.map(({ port }) => port)

test('a target that leaves is retired until it has no flow and 120 s have passed', () => {
  const marks = new Marks(1)
  const retired = new RetiredTargets(marks, 0)
  assert.deepEqual(retired.update(new Map([group(1, 2)]), 0), [])
  assert.deepEqual(ports(retired.update(new Map([group(2)]), 1_000)), [1])
  const mark = marks.ofTarget(groupName('web', 'UDP'), '10.9.1.2', 1)
  assert.equal(retired.release(new Map(), 100_000), false)
  assert.equal(retired.release(new Map([[mark, 1]]), 200_000), false)
  assert.deepEqual(ports(retired.update(new Map([group(2)]), 200_000)), [1])
  assert.equal(retired.release(new Map(), 200_000), true)
  assert.deepEqual(retired.update(new Map([group(2)]), 200_000), [])
  assert.equal(marks.targetOf(mark), undefined)
})

test('one that comes back is retired no more, and has its mark of before', () => {
  const marks = new Marks(1)
  const retired = new RetiredTargets(marks, 0)
  retired.update(new Map([group(1)]), 0)
  const mark = marks.ofTarget(groupName('web', 'UDP'), '10.9.1.2', 1)
  assert.deepEqual(ports(retired.update(new Map(), 0)), [1])
  assert.deepEqual(retired.update(new Map([group(1)]), 0), [])
  assert.equal(marks.ofTarget(groupName('web', 'UDP'), '10.9.1.2', 1), mark)
})

test('of what was taken over, that which the first snapshot does not name is retired', () => {
  const marks = new Marks(1)
  marks.ofTarget(groupName('web', 'UDP'), '10.9.1.2', 1)
  marks.ofTarget(groupName('web', 'UDP'), '10.9.1.2', 2)
  const retired = new RetiredTargets(marks, 0)
  assert.deepEqual(ports(retired.update(new Map([group(1)]), 0)), [2])
})

test('while nothing changes it is the same list', () => {
  const retired = new RetiredTargets(new Marks(1), 0)
  const its = group(1, 2)
  retired.update(new Map([its]), 0)
  const list = retired.update(new Map([group(1)]), 0)
  const again = group(1)
  retired.update(new Map([again]), 0)
  assert.equal(retired.update(new Map([again]), 0), retired.update(new Map([again]), 0))
  assert.deepEqual(retired.update(new Map([again]), 0), list)
})
