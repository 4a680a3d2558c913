import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { admits, clientAddress } from '../domain/admission.ts'
import { Choice, type Flow } from '../domain/choice.ts'
import { printSnapshot } from '../domain/print-snapshot.ts'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import {
  groupsById,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
  type SnapshotTarget,
} from '../domain/snapshot.ts'
import type { Engine, ListenerCounters } from './engine.ts'
import { until } from './until.fixture.ts'

type Protocol = 'TCP' | 'UDP'

/** An engine with nothing in it, and traffic that it serves. The one who opens it closes both after the test. */
interface EngineUnderTest {
  readonly engine: Engine
  readonly traffic: Traffic
}

/** Clients and targets: real ones (`SocketTraffic`), or what a fake engine says of them. */
export interface Traffic {
  /** A target that answers every message with its own `ADDRESS PORT`. */
  target(protocol: Protocol): Promise<{ readonly address: string; readonly port: number }>
  /** A client's flow from `source` to a listener. It counts as opened whether or not anybody answers. */
  open(protocol: Protocol, source: string, address: string, port: number): Promise<ClientFlow>
  /** Takes a port away from the engine, until the answer is called. */
  occupy(listener: SnapshotListener): Promise<() => Promise<void>>
}

export interface ClientFlow {
  /** As the engine sees it: with the port that the client got. */
  readonly flow: Flow
  /** Sends a message and says who answered; `undefined` if the flow has ended, or nobody answers. */
  ask(): Promise<string | undefined>
  end(): void
}

/** Ports that the suite's listeners use on 127.0.0.1. */
const firstPort = 22_500

/** What every engine must do. `name` says which one in the tests' names. */
export function engineContract(name: string, open: (t: TestContext) => Promise<EngineUnderTest>): void {
  for (const protocol of ['TCP', 'UDP'] as const) {
    test(`${name} ${protocol}: the same snapshot twice changes nothing`, async t => {
      const { engine, traffic } = await open(t)
      const desired = snapshot(
        1,
        [listener(protocol, 0, [['a', 1]])],
        [group('a', await targets(traffic, protocol, 2))],
      )
      assert.deepEqual(await engine.apply(desired), { revision: 1, problems: [], fallbacks: [] })
      const client = await visit(traffic, desired.listeners[0]!)
      const target = await client.ask()
      assert.ok(target)
      assert.deepEqual(await engine.apply(desired), { revision: 1, problems: [], fallbacks: [] })
      assert.equal(await client.ask(), target)
      const observed = await engine.observe()
      assert.equal(observed.revision, 1)
      assert.deepEqual(
        observed.listeners.map(({ newFlows, activeFlows }) => [newFlows, activeFlows]),
        [[1, 1]],
      )
    })

    test(`${name} ${protocol}: a draining target keeps its flow and gets no other; cut, it loses it`, async t => {
      const { engine, traffic } = await open(t)
      const [old, young] = await targets(traffic, protocol, 2)
      assert.ok(old && young)
      const at = (revision: number, mode: SnapshotTarget['mode']) =>
        snapshot(
          revision,
          [listener(protocol, 0, [['a', 1]])],
          [group('a', [{ ...old, mode }, ...(revision > 1 ? [young] : [])])],
        )
      await engine.apply(at(1, 'serve'))
      const client = await visit(traffic, at(1, 'serve').listeners[0]!)
      assert.equal(await client.ask(), nameOf(old))

      await engine.apply(at(2, 'drain'))
      assert.equal(await client.ask(), nameOf(old))
      for (let i = 0; i < 10; i++) assert.equal(await askOnce(traffic, at(2, 'drain').listeners[0]!), nameOf(young))
      assert.equal(await client.ask(), nameOf(old))

      await engine.apply(at(3, 'cut'))
      assert.equal(await client.ask(), protocol === 'TCP' ? undefined : nameOf(young))
    })

    test(`${name} ${protocol}: where zones are joined a flow keeps its target; cut there, it loses it`, async t => {
      const { engine, traffic } = await open(t)
      const [first, second] = await targets(traffic, protocol, 2)
      assert.ok(first && second)
      const at = (revision: number, zone: string, its: readonly SnapshotTarget[]) => {
        const view = `arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/web/50dc6c495c0c9188 ${protocol} ${zone}`
        return snapshot(revision, [listener(protocol, 0, [[view, 1]])], [group(view, its)])
      }
      await engine.apply(at(1, 'local-1a', [first]))
      const client = await visit(traffic, at(1, 'local-1a', [first]).listeners[0]!)
      assert.equal(await client.ask(), nameOf(first))
      // A flow that began anew would go to the second.
      await engine.apply(at(2, '*', [{ ...first, mode: 'drain' }, second]))
      assert.equal(await client.ask(), nameOf(first))
      await engine.apply(at(3, '*', [{ ...first, mode: 'cut' }, second]))
      assert.equal(await client.ask(), protocol === 'TCP' ? undefined : nameOf(second))
    })

    test(`${name} ${protocol}: admission is judged when a flow opens, and drops are counted`, async t => {
      const { engine, traffic } = await open(t)
      const groups = [group('a', await targets(traffic, protocol, 1))]
      const at = (revision: number, admit: SnapshotListener['admit']) =>
        snapshot(revision, [{ ...listener(protocol, 0, [['a', 1]]), admit }], groups)
      const [its] = at(1, []).listeners
      assert.ok(its)
      await engine.apply(at(1, [{ cidr: '127.0.0.1/32' }, { cidr: '::/0' }]))
      const client = await visit(traffic, its)
      assert.ok(await client.ask())
      assert.equal(await askOnce(traffic, its, '127.0.0.9'), undefined)

      await engine.apply(at(2, [{ cidr: '127.0.0.8/31' }]))
      assert.ok(await client.ask(), 'a change of rules cuts nobody')
      assert.equal(await askOnce(traffic, its), undefined)
      assert.ok(await askOnce(traffic, its, '127.0.0.9'))

      await engine.apply(at(3, []))
      assert.equal(await askOnce(traffic, its, '127.0.0.9'), undefined)
      const drops = await counters(engine, ({ drops }) => (drops['security-group'] ?? 0) >= 3)
      assert.ok(drops)
    })

    test(`${name} ${protocol}: without a serving target nobody answers; when all serve again, they do`, async t => {
      const { engine, traffic } = await open(t)
      const all = await targets(traffic, protocol, 2)
      const at = (revision: number, mode: SnapshotTarget['mode']) =>
        snapshot(
          revision,
          [listener(protocol, 0, [['a', 1]])],
          [
            group(
              'a',
              all.map(one => ({ ...one, mode })),
            ),
          ],
        )
      const [its] = at(1, 'cut').listeners
      assert.ok(its)
      await engine.apply(at(1, 'cut'))
      assert.equal(await askOnce(traffic, its), undefined)
      assert.ok(await counters(engine, ({ drops }) => (drops['no-target'] ?? 0) >= 1))
      await engine.apply(at(2, 'serve'))
      assert.ok(await askOnce(traffic, its))
    })

    test(`${name} ${protocol}: where the route leads nowhere nobody answers, and connections go on`, async t => {
      const { engine, traffic } = await open(t)
      const groups = [group('a', await targets(traffic, protocol, 1))]
      const [served, dark] = [
        snapshot(1, [listener(protocol, 0, [['a', 1]])], groups),
        snapshot(2, [listener(protocol, 0, [])], []),
      ]
      await engine.apply(served)
      const client = await visit(traffic, served.listeners[0]!)
      const answer = await client.ask()
      assert.ok(answer)
      assert.deepEqual(await engine.apply(dark), { revision: 2, problems: [], fallbacks: [] })
      assert.equal(await askOnce(traffic, dark.listeners[0]!), undefined)
      if (protocol === 'TCP') assert.equal(await client.ask(), answer)
      await engine.apply({ ...served, revision: 3 })
      assert.equal(await askOnce(traffic, served.listeners[0]!), answer)
    })

    test(`${name} ${protocol}: one refused listener does not stop the others, and is tried again`, async t => {
      const { engine, traffic } = await open(t)
      const listeners = [0, 1, 2].map(n => listener(protocol, n, [['a', 1]]))
      const desired = snapshot(1, listeners, [group('a', await targets(traffic, protocol, 1))])
      const [first, taken, third] = listeners
      assert.ok(first && taken && third)
      const release = await traffic.occupy(taken)
      const { problems } = await engine.apply(desired)
      assert.deepEqual(
        problems.map(({ listener, listenerArn }) => [listener, listenerArn]),
        [[taken.id, taken.listenerArn]],
      )
      assert.notEqual(problems[0]?.reason, '')
      assert.ok(await askOnce(traffic, first))
      assert.ok(await askOnce(traffic, third))
      assert.equal((await engine.apply(desired)).problems.length, 1)

      await release()
      assert.deepEqual(await engine.apply(desired), { revision: 1, problems: [], fallbacks: [] })
      for (const one of listeners) assert.ok(await askOnce(traffic, one))
    })

    test(`${name} ${protocol}: after close nobody answers, and what it listened on is free`, async t => {
      const { engine, traffic } = await open(t)
      const desired = snapshot(
        1,
        [listener(protocol, 0, [['a', 1]])],
        [group('a', await targets(traffic, protocol, 1))],
      )
      const [its] = desired.listeners
      assert.ok(its)
      await engine.apply(desired)
      const client = await visit(traffic, its)
      assert.ok(await client.ask())
      await engine.close(0)
      assert.equal(await client.ask(), undefined)
      assert.equal(await askOnce(traffic, its), undefined)
      await (await traffic.occupy(its))()
    })
  }

  test(`${name} TCP: a connection outlives its group's losing all weight`, async t => {
    const { engine, traffic } = await open(t)
    const [blue, green] = await targets(traffic, 'TCP', 2)
    assert.ok(blue && green)
    const groups = [group('blue', [blue]), group('green', [green])]
    const at = (revision: number, weights: readonly [number, number]) =>
      snapshot(
        revision,
        [
          listener('TCP', 0, [
            ['blue', weights[0]],
            ['green', weights[1]],
          ]),
        ],
        groups,
      )
    await engine.apply(at(1, [1, 0]))
    const client = await visit(traffic, at(1, [1, 0]).listeners[0]!)
    assert.equal(await client.ask(), nameOf(blue))
    await engine.apply(at(2, [0, 1]))
    assert.equal(await askOnce(traffic, at(2, [0, 1]).listeners[0]!), nameOf(green))
    assert.equal(await client.ask(), nameOf(blue))
  })

  test(`${name} UDP: a flow goes elsewhere when its group loses all weight, unless the group keeps its flows`, async t => {
    const { engine, traffic } = await open(t)
    const [blue, green] = await targets(traffic, 'UDP', 2)
    assert.ok(blue && green)
    const groups = [group('blue', [blue]), group('green', [green])]
    const at = (revision: number, route: SnapshotListener['route']) =>
      snapshot(revision, [{ ...listener('UDP', 0, []), route }], groups)
    const first = at(1, [
      { group: 'blue', weight: 1 },
      { group: 'green', weight: 0 },
    ])
    await engine.apply(first)
    const client = await visit(traffic, first.listeners[0]!)
    assert.equal(await client.ask(), nameOf(blue))
    const kept = at(2, [
      { group: 'blue', weight: 0, keepsFlows: true },
      { group: 'green', weight: 1 },
    ])
    await engine.apply(kept)
    assert.equal(await askOnce(traffic, kept.listeners[0]!), nameOf(green))
    assert.equal(await client.ask(), nameOf(blue))
    await engine.apply(
      at(3, [
        { group: 'blue', weight: 0 },
        { group: 'green', weight: 1 },
      ]),
    )
    await until(async () => (await client.ask()) === nameOf(green))
  })

  test(`${name}: from any snapshot to any other, it serves what the last one says`, async t => {
    const { engine, traffic } = await open(t)
    const seed = anySeed()
    t.diagnostic(`seed ${seed}`)
    const random = randomFrom(seed)
    const pools = { TCP: await targets(traffic, 'TCP', 4), UDP: await targets(traffic, 'UDP', 4) }
    for (let revision = 1; revision <= 12; revision++) {
      const desired = randomSnapshot(revision, random, pools)
      assert.deepEqual(await engine.apply(desired), { revision, problems: [], fallbacks: [] })
      if (revision % 3 === 0) await assertServes(traffic, desired, `seed ${seed}\n${printSnapshot(desired)}`)
    }
  })
}

/** Every flow ends up where `Choice` and the admissions say, and listeners that are gone answer nobody. */
async function assertServes(traffic: Traffic, desired: Snapshot, what: string): Promise<void> {
  const groups = groupsById(desired.groups)
  const flows = (['TCP', 'UDP'] as const).flatMap(protocol =>
    [0, 1, 2].flatMap(n => ['127.0.0.1', '127.0.0.9', '127.0.0.1'].map(source => ({ protocol, n, source }))),
  )
  await Promise.all(
    flows.map(async ({ protocol, n, source }) => {
      const wanted = listener(protocol, n, [])
      const its = desired.listeners.find(({ id }) => id === wanted.id)
      const client = await visit(traffic, wanted, source)
      const isAdmitted = its !== undefined && admits(its.admit, clientAddress(source, its.address))
      const target = isAdmitted ? new Choice(its, groups).choose(client.flow)?.target : undefined
      assert.equal(await client.ask(), target && nameOf(target), `${source} to ${wanted.id}, ${what}`)
      client.end()
    }),
  )
}

function randomSnapshot(
  revision: number,
  random: (below: number) => number,
  pools: Record<Protocol, SnapshotTarget[]>,
) {
  const modes = ['serve', 'serve', 'drain', 'cut'] as const
  const admissions = [undefined, undefined, [{ cidr: '127.0.0.1/32' }], [{ cidr: '127.0.0.8/30' }], []]
  const listeners: SnapshotListener[] = []
  const groups: SnapshotGroup[] = []
  for (const protocol of ['TCP', 'UDP'] as const) {
    const names = ['a', 'b'].map(name => `${name} ${protocol}`)
    for (const id of names) {
      const some = pools[protocol].filter(() => random(4) > 0)
      const its = some.map(target => ({ ...target, key: `${id} ${target.key}`, mode: modes[random(4)]! }))
      groups.push({ ...group(id, its), sticky: random(4) === 0 })
    }
    for (let n = 0; n < 3; n++) {
      if (random(4) === 0) continue
      const route = names.filter(() => random(4) > 0).map((id): [string, number] => [id, random(3)])
      listeners.push({ ...listener(protocol, n, route), admit: admissions[random(admissions.length)] })
    }
  }
  return snapshot(revision, listeners, groups)
}

async function targets(traffic: Traffic, protocol: Protocol, count: number): Promise<SnapshotTarget[]> {
  const all: SnapshotTarget[] = []
  for (let i = 0; i < count; i++) {
    const { address, port } = await traffic.target(protocol)
    all.push({ key: `arn:tg ${address} ${port}`, address, port, mode: 'serve' })
  }
  return all
}

function nameOf({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address} ${port}`
}

function snapshot(
  revision: number,
  listeners: readonly SnapshotListener[],
  groups: readonly SnapshotGroup[],
): Snapshot {
  return { revision, listeners, groups, guards: [] }
}

/** The suite's listener number `n` of a protocol. */
function listener(protocol: Protocol, n: number, route: readonly (readonly [string, number])[]): SnapshotListener {
  const port = firstPort + n
  return {
    id: `${protocol} 127.0.0.1 ${port}`,
    listenerArn: `arn:listener:${n}`,
    protocol,
    address: '127.0.0.1',
    port,
    admit: undefined,
    route: route.map(([group, weight]) => ({ group, weight })),
    idleTimeoutMs: 60_000,
    synproxy: false,
  }
}

function group(id: string, its: readonly SnapshotTarget[]): SnapshotGroup {
  return { id, targets: its, sticky: false, proxyProtocol: false, preserveClientIp: false }
}

function visit(
  traffic: Traffic,
  { protocol, address, port }: SnapshotListener,
  source = '127.0.0.1',
): Promise<ClientFlow> {
  return traffic.open(protocol, source, address, port)
}

async function askOnce(traffic: Traffic, its: SnapshotListener, source?: string): Promise<string | undefined> {
  const client = await visit(traffic, its, source)
  const answer = await client.ask()
  client.end()
  return answer
}

/** The first listener's counters once they are as wanted; workers report theirs a little later. */
async function counters(engine: Engine, wanted: (counters: ListenerCounters) => boolean): Promise<ListenerCounters> {
  const deadline = performance.now() + 5_000
  for (;;) {
    const its = (await engine.observe()).listeners[0]
    if (its !== undefined && wanted(its)) return its
    assert.ok(performance.now() < deadline, `counters stay ${JSON.stringify(its)}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
