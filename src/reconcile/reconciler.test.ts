import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { HealthByTarget } from '../domain/health.ts'
import type { Snapshot } from '../domain/snapshot.ts'
import { emptyState, type State } from '../domain/state.ts'
import { instant } from '../domain/timing.ts'
import type { Applied, Engine, Problem } from '../engine/engine.ts'
import type { AppliedReport } from '../feed/messages.ts'
import { VirtualClock } from '../virtual-clock.ts'
import { Reconciler } from './reconciler.ts'

const problem: Problem = {
  listener: 'TCP 10.0.1.4 80',
  listenerArn: 'l',
  reason: 'port 80 is taken by nginx (pid 812)',
}

test('an apply begins before the turn of the wake-up is over, once for all that woke it', async t => {
  const { engine, reconciler } = loop(t)
  reconciler.desired(at(1))
  reconciler.health(new Map())
  reconciler.desired(at(2))
  await Promise.resolve()
  assert.deepEqual(engine.applied, [2])
})

test('nothing is applied before there is a desired state, and then with the health that came first', async t => {
  const { engine, reconciler, clock, builds } = loop(t)
  const health: HealthByTarget = new Map()
  reconciler.health(health)
  await clock.advance(10_000)
  assert.deepEqual(engine.applied, [])
  reconciler.desired(at(1))
  await clock.advance(0)
  assert.deepEqual(engine.applied, [1])
  assert.equal(builds[0]?.health, health)
})

test('applies do not overlap, and the newest state wins over those between', async t => {
  const { engine, reconciler, clock, reports } = loop(t)
  const finish = engine.pause()
  reconciler.desired(at(1))
  await clock.advance(0)
  reconciler.desired(at(2))
  reconciler.desired(at(3))
  await clock.advance(1_000)
  assert.deepEqual(engine.applied, [1])
  finish()
  await clock.advance(0)
  assert.deepEqual(engine.applied, [1, 3])
  assert.deepEqual(
    reports.map(({ revision }) => revision),
    [1, 3],
  )
})

test('a wake-up that changes nothing in the snapshot reaches neither the engine nor the report', async t => {
  const { engine, reconciler, clock, reports, builds } = loop(t)
  reconciler.desired(at(1))
  await clock.advance(0)
  for (let i = 0; i < 5; i++) {
    reconciler.health(new Map())
    await clock.advance(10)
  }
  assert.equal(builds.length, 6)
  assert.deepEqual(engine.applied, [1])
  assert.equal(reports.length, 1)
  reconciler.desired(builds[0]?.state ?? at(1))
  await clock.advance(0)
  assert.equal(builds.length, 6)
})

test('problems are reported once and tried again after 0.25 s doubling to 5 s, until they are gone', async t => {
  const { engine, reconciler, clock, reports, start } = loop(t)
  engine.problems = [problem]
  reconciler.desired(at(1))
  await clock.advance(20_000)
  assert.deepEqual(
    engine.times.map(time => time - start),
    [0, 250, 750, 1_750, 3_750, 7_750, 12_750, 17_750],
  )
  assert.deepEqual(reports, [
    { kind: 'applied', revision: 1, problems: [problem], fallbacks: [], held: [], delayed: [], links: [] },
  ])
  engine.problems = []
  await clock.advance(60_000)
  assert.equal(engine.applied.length, 9)
  assert.deepEqual(reports.at(-1), {
    kind: 'applied',
    revision: 1,
    problems: [],
    fallbacks: [],
    held: [],
    delayed: [],
    links: [],
  })
})

test('while problems wait, health that changes nothing does not hurry them and a new state starts the wait anew', async t => {
  const { engine, reconciler, clock, start } = loop(t)
  engine.problems = [problem]
  reconciler.desired(at(1))
  await clock.advance(800)
  for (let i = 0; i < 9; i++) {
    reconciler.health(new Map())
    await clock.advance(10)
  }
  assert.equal(engine.applied.length, 3)
  reconciler.desired(at(2))
  await clock.advance(250)
  assert.deepEqual(
    engine.times.map(time => time - start),
    [0, 250, 750, 890, 1_140],
  )
})

test('a rejection is logged, held off whatever wakes it, and tried again in full', async t => {
  const { engine, reconciler, clock, reports, lines, builds } = loop(t)
  reconciler.desired(at(1))
  await clock.advance(0)
  engine.error = new Error('a bug')
  reconciler.desired(at(2))
  await clock.advance(100)
  for (let i = 0; i < 10; i++) {
    reconciler.health(new Map())
    await clock.advance(10)
  }
  assert.deepEqual(engine.applied, [1, 2])
  assert.equal(builds.length, 2)
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^reconcile: Error: a bug/)
  engine.error = undefined
  await clock.advance(50)
  assert.deepEqual(engine.applied, [1, 2, 2])
  assert.equal(reports.at(-1)?.revision, 2)
  await clock.advance(60_000)
  assert.equal(engine.applied.length, 3)
})

test('it wakes when time alone changes the snapshot', async t => {
  const { engine, reconciler, clock, plan } = loop(t)
  plan.nextAt = clock.now() + 5_000
  plan.edition = () => (clock.now() >= (plan.nextAt ?? 0) ? 'later' : 'now')
  reconciler.desired(at(1))
  await clock.advance(4_999)
  assert.equal(engine.applied.length, 1)
  await clock.advance(1)
  assert.equal(engine.applied.length, 2)
})

test('a held switch is in the report and ends by itself', async t => {
  const { reconciler, clock, reports, builds, start } = loop(t)
  const [before, after] = pointedFromBlueToGreen()
  reconciler.health(new Map([['blue t 80', { verdict: 'healthy', since: 0, against: 0, results: [] }]]))
  reconciler.desired(before)
  await clock.advance(0)
  reconciler.desired(after)
  await clock.advance(0)
  const { forward } = before.listeners.get('l')!
  assert.deepEqual(reports.at(-1)?.held, [{ listenerArn: 'l', until: start + 30_000, forward }])
  assert.equal(builds.at(-1)?.state.listeners.get('l')?.forward[0]?.targetGroupArn, 'blue')
  await clock.advance(30_000)
  assert.deepEqual(reports.at(-1)?.held, [])
  assert.equal(builds.at(-1)?.state, after)
})

test('a wall clock that is set back keeps no switch waiting', async t => {
  const { reconciler, clock, reports } = loop(t)
  const [before, after] = pointedFromBlueToGreen()
  reconciler.health(new Map([['blue t 80', { verdict: 'healthy', since: 0, against: 0, results: [] }]]))
  reconciler.desired(before)
  await clock.advance(0)
  reconciler.desired(after)
  await clock.advance(0)
  assert.equal(reports.at(-1)?.held.length, 1)
  t.mock.method(clock, 'now', () => clock.monotonic() - 3_600_000)
  await clock.advance(30_000)
  assert.deepEqual(reports.at(-1)?.held, [])
})

test('stop waits for the apply that runs and begins no other', async t => {
  const { engine, reconciler, clock } = loop(t)
  const finish = engine.pause()
  engine.problems = [problem]
  reconciler.desired(at(1))
  await clock.advance(0)
  reconciler.desired(at(2))
  let isStopped = false
  const stopped = reconciler.stop().then(() => (isStopped = true))
  await clock.advance(0)
  assert.equal(isStopped, false)
  finish()
  await stopped
  reconciler.desired(at(3))
  await clock.advance(60_000)
  assert.deepEqual(engine.applied, [1])
})

/** Notes what it is told, and answers as the test says. */
class ScriptedEngine implements Engine {
  readonly #clock: VirtualClock
  readonly applied: number[] = []
  readonly times: number[] = []
  problems: readonly Problem[] = []
  error: Error | undefined
  #gate: Promise<void> = Promise.resolve()

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  /** Lets no `apply` finish before the answer is called. */
  pause(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gate = promise
    return resolve
  }

  async apply({ revision }: Snapshot): Promise<Applied> {
    this.applied.push(revision)
    this.times.push(this.#clock.now())
    await this.#gate
    if (this.error !== undefined) throw this.error
    return { revision, problems: this.problems, fallbacks: [] }
  }

  async observe() {
    return { revision: 0, listeners: [], targets: [] }
  }

  async close() {}
}

function loop(t: TestContext) {
  const clock = new VirtualClock()
  const engine = new ScriptedEngine(clock)
  const reports: AppliedReport[] = []
  const lines: string[] = []
  const builds: { state: State; health: HealthByTarget }[] = []
  const plan: { nextAt: number | undefined; edition: () => string } = { nextAt: undefined, edition: () => '' }
  const snapshots = new Map<string, Snapshot>()
  const reconciler = new Reconciler({
    engine,
    clock,
    timing: instant,
    build(state, health) {
      builds.push({ state, health })
      const name = `${state.revision} ${plan.edition()}`
      const snapshot = snapshots.get(name) ?? { revision: state.revision, listeners: [], groups: [], guards: [] }
      snapshots.set(name, snapshot)
      const nextAt = plan.nextAt !== undefined && plan.nextAt > clock.now() ? plan.nextAt : undefined
      return { snapshot, nextAt }
    },
    onApplied: report => reports.push(report),
    log: line => lines.push(line),
  })
  t.after(() => reconciler.stop())
  return { clock, engine, reports, lines, builds, plan, reconciler, start: clock.now() }
}

function at(revision: number): State {
  return { ...emptyState, revision }
}

function pointedFromBlueToGreen(): readonly [State, State] {
  const target = { id: 't', port: 80 }
  const targetGroups = new Map(
    ['blue', 'green'].map(arn => [arn, { arn, targets: [target] }]),
  ) as unknown as State['targetGroups']
  const pointed = (revision: number, targetGroupArn: string): State => ({
    ...at(revision),
    targetGroups,
    listeners: new Map([
      [
        'l',
        {
          arn: 'l',
          loadBalancerArn: 'lb',
          port: 80,
          protocol: 'TCP',
          forward: [{ targetGroupArn, weight: 1 }],
          attributes: {},
          tags: [],
        },
      ],
    ]),
  })
  return [pointed(1, 'blue'), pointed(2, 'green')]
}
