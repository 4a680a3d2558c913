/** What the load saw of the moves. */

/** From one side to the other, when: milliseconds since the epoch. */
export interface Move {
  readonly what: 'deployment' | 'rollback'
  readonly at: number
  readonly from: string
  readonly to: string
}

/** `HTTP`: a request on a new connection; `HTTP kept`: on one that stays. */
export type Protocol = 'TCP' | 'UDP' | 'HTTP' | 'HTTP kept'

/** Milliseconds since the epoch; version '': it failed, or had no answer within 2 s. */
export type Flow = readonly [protocol: Protocol, opened: number, answered: number, version: string]

/** A line of load.ts or http-load.ts. */
export interface Second {
  /** Those that ended in it. */
  readonly flows: readonly Flow[]
  /** Datagrams of sockets that stay, so far. */
  readonly sent: number
  readonly unanswered: number
  /** Of the flows that failed, so far, by cause. */
  readonly failures: Readonly<Record<string, number>>
}

export class Report {
  readonly #moves: readonly Move[]
  readonly #seconds: readonly Second[]

  constructor(moves: readonly Move[], seconds: readonly Second[]) {
    this.#moves = moves
    this.#seconds = seconds
  }

  get flows(): readonly Flow[] {
    return this.#seconds.flatMap(({ flows }) => flows)
  }

  print(name: string): void {
    const { flows } = this
    const { sent = 0, unanswered = 0, failures = {} } = this.#seconds.at(-1) ?? {}
    const count = (protocol: Protocol) => flows.filter(flow => flow[0] === protocol)
    const isAnswered = ([, , , version]: Flow) => version !== ''
    const protocolsOf = (its: readonly Flow[]) => [...new Set(its.map(([protocol]) => protocol))]
    const protocols = protocolsOf(flows.filter(isAnswered))
    const failed = protocolsOf(flows).map(protocol => {
      const its = count(protocol)
      // HAProxy has no UDP.
      if (!protocols.includes(protocol)) return `no ${protocol} here`
      return `new ${protocol} flows ${its.length - its.filter(isAnswered).length} of ${its.length}`
    })
    if (unanswered < sent) failed.push(`datagrams of 64 sockets ${unanswered} of ${sent}`)
    console.log(`${name}: ${this.#moves.length} moves`)
    console.log(`  failed or unanswered: ${failed.join(', ')}${describe(failures)}`)
    for (const protocol of protocols) {
      const answers = count(protocol).filter(isAnswered)
      const times = answers.map(([, opened, answered]) => answered - opened)
      console.log(`  ${protocol}: answered after ${quantiles(times)} (goal: p99 50 ms)`)
    }
    for (const what of ['deployment', 'rollback'] as const) {
      for (const protocol of protocols) {
        const [first, last] = [[], []] as [number[], number[]]
        for (const { at, from, to } of this.#moves.filter(move => move.what === what)) {
          const next = this.#moves.find(move => move.at > at)?.at ?? Infinity
          const its = count(protocol).filter(([, opened]) => opened >= at - 1_000 && opened < next)
          const answers = its.filter(([, , answered, version]) => version === to && answered >= at)
          first.push(Math.min(...answers.map(([, , answered]) => answered)) - at)
          const old = its.filter(([, opened, , version]) => version === from && opened >= at)
          last.push(Math.max(0, ...old.map(([, opened]) => opened - at)))
        }
        console.log(`  ${what}, ${protocol}: first ${quantiles(first)}; last ${quantiles(last)} (goal: p99 50 ms)`)
      }
    }
  }
}

function describe(failures: Readonly<Record<string, number>>): string {
  const parts = Object.entries(failures).map(([what, count]) => `${what} ${count}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

function quantiles(times: number[]): string {
  times.sort((a, b) => a - b)
  const at = (q: number) => `${(times[Math.ceil(q * times.length) - 1] ?? Number.NaN).toFixed(0)} ms`
  return `p50 ${at(0.5)}, p99 ${at(0.99)}`
}
