/** What the load saw of the moves. */

/** From one side to the other, when: milliseconds since the epoch. */
export interface Move {
  readonly what: 'deployment' | 'rollback'
  readonly at: number
  readonly from: string
  readonly to: string
}

/** A line of load.ts. */
export interface Second {
  readonly flows: readonly (readonly [protocol: 'TCP' | 'UDP', opened: number, answered: number, version: string])[]
  readonly sent: number
  readonly unanswered: number
  readonly failures: Readonly<Record<string, number>>
}

export class Report {
  readonly #moves: readonly Move[]
  readonly #seconds: readonly Second[]

  constructor(moves: readonly Move[], seconds: readonly Second[]) {
    this.#moves = moves
    this.#seconds = seconds
  }

  print(name: string): void {
    const flows = this.#seconds.flatMap(({ flows }) => flows)
    const { sent = 0, unanswered = 0, failures = {} } = this.#seconds.at(-1) ?? {}
    const count = (protocol: string) => flows.filter(flow => flow[0] === protocol)
    const failed = (protocol: string) => count(protocol).filter(([, , , version]) => version === '').length
    console.log(`${name}: ${this.#moves.length} moves`)
    const hasUdp = unanswered < sent
    const udp = `new UDP flows ${failed('UDP')} of ${count('UDP').length}, datagrams of 64 sockets ${unanswered} of ${sent}`
    console.log(
      `  failed or unanswered: TCP ${failed('TCP')} of ${count('TCP').length}${describe(failures)}, ${hasUdp ? udp : 'no UDP here'}`,
    )
    for (const what of ['deployment', 'rollback'] as const) {
      for (const protocol of hasUdp ? (['TCP', 'UDP'] as const) : (['TCP'] as const)) {
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
