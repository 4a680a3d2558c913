import { connect } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import type { Cancel, Clock } from '../clock.ts'
import type { Health } from '../domain/health.ts'
import { applyChanges, emptyState, type State } from '../domain/state.ts'
import { Channel } from './channel.ts'
import type { AppliedReport, CountersReport, Instruction, Report } from './messages.ts'
import { parseInstruction } from './parse.ts'
import { stateOf } from './whole-state.ts'

/** The wait before it connects again doubles up to the longest: a restarted control process is found within a second. */
const shortestWaitMs = 50
const longestWaitMs = 1_000

/** The node's end of the feed. It connects, and connects again, for as long as it lives. */
export interface NodeEnd {
  readonly connected: boolean
  /** Tells the control process, now or when it is there: the latest of each kind is kept, health entry by entry. */
  report(report: Exclude<Report, { kind: 'applied' }> | AppliedReport): void
  close(): void
}

interface NodeEndOptions {
  readonly path: string
  readonly clock: Clock
  /** The last good state, whose objects stay in use where the control process says nothing else. */
  readonly initial?: State
  /** Called with each new state; unchanged records are the same objects as before. */
  onDesired(state: State): void
  /** The control process wants a report of counters. */
  onCount(): void
  log?(line: string): void
}

export function openNodeEnd(options: NodeEndOptions): NodeEnd {
  return new SocketNodeEnd(options)
}

/** The last result, and before it the last one that failed: it says why a target is unhealthy that has begun to pass. */
function tellingOf(results: Health['results']): Health['results'] {
  const failed = results.findLastIndex(({ ok }) => !ok)
  return results.filter((_, i) => i === failed || i === results.length - 1)
}

class SocketNodeEnd implements NodeEnd {
  readonly #options: NodeEndOptions
  readonly #log: (line: string) => void
  #state: State
  #channel: Channel<Instruction> | undefined
  #connected = false
  #closed = false
  #waitMs = shortestWaitMs
  #cancelWait: Cancel = () => {}

  readonly #health = new Map<string, Health>()
  /** Keys whose health the control process has not heard, or all of them. */
  #healthDue: Set<string> | 'all' = new Set()
  #applied: AppliedReport | undefined
  #appliedDue = false
  /** What the control process has heard of it since it connected. */
  #saidApplied: AppliedReport | undefined
  #counters: CountersReport | undefined
  #countersDue = false

  constructor(options: NodeEndOptions) {
    this.#options = options
    this.#log = options.log ?? console.error
    this.#state = options.initial ?? emptyState
    this.#connect()
  }

  get connected(): boolean {
    return this.#connected
  }

  report(report: Parameters<NodeEnd['report']>[0]): void {
    if (report.kind === 'applied') {
      this.#applied = report
      this.#appliedDue = true
    } else if (report.kind === 'counters') {
      this.#counters = report
      this.#countersDue = true
    } else this.#keepHealth(report)
    this.#channel?.wake()
  }

  close(): void {
    this.#closed = true
    this.#cancelWait()
    this.#channel?.close('this end closed it')
  }

  #keepHealth({ whole, health }: Extract<Report, { kind: 'health' }>): void {
    if (whole) {
      this.#health.clear()
      this.#healthDue = 'all'
    }
    for (const [key, value] of health) {
      if (value === null) this.#health.delete(key)
      else this.#health.set(key, { ...value, results: tellingOf(value.results) })
      if (this.#healthDue !== 'all') this.#healthDue.add(key)
    }
    // A control process that is away or slow while targets come and go: all at once is less to remember, and bounded.
    if (this.#healthDue !== 'all' && this.#healthDue.size > 2 * this.#health.size + 1_000) this.#healthDue = 'all'
  }

  #connect(): void {
    const { path, clock } = this.#options
    this.#channel = new Channel(connect(path), clock, {
      parse: line => {
        const message = parseInstruction(line)
        if (message.kind !== 'state' && !this.#connected) throw new Error('something else before the whole state')
        return message
      },
      receive: message => this.#receive(message),
      next: () => (this.#connected ? this.#next() : undefined),
      closed: reason => this.#disconnected(reason),
    })
  }

  #disconnected(reason: string): void {
    this.#channel = undefined
    if (this.#closed) return
    if (this.#connected) this.#log(`feed: the control process's connection ended: ${reason}; serving what it said last`)
    else if (reason.startsWith('it sent')) this.#log(`feed: that is no control process: ${reason}`)
    this.#connected = false
    this.#cancelWait = this.#options.clock.after(this.#waitMs, () => this.#connect())
    this.#waitMs = Math.min(2 * this.#waitMs, longestWaitMs)
  }

  #receive(message: Instruction): void {
    if (message.kind === 'count') {
      this.#options.onCount()
      return
    }
    if (message.kind === 'changes') this.#state = applyChanges(this.#state, message.revision, message.changes)
    else {
      this.#state = stateOf(message, this.#state)
      // A later revision than the control process has is of a store that is gone: it says nothing of this one.
      if (this.#applied !== undefined && this.#applied.revision > message.revision) this.#applied = undefined
      this.#connected = true
      this.#waitMs = shortestWaitMs
      this.#healthDue = 'all'
      this.#appliedDue = true
      this.#saidApplied = undefined
      this.#countersDue = true
    }
    this.#options.onDesired(this.#state)
    this.#channel?.wake()
  }

  #next(): Report | undefined {
    if (this.#healthDue === 'all' || this.#healthDue.size > 0) {
      const whole = this.#healthDue === 'all'
      const keys = this.#healthDue === 'all' ? this.#health.keys() : this.#healthDue
      const health = Array.from(keys, key => [key, this.#health.get(key) ?? null] as const)
      this.#healthDue = new Set()
      return { kind: 'health', whole, health }
    }
    if (this.#appliedDue) {
      this.#appliedDue = false
      if (this.#applied !== undefined) return this.#appliedNews(this.#applied)
    }
    if (this.#countersDue) {
      this.#countersDue = false
      return this.#counters
    }
    return undefined
  }

  /** Without the lists that did not change: they may have an entry for each listener, and this is said after each change. */
  #appliedNews(applied: AppliedReport): Report {
    const { kind, revision, ...lists } = applied
    const said = this.#saidApplied
    const news = Object.entries(lists).filter(
      ([name, list]) => !isDeepStrictEqual(list, said?.[name as keyof typeof lists]),
    )
    this.#saidApplied = applied
    return { kind, revision, ...Object.fromEntries(news) }
  }
}
