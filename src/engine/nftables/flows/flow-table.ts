import type { FlowTable } from '../../engine.ts'

/** A table as full as this is told of; it is news again after it was down to half. */
const alarmShare = 0.9
const calmShare = 0.5
/** What goes on is told of this often, milliseconds. */
const againMs = 60_000

/**
 * Tells the operator that the kernel's flow table is nearly full, refuses flows, or has no port left for a connection. Looked at
 * every few seconds. What was counted before the first look is no news.
 */
export class FlowTableAlarm {
  #fullAt = Number.NEGATIVE_INFINITY
  readonly #refused = new Count()
  readonly #portless = new Count()

  /** @param now monotonic milliseconds @returns lines for the operator */
  look({ flows, limit, refused, givenUp, portless }: FlowTable, now: number): readonly string[] {
    const lines: string[] = []
    if (flows >= alarmShare * limit && now - this.#fullAt >= againMs) {
      this.#fullAt = now
      lines.push(
        `the kernel's flow table is ${Math.floor((100 * flows) / limit)} % full, ${flows} of ${limit} flows (${givenUp} given up early so far): ` +
          'when it is full, flows without an answer make room for new ones, and without any of those new ones are refused: ' +
          'a flood, or net.netfilter.nf_conntrack_max is too low',
      )
    } else if (flows < calmShare * limit) this.#fullAt = Number.NEGATIVE_INFINITY
    const newlyRefused = this.#refused.news(refused, now)
    if (newlyRefused > 0)
      lines.push(
        `the kernel's flow table was full, ${limit} flows, and refused ${newlyRefused} packets of new ones: a flood, or net.netfilter.nf_conntrack_max is too low`,
      )
    const newlyPortless = this.#portless.news(portless, now)
    if (newlyPortless > 0)
      lines.push(
        `${newlyPortless} packets of new flows found no free port of this host to their target: its target group needs more targets, or preserve_client_ip.enabled`,
      )
    return lines
  }
}

/** A total, of which the growth is told. */
class Count {
  #told: number | undefined
  #toldAt = Number.NEGATIVE_INFINITY

  /** By how much it has grown since it was told last; 0 while it is too early to tell. */
  news(total: number, now: number): number {
    this.#told ??= total
    const growth = total - this.#told
    if (growth <= 0 || now - this.#toldAt < againMs) return 0
    this.#told = total
    this.#toldAt = now
    return growth
  }
}
