import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Snapshot, SnapshotGroup, SnapshotListener } from '../../domain/snapshot.ts'
import { engineContract, type Traffic } from '../engine.contract.ts'
import { FakeEngine } from './fake-engine.ts'

engineContract('fake engine', async () => {
  const engine = new FakeEngine()
  return { engine, traffic: fakeTraffic(engine) }
})

function fakeTraffic(engine: FakeEngine): Traffic {
  let targets = 0
  let clients = 0
  return {
    target: async () => ({ address: '10.9.0.1', port: 8000 + targets++ }),
    open: async (protocol, source, destination, destinationPort) => {
      const flow = { protocol, source, sourcePort: 40_000 + clients++, destination, destinationPort }
      const { ask, end } = engine.open(flow)
      return { flow, ask: async () => ask(), end }
    },
    occupy: async ({ id }) => {
      engine.refuse(id, 'the port is taken')
      return async () => engine.permit(id)
    },
  }
}

const group: SnapshotGroup = {
  id: 'arn:tg TCP *',
  targets: [{ key: 'arn:tg 10.9.0.1 80', address: '10.9.0.1', port: 80, mode: 'serve' }],
  sticky: false,
  proxyProtocol: false,
  preserveClientIp: false,
}

const listener: SnapshotListener = {
  id: 'TCP 10.0.1.4 80',
  listenerArn: 'arn:listener',
  protocol: 'TCP',
  address: '10.0.1.4',
  port: 80,
  admit: undefined,
  route: [{ group: group.id, weight: 1 }],
  idleTimeoutMs: 350_000,
  synproxy: false,
}

const good: Snapshot = { revision: 3, listeners: [listener], groups: [group], guards: [] }

test('it refuses malformed snapshots, and says why', async () => {
  const bad: [Partial<Snapshot>, RegExp][] = [
    [{ listeners: [listener, listener] }, /two listeners TCP 10\.0\.1\.4 80/],
    [{ groups: [group, group] }, /two groups/],
    [{ groups: [] }, /unknown group arn:tg TCP \*/],
    [{ listeners: [{ ...listener, port: 81 }] }, /misnamed/],
    [{ listeners: [{ ...listener, idleTimeoutMs: Number.NaN }] }, /idle timeout/],
    [{ listeners: [{ ...listener, route: [{ group: group.id, weight: 1000 }] }] }, /weight 1000/],
    [{ groups: [{ ...group, targets: [...group.targets, ...group.targets] }] }, /target twice/],
    [{ groups: [{ ...group, targets: [{ ...group.targets[0]!, address: '' }] }] }, /no address/],
  ]
  for (const [change, message] of bad) {
    const engine = new FakeEngine()
    await assert.rejects(engine.apply({ ...good, ...change }), message)
    assert.deepEqual(engine.history, [])
  }
})

test('it refuses calls that overlap, and calls after close', async () => {
  const engine = new FakeEngine()
  const first = engine.apply(good)
  await assert.rejects(engine.apply(good), /applying/)
  await first
  await engine.close()
  await assert.rejects(engine.apply(good), /closed/)
})

test('it remembers what it was told, and prints what is in place', async () => {
  const engine = new FakeEngine()
  engine.refuse(listener.id, 'port 80 is taken by nginx (pid 812)')
  await engine.apply(good)
  assert.deepEqual(engine.history, [good])
  assert.equal(
    engine.print(),
    [
      'revision 3',
      'group arn:tg TCP *',
      '  serve 10.9.0.1 80',
      'problem TCP 10.0.1.4 80: port 80 is taken by nginx (pid 812)',
      '',
    ].join('\n'),
  )
})
