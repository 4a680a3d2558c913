/** Draining of HTTP targets: reliability row R17. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { long, slackMs, timeout } from '../long.ts'
import { HttpLoad } from './http-load.ts'
import { httpStage } from './http-stage.ts'
import { converse } from './raw-http.ts'
import { until } from './sluice.ts'

const delayMs = long ? 10_000 : 4_000
/** Requests take from a tenth of the delay to so much. */
const longestMs = delayMs + (long ? 5_000 : 3_500)

test('R17: requests under way at a deregistered target have the delay to finish, then 502; it gets no new ones', {
  timeout,
}, async t => {
  const port = 28_731
  const [count, perSecond] = long ? [1_000, 100] : [100, 30]
  const { network, group, targets } = await httpStage(t, {
    port,
    targets: 2,
    groupAttributes: { 'deregistration_delay.timeout_seconds': String(delayMs / 1_000) },
    answer: (request, response) => {
      const ms = Number(/^\/after\/(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
      setTimeout(() => response.end(`${request.socket.localAddress} done`), ms)
    },
  })
  const [one, two] = targets
  assert.ok(one && two)
  const load = await HttpLoad.start({ port, perSecond })
  const keptLoad = await HttpLoad.start({ port, perSecond, isKept: true })
  const underWay = Array.from({ length: count }, (_, i) => {
    const ms = Math.round(delayMs / 10 + ((longestMs - delayMs / 10) * i) / count)
    return { ms, conversation: converse(t, port, `GET /after/${ms} HTTP/1.1\r\nHost: a\r\nX-Number: ${i}\r\n\r\n`) }
  })
  const slow = () => [one, two].map(({ requests }) => requests.filter(({ url }) => url.startsWith('/after/')))
  await until('all are under way', () => slow().flat().length === count)
  const asked = performance.now()
  const atOne = new Map(slow()[0]?.map(({ url, at }) => [Number(url.slice('/after/'.length)), at]))
  assert.ok(atOne.size > count / 4)

  await network.deregister(group, one)
  const acknowledged = performance.now()
  assert.equal((await network.health(group))[one.address], 'draining')
  await until('it is unused', async () => (await network.health(group))[one.address] === undefined, delayMs + 2_500)
  const unusedMs = performance.now() - acknowledged
  assert.ok(Math.abs(unusedMs - delayMs) <= 1_000 + slackMs, `unused after ${unusedMs.toFixed(0)} ms`)
  await until('every request is answered', () => underWay.every(({ conversation }) => conversation.status > 0), 10_000)
  const later = one.requests.filter(({ at }) => at > acknowledged + 100 + slackMs)
  assert.deepEqual(later, [], 'no new requests 100 ms after the answer')
  for (const all of [await load.end(), await keptLoad.end()]) {
    assert.equal(all.failed, '')
    assert.ok(all.between(acknowledged).asked.length > perSecond)
  }

  const cuts: number[] = []
  let [inTime, elsewhere] = [0, 0]
  for (const { ms, conversation } of underWay) {
    const { status, answeredAt } = conversation
    const beganAt = atOne.get(ms)
    const dueMs = (beganAt ?? 0) + ms - acknowledged
    if (beganAt === undefined) {
      assert.equal(status, 200)
      elsewhere++
    } else if (dueMs < delayMs - 200 - slackMs) {
      assert.equal(status, 200, `one of ${ms} ms was cut inside the delay`)
      inTime++
    } else if (dueMs > delayMs + 1_000 + slackMs) {
      assert.equal(status, 502)
      cuts.push(answeredAt - acknowledged)
    }
    conversation.socket.destroy()
  }
  assert.ok(inTime > 0 && elsewhere > 0 && cuts.length > 0)
  for (const ms of cuts) assert.ok(Math.abs(ms - delayMs) <= 1_000 + slackMs, `cut after ${ms.toFixed(0)} ms`)
  t.diagnostic(
    `${inTime} requests finished within the delay of ${delayMs / 1_000} s, ${cuts.length} got 502 after ${Math.min(...cuts).toFixed(0)}-${Math.max(...cuts).toFixed(0)} ms, ${elsewhere} were elsewhere; all deregistered ${(acknowledged - asked).toFixed(0)} ms after they began`,
  )
})
