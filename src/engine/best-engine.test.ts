import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { type TestContext, test } from 'node:test'
import { lacking } from '../../test/lacking.ts'
import { enterOwnNetwork } from '../../test/own-network.ts'
import { systemClock } from '../clock.ts'
import { anySeed, randomFrom } from '../domain/random.fixture.ts'
import type { Snapshot, SnapshotListener } from '../domain/snapshot.ts'
import { openBestEngine } from './best-engine.ts'
import type { Applied, KernelEngine } from './engine.ts'
import { FakeEngine } from './fake/fake-engine.ts'
import { openPorts, type Ports } from './ports.ts'
import { openUserspaceEngine } from './userspace/engine.ts'
import { clientOf, ending, groupOf, listenerOn, serveEcho, take, targetAt } from './userspace/tcp.fixture.ts'

class FakeKernel extends FakeEngine implements KernelEngine {
  /** Why it refuses, by `SnapshotListener.id`. */
  readonly refusals = new Map<string, string>()
  /** The last `apply`'s. */
  elsewhere: ReadonlySet<string> = new Set()
  hasLeft = false
  #isPrepared = false

  async prepare(): Promise<void> {
    this.#isPrepared = true
  }

  refusal({ id }: SnapshotListener): string | undefined {
    assert.ok(this.#isPrepared, 'asked before it has looked at the host')
    return this.refusals.get(id)
  }

  override async apply(desired: Snapshot, elsewhere: ReadonlySet<string> = new Set()): Promise<Applied> {
    assert.ok(this.#isPrepared)
    this.#isPrepared = false
    this.elsewhere = elsewhere
    return super.apply(desired)
  }

  async leave(): Promise<void> {
    this.hasLeft = true
  }
}

/** Ports in memory; `others` are those of other programs, by `SnapshotListener.id`. */
class FakePorts implements Ports {
  readonly held = new Set<string>()
  readonly others = new Set<string>()

  hold(listeners: readonly SnapshotListener[]): ReadonlyMap<string, string> {
    const ids = listeners.map(({ id }) => id)
    for (const id of ids) if (!this.others.has(id)) this.held.add(id)
    return new Map(ids.filter(id => this.others.has(id)).map(id => [id, 'EADDRINUSE']))
  }

  release(isOver: (listener: string) => boolean): void {
    for (const id of this.held) if (isOver(id)) this.held.delete(id)
  }

  close(): void {
    this.held.clear()
  }
}

/** Can bind what nobody has, like the real one. */
class FakeUserspace extends FakeEngine {
  readonly #ports: FakePorts

  constructor(ports: FakePorts) {
    super()
    this.#ports = ports
  }

  override async apply(desired: Snapshot): Promise<Applied> {
    const bound = this.inPlace()
    for (const { id } of desired.listeners) {
      const isTaken = !bound.has(id) && (this.#ports.others.has(id) || this.#ports.held.has(id))
      if (isTaken) this.refuse(id, 'taken')
      else this.permit(id)
    }
    return super.apply(desired)
  }

  inPlace(): ReadonlySet<string> {
    return new Set(this.print().match(/(?<=^listener )[^,]+/gm))
  }
}

function compose() {
  const ports = new FakePorts()
  const kernel = new FakeKernel()
  const userspace = new FakeUserspace(ports)
  const engine = openBestEngine({ kernel, userspace, ports, log: assert.fail })
  return { engine, kernel, userspace, ports }
}

const [a, b, c] = [listenerOn(21801), listenerOn(21802), listenerOn(21803)]
const group = groupOf([targetAt(21800)])

function snapshotOf(revision: number, listeners: readonly SnapshotListener[], rest: Partial<Snapshot> = {}): Snapshot {
  return { revision, listeners, groups: [group], guards: [], ...rest }
}

function idsOf(listeners: readonly SnapshotListener[] | undefined): readonly string[] | undefined {
  return listeners?.map(({ id }) => id)
}

test('the kernel serves what it can, userspace the rest, and why is told', async () => {
  const { engine, kernel, userspace, ports } = compose()
  kernel.refusals.set(b.id, 'the kernel can’t')
  const applied = await engine.apply(snapshotOf(7, [a, b, c]))
  assert.deepEqual(applied, {
    revision: 7,
    problems: [],
    fallbacks: [{ listener: b.id, listenerArn: b.listenerArn, reason: 'the kernel can’t' }],
  })
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), [a.id, c.id])
  assert.deepEqual(idsOf(userspace.history.at(-1)?.listeners), [b.id])
  assert.deepEqual(kernel.elsewhere, new Set([b.id]))
  assert.deepEqual(ports.held, new Set([a.id, c.id]))
})

test('without a kernel engine userspace is told everything as it is, and no port is held', async () => {
  const userspace = new FakeEngine()
  const ports = new FakePorts()
  const engine = openBestEngine({ kernel: 'it needs root', userspace, ports, log: assert.fail })
  const desired = snapshotOf(1, [a, b])
  const fallbacks = [a, b].map(({ id, listenerArn }) => ({ listener: id, listenerArn, reason: 'it needs root' }))
  assert.deepEqual(await engine.apply(desired), { revision: 1, problems: [], fallbacks })
  assert.equal(userspace.history[0], desired)
  assert.equal(ports.held.size, 0)
  await engine.leave()
  await engine.close()
})

test('each engine is told of what concerns it: what did not change is the same object, and userspace is not asked again', async () => {
  const { engine, kernel, userspace } = compose()
  const other = groupOf([targetAt(21804)], { id: 'other' })
  const slow = listenerOn(21802, { route: [{ group: 'other', weight: 1 }] })
  const guard = { id: 'i-1', address: '10.9.0.5', rules: [] }
  kernel.refusals.set(slow.id, 'the kernel can’t')
  const first = await engine.apply(snapshotOf(1, [a, slow], { groups: [group, other], guards: [guard] }))
  const [toKernel, toUserspace] = [kernel.history[0], userspace.history[0]]
  assert.equal(toKernel?.listeners[0], a)
  assert.deepEqual(toKernel.groups, [group, other])
  assert.equal(toKernel.guards[0], guard)
  assert.equal(toUserspace?.listeners[0], slow)
  assert.deepEqual([toUserspace.groups, toUserspace.guards], [[other], []])

  const { elsewhere } = kernel
  const second = await engine.apply(snapshotOf(2, [a, slow], { groups: [group, other], guards: [guard] }))
  assert.equal(second.revision, 2)
  assert.equal(second.fallbacks, first.fallbacks)
  assert.equal(kernel.history[1], toKernel)
  assert.equal(kernel.elsewhere, elsewhere)

  const drained = { ...group, targets: [targetAt(21800, 'drain')] }
  await engine.apply(snapshotOf(3, [a, slow], { groups: [drained, other], guards: [guard] }))
  assert.equal(kernel.history[2]?.groups[0], drained)
  assert.equal(kernel.history[2]?.listeners, toKernel.listeners)
  assert.equal(userspace.history.length, 1)
})

test('a listener that the kernel can’t serve any more is in userspace before the kernel lets go, and its flows are left', async () => {
  const { engine, kernel, userspace, ports } = compose()
  await engine.apply(snapshotOf(1, [a, b]))
  kernel.refusals.set(a.id, 'not any more')
  const order: string[] = []
  for (const [name, part] of Object.entries({ userspace, kernel })) {
    const apply: KernelEngine['apply'] = part.apply.bind(part)
    part.apply = async (...args: Parameters<KernelEngine['apply']>) => {
      order.push(name)
      return apply(...args)
    }
  }
  assert.deepEqual((await engine.apply(snapshotOf(2, [a, b]))).problems, [])
  assert.deepEqual(order, ['userspace', 'kernel'])
  assert.deepEqual(kernel.elsewhere, new Set([a.id]))
  assert.deepEqual([userspace.inPlace(), ports.held], [new Set([a.id]), new Set([b.id])])
})

test('a listener that the kernel takes over stays in userspace until it is deleted', async () => {
  const { engine, kernel, userspace, ports } = compose()
  kernel.refusals.set(a.id, 'not yet')
  await engine.apply(snapshotOf(1, [a]))
  kernel.refusals.clear()
  assert.deepEqual((await engine.apply(snapshotOf(2, [a]))).fallbacks, [])
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), [a.id])
  assert.deepEqual(kernel.elsewhere, new Set())
  assert.deepEqual([userspace.inPlace(), ports.held], [new Set([a.id]), new Set()])
  const cut = { ...group, targets: [targetAt(21800, 'cut')] }
  await engine.apply(snapshotOf(3, [a], { groups: [cut] }))
  assert.deepEqual(userspace.history.at(-1)?.groups, [cut], 'what is established there is still to be cut')
  await engine.apply(snapshotOf(4, []))
  assert.deepEqual(userspace.inPlace(), new Set())
})

test('a port of another program is a problem and goes to neither engine, until it is free', async () => {
  const { engine, kernel, userspace, ports } = compose()
  ports.others.add(a.id)
  const { problems } = await engine.apply(snapshotOf(1, [a, b]))
  assert.deepEqual(problems, [
    { listener: a.id, listenerArn: a.listenerArn, reason: 'port 21801 on 127.0.0.1 is taken by another program' },
  ])
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), [b.id])
  assert.deepEqual([userspace.history, kernel.elsewhere], [[], new Set()])
  ports.others.clear()
  assert.deepEqual((await engine.apply(snapshotOf(1, [a, b]))).problems, [])
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), [a.id, b.id])
})

test('problems of both engines are passed on, and are tried again with the same snapshot', async () => {
  const { engine, kernel, ports } = compose()
  kernel.refusals.set(a.id, 'the kernel can’t')
  kernel.refuse(b.id, 'no memory')
  ports.others.add(a.id)
  const desired = snapshotOf(1, [a, b])
  const listenersWithProblems = async () => (await engine.apply(desired)).problems.map(({ listener }) => listener)
  assert.deepEqual(await listenersWithProblems(), [a.id, b.id])
  ports.others.clear()
  assert.deepEqual(await listenersWithProblems(), [b.id])
  kernel.permit(b.id)
  assert.deepEqual(await listenersWithProblems(), [])
})

test('a port is given back when its listener is deleted, after the kernel has let go of it', async () => {
  const { engine, kernel, ports } = compose()
  await engine.apply(snapshotOf(1, [a, b]))
  const apply = kernel.apply.bind(kernel)
  kernel.apply = async (...args) => {
    assert.ok(ports.held.has(a.id))
    return apply(...args)
  }
  await engine.apply(snapshotOf(2, [b]))
  assert.deepEqual(ports.held, new Set([b.id]))
})

test('counters are the sum of both engines’', async () => {
  const { engine, kernel, userspace } = compose()
  const flow = { protocol: 'TCP', source: '127.0.0.1', sourcePort: 4_000, destination: '127.0.0.1' } as const
  kernel.refusals.set(a.id, 'not yet')
  await engine.apply(snapshotOf(1, [a]))
  userspace.open({ ...flow, destinationPort: a.port })
  kernel.refusals.clear()
  await engine.apply(snapshotOf(2, [a]))
  kernel.open({ ...flow, destinationPort: a.port }).end()
  const { revision, listeners, targets } = await engine.observe()
  assert.equal(revision, 2)
  assert.deepEqual(
    listeners.map(({ listener, newFlows, activeFlows }) => [listener, newFlows, activeFlows]),
    [[a.id, 2, 1]],
  )
  assert.deepEqual(
    targets.map(({ target, newFlows, activeFlows }) => [target, newFlows, activeFlows]),
    [['target-21800', 2, 1]],
  )
})

test('leaving gives the ports back and ends neither engine; closing ends both', async () => {
  const { engine, kernel, userspace, ports } = compose()
  kernel.refusals.set(a.id, 'the kernel can’t')
  await engine.apply(snapshotOf(1, [a, b]))
  await engine.leave()
  assert.ok(kernel.hasLeft)
  assert.deepEqual([kernel.print().includes(b.id), userspace.inPlace()], [true, new Set([a.id])])
  assert.equal(ports.held.size, 0)
  await engine.close()
  assert.deepEqual([kernel.print(), userspace.inPlace()], ['revision 1\n', new Set()])
})

test('whatever comes, each listener is served all the time, by one engine that can, and takes no port of another program', async t => {
  const seed = anySeed()
  t.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  const { engine, kernel, userspace, ports } = compose()
  const inKernel = () => new Set(kernel.print().match(/(?<=^listener )[^,]+/gm))
  const all = Array.from({ length: 8 }, (_, n) => listenerOn(21_810 + n))
  let desired = snapshotOf(0, [])
  /** Listeners that were in place and are to be so throughout. */
  let lasting = new Set<string>()
  for (const part of [kernel, userspace]) {
    const apply: KernelEngine['apply'] = part.apply.bind(part)
    part.apply = async (...args: Parameters<KernelEngine['apply']>) => {
      const applied = await apply(...args)
      const served = userspace.inPlace().union(inKernel())
      assert.deepEqual(lasting.difference(served), new Set(), `seed ${seed}: not served meanwhile`)
      return applied
    }
  }
  for (let revision = 1; revision <= 300; revision++) {
    const listeners = random(3) === 0 ? all.filter(() => random(3) > 0) : desired.listeners
    const { id } = all[random(all.length)]!
    if (!kernel.refusals.delete(id)) kernel.refusals.set(id, 'the kernel can’t')
    const other = all[random(all.length)]!.id
    if (!ports.others.delete(other) && !ports.held.has(other) && !userspace.inPlace().has(other))
      ports.others.add(other)

    const before = new Set(desired.listeners.map(its => its.id))
    lasting = before
      .intersection(new Set(listeners.map(its => its.id)))
      .intersection(userspace.inPlace().union(inKernel()))
    desired = snapshotOf(revision, listeners)
    const hadKernel = inKernel()
    const { problems, fallbacks } = await engine.apply(desired)

    const failed = new Set(problems.map(({ listener }) => listener))
    for (const { id } of desired.listeners) {
      const text = `seed ${seed}, revision ${revision}, ${id}`
      const isRefused = kernel.refusals.has(id)
      assert.equal(failed.has(id), ports.others.has(id), text)
      assert.equal(inKernel().has(id), !isRefused && !failed.has(id), text)
      assert.equal(
        fallbacks.some(({ listener }) => listener === id),
        isRefused,
        text,
      )
      if (isRefused) assert.equal(userspace.inPlace().has(id), !failed.has(id), text)
      if (inKernel().has(id)) assert.notEqual(ports.held.has(id), userspace.inPlace().has(id), text)
      if (hadKernel.has(id) && !inKernel().has(id)) assert.ok(kernel.elsewhere.has(id), `${text}: its flows would end`)
    }
    assert.deepEqual(ports.held.difference(inKernel()), new Set(), `seed ${seed}, revision ${revision}`)
    const wanted = new Set(desired.listeners.map(its => its.id))
    assert.deepEqual(userspace.inPlace().difference(wanted), new Set(), `seed ${seed}, revision ${revision}`)
  }
})

async function composeReal(t: TestContext) {
  const kernel = new FakeKernel()
  const userspace = await openUserspaceEngine({
    workers: 2,
    clock: systemClock,
    udpFlowLimit: 100,
    directory: tmpdir(),
    onSuspicion: () => {},
    log: () => {},
  })
  const engine = openBestEngine({ kernel, userspace, ports: openPorts(), log: () => {} })
  t.after(() => engine.close())
  return { engine, kernel }
}

test('a TCP connection that userspace carries goes on when the kernel takes its listener, and ends with the listener', async t => {
  await serveEcho(t, 21830, 'a')
  const { engine, kernel } = await composeReal(t)
  const desired = snapshotOf(1, [listenerOn(21831)], { groups: [groupOf([targetAt(21830)])] })
  const [listener] = desired.listeners
  assert.ok(listener)
  kernel.refusals.set(listener.id, 'not yet')
  assert.deepEqual((await engine.apply(desired)).problems, [])
  const client = clientOf(t, 21831)
  assert.equal(await take(client, 1), 'a')

  kernel.refusals.clear()
  assert.deepEqual(await engine.apply({ ...desired, revision: 2 }), { revision: 2, problems: [], fallbacks: [] })
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), [listener.id])
  client.write('more')
  assert.equal(await take(client, 4), 'more')
  // In the kernel engine's place, one whose handshake was under way.
  assert.equal(await take(clientOf(t, 21831), 1), 'a')

  kernel.refusals.set(listener.id, 'not any more')
  assert.deepEqual((await engine.apply({ ...desired, revision: 3 })).problems, [])
  client.write('again')
  assert.equal(await take(client, 5), 'again')

  kernel.refusals.clear()
  await engine.apply({ ...desired, revision: 4 })
  const seen = ending(client)
  client.resume()
  await engine.apply(snapshotOf(5, []))
  assert.equal(await seen, 'ECONNRESET')
})

test('a listener that userspace takes from the kernel finds its port free; one that is another program’s goes to neither', async t => {
  await serveEcho(t, 21832, 'a')
  await serveEcho(t, 21833)
  const { engine, kernel } = await composeReal(t)
  const listeners = [
    listenerOn(21834),
    listenerOn(21833),
    listenerOn(21835, { protocol: 'UDP', address: '203.0.113.9', id: 'UDP 203.0.113.9 21835' }),
  ]
  const desired = snapshotOf(1, listeners, { groups: [groupOf([targetAt(21832)])] })
  const { problems } = await engine.apply(desired)
  assert.deepEqual(
    problems.map(({ reason }) => reason.replace(/by \S+/, 'by NAME')),
    [`port 21833 on 127.0.0.1 is taken by NAME (pid ${process.pid})`, 'address 203.0.113.9 is not on this host'],
  )
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), ['TCP 127.0.0.1 21834'])
  kernel.refusals.set('TCP 127.0.0.1 21834', 'not any more')
  await engine.apply({ ...desired, revision: 2 })
  assert.equal(await take(clientOf(t, 21834), 1), 'a')
})

// The last one, because it takes this process to another network.
test('addresses of 198.18.0.0/15 are made this host’s own before anything is bound to them, by either engine', async t => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return lacking(t, 'root on Linux')
  enterOwnNetwork()
  const { engine, kernel } = await composeReal(t)
  const [ours, its] = ['198.18.7.7', '198.19.255.254'].map(address =>
    listenerOn(21836, { address, id: `TCP ${address} 21836` }),
  )
  assert.ok(ours && its)
  kernel.refusals.set(ours.id, 'the kernel can’t')
  assert.deepEqual((await engine.apply(snapshotOf(1, [ours, its]))).problems, [])
  assert.deepEqual(idsOf(kernel.history.at(-1)?.listeners), [its.id])
})
