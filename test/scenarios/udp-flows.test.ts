/**
 * UDP flows through a whole Sluice, in userspace, in the kernel with targets on its own host, and in the kernel between hosts:
 * reliability rows R10, R12, R13.
 */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lacking } from '../lacking.ts'
import { long, slackMs, timeout } from '../long.ts'
import { until } from './sluice.ts'
import { socketsAt } from './sockets.ts'
import { flowsAt, isRoot, type StageFlows, type StageTarget, testEverywhere, udpStage } from './udp-stage.ts'

const settled = 1_000

/** What arrives at each target later than a second after now, while the flows go on. */
async function arrivalsAfterSettling(targets: readonly StageTarget[]): Promise<number[]> {
  const changed = performance.now()
  await pause(settled + 500)
  return targets.map(({ datagrams }) => datagrams.filter(({ at }) => at > changed + settled).length)
}

/** Of those flows, how many `target` answered within a second from `since`, and all that was sent is counted. */
function answeredAgain(
  t: TestContext,
  flows: StageFlows,
  ofThem: readonly number[],
  target: StageTarget,
  since: number,
) {
  const back = ofThem.filter(flow =>
    flows.answers[flow]?.some(({ at, from }) => from === target.address && at > since && at < since + 1_000 + slackMs),
  ).length
  const sent = flows.sent.reduce((total, rounds) => total + rounds.length, 0)
  t.diagnostic(
    `${back} of ${ofThem.length} flows answered again within 1 s, ${flows.unanswered()} of ${sent} datagrams unanswered`,
  )
  assert.ok(back >= 0.99 * ofThem.length, `only ${back} of ${ofThem.length} flows were answered within a second`)
}

testEverywhere(
  'R10: when a UDP target is killed, at least 99 % of its flows are answered again within a second',
  28_110,
  async (t, at) => {
    const { a1, a2, flows } = await udpStage(t, at, 200)
    flows.start(20)
    await pause(500)
    const itsFlows = flowsAt(flows, a1)
    a1.kill()
    const killed = performance.now()
    await pause(1_200)
    flows.stop()
    answeredAgain(t, flows, itsFlows, a2, killed)
  },
)

// They mostly wait for health checks, so they do it at once.
suite('targets and groups come and go', { concurrency: true }, () => {
  testEverywhere('R10: nor does it matter that it was deregistered and drains', 28_115, async (t, at) => {
    const { network, groupA, a1, a2, flows } = await udpStage(t, at, 50)
    flows.start(20)
    await network.deregister(groupA, a1)
    await pause(500)
    const itsFlows = flowsAt(flows, a1)
    assert.ok(itsFlows.length > 0, 'they go on while it drains')
    a1.kill()
    const killed = performance.now()
    await pause(1_200)
    flows.stop()
    answeredAgain(t, flows, itsFlows, a2, killed)
  })

  testEverywhere('a group of which no target is healthy fails open, and no flow moves', 28_120, async (t, at) => {
    const { network, a1, a2, groupA, flows, open } = await udpStage(t, at, 50)
    const before = flows.lastFrom()
    // The targets here answer no HTTP.
    await network.elbv2.modifyTargetGroup({ TargetGroupArn: groupA, HealthCheckProtocol: 'HTTP', HealthCheckPath: '/' })
    const areUnhealthy = async () => Object.values(await network.health(groupA)).every(state => state === 'unhealthy')
    await until('both are unhealthy', areUnhealthy)
    // One may be unhealthy before the other, and the data plane hears of it a moment after the API.
    await until('new flows go to both', async () => {
      const others = await open(10)
      await until('they are answered', () => {
        others.sendAll()
        return others.lastFrom().every(from => from !== undefined)
      })
      return flowsAt(others, a1).length > 0 && flowsAt(others, a2).length > 0
    })
    const sent = flows.sent[0]?.length ?? 0
    flows.sendAll()
    await until(
      'all are answered',
      () => flows.answers.every(answers => answers.some(({ number }) => number === sent)),
      1_000,
    )
    assert.deepEqual(flows.lastFrom(), before)
  })

  testEverywhere(
    'R12: after each kind of change, nothing goes to a wrong or dead target later than a second',
    28_125,
    async (t, at) => {
      const { network, a1, a2, b1, groupA, groupB, loadBalancer, listener, flows, open } = await udpStage(t, at, 40)
      const nothing = 'datagrams arrived at a target that may not serve'
      flows.start(20)

      await network.forward(listener, { [groupB]: 1 })
      assert.deepEqual(await arrivalsAfterSettling([a1, a2]), [0, 0], `group switched: ${nothing}`)

      await network.forward(listener, { [groupA]: 1, [groupB]: 1 })
      await network.forward(listener, { [groupA]: 1, [groupB]: 0 })
      assert.deepEqual(await arrivalsAfterSettling([b1]), [0], `weight to 0: ${nothing}`)

      await network.elbv2.modifyTargetGroupAttributes({
        TargetGroupArn: groupA,
        Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '0' }],
      })
      await network.deregister(groupA, a1)
      assert.deepEqual(await arrivalsAfterSettling([a1]), [0], `target removed: ${nothing}`)

      await network.register(groupA, a1)
      await network.allHealthy(groupA)
      a1.stopTcp()
      await until('a1 is unhealthy', async () => (await network.health(groupA))[a1.address] === 'unhealthy', 15_000)
      assert.deepEqual(await arrivalsAfterSettling([a1]), [0], `target unhealthy: ${nothing}`)

      a1.kill()
      await network.deregister(groupA, a1)
      await a1.start()
      await network.register(groupA, a1)
      await network.allHealthy(groupA)
      const others = await open(40)
      others.start(20)
      const [atReplacement = 0] = await arrivalsAfterSettling([a1])
      others.stop()
      assert.ok(atReplacement > 0, 'target replaced at the same address: it serves')

      await network.deregister(groupA, a1, a2)
      assert.deepEqual(await arrivalsAfterSettling([a1, a2, b1]), [0, 0, 0], `no target at all: ${nothing}`)
      await network.register(groupA, a2)
      await network.allHealthy(groupA)
      const [atFirst = 0] = await arrivalsAfterSettling([a2])
      assert.ok(atFirst > 0, 'no target at all and then one: the waiting flows reach it')

      await network.elbv2.deleteListener({ ListenerArn: listener })
      await network.listener(loadBalancer, 'UDP', at.port, { [groupB]: 1 })
      const [a = -1, b = 0] = await arrivalsAfterSettling([a2, b1])
      assert.equal(a, 0, `listener made anew for another group: ${nothing}`)
      assert.ok(b > 0)
      flows.stop()
    },
  )
})

for (const place of ['userspace', 'kernel'] as const) {
  test(`${place}: R13: a flow keeps its target over unrelated changes and restarts of the control process and of other workers`, {
    timeout,
  }, async t => {
    if (place === 'kernel' && !isRoot) return lacking(t, 'root')
    const port = place === 'kernel' ? 28_114 : 28_113
    const [parties, changes, restarts] = long ? [5, 100, 20] : [1, 20, 4]
    const { sluice, network, groupB, targetGroup, loadBalancer, flows, b1, open } = await udpStage(
      t,
      { place, port },
      200,
    )
    const all = [flows]
    while (all.length < parties) {
      const party = await open(200)
      all.push(party)
      party.sendAll()
      await until('every flow is answered', () => party.unanswered() === 0, 2_000)
    }
    const lastFrom = () => all.flatMap(party => party.lastFrom())
    const before = lastFrom()
    // One after the other: a thousand datagrams at once would be too many for the buffers of the targets' sockets.
    for (const party of all) {
      party.start(long ? 1 : 10)
      await pause(100)
    }
    let restarted = 0
    for (let change = 0; change < changes; change++) {
      const spare = await targetGroup(b1)
      const listener = await network.listener(loadBalancer, 'UDP', 28_200 + (change % 50), { [spare]: 1 })
      if (change % (changes / restarts) === 0) {
        // In turn the control process, and a worker that does not own this listener.
        const [killed] = restarted++ % 2 === 0 ? sluice.pids('control') : sluice.pids('worker').filter(isIdle)
        assert.ok(killed)
        process.kill(killed, 'SIGKILL')
      }
      await network.elbv2.deleteListener({ ListenerArn: listener })
      await network.elbv2.deleteTargetGroup({ TargetGroupArn: spare })
      await network.deregister(groupB, b1)
      await network.register(groupB, b1)
    }
    for (const party of all) party.stop()
    function isIdle(worker: number): boolean {
      return socketsAt('udp', port, worker) === 0
    }
    const unanswered = () => all.reduce((total, party) => total + party.unanswered(), 0)
    await until('the last answers are there', () => unanswered() === 0, 2_000).catch(() => {})
    assert.deepEqual(lastFrom(), before)
    const moves = all
      .flatMap(({ answers }) => answers)
      .filter((answers, flow) => answers.some(({ from }) => from !== before[flow])).length
    t.diagnostic(
      `${before.length} flows, ${changes} changes, ${restarts} restarts: ${moves} flows moved, ${unanswered()} datagrams unanswered`,
    )
    assert.equal(moves, 0, `${moves} flows were answered by another target meanwhile`)
    assert.equal(unanswered(), 0, 'datagrams lost')
  })
}
