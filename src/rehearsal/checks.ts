import type { Cancel, Clock } from '../clock.ts'
import type { Health, HealthByTarget, Probe } from '../domain/health.ts'
import { initialHealth, observe } from '../domain/observe.ts'
import { changedKeys } from '../domain/state.ts'

/** A new target is checked as soon as one that is registered here really is. */
const firstCheckMs = 50

/** Health checks whose outcome is known without asking: the rules on verdicts are the real ones, and so are the intervals. */
export class SimulatedChecks {
  readonly #clock: Clock
  readonly #answers: (address: string) => boolean
  readonly #onVerdict: () => void
  readonly #cancels = new Map<string, Cancel>()
  #probes: ReadonlyMap<string, Probe> = new Map()
  #health = new Map<string, Health>()

  /** @param onVerdict called after each verdict that turned, and for targets that came or went */
  constructor(clock: Clock, answers: (address: string) => boolean, onVerdict: () => void) {
    this.#clock = clock
    this.#answers = answers
    this.#onVerdict = onVerdict
  }

  /** Another object whenever a verdict turned, or a target came or went. */
  get health(): HealthByTarget {
    return this.#health
  }

  /** What is there already has been found well long ago, where it is. */
  adopt(probes: ReadonlyMap<string, Probe>): void {
    const now = this.#clock.now()
    this.#probes = probes
    for (const probe of probes.values()) {
      const verdict = this.#answers(probe.address) ? 'healthy' : 'unhealthy'
      this.#health.set(probe.key, { ...initialHealth(now, probe), verdict })
      this.#checkIn(probe.intervalMs, probe)
    }
  }

  update(probes: ReadonlyMap<string, Probe>): void {
    const changed = changedKeys(this.#probes, probes)
    if (changed.size === 0) return
    const before = this.#probes
    const health = new Map(this.#health)
    this.#probes = probes
    for (const key of changed) {
      const probe = probes.get(key)
      this.#cancels.get(key)?.()
      this.#cancels.delete(key)
      if (probe === undefined) health.delete(key)
      else {
        const isSame = before.get(key)?.registeredAt === probe.registeredAt && before.has(key)
        if (!isSame) health.set(key, initialHealth(this.#clock.now(), probe))
        this.#checkIn(isSame ? probe.intervalMs : firstCheckMs, probe)
      }
    }
    this.#health = health
    this.#onVerdict()
  }

  #checkIn(ms: number, probe: Probe): void {
    this.#cancels.set(
      probe.key,
      this.#clock.after(ms, () => this.#check(probe)),
    )
  }

  #check(probe: Probe): void {
    const { key, address, until = Infinity, intervalMs } = probe
    const before = this.#health.get(key)
    const now = this.#clock.now()
    if (before === undefined || until <= now) return
    const ok = this.#answers(address)
    const result = { at: now, ok, ms: 1, reason: ok ? 'connected' : 'connection refused' }
    const { health, change } = observe(before, result, probe)
    this.#checkIn(intervalMs, probe)
    if (change === 'Unchanged') return
    this.#health = new Map(this.#health).set(key, health)
    if (change === 'Changed') this.#onVerdict()
  }
}
