/** A process of Sluice is killed at every step of a deployment: it goes on where it was, and nobody who asks notices. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { lacking } from '../lacking.ts'
import {
  askTcp,
  askUdp,
  blueGreen,
  deploy,
  eventsOf,
  productionPort,
  registerVersion,
  untilStatus,
} from './blue-green.ts'
import { until } from './sluice.ts'

const steps = ['Install', 'AllowTestTraffic', 'BeforeAllowTraffic', 'AllowTraffic', 'AfterAllowTraffic']

async function story(t: TestContext, killed: 'control' | 'node'): Promise<void> {
  const stage = await blueGreen(t)
  const { clients, sluice, address } = stage
  const answers = new Map<string, number>()
  const strange: string[] = []
  let port = 0
  let isOver = false
  t.after(() => {
    isOver = true
  })
  const asking = (async () => {
    while (!isOver) {
      for (const [protocol, ask] of [
        ['TCP', askTcp],
        ['UDP', askUdp],
      ] as const) {
        // From a port of its own: one that is taken again would be a flow that there was already, and may be on blue.
        const answer = await ask(address, productionPort, 10_000 + (port++ % 20_000))
        await pause(2)
        answers.set(answer, (answers.get(answer) ?? 0) + 1)
        if (!/^v\d+$/.test(answer)) strange.push(`${new Date().toISOString()} ${protocol}: ${answer}`)
      }
    }
  })()
  for (const [n, step] of steps.entries()) {
    const version = `v${n + 2}`
    const id = await deploy(clients, await registerVersion(clients, version))
    await until(`${step} has begun`, async () => (await eventsOf(clients, id)).get(step)?.status !== 'Pending')
    for (const pid of sluice.pids(killed)) process.kill(pid, 'SIGKILL')
    const { status, errorInformation } = await untilStatus(clients, id, 'Succeeded')
    assert.equal(status, 'Succeeded', `${killed} at ${step}: ${errorInformation?.message}\n${sluice.output()}`)
    assert.equal(await askTcp(address, productionPort), version)
  }
  isOver = true
  await asking
  assert.deepEqual(strange, [], `${JSON.stringify([...answers])}\n${sluice.output()}`)
}

test('kill -9 of the control process at every step delays a deployment and loses nothing', t => story(t, 'control'))

// Without the kernel a datagram that comes before the next node listens has no answer.
test('kernel: kill -9 of the node at every step delays a deployment and loses nothing', t =>
  process.getuid?.() === 0 ? story(t, 'node') : lacking(t, 'root'))
