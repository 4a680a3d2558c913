import assert from 'node:assert/strict'
import test from 'node:test'
import { FlowEntry, FlowTable } from './flow-table.ts'

class Entry extends FlowEntry {}

function tableOf(...ports: number[]): { table: FlowTable<Entry>; entries: Entry[] } {
  const table = new FlowTable<Entry>()
  const entries = ports.map(port => new Entry('10.0.0.1', port))
  entries.forEach((entry, at) => {
    table.add(entry, at)
  })
  return { table, entries }
}

test('a flow is found by address and port, and not once it is removed', () => {
  const { table, entries } = tableOf(1, 2)
  const other = new Entry('10.0.0.2', 1)
  table.add(other, 5)
  assert.equal(table.get('10.0.0.1', 1), entries[0])
  assert.equal(table.get('10.0.0.2', 1), other)
  assert.equal(table.get('10.0.0.2', 2), undefined)
  table.remove(other)
  table.remove(other)
  assert.equal(table.get('10.0.0.2', 1), undefined)
  assert.equal(table.size, 2)
})

test('a flow expires by its last datagram in either direction', () => {
  const { table, entries } = tableOf(1, 2, 3)
  table.touch(entries[0]!, 10)
  table.touchReply(entries[1]!, 20)
  assert.equal(table.expired(1), undefined)
  assert.equal(table.expired(2), entries[2])
  table.remove(entries[2]!)
  assert.equal(table.expired(9), undefined)
  assert.equal(table.expired(10), entries[0])
  table.remove(entries[0]!)
  assert.equal(table.expired(20), entries[1])
})

test('a full table gives up flows without a reply first, then those with one, conversations last, the longest idle first', () => {
  const { table, entries } = tableOf(1, 2, 3, 4, 5)
  table.touchReply(entries[0]!, 10)
  table.touch(entries[0]!, 11)
  table.touchReply(entries[1]!, 12)
  table.touch(entries[2]!, 13)
  const order: (number | undefined)[] = []
  for (let flow = table.dispensable(); flow !== undefined; flow = table.dispensable()) {
    order.push(flow.port)
    table.remove(flow)
  }
  assert.deepEqual(order, [4, 5, 3, 2, 1])
})

test('a table full of replied flows leaves a sixteenth of itself to new ones, so that those can get their first reply', () => {
  const { table, entries } = tableOf(...Array.from({ length: 160 }, (_, port) => port))
  for (const entry of entries) table.touchReply(entry, 1_000 + entry.port)
  const lost: Entry[] = []
  for (let port = 1_000; port < 1_100; port++) {
    const flow = table.dispensable()!
    lost.push(flow)
    table.remove(flow)
    table.add(new Entry('10.0.0.1', port), 2_000 + port)
  }
  assert.deepEqual(
    lost.filter(({ worth }) => worth > 0).map(({ port }) => port),
    Array.from({ length: 11 }, (_, port) => port),
  )
})

test('any sequence of operations leaves the lists in order and complete', () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  let state = seed
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 1
    return (state >>> 8) % below
  }
  const table = new FlowTable<Entry>()
  const model = new Map<number, Entry>()
  for (let now = 1; now < 20_000; now++) {
    const port = random(50)
    const entry = model.get(port)
    const what = random(4)
    if (entry === undefined) {
      const added = new Entry('10.0.0.1', port)
      table.add(added, now)
      model.set(port, added)
    } else if (what === 0) {
      table.remove(entry)
      model.delete(port)
    } else if (what === 1) table.touchReply(entry, now)
    else table.touch(entry, now)
    const oldest = [...model.values()].sort((a, b) => a.lastActive - b.lastActive)[0]
    assert.equal(table.expired(now), oldest, `seed ${seed}, step ${now}`)
    assert.equal(table.size, model.size, `seed ${seed}, step ${now}`)
  }
  assert.deepEqual(new Set(table), new Set(model.values()), `seed ${seed}`)
})
