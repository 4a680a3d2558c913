import type { Health } from './domain/health.ts'
import type { ListenerCounters, Problem } from './engine/engine.ts'

/** A flow table that goes on being full is told of this often. */
const againMs = 60_000

/**
 * Tells the operator what changed, one line each: a target's verdict, a suspicion, a listener that is not in place or is
 * again, a full flow table. A target that begins, anew or not, and its first pass are no news, nor is a probe.
 */
export class OperatorLog {
  readonly #log: (line: string) => void
  readonly #health: Map<string, Health>
  /** By `SnapshotListener.id`, and the target where it is about one. */
  #problems: ReadonlyMap<string, Problem> = new Map()
  /** By `SnapshotListener.id`: how many flows a full table has cost, and when that was told. */
  readonly #flowLimit = new Map<string, { readonly drops: number; readonly toldAt: number }>()

  constructor(options: { readonly initial: ReadonlyMap<string, Health>; log(line: string): void }) {
    this.#log = options.log
    this.#health = new Map(options.initial)
  }

  /** Health by `targetKey` as the checker reports it; `undefined` where a target is gone. */
  health(changed: ReadonlyMap<string, Health | undefined>): void {
    for (const [key, health] of changed) {
      const line = health && newsOf(this.#health.get(key), health)
      if (line !== undefined) this.#log(`${describeTarget(key)} ${line}`)
      if (health === undefined) this.#health.delete(key)
      else this.#health.set(key, health)
    }
  }

  /** All that is not in place now. */
  problems(problems: readonly Problem[]): void {
    const now = new Map(problems.map(problem => [`${problem.listener} ${problem.target ?? ''}`, problem]))
    for (const [key, { listener, listenerArn, target, reason }] of now) {
      if (this.#problems.get(key)?.reason === reason) continue
      const what = target === undefined ? 'is NOT IN PLACE' : 'has a problem'
      this.#log(`${describeListener(listener, listenerArn)} ${what}: ${reason}`)
    }
    for (const [key, { listener, listenerArn, target }] of this.#problems) {
      if (now.has(key)) continue
      const what = target === undefined ? '' : ` with target ${target}`
      this.#log(`${describeListener(listener, listenerArn)} has no problem${what} any more`)
    }
    this.#problems = now
  }

  /** What the listeners count, asked for every ten seconds; `now` in milliseconds. */
  counters(listeners: readonly ListenerCounters[], now: number): void {
    for (const { listener, listenerArn, drops, http } of listeners) {
      const count = drops['flow-limit'] ?? 0
      const before = this.#flowLimit.get(listener) ?? { drops: 0, toldAt: Number.NEGATIVE_INFINITY }
      if (count === 0 || count === before.drops) continue
      if (now - before.toldAt < againMs) continue
      const news = count < before.drops ? count : count - before.drops
      const isLate = http !== undefined && (http.rejections.overload ?? 0) > 0
      const told = isLate
        ? `refused ${news} connections, for its workers got no processor for a quarter of a second: this host has too much to do`
        : `has as many flows as it may keep and gave up ${news}, the longest idle first: a flood, or --udp-flows is too low`
      this.#log(`${describeListener(listener, listenerArn)} ${told}`)
      this.#flowLimit.set(listener, { drops: count, toldAt: now })
    }
  }
}

function newsOf(before: Health | undefined, { verdict, results, suspect }: Health): string | undefined {
  const known = before?.verdict ?? 'initial'
  if (verdict !== known && verdict !== 'initial' && !(known === 'initial' && verdict === 'healthy')) {
    const reason = results.at(-1)?.reason
    return `is now ${verdict}${reason === undefined ? '' : `: ${reason}`}`
  }
  // A suspicion stays on record between its holds: what goes on being refused is told once.
  if (suspect !== undefined && before?.suspect === undefined) {
    return `is suspect: ${suspect.reason}; new flows go elsewhere while it is checked`
  }
  return undefined
}

/** `targetKey`: `arn:...:targetgroup/NAME/ID TARGET PORT`. */
function describeTarget(key: string): string {
  const [arn = '', id = '', port = ''] = key.split(' ')
  return `target ${id.includes(':') ? `[${id}]` : id}:${port} of ${arn.split('/')[1]}`
}

/** `listener`: `PROTOCOL ADDRESS PORT`; the ARN's end: `listener/net/NAME/ID/ID`. */
function describeListener(listener: string, arn: string): string {
  return `listener ${listener} of ${arn.split('/')[2]}`
}
