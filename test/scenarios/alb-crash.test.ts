/** What clients of an Application Load Balancer notice when a process of Sluice is killed: nothing but the end of its connections. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { long, slackMs } from '../long.ts'
import { albStage, albStory, asked, startEcho } from './alb-stage.ts'
import { curl } from './curl.ts'
import { until } from './sluice.ts'

const port = 28800
const url = `http://127.0.0.1:${port}`

/** Asks on new connections until told to stop; the longest time without an answer of a target, ms. */
function watch(t: TestContext) {
  let [isOver, last, longest] = [false, performance.now(), 0]
  const asking = async () => {
    while (!isOver) {
      const isAnswered = await curl(url, '--max-time', '1').then(
        ({ status }) => status === 200,
        () => false,
      )
      if (!isAnswered) continue
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    return Math.max(longest, performance.now() - last)
  }
  const over = asking()
  t.after(() => {
    isOver = true
  })
  return () => {
    isOver = true
    return over
  }
}

albStory('rules, sticky clients and new requests outlive each process that is killed', ['curl'], async t => {
  // Not a port that the system chooses for others, too: it has to be free when the control process comes back.
  const { sluice, network } = await albStage(t, { flags: ['--port', '26800'] })
  const [one, two] = await Promise.all(['127.80.8.1', '127.80.8.2'].map(address => startEcho(t, address)))
  assert.ok(one && two)
  const [loadBalancer, group] = await Promise.all([
    network.applicationLoadBalancer(),
    network.targetGroup('HTTP', [one, two], { 'stickiness.enabled': 'true', 'stickiness.type': 'lb_cookie' }),
  ])
  const listener = await network.listener(loadBalancer, 'HTTP', port, { [group]: 1 })
  await network.rule(listener, 1, [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/gone'] } }], {
    Type: 'fixed-response',
    FixedResponseConfig: { StatusCode: '410' },
  })
  await network.allHealthy(group)
  const first = await curl(url)
  const cookie = `Cookie: ${first.fields['set-cookie']?.[0]?.split(';')[0]}`
  const { from } = asked(first)
  const allIsAsBefore = async () => {
    assert.equal((await curl(`${url}/gone`)).status, 410)
    for (let n = 0; n < 8; n++) assert.equal(asked(await curl(url, '-H', cookie)).from, from)
  }

  await t.test('a worker', async t => {
    const stop = watch(t)
    const [victim = 0] = sluice.pids('worker')
    process.kill(victim, 'SIGKILL')
    await until('it is replaced', () => sluice.pids('worker').filter(pid => pid !== victim).length === 2)
    await allIsAsBefore()
    const gap = await stop()
    t.diagnostic(`longest time without an answer: ${gap.toFixed(0)} ms`)
    assert.ok(gap <= 300 + slackMs)
  })

  await t.test('the control process', async t => {
    const stop = watch(t)
    const [victim = 0] = sluice.pids('control')
    process.kill(victim, 'SIGKILL')
    await allIsAsBefore()
    await until('it is replaced', () => sluice.pids('control').some(pid => pid !== victim))
    await until('it answers', () =>
      network.inPlace().then(
        () => true,
        () => false,
      ),
    )
    await network.rule(listener, 2, [{ Field: 'path-pattern', PathPatternConfig: { Values: ['/new'] } }], {
      Type: 'fixed-response',
      FixedResponseConfig: { StatusCode: '201' },
    })
    assert.equal((await curl(`${url}/new`)).status, 201)
    const gap = await stop()
    t.diagnostic(`longest time without an answer: ${gap.toFixed(0)} ms`)
    assert.ok(gap <= 300 + slackMs)
  })

  await t.test('the node', async t => {
    const stop = watch(t)
    const [victim = 0] = sluice.pids('node')
    process.kill(victim, 'SIGKILL')
    await until('it is replaced', () => sluice.pids('node').some(pid => pid !== victim))
    await until('it serves', () =>
      curl(url).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    await allIsAsBefore()
    const gap = await stop()
    t.diagnostic(`longest time without an answer: ${gap.toFixed(0)} ms`)
    // The goal is 300 ms; a new process has to start, and in `npm test` others want the cores meanwhile.
    assert.ok(gap <= (long ? 300 : 10_000))
  })
})
