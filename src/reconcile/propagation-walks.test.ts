import assert from 'node:assert/strict'
import { test } from 'node:test'
import { snapshotBuilder } from '../domain/build-snapshot.ts'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
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
import { type Forwarder, isSameForward } from './forwarders.ts'
import { nothingPropagated, type Propagation, propagate } from './propagation.ts'

/*
 * Random changes at random moments, seconds to half an hour apart: listeners and rules of both types that move, come, go and get other
 * protocols, target groups whose targets go, or that go themselves; and what must be true at each moment, whatever came before.
 */

const walks = 100
const steps = 40
const groupsOf = { network: ['a', 'b', 'c', 'd'], application: ['p', 'q', 'r', 's'] } as const

for (const profile of ['aws', 'aws-nlb', 'aws-alb'] as const) {
  test(`random walks under ${profile} end in what is desired, and nothing is served on the way that is not linked`, () => {
    const first = anySeed()
    for (let seed = first; seed < first + walks; seed++) {
      try {
        walk(seed, { profile, scale: seed % 3 === 0 ? 1 : 60, seed })
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    }
  })
}

test('without AWS’s timing a walk is always where it is desired to be, where nobody’s health speaks against it', () => {
  const first = anySeed()
  for (let seed = first; seed < first + walks; seed++) walk(seed, { profile: 'instant', scale: 1, seed })
})

test('the same walk gives the same, in whatever order tables are kept', () => {
  const seed = anySeed()
  const timing: Timing = { profile: 'aws', scale: 1, seed }
  assert.deepEqual(walk(seed, timing, reordered), walk(seed, timing), `seed ${seed}`)
})

/** Everything that was in effect, a line each. */
function walk(seed: number, timing: Timing, seen: (state: State) => State = state => state): readonly string[] {
  const draw = randomFrom(seed)
  const told: string[] = []
  let desired = start()
  let ms = 0
  let now = propagate(nothingPropagated, seen(desired), new Map(), ms, timing)
  const build = snapshotBuilder()
  const look = (next: Propagation) => {
    check(now, next, ms, timing)
    build(next.state, new Map(), ms)
    now = next
    told.push(`${ms} ${forwarders(next.state).map(printed).sort().join(' ')}`)
  }
  const until = (end: number) => {
    for (let at = now.nextAt, turns = 0; at !== undefined && at <= end; at = now.nextAt, turns++) {
      assert.ok(at > ms && turns < 200, 'time goes on')
      ms = at
      look(propagate(now, now.desired, new Map(), ms, timing))
    }
    ms = end
  }
  for (let step = 0; step < steps; step++) {
    const wait = [0, 1_000, 10_000, 60_000, 200_000, 1_800_000][draw(6)]!
    until(ms + Math.round((wait * (50 + draw(100))) / 100 / timing.scale))
    desired = changed(desired, draw)
    look(propagate(now, seen(desired), new Map(), ms, timing))
  }
  until(ms + 3_600_000)
  assert.equal(now.nextAt, undefined, 'it comes to an end')
  assert.equal(now.state, now.desired)
  assert.deepEqual([now.delayed, now.links, now.held], [[], [], []])
  return told
}

function check(
  before: Propagation,
  { desired, state, links, delayed, nextAt }: Propagation,
  now: number,
  timing: Timing,
) {
  assert.ok(nextAt === undefined || nextAt > now)
  const linking = new Set(links.map(({ targetGroupArn }) => targetGroupArn))
  const waiting = new Set(delayed.map(({ listenerArn, ruleArn }) => ruleArn ?? listenerArn))
  if (timing.profile === 'instant') return assert.equal(state, desired)
  for (const wanted of forwarders(desired)) {
    const { arn } = wanted
    const effective = forwarder(state, arn)
    const served = groups(effective)
    if (!waiting.has(arn)) {
      assert.ok(effective !== undefined && isSameForward(effective, wanted), `${arn} is as desired`)
      for (const group of served) assert.ok(!linking.has(group), `${arn} waits for ${group}`)
      continue
    }
    const known = forwarder(before.desired, arn)
    const isSame =
      known !== undefined &&
      ('protocol' in known ? known.protocol : '') === ('protocol' in wanted ? wanted.protocol : '')
    const servedBefore = isSame ? groups(forwarder(before.state, arn)) : []
    for (const group of served) {
      const isBack = groups(wanted).includes(group) && !linking.has(group)
      assert.ok(servedBefore.includes(group) || isBack, `${arn} gets nothing of ${group} before its switch`)
    }
    if (isOfApplication(wanted) && servedBefore.length > 0) assert.ok(served.length > 0, `${arn} has no gap`)
  }
}

function start(): State {
  const [network, application] = [loadBalancer(), applicationLoadBalancer()]
  const all = [...groupsOf.network, ...groupsOf.application]
  const changes: Change[] = [
    ...[network, application].map((value): Change => ({ table: 'loadBalancers', key: value.arn, value })),
    ...all.map((arn): Change => ({ table: 'targetGroups', key: arn, value: groupNamed(arn) })),
    ...[80, 81].map(
      (port): Change => put(listener({ arn: `n${port}`, port, forward: [{ targetGroupArn: 'a', weight: 1 }] })),
    ),
    ...[90, 91].map(
      (port): Change => put(httpListener({ arn: `h${port}`, port, forward: [{ targetGroupArn: 'p', weight: 1 }] })),
    ),
    put(rule(1, { listenerArn: 'h90', forward: [{ targetGroupArn: 'q', weight: 1 }] })),
  ]
  return applyChanges(emptyState, 1, changes)
}

function groupNamed(arn: string, targets = [target('10.0.1.20')]) {
  const isOfNetwork = groupsOf.network.some(its => its === arn)
  return targetGroup({ arn, targets, protocol: isOfNetwork ? 'TCP' : 'HTTP' })
}

/** One to three things at once, as in one transaction. */
function changed(state: State, draw: (below: number) => number): State {
  let next = state
  for (let count = 1 + draw(3); count > 0; count--) next = applyChanges(next, state.revision + 1, oneChange(next, draw))
  return next
}

function oneChange(state: State, draw: (below: number) => number): readonly Change[] {
  const all = forwarders(state)
  const its = all[draw(all.length)]
  const kind = its !== undefined && isOfApplication(its) ? 'application' : 'network'
  const group = () => groupsOf[kind][draw(4)]!
  const forward = () => {
    const names = [...new Set([group(), ...(draw(3) === 0 ? [group()] : [])])].filter(arn =>
      state.targetGroups.has(arn),
    )
    return names.map((targetGroupArn, i) => ({ targetGroupArn, weight: i === 0 ? 1 : draw(3) }))
  }
  const port = 100 + draw(30)
  switch (draw(9)) {
    case 0: {
      const value = draw(2) === 0 ? listener({ arn: `n${port}`, port }) : httpListener({ arn: `h${port}`, port })
      const arn = groupsOf[isOfApplication(value) ? 'application' : 'network'].find(arn => state.targetGroups.has(arn))
      return arn === undefined || state.listeners.has(value.arn)
        ? []
        : [put({ ...value, forward: [{ targetGroupArn: arn, weight: 1 }] })]
    }
    case 1:
      if (its === undefined || 'listenerArn' in its) return its === undefined ? [] : [{ table: 'rules', key: its.arn }]
      return [
        { table: 'listeners', key: its.arn },
        ...[...state.rules.values()]
          .filter(({ listenerArn }) => listenerArn === its.arn)
          .map(({ arn }): Change => ({ table: 'rules', key: arn })),
      ]
    case 2: {
      const arns = [...state.listeners.values()].filter(isOfApplication)
      const added = forward()
      const listenerArn = arns[draw(Math.max(1, arns.length))]?.arn
      return kind === 'network' || listenerArn === undefined || added.length === 0
        ? []
        : [put(rule(2 + draw(5), { listenerArn, forward: added }))]
    }
    case 3:
      return its === undefined || 'listenerArn' in its || kind === 'application'
        ? []
        : [put({ ...its, protocol: its.protocol === 'TCP' ? 'TCP_UDP' : 'TCP' })]
    case 4: {
      const arn = group()
      const isUsed = all.some(({ forward }) => forward.some(({ targetGroupArn }) => targetGroupArn === arn))
      if (isUsed || !state.targetGroups.has(arn)) return [{ table: 'targetGroups', key: arn, value: groupNamed(arn) }]
      return [{ table: 'targetGroups', key: arn }]
    }
    case 5: {
      const known = state.targetGroups.get(group())
      if (known === undefined) return []
      const targets = known.targets.map(its => ({ ...its, deregistration: { until: 1 } }))
      return [{ table: 'targetGroups', key: known.arn, value: { ...known, targets } }]
    }
    default: {
      const wanted = forward()
      return its === undefined || wanted.length === 0 ? [] : [put({ ...its, forward: wanted })]
    }
  }
}

function put(value: Forwarder): Change {
  return 'listenerArn' in value
    ? { table: 'rules', key: value.arn, value }
    : { table: 'listeners', key: value.arn, value }
}

function forwarders({ listeners, rules }: State): readonly Forwarder[] {
  return [...listeners.values(), ...rules.values()]
}

function forwarder({ listeners, rules }: State, arn: string): Forwarder | undefined {
  return listeners.get(arn) ?? rules.get(arn)
}

function isOfApplication(its: Forwarder): boolean {
  return 'listenerArn' in its || its.protocol === 'HTTP'
}

function groups(its: Forwarder | undefined): readonly string[] {
  return its?.forward.map(({ targetGroupArn }) => targetGroupArn) ?? []
}

function printed({ arn, forward }: Forwarder): string {
  return `${arn}:${forward.map(({ targetGroupArn, weight }) => `${targetGroupArn}=${weight}`).join('+')}`
}

/** The same records in tables of another order. */
function reordered(state: State): State {
  const turned = <Value>(table: ReadonlyMap<string, Value>) => new Map([...table].reverse())
  return {
    ...state,
    listeners: turned(state.listeners),
    rules: turned(state.rules),
    targetGroups: turned(state.targetGroups),
  }
}
