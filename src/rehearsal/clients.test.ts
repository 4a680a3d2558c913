import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Snapshot, SnapshotTarget } from '../domain/snapshot.ts'
import { emptyState } from '../domain/state.ts'
import { answerOf, shownShares } from './clients.ts'
import type { Route, Sides } from './sides.ts'

const route: Route = { role: 'production', port: 80, listenerArn: 'listener', arn: 'listener' }
const sides: Sides = { blue: 'arn:blue', green: 'arn:green', routes: [route] }

test('a client gets the colours of all shares that are served, and nothing of a share that is not', () => {
  const serving = [target('10.0.0.1', 'serve')]
  const table: readonly [Readonly<Record<string, number>>, readonly SnapshotTarget[], object][] = [
    [{ blue: 1 }, [], { state: 'blue' }],
    [{ blue: 0, green: 1 }, serving, { state: 'green' }],
    [{ blue: 90, green: 10 }, serving, { state: 'both', detail: '10 % green' }],
    [{ blue: 90, green: 10 }, [], { state: 'nothing', detail: '10 % lost' }],
    [{ green: 1 }, [target('10.0.0.1', 'drain')], { state: 'nothing' }],
    [{ green: 1 }, [target('gone', 'serve')], { state: 'nothing' }],
    [{ green: 1 }, [target('gone', 'serve'), ...serving], { state: 'green' }],
    [{}, serving, { state: 'nothing' }],
  ]
  for (const [weights, green, expected] of table) {
    const answered = answerOf(snapshot(weights, green), emptyState, sides, route, address => address !== 'gone')
    assert.deepEqual(answered, expected, JSON.stringify(weights))
  }
  assert.deepEqual(
    answerOf({ ...snapshot({}, []), listeners: [] }, emptyState, sides, route, () => true),
    { state: 'nothing' },
    'no listener',
  )
})

test('shares are told in tenths of a per cent', () => {
  assert.deepEqual(shownShares({ blue: 999, green: 1, other: 0 }), { state: 'both', detail: '0.1 % green' })
  assert.deepEqual(shownShares({ blue: 1, green: 0, other: 1 }), { state: 'elsewhere' })
})

function snapshot(weights: Readonly<Record<string, number>>, green: readonly SnapshotTarget[]): Snapshot {
  const group = (colour: string, targets: readonly SnapshotTarget[]) => ({
    id: `arn:${colour} TCP *`,
    targets,
    sticky: false,
    proxyProtocol: false,
    preserveClientIp: false,
  })
  return {
    revision: 1,
    listeners: [
      {
        id: 'TCP 127.0.0.1 80',
        listenerArn: 'listener',
        protocol: 'TCP',
        address: '127.0.0.1',
        port: 80,
        admit: undefined,
        route: Object.entries(weights).map(([colour, weight]) => ({ group: `arn:${colour} TCP *`, weight })),
        idleTimeoutMs: 350_000,
        synproxy: false,
      },
    ],
    groups: [group('blue', [target('10.0.0.2', 'serve')]), group('green', green)],
    guards: [],
  }
}

function target(address: string, mode: SnapshotTarget['mode']): SnapshotTarget {
  return { key: address, address, port: 80, mode }
}
