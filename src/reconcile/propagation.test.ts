import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  applicationLoadBalancer,
  httpListener,
  listener,
  loadBalancer,
  rule,
  target,
  targetGroup,
} from '../domain/state.fixture.ts'
import { applyChanges, type Change, emptyState, type State } from '../domain/state.ts'
import type { Timing } from '../domain/timing.ts'
import { nothingPropagated, type Propagation, propagate } from './propagation.ts'

/* The rows S2.3 to S2.12 as measured by the article, each over many seeds. Times are seconds since the listeners moved. */

const seeds = Array.from({ length: 200 }, (_, seed) => seed)
const hour = 3_600
/** One listener, so that what it leaves is an orphan. */
const alone = { production: { blue: 1 } }

for (const seed of [1, 2]) {
  test(`the same seed gives the same, step by step (${seed})`, () => {
    const play = () => {
      const world = nlb(seed)
      world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
      world.at(200, world.pointed({ production: { blue: 1 }, testing: { blue: 1 } }))
      return world.lane('production', hour)
    }
    assert.deepEqual(play(), play())
  })
}

test('S2.3 behind an ALB the old group serves until the new one does, 10-20 s after the move, and is initial until then', () => {
  for (const seed of seeds) {
    const world = alb(seed)
    world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
    assert.equal(world.linking('green'), 'Elb.RegistrationInProgress')
    const { production, testing } = world.lanes(hour)
    assert.deepEqual(
      production!.map(({ serves }) => serves),
      ['blue', 'green'],
    )
    const [, { from }] = production as [unknown, { from: number }]
    assert.ok(from >= 10 && from <= 20, `seed ${seed}: ${from} s`)
    assert.deepEqual(testing, production)
    assert.deepEqual(world.linked.get('green'), [from])
  }
})

test('S2.8 and its rollback likewise', () => {
  for (const seed of seeds) {
    const world = alb(seed)
    world.at(0, world.pointed({ production: { green: 1 } }))
    world.at(140, world.pointed({ production: { blue: 1 } }))
    const lane = world.lane('production', hour)
    assert.deepEqual(
      lane.map(({ serves }) => serves),
      ['blue', 'green', 'blue'],
    )
    assert.ok(lane[2]!.from >= 150 && lane[2]!.from <= 160, `seed ${seed}: ${lane[2]!.from} s`)
  }
})

test('a new rule behind an ALB takes effect after 10-20 s, one that goes at once', () => {
  for (const seed of seeds) {
    const world = alb(seed)
    const added = rule(1, { forward: forward({ green: 1 }) })
    world.at(0, state =>
      change(state, { table: 'rules', key: added.arn, value: { ...added, listenerArn: 'production' } }),
    )
    assert.equal(world.now.state.rules.size, 0)
    assert.deepEqual(world.now.held, [])
    world.until(10)
    assert.equal(world.now.state.rules.size, 0)
    world.until(20)
    assert.equal(world.now.state, world.desired)
    world.at(21, state => change(state, { table: 'rules', key: added.arn }))
    assert.equal(world.now.state, world.desired)
  }
})

test('S2.4 behind an NLB the new version answers 70-80 s after the move: about 10 s of registration, 60-70 s of checks', () => {
  for (const seed of seeds) {
    const world = nlb(seed)
    world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
    assert.equal(world.linking('green'), 'Elb.RegistrationInProgress')
    assert.deepEqual(world.now.held, [], 'nothing waits for it')
    world.until(9)
    assert.equal(world.linking('green'), 'Elb.RegistrationInProgress')
    world.until(11.001)
    assert.equal(world.linking('green'), 'Elb.InitialHealthChecking')
    const { production, testing } = world.lanes(hour)
    assert.equal(production!.at(-1)!.serves, 'green')
    const { from } = production!.at(-1)!
    assert.ok(from >= 70 && from <= 80, `seed ${seed}: ${from} s`)
    assert.equal(testing!.at(-1)!.from, from, 'both listeners share the group’s link')
    const [checkedFrom, linkedAt] = world.linked.get('green')!
    assert.ok(linkedAt! - checkedFrom! >= 60 && linkedAt! - checkedFrom! <= 70)
    assert.equal(linkedAt, from)
  }
})

test('S2.4 nor does it matter that the test listener moves a moment before production', () => {
  for (const seed of seeds) {
    const world = nlb(seed)
    world.at(0, world.pointed({ testing: { green: 1 } }))
    world.at(0.05, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
    const { production, testing } = world.lanes(hour)
    assert.ok(production!.at(-1)!.from >= 70 && production!.at(-1)!.from <= 80)
    assert.equal(testing!.at(-1)!.from, production!.at(-1)!.from)
  }
})

for (const together of [true, false]) {
  test(`S2.6 in 20-30 % of deployments nothing answers for a while (listeners move ${together ? 'together' : 'one after the other'})`, () => {
    const many = 1_000
    let failed = 0
    for (let seed = 0; seed < many; seed++) {
      const world = nlb(seed)
      if (!together) world.at(-0.1, world.pointed({ testing: { green: 1 } }))
      world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
      const lane = world.lane('production', hour)
      const serves = lane.map(its => its.serves).join()
      assert.ok(serves === 'blue,green' || serves === 'blue,,green', `seed ${seed}: ${serves}`)
      if (serves === 'blue,green') continue
      failed++
      const outage = lane[2]!.from - lane[1]!.from
      assert.ok(outage > 5 && outage <= 80, `seed ${seed}: ${outage} s`)
    }
    assert.ok(failed >= 0.2 * many && failed <= 0.3 * many, `${failed} of ${many}`)
  })
}

test('S2.7 after 5 minutes with the test listener on green production moves without a gap, 60-90 s later', () => {
  for (const seed of seeds) {
    const world = nlb(seed)
    world.at(-300, world.pointed({ testing: { green: 1 } }))
    world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
    const { production, testing } = world.lanes(hour)
    assert.deepEqual(
      production!.map(({ serves }) => serves),
      ['blue', 'green'],
    )
    assert.ok(production![1]!.from >= 60 && production![1]!.from <= 90, `seed ${seed}: ${production![1]!.from}`)
    const [blue, none, green] = testing!
    assert.deepEqual([blue?.serves, none?.serves, green?.serves], ['blue', '', 'green'])
    assert.ok(none!.from >= -290 && none!.from <= -280, `seed ${seed}: the test listener is left after ${none!.from}`)
    assert.ok(green!.from >= -230 && green!.from <= -220, `seed ${seed}: green is there after ${green!.from}`)
  }
})

test('S2.9 a rollback leaves both listeners dark for 70-80 s, 10-20 s after it was asked for', () => {
  for (const seed of seeds) {
    const world = nlb(seed)
    world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
    world.at(200, world.pointed({ production: { blue: 1 }, testing: { blue: 1 } }))
    const { production, testing } = world.lanes(hour)
    for (const lane of [production!, testing!]) {
      const [green, dark, blue] = lane.slice(-3)
      assert.deepEqual([green!.serves, dark!.serves, blue!.serves], ['green', '', 'blue'])
      assert.ok(dark!.from >= 210 && dark!.from <= 220, `seed ${seed}: dark from ${dark!.from}`)
      const outage = blue!.from - dark!.from
      assert.ok(outage >= 70 && outage <= 80, `seed ${seed}: ${outage} s`)
    }
    assert.equal(testing!.at(-1)!.from, production!.at(-1)!.from)
  }
})

test('S2.9 so does one while the new version is not linked yet: the old one, forgotten meanwhile, is linked anew', () => {
  for (const seed of seeds) {
    const world = nlb(seed, alone)
    world.at(0, world.pointed({ production: { green: 1 } }))
    world.at(5, world.pointed({ production: { blue: 1 } }))
    const lane = world.lane('production', hour)
    assert.deepEqual(
      lane.map(({ serves }) => serves),
      ['blue', '', 'blue'],
      `seed ${seed}`,
    )
    assert.ok(lane[2]!.from - lane[1]!.from >= 70 - 0.001)
  }
})

test('an hour later it is a deployment like any other', () => {
  let gaps = 0
  for (const seed of seeds) {
    const world = nlb(seed, alone)
    world.at(0, world.pointed({ production: { green: 1 } }))
    world.at(hour, world.pointed({ production: { blue: 1 } }))
    if (
      world
        .lane('production', 2 * hour)
        .filter(({ from }) => from > hour)
        .some(({ serves }) => serves === '')
    )
      gaps++
  }
  assert.ok(gaps >= 0.15 * seeds.length && gaps <= 0.35 * seeds.length, `${gaps} of ${seeds.length}`)
})

for (const [title, both] of [
  ['a dummy listener that keeps both referred to', false],
  ['both in production, one at weight 0', true],
] as const) {
  test(`S2.10 with ${title} neither a deployment nor its rollback has a gap; each takes 60-90 s`, () => {
    for (const seed of seeds) {
      const world = nlb(seed, { production: both ? { blue: 1, green: 0 } : { blue: 1 }, dummy: { blue: 1, green: 1 } })
      if (both) world.at(-hour, state => change(state, { table: 'listeners', key: 'dummy' }))
      world.at(0, world.pointed({ production: both ? { blue: 0, green: 1 } : { green: 1 } }))
      world.at(200, world.pointed({ production: both ? { blue: 1, green: 0 } : { blue: 1 } }))
      const lane = world.lane('production', hour)
      assert.deepEqual(
        lane.map(({ serves }) => serves),
        ['blue', 'green', 'blue'],
      )
      const [, there, back] = lane.map(({ from }) => from)
      assert.ok(there! >= 60 && there! <= 90, `seed ${seed}: ${there} s`)
      assert.ok(back! >= 260 && back! <= 290, `seed ${seed}: ${back} s`)
      assert.deepEqual(world.now.links, [])
    }
  })
}

test('shares that go over a step each minute do so as late each, and are not put off by the next one', () => {
  for (const seed of seeds) {
    const world = nlb(seed, { production: { blue: 100, green: 0 } })
    const shares: (number | undefined)[] = []
    for (let minute = 0; minute < 10; minute++) {
      const { state } = world.at(60 * minute, world.pointed({ production: { blue: 99 - minute, green: 1 + minute } }))
      shares.push(state.listeners.get('production')!.forward[1]?.weight)
    }
    for (const [minute, share] of shares.entries())
      assert.ok(share! <= minute && share! >= minute - 1, `seed ${seed}: ${shares}`)
  }
})

test('behind an ALB a listener that is sent elsewhere twice within seconds has no gap', () => {
  for (const seed of seeds) {
    const world = alb(seed)
    world.at(0, world.pointed({ production: { green: 1 }, testing: { green: 1 } }))
    world.at(9, world.pointed({ production: { red: 1 }, testing: { red: 1 } }))
    const serves = world.lane('production', hour).map(its => its.serves)
    assert.deepEqual(serves, ['blue', 'red'], `seed ${seed}`)
  }
})

test('a group that a listener serves until another is linked goes on doing so where somebody else names it meanwhile', () => {
  for (const seed of seeds) {
    const world = nlb(seed, alone)
    world.at(0, world.pointed({ production: { green: 1 } }))
    const isKnown = world.at(5, state => state).state.listeners.get('production')!.forward.length > 0
    if (!isKnown) continue
    const dummy = listener({ arn: 'dummy', port: 9, forward: forward({ blue: 1 }) })
    world.at(5, state => change(state, { table: 'listeners', key: 'dummy', value: dummy }))
    const serves = world.lane('production', hour).map(its => its.serves)
    assert.deepEqual(serves, ['blue', 'green'], `seed ${seed}`)
  }
})

test('a new NLB listener answers once its group is linked; one that is deleted, or gets another protocol, no longer', () => {
  const world = nlb(7, { production: { blue: 1 } })
  world.at(0, state =>
    change(state, {
      table: 'listeners',
      key: 'new',
      value: listener({ arn: 'new', port: 9, forward: forward({ green: 1 }) }),
    }),
  )
  const [dark, served] = world.lane('new', 90)
  assert.deepEqual([dark!.serves, served!.serves], ['', 'green'])
  assert.ok(served!.from >= 70 && served!.from <= 80)
  world.at(100, state => change(state, { table: 'listeners', key: 'new' }))
  assert.equal(world.now.state, world.desired)
  world.at(hour, state =>
    change(state, {
      table: 'listeners',
      key: 'production',
      value: { ...state.listeners.get('production')!, protocol: 'UDP', forward: forward({ green: 1 }) },
    }),
  )
  assert.deepEqual(world.now.state.listeners.get('production')?.forward, [])
  assert.equal(world.now.state.listeners.get('production')?.protocol, 'UDP')
  assert.equal(world.lane('production', 2 * hour).at(-1)!.serves, 'green')
})

test('everything else of a listener that is being switched takes effect at once, and what did not change is the same object', () => {
  const world = nlb(3, alone)
  world.at(0, world.pointed({ production: { green: 1 } }))
  const before = world.now.state.listeners.get('production')
  world.at(1, state =>
    change(state, { table: 'targetGroups', key: 'green', value: targetGroup({ arn: 'green', targets: [] }) }),
  )
  assert.equal(world.now.state.listeners.get('production'), before)
  assert.equal(world.now.state.targetGroups, world.desired.targetGroups)
  world.at(2, state =>
    change(state, {
      table: 'listeners',
      key: 'production',
      value: { ...state.listeners.get('production')!, attributes: { a: 'b' } },
    }),
  )
  assert.deepEqual(world.now.state.listeners.get('production'), { ...before, attributes: { a: 'b' } })
  const lane = world.lane('production', hour)
  assert.ok(lane.at(-1)!.from >= 70 && lane.at(-1)!.from <= 80, 'and it is not switched any later')
})

test('a node that starts again takes all for linked, also what was not yet', () => {
  const world = nlb(5, alone)
  world.at(0, world.pointed({ production: { green: 1 } }))
  const again = propagate(nothingPropagated, world.desired, new Map(), 1_000, world.timing)
  assert.equal(again.state, world.desired)
  assert.deepEqual([again.links, again.delayed, again.nextAt], [[], [], undefined])
})

test('targets that are deregistered while a listener still has to leave them get new flows until it has', () => {
  const world = nlb(4, alone)
  world.at(0, world.pointed({ production: { green: 1 } }))
  const targets = [target('10.0.1.1', { deregistration: { until: 1_000 } })]
  world.at(1, state =>
    change(state, { table: 'targetGroups', key: 'blue', value: targetGroup({ arn: 'blue', targets }) }),
  )
  assert.deepEqual(world.now.state.targetGroups.get('blue')?.targets, [target('10.0.1.1')])
  world.until(81)
  assert.equal(world.now.state, world.desired)
})

test('a time scale makes all of it shorter', () => {
  for (const seed of seeds) {
    const world = nlb(seed, alone, { profile: 'aws-nlb', scale: 60, seed })
    world.at(0, world.pointed({ production: { green: 1 } }))
    world.at(10, world.pointed({ production: { blue: 1 } }))
    const lane = world.lane('production', hour).slice(-3)
    const outage = lane[2]!.from - lane[1]!.from
    assert.ok(outage >= 1.165 && outage <= 1.335, `seed ${seed}: ${outage} s`)
  }
})

test('under aws-alb a Network Load Balancer’s switches are held as ever, and the other way round', () => {
  for (const [profile, world] of [
    ['aws-alb', nlb],
    ['aws-nlb', alb],
  ] as const) {
    const its = world(1, undefined, { profile, scale: 1, seed: 1 })
    its.at(0, its.pointed({ production: { green: 1 } }))
    assert.deepEqual([its.now.held.length, its.now.delayed, its.now.links], [0, [], []])
    assert.equal(its.now.state, its.desired)
  }
})

type Weights = Readonly<Record<string, number>>
type Lane = readonly { readonly from: number; readonly serves: string }[]

/** Listeners on `blue` since long ago, and what they do from then on. */
class World {
  readonly timing: Timing
  desired: State
  now: Propagation
  /** Seconds at which a group’s checks began and ended: when its reason changed. */
  readonly linked = new Map<string, number[]>()
  readonly #lanes: Record<string, { from: number; serves: string }[]> = {}
  #ms = -2 * hour * 1_000

  constructor(state: State, timing: Timing) {
    this.timing = timing
    this.desired = state
    this.now = nothingPropagated
    this.#step(this.#ms)
  }

  /** After all that comes before. */
  at(time: number, change: (state: State) => State): Propagation {
    this.until(time)
    this.desired = change(this.desired)
    this.#step(1_000 * time)
    return this.now
  }

  until(time: number): void {
    for (let next = this.now.nextAt; next !== undefined && next <= 1_000 * time; next = this.now.nextAt) {
      assert.ok(next > this.#ms, 'time goes on')
      this.#step(next)
    }
    this.#step(1_000 * time)
  }

  lanes(end: number): Record<string, Lane> {
    this.until(end)
    return this.#lanes
  }

  lane(listenerArn: string, end: number): Lane {
    return this.lanes(end)[listenerArn] ?? []
  }

  linking(targetGroupArn: string): string | undefined {
    return this.now.links.find(its => its.targetGroupArn === targetGroupArn)?.reason
  }

  pointed(listeners: Readonly<Record<string, Weights>>): (state: State) => State {
    return state =>
      Object.entries(listeners).reduce((before, [key, weights]) => {
        const value = { ...before.listeners.get(key)!, forward: forward(weights) }
        return change(before, { table: 'listeners', key, value })
      }, state)
  }

  #step(ms: number): void {
    const before = this.now
    const time = ms / 1_000
    this.#ms = ms
    this.now = propagate(before, this.desired, new Map(), ms, this.timing)
    for (const { targetGroupArn: arn, reason } of before.links)
      if (this.linking(arn) !== reason) this.linked.set(arn, [...(this.linked.get(arn) ?? []), time])
    for (const { arn, forward } of this.now.state.listeners.values()) {
      const serves = forward
        .filter(({ weight }) => weight > 0)
        .map(({ targetGroupArn }) => targetGroupArn)
        .join('+')
      this.#lanes[arn] ??= []
      const lane = this.#lanes[arn]
      if (lane.at(-1)?.serves !== serves) lane.push({ from: time, serves })
    }
  }
}

function nlb(
  seed: number,
  listeners: Readonly<Record<string, Weights>> = { production: { blue: 1 }, testing: { blue: 1 } },
  timing: Timing = { profile: 'aws', scale: 1, seed },
): World {
  return new World(
    world(
      loadBalancer(),
      Object.entries(listeners).map(([arn, weights], i) => listener({ arn, port: 80 + i, forward: forward(weights) })),
    ),
    timing,
  )
}

function alb(seed: number, _?: undefined, timing: Timing = { profile: 'aws', scale: 1, seed }): World {
  return new World(
    world(
      applicationLoadBalancer(),
      ['production', 'testing'].map((arn, i) => httpListener({ arn, port: 80 + i, forward: forward({ blue: 1 }) })),
    ),
    timing,
  )
}

function world(balancer: ReturnType<typeof loadBalancer>, listeners: readonly ReturnType<typeof listener>[]): State {
  const changes: Change[] = [
    { table: 'loadBalancers', key: balancer.arn, value: balancer },
    ...['blue', 'green'].map(
      (arn): Change => ({
        table: 'targetGroups',
        key: arn,
        value: targetGroup({ arn, targets: [target('10.0.1.1')] }),
      }),
    ),
    ...listeners.map((value): Change => ({ table: 'listeners', key: value.arn, value })),
  ]
  return applyChanges(emptyState, 1, changes)
}

function forward(weights: Weights) {
  return Object.entries(weights).map(([targetGroupArn, weight]) => ({ targetGroupArn, weight }))
}

function change(state: State, one: Change): State {
  return applyChanges(state, state.revision + 1, [one])
}
