/** Traffic that must not notice what happens to Sluice: a bulk transfer, a conversation, and numbered datagrams of many flows. */

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Host } from '../../bench/stage/namespaces.ts'
import { type Running, run, talker } from './hosts.ts'
import { until } from './sluice.ts'

interface Wishes {
  readonly client: Host
  readonly address: string
  /** TCP, with an iperf3 server behind it. */
  readonly bulkPort: number
  /** TCP and UDP, with witnesses behind it. */
  readonly port: number
  readonly flows: number
  /** Datagrams on each flow. */
  readonly perSecond: number
  /** How long the bulk transfer takes; the rest goes on until `stop`. */
  readonly seconds: number
}

/** What it went through. */
export interface Losses {
  /** The longest time in which the bulk transfer moved nothing, in ms; as exact as its reports, one in 100 ms. */
  readonly pauseMs: number
  /** Why the bulk transfer did not run to its end; empty: it did. */
  readonly bulkError: string
  readonly datagrams: number
  readonly lost: number
  /** Flows that more than one target answered. */
  readonly moved: number
  /** Lines of the conversation, and those without an answer. */
  readonly said: number
  readonly unanswered: number
  /** Why the conversation ended; empty: it did not. */
  readonly end: string
}

/** Where the client's flows come from. */
export const ports = { bulk: 19_001, conversation: 19_002, firstFlow: 20_000 }

/** An answer may take so long. */
const patienceMs = 500

export class LiveTraffic {
  readonly #bulk: ChildProcess
  readonly #bulkReport: Promise<string>
  readonly #conversation: Running
  readonly #flows: Running

  /** Begins, and waits until all of it flows. */
  static async start(wishes: Wishes): Promise<LiveTraffic> {
    const traffic = new LiveTraffic(wishes)
    await until('traffic flows', () => {
      return traffic.#conversation.of('GOT').length > 0 && traffic.#flows.of('TALKING').length > 0
    })
    return traffic
  }

  private constructor({ client, address, bulkPort, port, flows, perSecond, seconds }: Wishes) {
    const to = ['-c', address, '-p', bulkPort, '--cport', ports.bulk]
    // Slow enough that nothing else on this machine stops it.
    const how = ['-t', seconds, '-i', 0.1, '-b', '100M', '-J']
    this.#bulk = client.start('iperf3', [...to, ...how].map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#bulkReport = textOf(this.#bulk)
    this.#conversation = talker(client, 'TCP', ports.conversation, address, port, 20)
    this.#flows = run(client, 'flows.fixture.ts', [address, port, ports.firstFlow, flows, perSecond].map(String))
  }

  /** Resolves at the end of the bulk transfer, and ends the rest. */
  async end(): Promise<Losses> {
    const { intervals, error = '' } = JSON.parse(await this.#bulkReport) as BulkReport
    const stoppedAt = performance.now()
    this.#flows.kill('SIGUSR2')
    const total = await until('the flows are summed up', () => this.#flows.of('TOTAL')[0])
    const [datagrams = 0, lost = 0, moved = 0] = total.words.slice(1).map(Number)
    for (const { words } of this.#flows.of('FLOW')) console.log(words.join(' '))
    this.#conversation.kill()
    const said = this.#conversation.of('SENT').filter(({ at }) => at < stoppedAt - patienceMs)
    const answered = new Set(this.#conversation.of('GOT').map(({ words }) => words.at(-1)))
    return {
      pauseMs: longestPause(intervals),
      bulkError: error,
      datagrams,
      lost,
      moved,
      said: said.length,
      unanswered: said.filter(({ words }) => !answered.has(words[1])).length,
      end: this.#conversation
        .of('END')
        .map(({ words }) => words.slice(1).join(' '))
        .join(),
    }
  }
}

/** `iperf3 --json` */
interface BulkReport {
  readonly intervals: readonly {
    readonly sum: { readonly start: number; readonly end: number; readonly bytes: number }
  }[]
  readonly error?: string
}

function longestPause(intervals: BulkReport['intervals']): number {
  let since: number | undefined
  let longest = 0
  for (const { sum } of intervals) {
    since = sum.bytes > 0 ? undefined : (since ?? sum.start)
    if (since !== undefined) longest = Math.max(longest, sum.end - since)
  }
  return Math.round(longest * 1_000)
}

async function textOf({ stdout }: ChildProcess): Promise<string> {
  let text = ''
  stdout?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  if (stdout !== null) await once(stdout, 'end')
  return text
}
