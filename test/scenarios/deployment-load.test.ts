/** R18, and R4 with deployments under way: deployments and rollbacks behind both kinds of load balancer at once, under load from outside. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { buildTopology } from '../../bench/stage/namespaces.ts'
import { Seen } from '../../bench/switch/seen.ts'
import { long, slackMs } from '../long.ts'
import { enterNetwork } from '../own-network.ts'
import {
  deploy,
  eventsOf,
  type Name,
  productionPort,
  registerVersion,
  setUpBlueGreen,
  startWithTasks,
  untilEvent,
  untilStatus,
  webPort,
} from './blue-green.ts'
import { type OnEngine, testOnEachEngine } from './engines.ts'
import { Load } from './load.ts'
import { temporaryDirectory } from './sluice.ts'

const [switches, rates, webRates] = long
  ? ([50, [500, 100, 1_900], [250, 250]] as const)
  : ([3, [200, 100, 400], [25, 25]] as const)
/** R18. */
const firstAnswerMs = 100
/** A move is in place by then, and new flows follow it: in the short form other tests want the processors meanwhile. */
const inPlaceMs = long ? 250 : 1_000
/** After each move, so that what comes of it is seen. */
const settleMs = inPlaceMs + 250
/** Services, and by which protocols they are asked. */
const services = [
  ['shop', ['TCP', 'UDP']],
  ['web', ['HTTP', 'HTTP kept']],
] as const

/** Between hosts where we are root, as clients are elsewhere; else from this one. */
function hosts(t: TestContext) {
  if (process.getuid?.() !== 0) return {}
  const { balancer, client, close } = buildTopology(0)
  t.after(close)
  enterNetwork(balancer.name)
  return { start: client.start, subnetCidr: '10.9.0.0/24' }
}

/**
 * Requests and connections that Sluice turned away because its workers were late. In the short form they share the processors with
 * other tests; answering late would be no better.
 */
async function refusedForOverload(url: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text()
  const counts = page.matchAll(/^sluice_alb_rejections_total\{[^}]*reason="overload"[^}]*\} (\d+)$/gm)
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}

interface Move {
  readonly name: Name
  readonly what: string
  /** Milliseconds since the epoch; `until`: nothing else was asked for before. */
  readonly at: number
  readonly until: number
  readonly from: string
  readonly to: string
}

async function story(t: TestContext, { flags }: OnEngine): Promise<void> {
  const { start, ...where } = hosts(t)
  const seen = new Seen(temporaryDirectory(t))
  const { sluice, clients } = await startWithTasks(t, flags)
  const wishes = {
    ...where,
    group: {
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
        terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 60 },
      },
    },
  }
  const environment = { web: seen.environment, shop: {} }
  const shop = await setUpBlueGreen(clients, wishes)
  const web = await setUpBlueGreen(clients, {
    ...wishes,
    protocol: 'HTTP',
    desiredCount: 1,
    environment: environment.web,
  })
  const on = start && { start }
  const load = await Load.start({ ...on, address: shop.address, port: productionPort, rates })
  t.after(() => load.kill())
  const webLoad = await Load.start({
    ...on,
    address: web.address,
    port: webPort,
    program: 'http-load.ts',
    rates: webRates,
  })
  t.after(() => webLoad.kill())
  const killControl = () => {
    for (const pid of sluice.pids('control')) process.kill(pid, 'SIGKILL')
  }

  const moves: Move[] = []
  for (let n = 1; n <= switches; n++) {
    const isKilled = n === switches
    const version = `v${n + 1}`
    const ids: { readonly name: Name; readonly id: string }[] = []
    for (const [name] of services) {
      const taskDefinition = await registerVersion(clients, version, environment[name], name)
      ids.push({ name, id: await deploy(clients, taskDefinition, { name }) })
    }
    for (const { name, id } of ids) await untilEvent(clients, id, 'Install', 'InProgress', name)
    if (isKilled) killControl()
    for (const { name, id } of ids) await untilEvent(clients, id, 'AllowTraffic', 'Succeeded', name)
    await pause(settleMs)
    for (const { name, id } of ids) {
      const at = Number((await eventsOf(clients, id, name)).get('AllowTraffic')?.startTime)
      moves.push({ name, what: `deployment ${n}`, at, until: Date.now(), from: 'v1', to: version })
    }
    const askedAt: number[] = []
    for (const { id } of ids) {
      await clients.codedeploy.stopDeployment({ deploymentId: id, autoRollbackEnabled: true })
      askedAt.push(Date.now())
    }
    if (isKilled) killControl()
    for (const { id } of ids) assert.equal((await untilStatus(clients, id, 'Stopped')).status, 'Stopped')
    await pause(settleMs)
    // Those waited until control was there again.
    if (isKilled) continue
    for (const [i, { name }] of ids.entries())
      moves.push({ name, what: `rollback ${n}`, at: askedAt[i]!, until: Date.now(), from: version, to: 'v1' })
  }

  const told = moves.map(({ name, what, at }) => `${what} of ${name} at ${new Date(at).toISOString()}`).join(', ')
  const [endured, webEndured] = await Promise.all([load.end(), webLoad.end()])
  assert.equal(endured.failed, '', told)
  const refused = long ? 0 : await refusedForOverload(sluice.url)
  assert.ok(webEndured.flows.length - webEndured.answered <= refused, `${webEndured.failed}\n${told}`)
  assert.equal(endured.talk.unanswered, 0, `datagrams of ${endured.talk.sent}`)
  assert.deepEqual(seen.count(), { requests: webEndured.answered, repeated: 0 })

  t.diagnostic(`${webEndured.flows.length} requests, ${refused} refused by a worker that had no processor for 250 ms`)
  const first: number[] = []
  for (const [name, protocols] of services) {
    const all = name === 'shop' ? endured : webEndured
    for (const { what, at, until, from, to } of moves.filter(move => move.name === name)) {
      for (const protocol of protocols) {
        const flows = all.between(protocol, at - 1_000, until)
        const news = flows.filter(([, , answered, version]) => version === to && answered >= at)
        first.push(Math.min(...news.map(([, , answered]) => answered)) - at)
        const late = flows.filter(([, opened, , version]) => version === from && opened >= at + inPlaceMs)
        assert.equal(late.length, 0, `${what}: new ${protocol} flows still go to ${from}`)
      }
    }
  }
  t.diagnostic(`first answers of the new side after ${first.map(Math.round).join(', ')} ms`)
  first.sort((a, b) => a - b)
  const p99 = first[Math.ceil(0.99 * first.length) - 1]!
  assert.ok(p99 <= firstAnswerMs + slackMs, `first answers after ${first.map(Math.round).join(', ')} ms`)
}

testOnEachEngine('deployments and rollbacks under load lose nothing, also where control is killed meanwhile', 0, story)
