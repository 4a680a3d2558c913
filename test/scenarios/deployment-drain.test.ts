/** R17 for deployments: what was open on blue at the switch stays until blue's deregistration delay is over. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { askTcp, blueGreen, deploy, productionPort, registerVersion, untilStatus } from './blue-green.ts'
import { testOnEachEngine } from './engines.ts'
import { until } from './sluice.ts'

const delayMs = 4_000
const connections = 20

/** One connection, on which a numbered line is said every 20 ms. Times are `performance.now()`. */
class Conversation {
  readonly saidAt: number[] = []
  readonly answers: string[] = []
  endedAt: number | undefined
  readonly #end: () => void

  constructor(host: string, port: number) {
    const socket = connect({ host, port, noDelay: true })
    const speaking = setInterval(() => {
      this.saidAt.push(performance.now())
      socket.write(`${this.saidAt.length}\n`)
    }, 20)
    const lines = createInterface(socket)
    lines.on('line', line => this.answers.push(line))
    for (const its of [socket, lines]) its.on('error', () => {})
    socket.on('close', () => {
      clearInterval(speaking)
      this.endedAt ??= performance.now()
    })
    this.#end = () => socket.destroy()
  }

  end(): void {
    this.#end()
  }
}

testOnEachEngine('connections to blue are answered until its deregistration delay is over', 0, async (t, { flags }) => {
  const stage = await blueGreen(t, {
    flags,
    protocol: 'TCP',
    delay: delayMs / 1_000,
    environment: { CONVERSING: 'yes' },
  })
  const { clients, address, groups } = stage
  const conversations = Array.from({ length: connections }, () => new Conversation(address, productionPort))
  t.after(() => {
    for (const conversation of conversations) conversation.end()
  })
  await until('all are answered', () => conversations.every(({ answers }) => answers.length > 0))

  const id = await deploy(clients, await registerVersion(clients, 'v2'))
  // Seen late, if at all: the delay is over no sooner than so long after this.
  const earliest = await notDrainingSince(stage, groups[0])
  assert.equal(await askTcp(address, productionPort), 'v2')
  assert.deepEqual(
    conversations.filter(({ endedAt }) => endedAt !== undefined),
    [],
  )
  assert.equal((await untilStatus(clients, id, 'Succeeded')).status, 'Succeeded')
  await until('all have ended with blue', () => conversations.every(({ endedAt }) => endedAt !== undefined))

  for (const { saidAt, answers, endedAt = 0 } of conversations) {
    const lived = endedAt - earliest
    assert.ok(lived >= delayMs, `it ended after ${lived.toFixed(0)} ms`)
    // Stopping takes a moment, and what is said in it may stay without an answer.
    assert.ok(lived < delayMs + 10_000, `it ended after ${lived.toFixed(0)} ms`)
    const due = saidAt.filter(at => at < earliest + delayMs - 100).length
    assert.ok(answers.length >= due, `${answers.length} answers to ${due} lines`)
    assert.deepEqual(
      answers,
      answers.map((_, n) => `v1 ${n + 1}`),
    )
  }
})

/** Waits until a target of the group drains, and answers when none did yet: `performance.now()`. */
async function notDrainingSince(
  { elbv2 }: Pick<Awaited<ReturnType<typeof blueGreen>>, 'elbv2'>,
  TargetGroupArn: string,
): Promise<number> {
  let last = performance.now()
  await until('blue drains', async () => {
    const before = performance.now()
    const { TargetHealthDescriptions = [] } = await elbv2.describeTargetHealth({ TargetGroupArn })
    const drains = TargetHealthDescriptions.some(({ TargetHealth }) => TargetHealth?.State === 'draining')
    if (!drains) last = before
    return drains
  })
  return last
}
