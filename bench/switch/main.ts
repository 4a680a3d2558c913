/**
 * Blue/green deployments and rollbacks under constant load from outside: does anything get lost, and how fast does traffic move?
 *
 * Client and balancer are namespaces of this machine; Sluice runs on the balancer, with processes as tasks. Each cycle is a deployment
 * up to the wait before blue's termination, and then a stop with rollback. `first`: from the traffic-shift step (for a rollback, from
 * the call) to the first answer of the new side; `last`: to the last new flow that the old side answered. The same move by HAProxy and
 * nginx is a new configuration and a reload, measured from the signal on. `http`: the same behind an Application Load Balancer, with
 * 500 requests a second on new connections and 500 on such as stay, a tenth of them with bodies; each came to one target, once.
 *
 *     npm run bench -- switch [cycles] [kernel|userspace|http|haproxy|nginx ...]      20, all of them
 *
 * Needs root, haproxy and nginx with its stream module (Debian: haproxy libnginx-mod-stream).
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { enterNetwork } from '../../test/own-network.ts'
import {
  clientsOf,
  deploy,
  eventsOf,
  type Name,
  productionPort,
  registerVersion,
  setUpBlueGreen,
  untilEvent,
  untilStatus,
  webPort,
} from '../../test/scenarios/blue-green.ts'
import { buildTopology } from '../stage/namespaces.ts'
import { openReloaded } from './reload.ts'
import { type Move, Report } from './report.ts'
import { Seen } from './seen.ts'

const [cycles = '20', ...chosen] = process.argv.slice(2)
const contestants = chosen.length > 0 ? chosen : ['kernel', 'userspace', 'http', 'haproxy', 'nginx']
const root = join(import.meta.dirname, '../..')
/** Before and after each move, so that what happens is seen. */
const settleMs = 1_000

process.on('SIGINT', () => process.exit(130))
const topology = buildTopology(2)
process.on('exit', () => topology.close())
enterNetwork(topology.balancer.name)
for (const contestant of contestants) {
  const isReloaded = contestant === 'haproxy' || contestant === 'nginx'
  await (isReloaded ? reloads(contestant) : deployments(contestant))
}
console.log(`AWS, as the article measured it:
  ALB: deployment 10-20 s after the listeners move, rollback 10-20 s, no errors
  NLB: deployment 70-80 s, in 2 or 3 of 10 nothing answers for a while; rollback: nothing answers for 70-80 s
  NLB with both groups referred to by a dummy listener: 60-90 s, no errors`)
process.exit()

async function deployments(contestant: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const flags = [
    '--no-example',
    '--dns-port',
    '0',
    '--port',
    '0',
    '--sysctl',
    '--tasks',
    'process',
    '--data-dir',
    join(directory, 'data'),
  ]
  if (contestant === 'userspace') flags.push('--no-kernel')
  const sluice = topology.balancer.start(join(root, 'bin/sluice'), ['up', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let url = ''
  for await (const line of createInterface(sluice.stdout!)) {
    url = /API at (http\S+)/.exec(line)?.[1] ?? ''
    if (url !== '') break
  }
  const clients = clientsOf(url)
  const name: Name = contestant === 'http' ? 'web' : 'shop'
  const seen = name === 'web' ? new Seen(directory) : undefined
  const environment = seen?.environment ?? {}
  const { address } = await setUpBlueGreen(clients, {
    protocol: name === 'web' ? 'HTTP' : 'TCP_UDP',
    environment,
    subnetCidr: '10.9.0.0/24',
    group: {
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'CONTINUE_DEPLOYMENT', waitTimeInMinutes: 0 },
        terminateBlueInstancesOnDeploymentSuccess: { action: 'TERMINATE', terminationWaitTimeInMinutes: 60 },
      },
    },
  })
  const load =
    name === 'web' ? startLoad('http-load.ts', address, webPort) : startLoad('load.ts', address, productionPort)
  // A client that has just started is slow itself.
  await pause(2 * settleMs)
  const moves: Move[] = []
  for (let cycle = 1; cycle <= Number(cycles); cycle++) {
    const version = `v${cycle + 1}`
    const id = await deploy(clients, await registerVersion(clients, version, environment, name), { name })
    await untilEvent(clients, id, 'AfterAllowTraffic', 'Succeeded', name)
    const shifted = (await eventsOf(clients, id, name)).get('AllowTraffic')?.startTime
    moves.push({ what: 'deployment', at: Number(shifted), from: 'v1', to: version })
    await pause(settleMs)
    moves.push({ what: 'rollback', at: performance.timeOrigin + performance.now(), from: version, to: 'v1' })
    await clients.codedeploy.stopDeployment({ deploymentId: id, autoRollbackEnabled: true })
    await untilStatus(clients, id, 'Stopped')
    await pause(settleMs)
  }
  const report = new Report(moves, await load.end())
  report.print(contestant)
  if (seen !== undefined) {
    const { requests, repeated } = seen.count()
    console.log(
      `  of ${report.flows.length} requests ${requests} came to a target, ${repeated} of them again (goal: 0)`,
    )
  }
  const gone = once(sluice, 'exit')
  process.kill(sluice.pid!, 'SIGINT')
  await gone
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
}

async function reloads(program: string): Promise<void> {
  const proxy = await openReloaded(topology, program)
  const load = startLoad('load.ts', topology.balancer.address, productionPort)
  const moves: Move[] = []
  await pause(settleMs)
  for (let cycle = 1; cycle <= Number(cycles); cycle++) {
    for (const [what, from, to] of [
      ['deployment', 'blue', 'green'],
      ['rollback', 'green', 'blue'],
    ] as const) {
      const at = performance.timeOrigin + performance.now()
      proxy.pointTo(to)
      moves.push({ what, at, from, to })
      await pause(2 * settleMs)
    }
  }
  new Report(moves, await load.end()).print(program)
  await proxy.close()
}

function startLoad(program: 'load.ts' | 'http-load.ts', address: string, port: number) {
  const flags = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, program), address, String(port)]
  const process = topology.client.start(globalThis.process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  createInterface(process.stdout!).on('line', line => lines.push(line))
  const gone = once(process, 'exit')
  return {
    async end() {
      process.kill('SIGTERM')
      await gone
      return lines.map(line => JSON.parse(line))
    },
  }
}
