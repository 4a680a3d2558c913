/** A process of Sluice is killed at every step of a deployment: it goes on where it was, and nobody who asks notices. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { lacking } from '../lacking.ts'
import {
  askTcp,
  askUdp,
  askWeb,
  deploy,
  eventsOf,
  type Name,
  productionPort,
  registerVersion,
  setUpBlueGreen,
  startWithTasks,
  untilStatus,
  webPort,
} from './blue-green.ts'
import { keepAsking } from './keep-asking.ts'
import { until } from './sluice.ts'

const steps = ['Install', 'AllowTestTraffic', 'BeforeAllowTraffic', 'AllowTraffic', 'AfterAllowTraffic']

/** @param names deployed at the same time; the process is killed at a step of each */
async function story(t: TestContext, killed: 'control' | 'node', names: readonly Name[]): Promise<void> {
  const { sluice, clients } = await startWithTasks(t)
  const asks: Record<string, () => Promise<string>> = {}
  let port = 0
  // From a port of its own: one that is taken again would be a flow that there was already, and may be on blue.
  const nextPort = () => 10_000 + (port++ % 20_000)
  if (names.includes('shop')) {
    const { address } = await setUpBlueGreen(clients)
    asks.TCP = () => askTcp(address, productionPort, nextPort())
    asks.UDP = () => askUdp(address, productionPort, nextPort())
  }
  if (names.includes('web')) {
    const { address } = await setUpBlueGreen(clients, { protocol: 'HTTP', desiredCount: 1 })
    asks.HTTP = () => askWeb(address, webPort)
  }
  const asked = keepAsking(t, asks)
  for (const [n, step] of steps.entries()) {
    const version = `v${n + 2}`
    // All before the first kill: a CreateDeployment that is cut off may have been done.
    const ids = new Map<Name, string>()
    for (const name of names)
      ids.set(name, await deploy(clients, await registerVersion(clients, version, {}, name), { name }))
    for (const [name, id] of ids) {
      const hasBegun = async () => (await eventsOf(clients, id, name)).get(step)?.status !== 'Pending'
      await until(`${step} of ${name} has begun`, hasBegun)
      for (const pid of sluice.pids(killed)) process.kill(pid, 'SIGKILL')
    }
    for (const [name, id] of ids) {
      const { status, errorInformation } = await untilStatus(clients, id, 'Succeeded')
      assert.equal(status, 'Succeeded', `${killed} at ${step} of ${name}: ${errorInformation?.message}`)
    }
    for (const [name, ask] of Object.entries(asks)) assert.equal(await ask(), version, `${name} after ${step}`)
  }
  assert.deepEqual(await asked(), [], sluice.output())
}

test('kill -9 of the control process at every step delays deployments behind both load balancers and loses nothing', t =>
  story(t, 'control', ['shop', 'web']))

// Without the kernel a datagram that comes before the next node listens has no answer, nor a request.
test('kernel: kill -9 of the node at every step delays a deployment and loses nothing', t =>
  process.getuid?.() === 0 ? story(t, 'node', ['shop']) : lacking(t, 'root'))
