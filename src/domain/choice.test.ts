import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Choice, type Flow } from './choice.ts'
import type { SnapshotGroup, SnapshotListener, SnapshotTarget } from './snapshot.ts'

const flow = (n: number): Flow => ({
  protocol: 'TCP',
  source: `10.${(n >> 14) & 255}.${(n >> 7) & 127}.${n & 127}`,
  sourcePort: 32_768 + ((n * 7919) % 28_232),
  destination: '10.0.0.4',
  destinationPort: 443,
})

const target = (n: number, mode: SnapshotTarget['mode'] = 'serve'): SnapshotTarget => ({
  key: `arn:tg 10.9.0.${n} 80`,
  address: `10.9.0.${n}`,
  port: 80,
  mode,
})

const group = (id: string, targets: readonly SnapshotTarget[], sticky = false): SnapshotGroup => ({
  id,
  targets,
  sticky,
  proxyProtocol: false,
  preserveClientIp: false,
})

const ten = Array.from({ length: 10 }, (_, n) => target(n))

function choice(route: [SnapshotGroup, number][]): Choice {
  const listener: SnapshotListener = {
    id: 'TCP 10.0.0.4 443',
    listenerArn: 'arn:listener',
    protocol: 'TCP',
    address: '10.0.0.4',
    port: 443,
    admit: undefined,
    route: route.map(([{ id }, weight]) => ({ group: id, weight })),
    idleTimeoutMs: 350_000,
    synproxy: false,
  }
  return new Choice(listener, new Map(route.map(([group]) => [group.id, group])))
}

function share(of: Choice, flows: Iterable<Flow>, name: (chosen: NonNullable<ReturnType<Choice['choose']>>) => string) {
  const counts = new Map<string, number>()
  for (const flow of flows) {
    const chosen = of.choose(flow)
    assert.ok(chosen)
    counts.set(name(chosen), (counts.get(name(chosen)) ?? 0) + 1)
  }
  return counts
}

const flows = (count: number, first = 0) => Array.from({ length: count }, (_, n) => flow(first + n))

test('10,000 flows spread over 10 targets: the fullest has at most 1.10 times the mean', () => {
  for (const [name, of] of [
    ['many clients', flows(10_000)],
    ['one client, many ports', Array.from({ length: 10_000 }, (_, n) => ({ ...flow(1), sourcePort: 40_000 + n }))],
    [
      'IPv6',
      flows(10_000).map(one => ({
        ...one,
        source: `2001:db8::${one.sourcePort.toString(16)}:5`,
        destination: '2001:db8::4',
      })),
    ],
  ] as const) {
    const counts = share(choice([[group('a', ten), 1]]), of, ({ target }) => target.key)
    assert.equal(counts.size, 10)
    assert.ok(Math.max(...counts.values()) / 1000 <= 1.1, `${name}: ${[...counts.values()]}`)
  }
})

test('the choice is the same for targets in any order, in every instance', () => {
  const a = choice([[group('a', ten), 1]])
  const b = choice([[group('a', ten.toReversed()), 1]])
  for (const one of flows(500)) assert.equal(a.choose(one)?.target.key, b.choose(one)?.target.key)
})

test('known flows go to known targets, in this version and the next', () => {
  const of = choice([[group('a', ten), 1]])
  assert.deepEqual(
    flows(12).map(one => of.choose(one)?.target.address.split('.').at(-1)),
    [...'034125263308'],
  )
})

test('weights share the flows, and weight 0 gets none', () => {
  const [a, b, c] = [group('a', ten), group('b', ten), group('c', ten)]
  const counts = share(
    choice([
      [a, 900],
      [b, 100],
      [c, 0],
    ]),
    flows(10_000),
    ({ group }) => group.id,
  )
  assert.ok(Math.abs(counts.get('b')! - 1000) < 100, `${counts.get('b')} of 10,000`)
  assert.equal(counts.get('c'), undefined)
  assert.equal(choice([[a, 0]]).choose(flow(1)), undefined)
})

test('within a group the spread is even whatever its weight: group and target do not share a hash', () => {
  const counts = share(
    choice([
      [group('a', ten), 1],
      [group('b', []), 0],
      [group('c', ten), 1],
    ]),
    flows(20_000),
    chosen => `${chosen.group.id} ${chosen.target.key}`,
  )
  assert.equal(counts.size, 20)
  assert.ok(Math.max(...counts.values()) <= 1200)
})

test('a group without a serving target does not hand its share on', () => {
  const of = choice([
    [group('a', [target(1, 'drain'), target(2, 'cut')]), 1],
    [group('b', ten), 1],
  ])
  const missed = flows(1000).filter(one => of.choose(one) === undefined).length
  assert.ok(missed > 400 && missed < 600, `${missed}`)
})

test('only serving targets are chosen, and a target that drains hardly moves flows of others', () => {
  const before = choice([[group('a', ten), 1]])
  const after = choice([
    [
      group(
        'a',
        ten.map((one, n) => (n === 3 ? { ...one, mode: 'drain' as const } : one)),
      ),
      1,
    ],
  ])
  let needless = 0
  for (const one of flows(5000)) {
    const [was, is] = [before.choose(one)?.target.key, after.choose(one)?.target.key]
    assert.notEqual(is, ten[3]?.key)
    if (was !== ten[3]?.key && was !== is) needless++
  }
  assert.ok(needless / 5000 < 0.05, `${needless} of 5,000`)
})

test('a sticky group keeps a client address at its target, over weights and ports', () => {
  const of = choice([
    [group('a', ten, true), 1],
    [group('b', ten, true), 1],
  ])
  const seen = new Set<string>()
  for (let client = 0; client < 50; client++) {
    const answers = Array.from({ length: 20 }, (_, n) => of.choose({ ...flow(client), sourcePort: 1000 + n }))
    assert.equal(new Set(answers.map(answer => `${answer?.group.id} ${answer?.target.key}`)).size, 1)
    seen.add(`${answers[0]?.group.id} ${answers[0]?.target.key}`)
  }
  assert.ok(seen.size > 10)
})

test('in a sticky group a registration moves hardly any client but those that the new target gets', () => {
  const before = choice([[group('a', ten, true), 1]])
  const after = choice([[group('a', [...ten, target(10)], true), 1]])
  const moved = flows(5000).filter(one => {
    const is = after.choose(one)?.target
    return is?.address !== '10.9.0.10' && is?.key !== before.choose(one)?.target.key
  })
  assert.ok(moved.length / 5000 < 0.01, `${moved.length} of 5,000`)
})

test('what is to be avoided is passed over for the next best; when all are, there is nobody', () => {
  const of = choice([[group('a', ten), 1]])
  for (const one of flows(200)) {
    const order: string[] = []
    for (;;) {
      const chosen = of.choose(one, key => order.includes(key))
      if (chosen === undefined) break
      assert.ok(!order.includes(chosen.target.key))
      order.push(chosen.target.key)
    }
    assert.equal(order.length, 10)
    assert.equal(order[0], of.choose(one)?.target.key)
  }
})

test('a listener without route, and one whose group is unknown, choose nobody', () => {
  assert.equal(choice([]).choose(flow(1)), undefined)
  assert.equal(choice([[group('a', []), 5]]).choose(flow(1)), undefined)
})
