import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Health, ProbeResult } from './health.ts'
import { initialHealth, observe } from './observe.ts'
import { isSuspect, suspected } from './suspicion.ts'

const probe = { healthyThreshold: 3, unhealthyThreshold: 2, intervalMs: 10_000 }

function result(at: number, ok: boolean): ProbeResult {
  return { at, ok, ms: 1, reason: ok ? 'passed in 1 ms' : 'connection refused' }
}

/** Runs `+` for a pass and `-` for a failure, one each interval; answers the verdicts' first letters. */
function run(results: string, from: Health['verdict'] = 'initial'): string {
  let health: Health = { ...initialHealth(0, {}), verdict: from }
  return [...results]
    .map((sign, i) => {
      const next = observe(health, result((i + 1) * probe.intervalMs, sign === '+'), probe)
      health = next.health
      const mark = { Unchanged: ' ', ChangePending: '?', Changed: '!' }[next.change]
      return health.verdict[0] + mark
    })
    .join('')
    .trimEnd()
}

describe('observe', () => {
  for (const [from, results, verdicts] of [
    ['initial', '+', 'h!'],
    ['initial', '-', 'i?'],
    ['initial', '--', 'i?u!'],
    ['initial', '-+', 'i?h!'],
    ['healthy', '++', 'h h'],
    ['healthy', '-+-+-', 'h?h h?h h?'],
    ['healthy', '--', 'h?u!'],
    ['healthy', '---', 'h?u!u'],
    ['unhealthy', '++', 'u?u?'],
    ['unhealthy', '+++', 'u?u?h!'],
    ['unhealthy', '++-+++', 'u?u?u u?u?h!'],
    ['unhealthy', '+++--', 'u?u?h!h?u!'],
  ] as const) {
    it(`from ${from}, ${results} gives ${verdicts}`, () => assert.equal(run(results, from), verdicts))
  }

  it('says since when the verdict holds', () => {
    let health = initialHealth(5, {})
    assert.equal(health.since, 5)
    health = observe(health, result(10, true), probe).health
    assert.equal(health.since, 10)
    health = observe(health, result(20, true), probe).health
    assert.equal(health.since, 10)
  })

  it('says of which registration it is, if that is known', () => {
    const health = initialHealth(5, { registeredAt: 3 })
    assert.equal(observe(health, result(10, true), probe).health.registeredAt, 3)
    assert.ok(!('registeredAt' in initialHealth(5, {})))
  })

  it('knows of a healthy one whether it had been unhealthy', () => {
    const verdicts = [true, false, false, true, true, true, true, true, false, false].map(
      (
        health => (ok, at) =>
          (health = observe(health, result(at, ok), { ...probe, healthyThreshold: 2, unhealthyThreshold: 2 }).health)
      )(initialHealth(0, {})),
    )
    assert.deepEqual(
      verdicts.map(({ hasRecovered = false }) => hasRecovered),
      [false, false, false, false, true, true, true, true, true, false],
    )
  })

  it('keeps the last ten results, newest last', () => {
    let health = initialHealth(0, {})
    for (let at = 1; at <= 25; at++) health = observe(health, result(at, true), probe).health
    assert.deepEqual(
      health.results.map(r => r.at),
      [16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
    )
  })

  it('leaves the health that it was given alone', () => {
    const health = Object.freeze({ ...initialHealth(0, {}), results: Object.freeze([]) as [] })
    assert.notEqual(observe(health, result(1, true), probe).health, health)
    assert.equal(health.verdict, 'initial')
  })
})

describe('suspicion', () => {
  const healthy = observe(initialHealth(0, {}), result(0, true), probe).health

  it('is held for one second, and reports meanwhile change nothing', () => {
    const suspect = suspected(healthy, 'connection refused', 1_000)
    assert.deepEqual(suspect.suspect, { since: 1_000, until: 2_000, reason: 'connection refused' })
    assert.equal(suspected(suspect, 'connection refused', 1_999), suspect)
    assert.equal(isSuspect(suspect, 1_999), true)
    assert.equal(isSuspect(suspect, 2_000), false)
    assert.equal(suspect.verdict, 'healthy')
  })

  it('doubles where it recurs within a minute, up to 30 s, though every check passes', () => {
    let health = healthy
    const holds: number[] = []
    for (let now = 1_000; holds.length < 8; ) {
      health = suspected(health, 'port unreachable', now)
      assert.ok(health.suspect)
      holds.push(health.suspect.until - health.suspect.since)
      health = observe(health, result(now + 1, true), probe).health
      now = health.suspect!.until + 100
    }
    assert.deepEqual(holds, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  })

  it('begins anew after a quiet minute', () => {
    const once = suspected(suspected(healthy, 'x', 0), 'x', 1_500)
    assert.equal(once.suspect?.until, 3_500)
    const later = observe(once, result(63_500, true), probe).health
    assert.equal(later.suspect, undefined)
    assert.equal(suspected(once, 'x', 63_500).suspect?.until, 64_500)
  })

  it('is prolonged by a failing check until the next one, and ends in a verdict', () => {
    const suspect = suspected(healthy, 'connection refused', 1_000)
    const first = observe(suspect, result(1_001, false), probe)
    assert.equal(first.change, 'ChangePending')
    assert.equal(first.health.suspect?.until, 3_001)
    const second = observe(first.health, result(2_001, false), probe)
    assert.equal(second.change, 'Changed')
    assert.equal(second.health.verdict, 'unhealthy')
    assert.equal(second.health.suspect?.until, 3_001)
    assert.equal(suspected(second.health, 'connection refused', 9_000), second.health)
  })

  it('that is over is not revived by a failing check', () => {
    const suspect = suspected(healthy, 'connection refused', 1_000)
    assert.equal(observe(suspect, result(2_000, false), probe).health.suspect?.until, 2_000)
  })
})
