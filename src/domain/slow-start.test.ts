import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slowStart } from './slow-start.ts'
import { health, target } from './state.fixture.ts'

const second = 1_000
const duration = 60 * second

/** `REGISTERED HEALTHY` in seconds; `-` for one that is not healthy, `!` behind one that was unhealthy in between. */
function ramps(rows: readonly string[], now: number, setAt?: number) {
  const members = rows.map((row, i) => ({
    target: target(`10.0.1.${i}`, { registeredAt: second * Number(row.split(' ')[0]) }),
  }))
  const known = rows.map(row => {
    const [, since = '-'] = row.split(' ')
    if (since === '-') return health('initial')
    const hasRecovered = since.endsWith('!') && { hasRecovered: true as const }
    return health('healthy', { since: second * Number.parseInt(since, 10), ...hasRecovered })
  })
  const { from, nextAt } = slowStart(members, known, duration, setAt, now * second)
  return [from.map(its => (its === undefined ? '-' : its / second)).join(' '), nextAt / second]
}

for (const [what, rows, now, expected, nextAt, setAt] of [
  ['a target that joins one that is healthy ramps from when it is healthy', ['0 1', '100 103'], 110, '- 103', 163],
  ['a ramp is over after its time', ['0 1', '100 103'], 163, '- -', Infinity],
  ['targets registered together do not ramp', ['0 1', '0 5', '0 20'], 20, '- - -', Infinity],
  ['those registered together with one another, beside others, do', ['0 1', '90 92', '90 95'], 100, '- 92 95', 152],
  ['one that was unhealthy in between ramps, whoever it was registered with', ['0 1', '0 50!'], 60, '- 50', 110],
  ['the only healthy one does not', ['0 -', '100 103'], 110, '- -', Infinity],
  ['nobody ramps against one that ramps', ['90 92', '90 95', '100 103'], 110, '- - 103', 163],
  ['one that joined a late peer of a batch keeps its share', ['0 1', '2 3', '0 10'], 70, '- - -', Infinity],
  ['those healthy before it was switched on do not', ['0 1', '100 103', '104 105'], 110, '- - 105', 165, 104 * second],
] as const) {
  test(`slow start: ${what}`, () => assert.deepEqual(ramps(rows, now, setAt), [expected, nextAt]))
}

test('slow start: a target that is being deregistered neither ramps nor counts', () => {
  const members = [{ until: 500 * second }, undefined].map((deregistration, i) => ({
    target: target(`10.0.1.${i}`, { registeredAt: i, ...(deregistration && { deregistration }) }),
  }))
  const known = [health('healthy', { since: 0 }), health('healthy', { since: second })]
  assert.deepEqual(slowStart(members, known, duration, undefined, second), {
    from: [undefined, undefined],
    nextAt: Infinity,
  })
})
