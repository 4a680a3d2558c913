/** Targets that die or fall silent under HTTP requests: reliability rows R7 and R8. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lacking } from '../lacking.ts'
import { long, slackMs, timeout } from '../long.ts'
import { HttpLoad } from './http-load.ts'
import { httpStage } from './http-stage.ts'
import { has, until } from './sluice.ts'
import type { WebTarget } from './web-target.ts'

/** Of each kind of load. */
const perSecond = long ? 200 : 50
const seconds = long ? 50 : 4
/** What is slow for the target's end is so by then. */
const eventMs = 2_000

/** Requests under way all the time, while one of two targets ends; both kinds of load, and when it ended. */
async function story(t: TestContext, port: number, end: (target: WebTarget) => void) {
  const { network, group, targets } = await httpStage(t, { port, targets: 2 })
  const [one, two] = targets
  assert.ok(one && two)
  const loads = await Promise.all([false, true].map(isKept => HttpLoad.start({ port, perSecond, isKept })))
  await until('both targets are used', () => one.requests.length > 10 && two.requests.length > 10)
  await pause(long ? 10_000 : 1_000)
  const endedAt = performance.now()
  end(one)
  await pause(seconds * 1_000)
  if (long) assert.notEqual((await network.health(group))[one.address], 'healthy')
  const endured = await Promise.all(loads.map(load => load.end()))
  return endured.map((all, i) => {
    const what = i === 0 ? 'a connection each' : 'kept connections'
    const [event, later] = [all.between(endedAt, endedAt + eventMs), all.between(endedAt + eventMs)]
    // What else goes on, on the same cores, makes normal times what they are.
    const usual = Math.max(all.between(0, endedAt).quantile(1), later.quantile(1))
    t.diagnostic(`${what}: in the event ${event}; later ${later}; else at most ${usual.toFixed(0)} ms; ${all.failed}`)
    const after = all.between(endedAt)
    // Where others want the cores, requests pile up; what the target has when it ends it takes with it (AWS: HTTP 502).
    assert.equal((long ? all : after).failed, '', what)
    return { what, usual, event, after }
  })
}

suite('one of two targets', { concurrency: true }, () => {
  test('R7: when it is killed, no request fails, and none takes much longer', { timeout }, async t => {
    for (const { what, usual, event } of await story(t, 28_701, target => target.kill())) {
      const more = event.quantile(1) - usual
      assert.ok(more <= 50 + slackMs, `${what}: the slowest took ${more.toFixed(0)} ms more`)
    }
  })

  test('R8: when it falls silent, no request fails, and 99 of 100 are answered within 500 ms', { timeout }, async t => {
    if (process.getuid?.() !== 0) return lacking(t, 'root, for a network namespace')
    if (!has('nft')) return lacking(t, 'nft (Debian: nftables)')
    for (const { what, after } of await story(t, 28_702, silence)) {
      assert.ok(after.quantile(0.99) <= 500 + slackMs, `${what}: p99 ${after.quantile(0.99).toFixed(0)} ms`)
      const late = after.asked.filter(({ ms }) => ms > 1_000 + slackMs).length
      assert.ok(late <= after.asked.length / 100, `${what}: ${late} took over 1 s`)
    }
  })
})

/** Drops whatever is sent to it, and what it sends. */
function silence({ address, port }: WebTarget): void {
  const drop = `type filter hook input priority 0; ip daddr ${address} tcp dport ${port} drop; ip saddr ${address} tcp sport ${port} drop;`
  execFileSync('nft', [`table inet silence-${port} { chain in { ${drop} }; }`])
}
