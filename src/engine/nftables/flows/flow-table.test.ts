import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FlowTable } from '../../engine.ts'
import { FlowTableAlarm } from './flow-table.ts'

const calm: FlowTable = { flows: 100, limit: 1_000, refused: 7, givenUp: 3, portless: 2 }

/** What is told of these tables, looked at every five seconds: `SECONDS: LINE`. */
function told(...tables: readonly Partial<FlowTable>[]): readonly string[] {
  const alarm = new FlowTableAlarm()
  return tables.flatMap((its, i) => alarm.look({ ...calm, ...its }, 5_000 * i).map(line => `${5 * i}: ${line}`))
}

test('a table that is nearly full is told of at once, and every minute while it is', () => {
  const full = { flows: 955 }
  const [first, again, ...rest] = told({}, full, ...Array(12).fill(full), full)
  assert.match(
    first ?? '',
    /^5: the kernel's flow table is 95 % full, 955 of 1000 flows \(3 given up early so far\): .*nf_conntrack_max/,
  )
  assert.match(again ?? '', /^65: /)
  assert.deepEqual(rest, [])
})

test('around the limit it is told once, after the table was half empty anew', () => {
  const times = told({ flows: 900 }, { flows: 899 }, { flows: 900 }, { flows: 499 }, { flows: 900 })
  assert.deepEqual(
    times.map(line => line.split(':')[0]),
    ['0', '20'],
  )
})

test('refusals are told by how many they are since they were told last', () => {
  const growth = Array.from({ length: 13 }, (_, i) => ({ refused: 7 + 10 * i }))
  const lines = told({}, ...growth)
  assert.deepEqual(
    lines.map(line => line.replace(/, and refused (\d+) .*/, ' $1')),
    ["10: the kernel's flow table was full, 1000 flows 10"],
  )
  assert.match(told({}, ...growth, { refused: 127 }).at(-1) ?? '', /^70: .* refused 110 packets/)
})

test('so are flows without a free port, and what was counted before is not', () => {
  assert.deepEqual(told({}, {}), [])
  assert.match(
    told({}, { portless: 5 })[0] ?? '',
    /^5: 3 packets of new flows found no free port .*preserve_client_ip\.enabled$/,
  )
})
