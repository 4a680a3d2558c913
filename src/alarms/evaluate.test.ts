import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alarm } from '../domain/alarm.ts'
import type { Datapoint } from '../domain/metric.ts'
import { alarm } from './alarms.fixture.ts'
import { evaluate } from './evaluate.ts'

const start = Date.UTC(2026, 7, 15, 21, 15)

/** `0`: not breaching, `X`: breaching, `-`: missing; the newest last, as AWS's tables have it. */
function periods(pattern: string): readonly (Datapoint | undefined)[] {
  return [...pattern]
    .map((sign, index): Datapoint | undefined => {
      if (sign === '-') return undefined
      const value = sign === 'X' ? 2 : 0
      return { at: start + index * 1000, sampleCount: 1, sum: value, minimum: value, maximum: value }
    })
    .toReversed()
}

function stateOf(pattern: string, needed: number, treatMissingData: Alarm['treatMissingData']): string {
  const given = alarm({ evaluationPeriods: pattern.length, datapointsToAlarm: needed, treatMissingData })
  return evaluate(given, periods(pattern))?.state ?? 'stays'
}

for (const [pattern, needed, missing, ignore, breaching, notBreaching] of [
  ['000', 3, 'OK', 'OK', 'OK', 'OK'],
  ['XXX', 3, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['0XX', 3, 'OK', 'OK', 'OK', 'OK'],
  ['0XX', 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['X0X', 2, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
  ['00X', 2, 'OK', 'OK', 'OK', 'OK'],
  ['---', 3, 'INSUFFICIENT_DATA', 'stays', 'ALARM', 'OK'],
  ['---', 1, 'INSUFFICIENT_DATA', 'stays', 'ALARM', 'OK'],
  ['--0', 3, 'OK', 'OK', 'OK', 'OK'],
  ['--0', 2, 'OK', 'OK', 'ALARM', 'OK'],
  ['-X0', 2, 'OK', 'OK', 'ALARM', 'OK'],
  ['X-X', 3, 'ALARM', 'stays', 'ALARM', 'OK'],
  ['X--', 3, 'ALARM', 'stays', 'ALARM', 'OK'],
  ['--X', 3, 'stays', 'stays', 'ALARM', 'OK'],
  ['-X-', 2, 'ALARM', 'stays', 'ALARM', 'OK'],
  ['--X', 1, 'ALARM', 'ALARM', 'ALARM', 'ALARM'],
] as const) {
  test(`${needed} of ${pattern.length} of ${pattern} is as each treatment of missing data says`, () => {
    assert.equal(stateOf(pattern, needed, 'missing'), missing)
    assert.equal(stateOf(pattern, needed, 'ignore'), ignore)
    assert.equal(stateOf(pattern, needed, 'breaching'), breaching)
    assert.equal(stateOf(pattern, needed, 'notBreaching'), notBreaching)
  })
}

for (const [comparison, breaching] of [
  ['GreaterThanThreshold', [false, false, true]],
  ['GreaterThanOrEqualToThreshold', [false, true, true]],
  ['LessThanThreshold', [true, false, false]],
  ['LessThanOrEqualToThreshold', [true, true, false]],
] as const) {
  test(`${comparison} of 1 compares 0, 1 and 2`, () => {
    const states = [0, 1, 2].map(value => {
      const datapoint = { at: start, sampleCount: 1, sum: value, minimum: value, maximum: value }
      return evaluate(alarm({ comparison }), [datapoint])?.state === 'ALARM'
    })
    assert.deepEqual(states, breaching)
  })
}

for (const [statistic, value] of [
  ['Sum', '9.0'],
  ['Average', '4.5'],
  ['Minimum', '2.0'],
  ['Maximum', '7.0'],
  ['SampleCount', '2.0'],
] as const) {
  test(`${statistic} is the number that the reason tells`, () => {
    const datapoint = { at: start, sampleCount: 2, sum: 9, minimum: 2, maximum: 7 }
    assert.match(evaluate(alarm({ statistic }), [datapoint])?.stateReason ?? '', RegExp(`\\[${value} `))
  })
}

for (const [what, change, pattern, reason] of [
  [
    'a breach',
    {},
    'X',
    'Threshold Crossed: 1 out of the last 1 datapoints [2.0 (15/08/26 21:15:00)] was greater than or equal to the ' +
      'threshold (1.0) (minimum 1 datapoint for OK -> ALARM transition).',
  ],
  [
    'two of three',
    { evaluationPeriods: 3, datapointsToAlarm: 2, threshold: 0.5, comparison: 'GreaterThanThreshold' },
    'X0X',
    'Threshold Crossed: 2 out of the last 3 datapoints [2.0 (15/08/26 21:15:02), 2.0 (15/08/26 21:15:00)] were greater ' +
      'than the threshold (0.5) (minimum 2 datapoints for OK -> ALARM transition).',
  ],
  [
    'no breach',
    { evaluationPeriods: 2, datapointsToAlarm: 2 },
    'X0',
    'Threshold Crossed: 1 out of the last 2 datapoints [0.0 (15/08/26 21:15:01)] was not greater than or equal to the ' +
      'threshold (1.0) (minimum 1 datapoint for ALARM -> OK transition).',
  ],
  ['nothing', {}, '-', 'Insufficient Data: 1 datapoint was unknown.'],
  ['nothing thrice', { evaluationPeriods: 3 }, '---', 'Insufficient Data: 3 datapoints were unknown.'],
  [
    'nothing, which is bad',
    { evaluationPeriods: 2, treatMissingData: 'breaching' },
    '--',
    'Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as [Breaching].',
  ],
  [
    'nothing, which is good',
    { treatMissingData: 'notBreaching' },
    '-',
    'Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].',
  ],
] as const) {
  test(`the reason for ${what} is told in AWS's words`, () => {
    assert.equal(evaluate(alarm(change), periods(pattern))?.stateReason, reason)
  })
}
