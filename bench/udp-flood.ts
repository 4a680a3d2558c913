/**
 * What a flood of source ports costs those who are talking (R27, R31), at a limit of 10,000 flows:
 *
 *   full table   20,000 new flows that get answers: all are served, and none of 100 conversations breaks
 *   spoofed      5,000 new flows a second that nobody answers: none of 100 conversations breaks, memory stays, nothing is
 *                sent back
 *
 * A conversation breaks when its target sees it come by another flow of the balancer, or when it gets no answer.
 *
 *     npm run bench -- udp-flood [seconds of spoofed flood]      30 for the long form
 */
import type { Socket } from 'node:dgram'
import { ask, childrenMiB, openClient, openStage, send } from './stage/udp.ts'

const floodSeconds = Number(process.argv[2] ?? 8)
const limit = 10_000
const spoofedPerSecond = 5_000

async function fullTable(): Promise<void> {
  const offered = 2 * limit
  const stage = await openStage(1, limit)
  const talks = await Conversations.open(100)
  let served = 0
  let next = 1_000
  const start = performance.now()
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      while (next < 1_000 + offered) {
        const client = openClient(next++)
        if ((await ask(client)) !== undefined) served++
        client.close()
      }
    }),
  )
  const seconds = (performance.now() - start) / 1_000
  const { listeners } = await stage.engine.observe()
  console.log(
    `full table: ${offered} flows offered at ${Math.round(offered / seconds)}/s, ${served} served (goal: all)`,
  )
  console.log(
    `  ${listeners[0]?.activeFlows} active, ${listeners[0]?.drops['flow-limit'] ?? 0} given up, ${childrenMiB()} MiB`,
  )
  console.log(`  conversations broken: ${await talks.close()} of 100 (goal: 0)`)
  await stage.close()
}

async function spoofed(): Promise<void> {
  const stage = await openStage(1, limit)
  const talks = await Conversations.open(100)
  const before = childrenMiB()
  let offered = 0
  let answered = 0
  let halfway = 0
  const start = performance.now()
  for (let elapsed = 0; elapsed < floodSeconds; elapsed = (performance.now() - start) / 1_000) {
    for (; offered < elapsed * spoofedPerSecond; offered++) {
      const client = openClient(1_000 + (offered % 60_000))
      client.on('message', () => answered++)
      send(client, 'quiet')
      setTimeout(() => client.close(), 50)
    }
    await new Promise(resolve => setTimeout(resolve, 5))
    if (halfway === 0 && elapsed > floodSeconds / 2) halfway = childrenMiB()
  }
  const { listeners } = await stage.engine.observe()
  console.log(
    `spoofed: ${offered} flows at ${Math.round(offered / floodSeconds)}/s, ${listeners[0]?.newFlows} reached the balancer`,
  )
  console.log(
    `  ${listeners[0]?.activeFlows} active, ${before} -> ${halfway} -> ${childrenMiB()} MiB, datagrams sent back: ${answered} (goal: 0)`,
  )
  console.log(`  conversations broken: ${await talks.close()} of 100 (goal: 0)`)
  await stage.close()
}

/** Clients that ask once a second, each over one flow. */
class Conversations {
  readonly #clients: readonly Socket[]
  readonly #flows = new Map<Socket, string | undefined>()
  readonly #broken = new Set<Socket>()
  readonly #timer: NodeJS.Timeout

  static async open(count: number): Promise<Conversations> {
    const talks = new Conversations(Array.from({ length: count }, (_, number) => openClient(number)))
    await talks.#askAll()
    await talks.#askAll()
    return talks
  }

  private constructor(clients: readonly Socket[]) {
    this.#clients = clients
    this.#timer = setInterval(() => void this.#askAll(), 1_000)
  }

  /** Asks once more; how many broke. */
  async close(): Promise<number> {
    clearInterval(this.#timer)
    await this.#askAll()
    for (const client of this.#clients) client.close()
    return this.#broken.size
  }

  async #askAll(): Promise<void> {
    await Promise.all(
      this.#clients.map(async client => {
        const flow = await ask(client, 3_000)
        if (flow === undefined || (this.#flows.get(client) ?? flow) !== flow) this.#broken.add(client)
        this.#flows.set(client, flow)
      }),
    )
  }
}

await fullTable()
await spoofed()
