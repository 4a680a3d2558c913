import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '../../virtual-clock.ts'
import { Suspects } from './suspects.ts'

test('a slow target is avoided for a second in silence; a refusal is reported at once, and once a second', async () => {
  const clock = new VirtualClock()
  const reports: string[] = []
  const suspects = new Suspects({ clock, onSuspicion: ({ target, reason }) => reports.push(`${target} ${reason}`) })
  suspects.avoid('a')
  assert.ok(suspects.has('a') && !suspects.has('b'))
  await clock.advance(900)
  assert.deepEqual(reports, [])
  suspects.report('a', 'refused')
  suspects.report('a', 'refused')
  assert.deepEqual(reports, ['a refused'])
  await clock.advance(100)
  assert.ok(!suspects.has('a'))
  suspects.report('a', 'refused')
  assert.ok(suspects.has('a'))
  assert.equal(reports.length, 1)
  await clock.advance(1_000)
  suspects.report('a', 'refused')
  assert.equal(reports.length, 2)
})
