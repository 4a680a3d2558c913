/** The loads of bench/switch, on a host or on this one, and what they went through. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Protocol, Second } from '../../bench/switch/report.ts'
import { until } from './sluice.ts'

/** Starts on a host; without one, on that which this process is in. */
type Start = (
  program: string,
  args: readonly string[],
  options: { stdio: ['ignore', 'pipe', 'inherit'] },
) => ChildProcess

type Wishes = {
  readonly start?: Start
  readonly address: string
  readonly port: number
} & (
  | {
      readonly program?: 'load.ts'
      /** New TCP connections, new UDP flows, and datagrams on 64 sockets that stay, each a second. */
      readonly rates: readonly [tcp: number, udp: number, talk: number]
    }
  | {
      readonly program: 'http-load.ts'
      /** Requests on new connections and on those that stay, each a second. */
      readonly rates: readonly [news: number, kept: number]
    }
)

export class Load {
  readonly #process: ChildProcess
  readonly #seconds: Second[] = []

  /** Begins, and waits until answers come. */
  static async start(wishes: Wishes): Promise<Load> {
    const load = new Load(wishes)
    await until('the load is answered', () => load.#seconds.some(({ flows }) => flows.length > 0))
    return load
  }

  private constructor({ start = spawn, address, port, program = 'load.ts', rates }: Wishes) {
    const file = join(import.meta.dirname, '../../bench/switch', program)
    const args = ['--disable-warning=ExperimentalWarning', file, address, ...[port, ...rates].map(String)]
    this.#process = start(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface(this.#process.stdout!).on('line', line => this.#seconds.push(JSON.parse(line)))
  }

  /** Begins nothing new, and resolves when all that was begun has been answered or given up. */
  async end(): Promise<Endured> {
    this.kill()
    await once(this.#process, 'close')
    return new Endured(this.#seconds)
  }

  kill(): void {
    this.#process.kill()
  }
}

class Endured {
  readonly flows: Second['flows']
  readonly #last: Second | undefined

  constructor(seconds: readonly Second[]) {
    this.flows = seconds.flatMap(({ flows }) => flows)
    this.#last = seconds.at(-1)
  }

  get answered(): number {
    return this.flows.filter(([, , , version]) => version !== '').length
  }

  /** New flows that failed, in words, with when they were opened; empty: all were answered. */
  get failed(): string {
    const failed = this.flows.filter(([, , , version]) => version === '')
    if (failed.length === 0) return ''
    const causes = JSON.stringify(this.#last?.failures)
    const when = failed.slice(0, 10).map(([protocol, opened]) => `${protocol} at ${new Date(opened).toISOString()}`)
    return `${failed.length} of ${this.flows.length} new flows, ${when.join(', ')}; ${causes}`
  }

  /** Datagrams of flows that stayed: how many, and how many had no answer. */
  get talk(): { readonly sent: number; readonly unanswered: number } {
    const { sent = 0, unanswered = 0 } = this.#last ?? {}
    return { sent, unanswered }
  }

  /** Of the new flows of that protocol that were opened in this time, milliseconds since the epoch. */
  between(protocol: Protocol, from: number, to: number): Second['flows'] {
    return this.flows.filter(([its, opened]) => its === protocol && opened >= from && opened < to)
  }
}
