/**
 * What floods cost those who are talking through the kernel (R27, R31), at the limit that this machine has:
 *
 *   spoofed      50,000 new flows a second that nobody answers: 0 of 100 conversations lose anything, nothing is sent back,
 *                memory has a bound, and the operator is told within 10 s
 *   full table   flows that have answers fill the table, and 20,000 more are offered: these are refused and counted, which is
 *                told within 10 s, and none of 100 conversations and 100 connections breaks
 *
 *     npm run bench -- flow-table [seconds of spoofed flood]      30 for the long form
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { Conntrack } from '../src/engine/nftables/flows/conntrack.ts'
import { fillFlowTable } from './stage/fill-flow-table.ts'
import { type KernelStage, openKernelStage } from './stage/kernel.ts'
import type { Host } from './stage/namespaces.ts'

const floodSeconds = Number(process.argv[2] ?? 10)
const port = 8080

async function spoofed(): Promise<void> {
  const stage = await openStage()
  const talkers = await Talkers.start(stage)
  const conntrack = await Conntrack.open()
  const before = flowMiB()
  let fullAt: number | undefined
  let toldAt: number | undefined
  const watch = setInterval(async () => {
    if (stage.lines.some(line => line.includes('% full'))) toldAt ??= performance.now()
    const { flows, limit } = await conntrack.flowTable()
    if (flows >= 0.9 * limit) fullAt ??= performance.now()
  }, 100)
  const { sent, seconds } = await flood(stage.client, 50_000, floodSeconds, '10.77')
  for (let waited = 0; fullAt !== undefined && toldAt === undefined && waited < 10_000; waited += 100) await pause(100)
  clearInterval(watch)
  const { flows, limit, refused, givenUp } = await conntrack.flowTable()
  await conntrack.close()
  const sentBack = /packets (\d+)/.exec(stage.client.run('nft', 'list', 'table', 'ip', 'bench'))?.[1]
  console.log(`spoofed: ${sent} flows at ${Math.round(sent / seconds)}/s, datagrams sent back: ${sentBack} (goal: 0)`)
  console.log(
    `  ${flows} of ${limit} flows, ${refused} refused, ${givenUp} given up; ${before} -> ${flowMiB()} MiB of flows`,
  )
  if (fullAt !== undefined)
    console.log(
      `  told ${toldAt === undefined ? 'never' : `${Math.round(toldAt - fullAt)} ms after 90 %`} (goal: 10 s)`,
    )
  console.log(`  ${await talkers.stop()}`)
  await stage.end()
}

async function fullTable(): Promise<void> {
  const stage = await openStage()
  const talkers = await Talkers.start(stage)
  // What has been answered for two seconds is given up no more.
  await pause(3_000)
  await fillFlowTable()
  const { sent } = await flood(stage.client, 20_000, 1, '10.77')
  const offeredAt = performance.now()
  while (!stage.lines.some(line => line.includes('was full')) && performance.now() - offeredAt < 20_000)
    await pause(100)
  const told = performance.now() - offeredAt
  const conntrack = await Conntrack.open()
  const { flows, limit, refused, givenUp } = await conntrack.flowTable()
  await conntrack.close()
  console.log(`full table: ${flows} of ${limit} flows, ${sent} more offered: ${refused} refused, ${givenUp} given up`)
  console.log(`  told after ${Math.round(told)} ms (goal: 10 s)`)
  console.log(`  ${await talkers.stop()}`)
  for (const line of stage.lines) console.log(`  the operator reads: ${line}`)
  await stage.end()
}

/** Two targets that answer everybody but the flood. */
async function openStage(): Promise<KernelStage> {
  const stage = await openKernelStage(2)
  const { balancer, client, targets } = stage
  const barred = (host: Host, rule: string) => {
    host.run('nft', 'add table ip bench; add chain ip bench input { type filter hook prerouting priority -300; }')
    host.run('nft', `add rule ip bench input ${rule}`)
  }
  for (const [n, target] of targets.entries()) {
    barred(target, 'ip saddr 10.77.0.0/16 drop')
    await start(target, 'stage/echo.ts', `t${n + 1}`, '9000').line('READY')
  }
  balancer.run('ip', 'route', 'add', '10.77.0.0/16', 'via', client.address)
  barred(client, 'ip daddr 10.77.0.0/16 counter drop')
  const to = targets.map(({ address }) => ({ address, port: 9000 }))
  await stage.serve(
    { protocol: 'UDP', address: balancer.address, port, targets: to },
    { protocol: 'TCP', address: balancer.address, port, targets: to },
  )
  return stage
}

/** 100 conversations of UDP, and 100 connections, each with ten messages a second. */
class Talkers {
  readonly #conversations: Running
  readonly #connections: Running

  static async start({ client, balancer }: KernelStage): Promise<Talkers> {
    const to = [balancer.address, String(port)]
    const talkers = new Talkers(
      start(client, '../test/scenarios/flows.fixture.ts', ...to, '20000', '100', '10'),
      start(client, 'stage/connections.ts', ...to, '100'),
    )
    await Promise.all([talkers.#conversations, talkers.#connections].map(({ line }) => line('TALKING')))
    return talkers
  }

  private constructor(conversations: Running, connections: Running) {
    this.#conversations = conversations
    this.#connections = connections
  }

  async stop(): Promise<string> {
    const totals = [this.#conversations, this.#connections].map(async ({ line, stop }) => {
      const total = line('TOTAL')
      stop()
      return await total
    })
    const [[sent, lost, moved] = [], [broken] = []] = await Promise.all(totals)
    return `100 conversations: ${lost} of ${sent} datagrams lost, ${moved} moved; 100 connections: ${broken} broken (goals: 0)`
  }
}

interface Running {
  /** The next line that begins with this word: the words behind it. */
  line(word: string): Promise<readonly string[]>
  stop(): void
}

function start(host: Host, file: string, ...args: readonly string[]): Running {
  const program = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, file), ...args]
  const child = host.start(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: Interface = createInterface(child.stdout!)
  return {
    line: word =>
      new Promise(resolve => {
        lines.on('line', line => {
          if (line.startsWith(word)) resolve(line.split(' ').slice(1))
        })
      }),
    stop: () => child.kill('SIGUSR2'),
  }
}

async function flood(host: Host, perSecond: number, seconds: number, network: string) {
  const args = ['10.9.0.1', port, perSecond, seconds, network].map(String)
  const program = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'stage/raw-sender.ts'), ...args]
  const { stdout } = host.start(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text] = await once(stdout!, 'data')
  const { sent, seconds: took } = JSON.parse(String(text))
  return { sent: Number(sent[0]), seconds: Number(took) }
}

/** Memory that entries of conntrack take, on the whole machine. */
function flowMiB(): number {
  const [, count = '0', size = '0'] =
    /^nf_conntrack +\d+ +(\d+) +(\d+)/m.exec(readFileSync('/proc/slabinfo', 'latin1')) ?? []
  return Math.round((Number(count) * Number(size)) / 2 ** 20)
}

await spoofed()
await fullTable()
