/** R18, and R4 with a deployment under way: deployments and rollbacks under load from outside. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { buildTopology } from '../../bench/stage/namespaces.ts'
import { long, slackMs } from '../long.ts'
import { enterNetwork } from '../own-network.ts'
import { blueGreen, deploy, eventsOf, productionPort, registerVersion, untilEvent, untilStatus } from './blue-green.ts'
import { type OnEngine, testOnEachEngine } from './engines.ts'
import { Load } from './load.ts'

const [switches, rates] = long ? [50, [500, 100, 1_900] as const] : [3, [200, 100, 400] as const]
/** R18. */
const firstAnswerMs = 100
/** After each move, so that what comes of it is seen. */
const settleMs = 500

/** Between hosts where we are root, as clients are elsewhere; else from this one. */
function hosts(t: TestContext) {
  if (process.getuid?.() !== 0) return {}
  const { balancer, client, close } = buildTopology(0)
  t.after(close)
  enterNetwork(balancer.name)
  return { start: client.start, subnetCidr: '10.9.0.0/24' }
}

async function story(t: TestContext, { flags }: OnEngine): Promise<void> {
  const { start, ...where } = hosts(t)
  const { sluice, clients, codedeploy, address } = await blueGreen(t, {
    ...where,
    flags,
    group: {
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
        terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 60 },
      },
    },
  })
  const load = await Load.start({ ...(start && { start }), address, port: productionPort, rates })
  t.after(() => load.kill())
  const killControl = () => {
    for (const pid of sluice.pids('control')) process.kill(pid, 'SIGKILL')
  }

  /** Milliseconds since the epoch; `until`: nothing else was asked for before. */
  const moves: { what: string; at: number; until: number; from: string; to: string }[] = []
  for (let n = 1; n <= switches; n++) {
    const isKilled = n === switches
    const version = `v${n + 1}`
    const id = await deploy(clients, await registerVersion(clients, version))
    await untilEvent(clients, id, 'Install', 'InProgress')
    if (isKilled) killControl()
    await untilEvent(clients, id, 'AllowTraffic')
    const shifted = (await eventsOf(clients, id)).get('AllowTraffic')?.startTime
    await pause(settleMs)
    moves.push({ what: `deployment ${n}`, at: Number(shifted), until: Date.now(), from: 'v1', to: version })
    await codedeploy.stopDeployment({ deploymentId: id, autoRollbackEnabled: true })
    if (isKilled) killControl()
    const at = Date.now()
    assert.equal((await untilStatus(clients, id, 'Stopped')).status, 'Stopped')
    await pause(settleMs)
    // That one waited until control was there again.
    if (!isKilled) moves.push({ what: `rollback ${n}`, at, until: Date.now(), from: version, to: 'v1' })
  }

  const endured = await load.end()
  const told = moves.map(({ what, at }) => `${what} at ${new Date(at).toISOString()}`).join(', ')
  assert.equal(endured.failed, '', told)
  assert.equal(endured.talk.unanswered, 0, `datagrams of ${endured.talk.sent}`)
  const first: number[] = []
  for (const { what, at, until, from, to } of moves) {
    for (const protocol of ['TCP', 'UDP'] as const) {
      const flows = endured.between(protocol, at - 1_000, until)
      const news = flows.filter(([, , answered, version]) => version === to && answered >= at)
      first.push(Math.min(...news.map(([, , answered]) => answered)) - at)
      const late = flows.filter(([, opened, , version]) => version === from && opened >= at + settleMs / 2)
      assert.equal(late.length, 0, `${what}: new ${protocol} flows still go to ${from}`)
    }
  }
  t.diagnostic(`first answers of the new side after ${first.map(Math.round).join(', ')} ms`)
  first.sort((a, b) => a - b)
  const p99 = first[Math.ceil(0.99 * first.length) - 1]!
  assert.ok(p99 <= firstAnswerMs + slackMs, `first answers after ${first.map(Math.round).join(', ')} ms`)
}

testOnEachEngine('deployments and rollbacks under load lose nothing, also where control is killed meanwhile', 0, story)
