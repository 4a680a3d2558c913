/** UDP flows through a whole Sluice: reliability rows R10, R12, R13. */
import assert from 'node:assert/strict'
import { suite, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { long, timeout } from '../long.ts'
import { Network } from './network.ts'
import { startSluice, until } from './sluice.ts'
import { socketsAt } from './sockets.ts'
import { Flows, startTarget } from './targets.ts'

const settled = 1_000

/**
 * One UDP listener with the two groups A (targets a1, a2) and B (b1), A in use and healthy, and flows that every target has
 * seen.
 */
async function stage(t: TestContext, port: number, flowCount: number) {
  const sluice = await startSluice(t)
  const network = new Network(sluice.url)
  const [a1, a2, b1] = await Promise.all([1, 2, 3].map(host => startTarget(t, `127.71.${port % 256}.${host}`, port)))
  assert.ok(a1 && a2 && b1)
  const groupA = await network.targetGroup('UDP', [a1, a2])
  const groupB = await network.targetGroup('UDP', [b1])
  const loadBalancer = await network.loadBalancer()
  const listener = await network.listener(loadBalancer, 'UDP', port, { [groupA]: 1, [groupB]: 0 })
  await network.allHealthy(groupA)
  await network.allHealthy(groupB)
  const flows = await Flows.open(t, flowCount, '127.0.0.1', port)
  await until('every flow is answered', () => {
    flows.sendAll()
    return flows.lastFrom().every(from => from !== undefined)
  })
  return { sluice, network, a1, a2, b1, groupA, groupB, loadBalancer, listener, flows }
}

/** Sends for `settled` ms after a change and then some; what arrives at `target` later than that is wrong. */
async function arrivalsAfterSettling(flows: Flows, targets: readonly { datagrams: { at: number }[] }[]) {
  const changed = performance.now()
  flows.start(20)
  await pause(settled + 500)
  flows.stop()
  return targets.map(({ datagrams }) => datagrams.filter(({ at }) => at > changed + settled).length)
}

test('R10: when a UDP target is killed, at least 99 % of the flows are answered again within a second', async t => {
  const { a1, a2, flows } = await stage(t, 28110, 200)
  flows.start(20)
  await pause(500)
  a1.kill()
  const killed = performance.now()
  await pause(2_000)
  flows.stop()
  const back = flows.answers.filter(answers =>
    answers.some(({ at, from }) => from === a2.address && at > killed && at < killed + 1_000),
  ).length
  t.diagnostic(
    `${back} of 200 flows answered again within 1 s, ${flows.unanswered()} of ${200 * (flows.sent[0]?.length ?? 0)} datagrams unanswered`,
  )
  assert.ok(back >= 198, `only ${back} of 200 flows were answered within a second`)
})

// Both mostly wait for health checks, so they do it at once.
suite('targets and groups come and go', { concurrency: true }, () => {
  test('a group of which no target is healthy fails open, and no flow moves', async t => {
    const { network, groupA, flows } = await stage(t, 28111, 50)
    const before = flows.lastFrom()
    // The targets here answer no HTTP.
    await network.elbv2.modifyTargetGroup({ TargetGroupArn: groupA, HealthCheckProtocol: 'HTTP', HealthCheckPath: '/' })
    const areUnhealthy = async () => Object.values(await network.health(groupA)).every(state => state === 'unhealthy')
    await until('both are unhealthy', areUnhealthy)
    const sent = flows.sent[0]?.length ?? 0
    flows.sendAll()
    await until(
      'all are answered',
      () => flows.answers.every(answers => answers.some(({ number }) => number === sent)),
      1_000,
    )
    assert.deepEqual(flows.lastFrom(), before)
  })

  test('R12: after each kind of change, nothing goes to a wrong or dead target later than a second', async t => {
    const { network, a1, a2, b1, groupA, groupB, loadBalancer, listener, flows } = await stage(t, 28112, 40)
    const nothing = 'datagrams arrived at a target that may not serve'

    await network.forward(listener, { [groupB]: 1 })
    assert.deepEqual(await arrivalsAfterSettling(flows, [a1, a2]), [0, 0], `group switched: ${nothing}`)

    await network.forward(listener, { [groupA]: 1, [groupB]: 1 })
    await network.forward(listener, { [groupA]: 1, [groupB]: 0 })
    assert.deepEqual(await arrivalsAfterSettling(flows, [b1]), [0], `weight to 0: ${nothing}`)

    await network.elbv2.modifyTargetGroupAttributes({
      TargetGroupArn: groupA,
      Attributes: [{ Key: 'deregistration_delay.timeout_seconds', Value: '0' }],
    })
    await network.deregister(groupA, a1)
    assert.deepEqual(await arrivalsAfterSettling(flows, [a1]), [0], `target removed: ${nothing}`)

    await network.register(groupA, a1)
    await network.allHealthy(groupA)
    a1.stopTcp()
    await until('a1 is unhealthy', async () => (await network.health(groupA))[a1.address] === 'unhealthy', 15_000)
    assert.deepEqual(await arrivalsAfterSettling(flows, [a1]), [0], `target unhealthy: ${nothing}`)

    a1.kill()
    await network.deregister(groupA, a1)
    await a1.start()
    await network.register(groupA, a1)
    await network.allHealthy(groupA)
    const [atReplacement = 0] = await arrivalsAfterSettling(await Flows.open(t, 40, '127.0.0.1', a1.port), [a1])
    assert.ok(atReplacement > 0, 'target replaced at the same address: it serves')

    await network.deregister(groupA, a1, a2)
    assert.deepEqual(await arrivalsAfterSettling(flows, [a1, a2, b1]), [0, 0, 0], `no target at all: ${nothing}`)
    await network.register(groupA, a2)
    await network.allHealthy(groupA)
    const [atFirst = 0] = await arrivalsAfterSettling(flows, [a2])
    assert.ok(atFirst > 0, 'no target at all and then one: the waiting flows reach it')

    await network.elbv2.deleteListener({ ListenerArn: listener })
    await network.listener(loadBalancer, 'UDP', a1.port, { [groupB]: 1 })
    const [a = -1, b = 0] = await arrivalsAfterSettling(flows, [a2, b1])
    assert.equal(a, 0, `listener made anew for another group: ${nothing}`)
    assert.ok(b > 0)
  })
})

test('R13: a flow keeps its target over unrelated changes and restarts of the control process and of other workers', {
  timeout,
}, async t => {
  const port = 28113
  const [parties, changes, restarts] = long ? [5, 100, 20] : [1, 20, 4]
  const { sluice, network, groupB, loadBalancer, flows, b1 } = await stage(t, port, 200)
  const all = [flows]
  while (all.length < parties) {
    const party = await Flows.open(t, 200, '127.0.0.1', port)
    all.push(party)
    party.sendAll()
    await until('every flow is answered', () => party.unanswered() === 0, 2_000)
  }
  const lastFrom = () => all.flatMap(party => party.lastFrom())
  const before = lastFrom()
  // One after the other: a thousand datagrams at once would be too many for the buffers of the targets' sockets.
  for (const party of all) {
    party.start(10 / parties)
    await pause(100)
  }
  let restarted = 0
  for (let change = 0; change < changes; change++) {
    const spare = await network.targetGroup('UDP', [b1])
    const listener = await network.listener(loadBalancer, 'UDP', 28_200 + (change % 50), { [spare]: 1 })
    if (change % (changes / restarts) === 0) {
      // In turn the control process, and the worker that does not own this listener.
      const killed = restarted++ % 2 === 0 ? sluice.pids('control') : sluice.pids('worker').filter(isIdle)
      assert.equal(killed.length, 1)
      for (const pid of killed) process.kill(pid, 'SIGKILL')
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
