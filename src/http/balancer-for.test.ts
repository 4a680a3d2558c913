import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import type { SnapshotGroup, SnapshotTarget } from '../domain/snapshot.ts'
import type { SnapshotHttpGroup } from '../domain/snapshot-http.ts'
import type { Balancer } from './balancer.ts'
import { balancerFor } from './balancer-for.ts'

const slowStartMs = 100_000
const nobody = () => false

function targetOf(key: string, changes: Partial<SnapshotTarget> = {}): SnapshotTarget {
  return { key, address: '10.0.0.1', port: 80, mode: 'serve', ...changes }
}

function groupOf(
  algorithm: SnapshotHttpGroup['algorithm'],
  targets: readonly (string | SnapshotTarget)[],
  changes: Partial<SnapshotHttpGroup> = {},
): SnapshotGroup {
  return {
    id: 'arn HTTP *',
    targets: targets.map(its => (typeof its === 'string' ? targetOf(its) : its)),
    sticky: false,
    proxyProtocol: false,
    preserveClientIp: false,
    http: {
      targetGroupArn: 'arn',
      protocolVersion: 'HTTP1',
      algorithm,
      anomalyMitigation: false,
      slowStartMs,
      ...changes,
    },
  }
}

/** Numbers below 1 of a seed that a failure prints. */
function seeded(t: { diagnostic(text: string): void }): () => number {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const below = randomFrom(seed)
  return () => below(2 ** 30) / 2 ** 30
}

function chosen(balancer: Balancer, count: number, now = 0): string {
  return Array.from({ length: count }, () => balancer.choose(now, [], nobody)?.key ?? '-').join('')
}

const times = (text: string, letter: string) => text.split(letter).length - 1

test('round robin takes one after the other, those only that serve', () => {
  const targets = ['a', 'b', targetOf('x', { mode: 'drain' }), 'c', targetOf('y', { mode: 'cut' })]
  const balancer = balancerFor(groupOf('round_robin', targets), () => 0)
  const order = chosen(balancer, 7)
  assert.ok('abcabcabc'.includes(order), order)
  balancer.update(groupOf('round_robin', ['b', 'c', 'd']))
  assert.deepEqual([...chosen(balancer, 3)].sort(), ['b', 'c', 'd'])
  balancer.update(groupOf('round_robin', []))
  assert.equal(chosen(balancer, 1), '-')
})

test('processes begin with different targets', () => {
  const group = groupOf('round_robin', ['a', 'b', 'c', 'd'])
  const first = new Set(
    [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7].map(at =>
      chosen(
        balancerFor(group, () => at),
        1,
      ),
    ),
  )
  assert.ok(first.size > 1)
})

test('a target in slow start gets the share of its turns that has passed of the ramp', () => {
  const balancer = balancerFor(groupOf('round_robin', ['a', targetOf('b', { rampFrom: 1_000 })]), () => 0)
  for (const [now, share] of [
    [0, 0],
    [1_000, 0],
    [1_000 + slowStartMs / 4, 1 / 4],
    [1_000 + slowStartMs / 2, 1 / 2],
    [1_000 + (3 * slowStartMs) / 4, 3 / 4],
    [1_000 + slowStartMs, 1],
    [1_000 + 2 * slowStartMs, 1],
  ] as const) {
    const order = chosen(balancer, 700, now)
    assert.ok(Math.abs(times(order, 'b') - times(order, 'a') * share) <= 1, `${now}: ${order}`)
  }
})

test('where all that are left are in slow start they still serve, each its share', () => {
  const early = targetOf('e', { rampFrom: 0 })
  const late = targetOf('l', { rampFrom: slowStartMs / 4 })
  const balancer = balancerFor(groupOf('round_robin', [early, late]), () => 0)
  assert.ok(Math.abs(times(chosen(balancer, 100, 0), 'e') - 50) <= 1)
  const order = chosen(balancer, 300, slowStartMs / 2)
  assert.ok(Math.abs(times(order, 'e') - 2 * times(order, 'l')) <= 6, order)
})

for (const algorithm of ['round_robin', 'least_outstanding_requests', 'weighted_random'] as const) {
  test(`${algorithm} leaves out what was tried, and what is avoided unless nobody else is left`, t => {
    const balancer = balancerFor(groupOf(algorithm, ['a', 'b', 'c']), seeded(t))
    for (let i = 0; i < 60; i++) {
      assert.equal(balancer.choose(0, ['a', 'c'], nobody)?.key, 'b')
      assert.equal(balancer.choose(0, ['a'], key => key === 'b')?.key, 'c')
      assert.equal(balancer.choose(0, ['a', 'c'], key => key === 'b')?.key, 'b')
      assert.equal(balancer.choose(0, ['a', 'b', 'c'], nobody), undefined)
      assert.ok(['b', 'c'].includes(balancer.choose(0, [], key => key === 'a')!.key))
    }
  })

  test(`${algorithm} gives equal targets equal shares`, t => {
    const balancer = balancerFor(groupOf(algorithm, ['a', 'b', 'c', 'd']), seeded(t))
    const order = chosen(balancer, 40_000)
    // Five standard deviations: 5 * sqrt(40,000 * 0.25 * 0.75) = 433.
    for (const letter of 'abcd') assert.ok(Math.abs(times(order, letter) - 10_000) < 433, letter)
  })
}

test('the target with the fewest requests under way is taken, also those that began before it served again', () => {
  const all = ['a', 'b', 'c']
  const balancer = balancerFor(groupOf('least_outstanding_requests', all), () => 0)
  for (const key of ['a', 'a', 'b', 'c', 'c']) balancer.began(key)
  assert.equal(chosen(balancer, 3), 'bbb')
  balancer.update(groupOf('least_outstanding_requests', ['a', 'c']))
  balancer.ended('a', false, 0)
  balancer.ended('a', false, 0)
  assert.equal(chosen(balancer, 2), 'aa')
  balancer.update(groupOf('least_outstanding_requests', all))
  balancer.began('a')
  balancer.began('a')
  assert.equal(chosen(balancer, 2), 'bb')
  balancer.ended('b', false, 0)
  balancer.ended('b', false, 0)
  assert.equal(chosen(balancer, 1), 'b')
})

test('another algorithm takes over what is known', () => {
  const balancer = balancerFor(groupOf('round_robin', ['a', 'b']), () => 0)
  for (const key of ['a', 'a', 'b']) balancer.began(key)
  balancer.update(groupOf('least_outstanding_requests', ['a', 'b']))
  assert.equal(chosen(balancer, 3), 'bbb')
})

test('only a target of the group that serves is found by its key', () => {
  const balancer = balancerFor(groupOf('round_robin', ['a', targetOf('d', { mode: 'drain' })]), () => 0)
  assert.equal(balancer.serving('a')?.key, 'a')
  assert.equal(balancer.serving('d'), undefined)
  assert.equal(balancer.serving('z'), undefined)
  balancer.began('a')
  balancer.update(groupOf('round_robin', ['b']))
  assert.equal(balancer.serving('a'), undefined)
})

/** A hundred requests a second, a second long each time; targets named fail at their rate. */
function serve(
  balancer: Balancer,
  fromSecond: number,
  seconds: number,
  failing: Record<string, number>,
  random: () => number,
): string {
  let order = ''
  for (let i = 0; i < 100 * seconds; i++) {
    const now = 1_000 * fromSecond + 10 * i
    const { key } = balancer.choose(now, [], nobody)!
    balancer.began(key)
    balancer.ended(key, random() < (failing[key] ?? 0), now)
    order += key
  }
  return order
}

test('a target that fails more than the others is anomalous until it no longer does, whatever the algorithm', t => {
  for (const algorithm of ['round_robin', 'least_outstanding_requests', 'weighted_random'] as const) {
    const random = seeded(t)
    const balancer = balancerFor(groupOf(algorithm, ['a', 'b', 'c', 'd']), random)
    serve(balancer, 0, 10, {}, random)
    assert.deepEqual(balancer.anomalous(), [])
    serve(balancer, 10, 10, { b: 0.5 }, random)
    assert.deepEqual(balancer.anomalous(), ['b'])
    const order = serve(balancer, 20, 10, { b: 0.5 }, random)
    assert.ok(times(order, 'b') > 150, 'nothing is mitigated')
    serve(balancer, 30, 90, {}, random)
    assert.deepEqual(balancer.anomalous(), [])
  }
})

test('nobody is anomalous where all fail alike, or among fewer than three', t => {
  const random = seeded(t)
  const alike = balancerFor(groupOf('weighted_random', ['a', 'b', 'c'], { anomalyMitigation: true }), random)
  serve(alike, 0, 20, { a: 0.3, b: 0.3, c: 0.3 }, random)
  assert.deepEqual(alike.anomalous(), [])
  const two = balancerFor(groupOf('weighted_random', ['a', 'b'], { anomalyMitigation: true }), random)
  serve(two, 0, 20, { a: 1 }, random)
  assert.deepEqual(two.anomalous(), [])
})

test('mitigation takes traffic from an anomalous target until little is left, and gives it back once it has recovered', t => {
  const random = seeded(t)
  const balancer = balancerFor(groupOf('weighted_random', ['a', 'b', 'c', 'd'], { anomalyMitigation: true }), random)
  serve(balancer, 0, 15, { b: 1 }, random)
  const mitigated = serve(balancer, 15, 10, { b: 1 }, random)
  assert.ok(times(mitigated, 'b') < 50, `${times(mitigated, 'b')} of 1,000 instead of 250`)
  serve(balancer, 25, 90, {}, random)
  const recovered = serve(balancer, 115, 10, {}, random)
  assert.ok(times(recovered, 'b') > 180, `${times(recovered, 'b')} of 1,000`)
})

test('who stopped serving is judged anew when it serves again', t => {
  const random = seeded(t)
  const all = ['a', 'b', 'c']
  const balancer = balancerFor(groupOf('round_robin', all), random)
  serve(balancer, 0, 10, { b: 1 }, random)
  assert.deepEqual(balancer.anomalous(), ['b'])
  balancer.update(groupOf('round_robin', ['a', targetOf('b', { mode: 'drain' }), 'c']))
  assert.deepEqual(balancer.anomalous(), [])
  balancer.update(groupOf('round_robin', all))
  serve(balancer, 10, 5, {}, random)
  assert.deepEqual(balancer.anomalous(), [])
})
