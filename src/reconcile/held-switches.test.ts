import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Health, HealthByTarget } from '../domain/health.ts'
import type { Listener } from '../domain/load-balancer.ts'
import type { Rule } from '../domain/rule.ts'
import { rule, targetGroup } from '../domain/state.fixture.ts'
import { applyChanges, type Change, emptyState, type State } from '../domain/state.ts'
import type { Target } from '../domain/target-group.ts'
import { instant } from '../domain/timing.ts'
import { nothingPropagated, type Propagation, propagate as propagateBy } from './propagation.ts'

const second = 1_000
const propagate = (before: Propagation, desired: State, health: HealthByTarget, now: number) =>
  propagateBy(before, desired, health, now, instant)
type Verdicts = Readonly<Record<string, Health['verdict']>>

/** One group each, of one target each; `empty` has none. */
const base = applyChanges(emptyState, 1, [group('blue', 't'), group('green', 't'), group('red', 't'), group('empty')])
const blue = { blue: 100 }

/** A listener on `from`; at 0 it is pointed at `to`. */
const cases: [title: string, from: Weights, to: Weights, health: Verdicts, held: boolean][] = [
  ['to a group that is still initial: held', blue, { green: 100 }, { blue: 'healthy', green: 'initial' }, true],
  ['to a group that nothing is known of: held', blue, { green: 100 }, { blue: 'healthy' }, true],
  ['to an unhealthy group: held', blue, { green: 100 }, { blue: 'healthy', green: 'unhealthy' }, true],
  ['to a group without targets: held', blue, { empty: 100 }, { blue: 'healthy' }, true],
  ['to a healthy group: made', blue, { green: 100 }, { blue: 'healthy', green: 'healthy' }, false],
  ['from a group that does not serve: made', blue, { green: 100 }, { blue: 'unhealthy', green: 'initial' }, false],
  ['between two that do not serve: made', blue, { green: 100 }, {}, false],
  ['by weights alone, to weight 0: held', { blue: 100, green: 0 }, { blue: 0, green: 100 }, { blue: 'healthy' }, true],
  ['weight 0 does not count as healthy: held', blue, { blue: 0, green: 1 }, { blue: 'healthy' }, true],
  ['an old group of weight 0 does not serve: made', { blue: 0, red: 1 }, { green: 1 }, { blue: 'healthy' }, false],
  ['to two, one of them healthy: made', blue, { green: 1, red: 1 }, { blue: 'healthy', red: 'healthy' }, false],
  ['to two, none healthy: held', blue, { green: 1, red: 1 }, { blue: 'healthy', red: 'initial' }, true],
  ['a canary beside the old group: made', blue, { blue: 90, green: 10 }, { blue: 'healthy' }, false],
  ['nothing changed, nothing healthy: made', blue, blue, {}, false],
]
for (const [title, from, to, verdicts, held] of cases) {
  test(`a switch ${title}`, () => {
    const before = start(from, verdicts)
    const desired = pointed(before.desired, to)
    const after = propagate(before, desired, healthOf(verdicts), 0)
    assert.deepEqual(after.held, held ? [{ listenerArn: 'l', until: 30 * second, forward: forward(from) }] : [])
    assert.equal(after.nextAt, held ? 30 * second : undefined)
    assert.deepEqual(after.state.listeners.get('l')?.forward, forward(held ? from : to))
    if (!held) assert.equal(after.state, desired, 'the very state')
    assert.equal(after.state.targetGroups, desired.targetGroups)
    assert.equal(after.state.revision, desired.revision)
  })
}

test('a held switch is made with the first healthy target on the new side, and stays made', () => {
  let now = held()
  const { desired } = now
  now = propagate(now, desired, healthOf({ blue: 'healthy', green: 'initial' }), 10 * second)
  assert.equal(now.held[0]?.until, 30 * second, 'time goes on from the switch')
  now = propagate(now, desired, healthOf({ blue: 'healthy', green: 'healthy' }), 11 * second)
  assert.equal(now.state, desired)
  assert.deepEqual(now.held, [])
  now = propagate(now, pointed(desired, { green: 100 }), healthOf({ blue: 'healthy', green: 'unhealthy' }), 12 * second)
  assert.deepEqual(now.held, [])
})

test('a held switch is made after 30 seconds, healthy or not, and stays made', () => {
  const first = held()
  const health = healthOf({ blue: 'healthy' })
  const before = propagate(first, first.desired, health, 30 * second - 1)
  assert.equal(before.held.length, 1)
  const after = propagate(before, first.desired, health, 30 * second)
  assert.equal(after.state, first.desired)
  const later = propagate(after, applyChanges(first.desired, 9, []), health, 31 * second)
  assert.deepEqual(later.held, [])
})

const ends: [string, (state: State) => State, Verdicts][] = [
  ['the old side no longer serves', state => state, { blue: 'unhealthy' }],
  ['its old group is deleted', state => change(state, { table: 'targetGroups', key: 'blue' }), { blue: 'healthy' }],
  ['its listener is deleted', state => change(state, { table: 'listeners', key: 'l' }), { blue: 'healthy' }],
  ['the old target is deregistered', state => change(state, deregistering('blue')), { blue: 'healthy' }],
  ['it is taken back', state => pointed(state, blue), { blue: 'healthy' }],
  [
    'the listener gets another protocol',
    state => pointed(state, { green: 1 }, { protocol: 'UDP' }),
    { blue: 'healthy' },
  ],
]
for (const [title, end, verdicts] of ends) {
  test(`a hold ends when ${title}`, () => {
    const now = held()
    const desired = end(now.desired)
    const after = propagate(now, desired, healthOf(verdicts), second)
    assert.deepEqual(after.held, [])
    assert.equal(after.state, desired)
  })
}

test('a switch to a third side during a hold is a switch of its own, from the side that is in effect', () => {
  const now = held()
  const after = propagate(now, pointed(now.desired, { red: 1 }), healthOf({ blue: 'healthy' }), 20 * second)
  assert.deepEqual(after.held, [{ listenerArn: 'l', until: 50 * second, forward: forward(blue) }])
  assert.deepEqual(after.state.listeners.get('l')?.forward, forward(blue))
})

test('during a hold all else of the listener and of the state takes effect', () => {
  const now = held()
  const desired = pointed(change(now.desired, group('new', 't')), { green: 100 }, { attributes: { a: 'b' } })
  const after = propagate(now, desired, healthOf({ blue: 'healthy' }), second)
  assert.deepEqual(after.state.listeners.get('l')?.attributes, { a: 'b' })
  assert.deepEqual(after.state.listeners.get('l')?.forward, forward(blue))
  assert.equal(after.state.targetGroups, desired.targetGroups)
  assert.equal(after.held[0]?.until, 30 * second)
})

test('while a hold goes on nothing is a new object', () => {
  const now = held()
  const same = propagate(now, now.desired, healthOf({ blue: 'healthy' }), second)
  assert.equal(same.state, now.state)
  const other = propagate(now, change(now.desired, group('new', 't')), healthOf({ blue: 'healthy' }), second)
  assert.equal(other.state.listeners.get('l'), now.state.listeners.get('l'))
})

test('a new listener is never held, and one listener does not hold another', () => {
  const now = held()
  const desired = change(now.desired, listener('m', { green: 100 }))
  const after = propagate(now, desired, healthOf({ blue: 'healthy' }), second)
  assert.deepEqual(
    after.held.map(({ listenerArn }) => listenerArn),
    ['l'],
  )
  assert.equal(after.state.listeners.get('m'), desired.listeners.get('m'))
})

test('a switch of a rule is held as its listener’s would be, and the rule’s conditions take effect meanwhile', () => {
  const before = propagate(nothingPropagated, change(start(blue, {}).desired, ruled('r', blue)), new Map(), -second)
  const wanted = ruled('r', { green: 1 }, { conditions: [{ field: 'http-request-method', values: ['GET'] }] })
  const desired = change(before.desired, wanted)
  const now = propagate(before, desired, healthOf({ blue: 'healthy' }), 0)
  assert.deepEqual(now.held, [{ listenerArn: 'l', ruleArn: 'r', until: 30 * second, forward: forward(blue) }])
  assert.deepEqual(now.state.rules.get('r'), { ...desired.rules.get('r'), forward: forward(blue) })
  assert.equal(now.state.listeners, desired.listeners)
  assert.equal(propagate(now, desired, healthOf({ blue: 'healthy' }), second).state, now.state)
  assert.equal(propagate(now, desired, healthOf({ blue: 'healthy', green: 'healthy' }), second).state, desired)
  const without = change(desired, { table: 'rules', key: 'r' })
  assert.equal(propagate(now, without, healthOf({ blue: 'healthy' }), second).state, without)
})

test('what is answered here instead of forwarded is not held, nor is a new rule', () => {
  const before = propagate(nothingPropagated, change(start(blue, {}).desired, ruled('r', blue)), new Map(), -second)
  const answer = { type: 'fixed-response', statusCode: 503 } as const
  for (const one of [ruled('r', {}, { answer }), ruled('new', { green: 1 }), listener('l', {}, { answer })]) {
    const desired = change(before.desired, one)
    assert.equal(propagate(before, desired, healthOf({ blue: 'healthy' }), 0).state, desired)
  }
})

type Weights = Readonly<Record<string, number>>

/** Pointed at `from` and in effect. */
function start(from: Weights, verdicts: Verdicts): Propagation {
  return propagate(nothingPropagated, pointed(base, from), healthOf(verdicts), -second)
}

/** A switch from blue to green, held since 0. */
function held(): Propagation {
  const before = start(blue, {})
  return propagate(before, pointed(before.desired, { green: 100 }), healthOf({ blue: 'healthy' }), 0)
}

function pointed(state: State, weights: Weights, extra: Partial<Listener> = {}): State {
  return change(state, listener('l', weights, extra))
}

function change(state: State, one: Change): State {
  return applyChanges(state, state.revision + 1, [one])
}

function forward(weights: Weights): Listener['forward'] {
  return Object.entries(weights).map(([targetGroupArn, weight]) => ({ targetGroupArn, weight }))
}

function listener(arn: string, weights: Weights, extra: Partial<Listener> = {}): Change {
  const value: Listener = {
    arn,
    loadBalancerArn: 'lb',
    port: 80,
    protocol: 'TCP',
    forward: forward(weights),
    attributes: {},
    tags: [],
    ...extra,
  }
  return { table: 'listeners', key: arn, value }
}

function ruled(arn: string, weights: Weights, extra: Partial<Rule> = {}): Change {
  return { table: 'rules', key: arn, value: rule(1, { arn, listenerArn: 'l', forward: forward(weights), ...extra }) }
}

function group(arn: string, ...ids: string[]): Change {
  return groupOf(
    arn,
    ids.map(id => ({ id, port: 80 })),
  )
}

function deregistering(arn: string): Change {
  return groupOf(arn, [{ id: 't', port: 80, deregistration: { until: 300 * second } }])
}

function groupOf(arn: string, targets: readonly Target[]): Change {
  return { table: 'targetGroups', key: arn, value: targetGroup({ arn, targets }) }
}

function healthOf(verdicts: Verdicts): ReadonlyMap<string, Health> {
  return new Map(
    Object.entries(verdicts).map(([arn, verdict]) => [`${arn} t 80`, { verdict, since: 0, against: 0, results: [] }]),
  )
}
