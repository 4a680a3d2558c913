import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { lacking } from '../../../../test/lacking.ts'
import type { Flow } from '../../../domain/choice.ts'
import type { AddressFamily } from '../../../domain/cidr.ts'
import type { DropReason, Engine } from '../../engine.ts'
import { FakeEngine } from '../../fake/fake-engine.ts'
import { until } from '../../until.fixture.ts'
import { openStage } from './packet-engine.fixture.ts'
import { type Place, places } from './packet-hosts.fixture.ts'
import { flowsOf, packetSnapshot, type Row, rows } from './packet-rows.fixture.ts'
import { converse, sendFromPort0 } from './packet-traffic.fixture.ts'

const isRoot = process.getuid?.() === 0
const snapshot = packetSnapshot()

describe('packets on the fake engine', () => {
  for (const row of rows) {
    test(titleOf(row), async () => {
      for (const { family, protocol } of flowsOf(row)) {
        const engine = new FakeEngine(fakeHost(family))
        await engine.apply(snapshot)
        for (let i = 0; i < (row.flows ?? 1); i++) {
          const flow = {
            protocol,
            source: addressOf(row.from === 'unbound' ? row.to : row.from, family),
            sourcePort: row.sourcePort ?? 40_000 + i,
            destination: addressOf(row.to, family),
            destinationPort: row.port,
          }
          const opened = engine.open(flow)
          const answer = opened.ask()
          assert.equal(answer, targetOf(row, family), `${family} ${protocol}`)
          if (row.sees !== undefined) assert.equal(opened.seen(), addressOf(row.sees, family), `${family} ${protocol}`)
          if (answer === undefined && row.verdict !== 'refused')
            assert.equal(await dropsOf(engine, flow, row.verdict as DropReason), 1, `${family} ${protocol}`)
        }
      }
    })
  }
})

describe('packets in the kernel', () => {
  let stage: Awaited<ReturnType<typeof openStage>> | undefined

  before(async () => {
    if (!isRoot) return
    stage = await openStage()
    const { engine } = stage
    await engine.prepare(snapshot)
    const groups = new Map(snapshot.groups.map(group => [group.id, group]))
    for (const listener of snapshot.listeners) assert.equal(engine.refusal(listener, groups), undefined)
    assert.deepEqual((await engine.apply(snapshot)).problems, [])
  })
  after(() => stage?.close())

  for (const row of rows) {
    test(titleOf(row), async t => {
      if (stage === undefined) return lacking(t, 'root')
      for (const { family, protocol } of flowsOf(row)) await meets(stage.engine, row, family, protocol)
    })
  }

  test('a target that refuses is suspect at once, on another host and on this one', async t => {
    if (stage === undefined) return lacking(t, 'root')
    const { engine, suspects } = stage
    for (const [port, place] of [
      [8090, 'target'],
      [8091, 'inside'],
    ] as const) {
      for (const { family, protocol } of flowsOf({ from: 'client', to: 'balancer', port, verdict: 'refused' })) {
        suspects.clear()
        const asked = { protocol, source: undefined, sourcePort: undefined, destination: addressOf('balancer', family) }
        const conversation = converse('client', { ...asked, destinationPort: port }, 100)
        assert.equal(await conversation.answer, 'refused', `${place} ${family} ${protocol}`)
        conversation.end()
        await until(() => suspects.size > 0)
        assert.match([...suspects].join(), new RegExp(`/closed.*${family}/.* ${addressOf(place, family)} 9999$`))
        // The TCP flow comes first; of ports unreachable there may be one for each datagram, or for none.
        assert.equal(await refusedBy(engine, suspects), 1)
      }
    }
  })
})

async function refusedBy(engine: Engine, suspects: ReadonlySet<string>): Promise<number | undefined> {
  return (await engine.observe()).targets.find(({ target }) => suspects.has(target))?.refused
}

/** Sends the row's flows and says what came of them. */
async function meets(engine: Engine, row: Row, family: AddressFamily, protocol: Flow['protocol']): Promise<void> {
  const what = `${family} ${protocol}`
  const { from, port, verdict, sees, flows = 1, bytes = 100, sourcePort } = row
  const host = from === 'unbound' ? 'balancer' : places[from].host
  const source = from === 'unbound' ? undefined : addressOf(from, family)
  const destination = addressOf(row.to, family)
  const target = targetOf(row, family)
  for (let i = 0; i < flows; i++) {
    const asked = { protocol, source, sourcePort, destination, destinationPort: port }
    const isDrop = target === undefined && verdict !== 'refused'
    const reason = verdict as DropReason
    const dropped = isDrop ? await dropsOf(engine, asked, reason) : 0
    if (sourcePort === 0) {
      await sendFromPort0(host, destination, port)
      await until(async () => (await dropsOf(engine, asked, reason)) > dropped)
      continue
    }
    const conversation = converse(host, asked, bytes)
    if (isDrop) {
      await until(async () => (await dropsOf(engine, asked, reason)) > dropped)
      conversation.end()
      assert.equal(await conversation.answer, undefined, what)
      continue
    }
    const answer = await Promise.race([conversation.answer, setTimeout(3_000, undefined, { ref: false })])
    conversation.end()
    const expected =
      target === undefined
        ? verdict
        : { by: target, sees: sees && addressOf(sees, family), from: `${destination} ${port}`, length: bytes }
    assert.deepEqual(answer, expected, what)
  }
}

function titleOf({ from, to, port, verdict, sees, only, flows = 1, bytes, sourcePort }: Row): string {
  const which = [
    only,
    flows > 1 && `${flows} flows`,
    bytes && `${bytes} bytes`,
    sourcePort !== undefined && `from port ${sourcePort}`,
  ]
  const details = which.filter(Boolean).join(', ')
  return `${from} to ${to} ${port}${details && ` (${details})`}: ${verdict}${sees === undefined ? '' : `, which sees ${sees}`}`
}

function addressOf(place: Place, family: AddressFamily): string {
  return places[place][family]
}

/** `ADDRESS PORT`; `undefined` where nobody is to answer. */
function targetOf({ verdict }: Row, family: AddressFamily): string | undefined {
  const [place = '', port] = verdict.split(' ')
  return port === undefined ? undefined : `${addressOf(place as Place, family)} ${port}`
}

async function dropsOf(
  engine: Engine,
  { protocol, destination, destinationPort }: Omit<Flow, 'source' | 'sourcePort'>,
  reason: DropReason,
): Promise<number> {
  const { listeners } = await engine.observe()
  return (
    listeners.find(({ listener }) => listener === `${protocol} ${destination} ${destinationPort}`)?.drops[reason] ?? 0
  )
}

function fakeHost(family: AddressFamily) {
  const [own, inside] = [addressOf('balancer', family), addressOf('inside', family)]
  const cidr = family === 'ipv4' ? '10.9.1.0/24' : 'fd00:9:1::/64'
  return { own: [own, inside], links: [{ cidr, address: inside }] }
}
