import type { Cancel, Clock } from '../clock.ts'
import type { Health, HealthByTarget, Probe, ProbeResult } from '../domain/health.ts'
import { initialHealth, observe, type Transition } from '../domain/observe.ts'
import { changedKeys } from '../domain/state.ts'
import { isSuspect, recheckMs, suspected } from '../domain/suspicion.ts'
import type { Attempt, Outcome } from './dial.ts'
import { httpProbe } from './http-probe.ts'
import { firstAtPhase, nextDue, phaseOf, Schedule, tickMs } from './schedule.ts'
import { tcpProbe } from './tcp-probe.ts'

/** New targets are checked one after the other this far apart, unless their phase comes sooner. */
const newcomersApartMs = 50
/**
 * A new target that fails its first check, because its service is still starting, is asked again after 250 ms, then each time
 * half as long again later, between the checks of its interval, so that it serves as soon as it can. A pass counts; a failure
 * does not, or it would be unhealthy before AWS's threshold x interval.
 */
const firstAgainMs = 250
const againGrowth = 1.5
/** 80 of them a second at most, however many targets are starting: the checks of the others come first. */
const againPerTick = 4
/** 2,000 checks a second at most: after a standstill, what is overdue starts over a while rather than all at once. */
const startsPerTick = 100
/** Attempts under way at once; each holds a socket. */
const attemptsAtOnce = 2_048
/**
 * Source ports are taken in turn from Linux's usual range. The kernel's own search for one that is free, once most of a
 * source address's ports are in TIME_WAIT (500 checks a second), took more than half of a core.
 */
const [firstPort, lastPort] = [32_768, 60_999]
/** So many of them are tried before the kernel is asked after all. */
const portTries = 8
/**
 * How long a source address that is not on this host is left alone, and how soon a check that this host failed is made up
 * for.
 */
const sourceAgainMs = 60_000
const localAgainMs = 1_000
/**
 * What a check waited in vain beyond this is taken off the wait for the next one, so that a target that falls silent is
 * judged within threshold x interval + 1 s, whatever the timeout: at 5 s, twice, with a timeout of 2 s, checks at 5 and 9
 * s, verdict at 11 s.
 */
const patienceMs = 1_000
/** Results that change no verdict are delivered together, once in a while. */
const deliverMs = 1_000

interface Entry {
  probe: Probe
  readonly phase: number
  /** When the next check is due; this and the times below are monotonic milliseconds. */
  due: number
  attempt: Running | undefined
  /** How long after a failed check it is asked again while nothing is known of it. */
  againMs: number
  /** From when on the probe's source address is used. */
  boundFrom: number
}

interface Running {
  readonly started: number
  /** Of the checker's live time, see `#live`. */
  readonly deadline: number
  readonly bound: boolean
  readonly portsLeft: number
  /** Between the checks of its interval. */
  readonly isExtra: boolean
  cancel: () => void
}

/**
 * Checks targets and knows how they are. Verdicts that were restored from disk hold until checks speak against them.
 * Never throws for what a target or the network does.
 */
export class Checker {
  #clock: Clock
  #onChange: (changed: ReadonlyMap<string, Health | undefined>) => void
  #log: (line: string) => void
  #probes: ReadonlyMap<string, Probe> = new Map()
  #entries = new Map<string, Entry>()
  #underWay = new Set<Entry>()
  #schedule: Schedule<Entry>
  /** New targets that failed, and are asked again before they are due. */
  #again: Schedule<Entry>
  #count = 0
  #newcomerAt = 0
  #port = firstPort
  #stopTicking: Cancel | undefined
  #tickedAt = 0
  /**
   * Time that time-outs are measured in: it stands still while our own event loop does. A loop that was blocked for longer
   * than a time-out would else find every answer late that it did not look at in time, and every target unhealthy.
   */
  #live = 0
  #saidLocal = Number.NEGATIVE_INFINITY

  #health: Map<string, Health>
  #published: HealthByTarget | undefined
  #changed = new Map<string, Health | undefined>()
  #deliveredAt: number
  #delivering = false
  #closed = false

  /**
   * `onChange` gets the entries that changed, `undefined` where a target is gone: a new verdict or suspicion in the same
   * turn of the event loop, further results within a second. `log` is told what keeps this host from checking at all.
   */
  constructor(options: {
    clock: Clock
    onChange: (changed: ReadonlyMap<string, Health | undefined>) => void
    initial?: HealthByTarget
    log?: (line: string) => void
  }) {
    this.#clock = options.clock
    this.#onChange = options.onChange
    this.#log = options.log ?? (() => {})
    this.#health = new Map(options.initial)
    const now = options.clock.monotonic()
    this.#schedule = new Schedule(now)
    this.#again = new Schedule(now)
    this.#deliveredAt = now
  }

  /** How every target is. The same object as long as nothing changed; entries that did not change stay the same objects. */
  get health(): HealthByTarget {
    this.#published ??= new Map(this.#health)
    return this.#published
  }

  /**
   * What to check from now on. A target keeps its health when its probe's parameters change; it begins anew when its
   * address does, and when it was registered again; it is forgotten when its probe is gone, or past its `until`.
   */
  update(probes: ReadonlyMap<string, Probe>): void {
    for (const key of changedKeys(this.#probes, probes)) {
      const [entry, probe] = [this.#entries.get(key), probes.get(key)]
      if (probe === undefined) this.#forget(key)
      else if (entry === undefined) this.#add(key, probe)
      else this.#replace(entry, probe)
    }
    this.#probes = probes
    // Restored verdicts on targets that are gone.
    if (this.#health.size > probes.size) for (const key of this.#health.keys()) if (!probes.has(key)) this.#forget(key)
    if (this.#entries.size > 0) this.#startTicking()
    else this.#stopTicking = void this.#stopTicking?.()
  }

  /** The data plane saw a target refuse: new flows keep away from it for a while, and a check is made now. */
  suspect(targetKey: string, reason: string): void {
    const entry = this.#entries.get(targetKey)
    const health = this.#health.get(targetKey)
    if (entry === undefined || health === undefined) return
    const next = suspected(health, reason, this.#clock.now())
    if (next === health) return
    this.#put(targetKey, next, true)
    entry.due = this.#clock.monotonic()
    this.#schedule.set(entry, entry.due)
    if (entry.attempt === undefined) this.#check(entry)
  }

  /** Ends every check. `onChange` is not called any more. */
  close(): void {
    this.#closed = true
    this.#stopTicking = void this.#stopTicking?.()
    for (const entry of this.#underWay) this.#giveUp(entry)
    this.#entries.clear()
  }

  #add(key: string, probe: Probe): void {
    const now = this.#clock.monotonic()
    const phase = phaseOf(this.#count++)
    const known = this.#health.get(key)
    const isKnown = known !== undefined && known.registeredAt === probe.registeredAt
    if (!isKnown) this.#put(key, initialHealth(this.#clock.now(), probe), true)
    const atPhase = firstAtPhase(now, phase, probe.intervalMs)
    const isNew = !isKnown || known.verdict === 'initial'
    const due = isNew ? this.#soon(now, atPhase) : atPhase
    const entry: Entry = { probe, phase, due, attempt: undefined, againMs: firstAgainMs, boundFrom: 0 }
    this.#entries.set(key, entry)
    this.#schedule.set(entry, due)
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) {
      this.#giveUp(entry)
      this.#schedule.delete(entry)
      this.#again.delete(entry)
      this.#entries.delete(key)
    }
    this.#put(key, undefined, true)
  }

  #replace(entry: Entry, probe: Probe): void {
    const { address, registeredAt } = entry.probe
    if (probe.address !== address || probe.registeredAt !== registeredAt) {
      this.#put(probe.key, initialHealth(this.#clock.now(), probe), true)
      entry.againMs = firstAgainMs
    }
    this.#giveUp(entry)
    entry.probe = probe
    entry.boundFrom = 0
    entry.due = this.#soon(this.#clock.monotonic(), entry.due)
    this.#schedule.set(entry, entry.due)
  }

  /** The next turn in the queue of newcomers, or `latest` if that comes sooner. */
  #soon(now: number, latest: number): number {
    const turn = Math.max(now, this.#newcomerAt + newcomersApartMs)
    if (turn >= latest) return latest
    this.#newcomerAt = turn
    return turn
  }

  #startTicking(): void {
    if (this.#stopTicking !== undefined || this.#closed) return
    this.#tickedAt = this.#clock.monotonic()
    this.#stopTicking = this.#clock.every(tickMs, () => this.#tick())
  }

  #tick(): void {
    const now = this.#clock.monotonic()
    this.#live += Math.min(now - this.#tickedAt, 2 * tickMs)
    this.#tickedAt = now
    for (const entry of this.#underWay) {
      const running = entry.attempt
      // Timers run before sockets in a turn of Node's loop: an answer that is there already is heard before the judgement.
      if (running !== undefined && running.deadline <= this.#live) setImmediate(() => this.#timeOut(entry, running))
    }
    const limit = Math.min(startsPerTick, attemptsAtOnce - this.#underWay.size)
    const due = this.#schedule.take(now, limit)
    for (const entry of due) {
      if (entry.attempt?.isExtra) this.#giveUp(entry)
      if (entry.attempt === undefined) this.#check(entry)
      else this.#schedule.set(entry, now + tickMs)
    }
    for (const entry of this.#again.take(now, Math.min(againPerTick, limit - due.length)))
      if (entry.attempt === undefined) this.#attempt(entry, portTries, true)
    if (this.#changed.size > 0 && now - this.#deliveredAt >= deliverMs) this.#deliver()
  }

  #check(entry: Entry): void {
    if (isOver(entry.probe, this.#clock.now())) {
      this.#forget(entry.probe.key)
      return
    }
    const now = this.#clock.monotonic()
    entry.due = nextDue(entry.due, now, entry.phase, entry.probe.intervalMs)
    this.#schedule.set(entry, entry.due)
    this.#again.delete(entry)
    this.#attempt(entry, portTries, false)
  }

  #attempt(entry: Entry, portsLeft: number, isExtra: boolean): void {
    const { probe } = entry
    const started = this.#clock.monotonic()
    const address = started >= entry.boundFrom ? probe.source : undefined
    const source = address === undefined ? undefined : { address, port: portsLeft > 0 ? this.#nextPort() : 0 }
    const running: Running = {
      started,
      portsLeft,
      isExtra,
      deadline: this.#live + probe.timeoutMs,
      bound: source !== undefined,
      cancel: () => {},
    }
    entry.attempt = running
    this.#underWay.add(entry)
    const attempt: Attempt = probe.protocol === 'TCP' ? tcpProbe : httpProbe
    running.cancel = attempt(probe, source, this.#clock, outcome => this.#end(entry, running, outcome))
  }

  #nextPort(): number {
    this.#port = this.#port < lastPort ? this.#port + 1 : firstPort
    return this.#port
  }

  #timeOut(entry: Entry, running: Running): void {
    if (entry.attempt !== running) return
    running.cancel()
    // The target may have no way back to the load balancer's own address: ask the other way next time.
    entry.boundFrom = running.bound ? Number.POSITIVE_INFINITY : 0
    const reason = `timed out after ${entry.probe.timeoutMs / 1000} s`
    this.#end(entry, running, { kind: 'failed', reason, timedOut: true })
  }

  #end(entry: Entry, running: Running, outcome: Outcome): void {
    if (entry.attempt !== running) return
    entry.attempt = undefined
    this.#underWay.delete(entry)
    const now = this.#clock.monotonic()
    if (isOver(entry.probe, this.#clock.now())) {
      this.#forget(entry.probe.key)
    } else if (outcome.kind === 'port' && running.portsLeft > 0) {
      this.#attempt(entry, running.portsLeft - 1, running.isExtra)
    } else if (outcome.kind === 'address') {
      entry.boundFrom = now + sourceAgainMs
      this.#attempt(entry, 0, running.isExtra)
    } else if (running.isExtra && outcome.kind !== 'passed') {
      this.#askAgain(entry, now)
    } else if (outcome.kind === 'local' || outcome.kind === 'port') {
      this.#checkBy(entry, now + localAgainMs)
      this.#sayLocal(outcome.reason, now)
    } else {
      const { kind, ...said } = outcome
      const ok = kind === 'passed'
      const ms = Math.round(now - running.started)
      const change = this.#observe(entry, running, { at: this.#clock.now(), ok, ms, ...said })
      const waited = now - running.started
      if (change === 'ChangePending' && !ok && waited > patienceMs)
        this.#checkBy(entry, entry.due - waited + patienceMs)
      if (!ok && this.#health.get(entry.probe.key)?.verdict === 'initial') this.#askAgain(entry, now)
    }
  }

  /** Once more, unless the next check comes first. */
  #askAgain(entry: Entry, now: number): void {
    const at = now + entry.againMs
    entry.againMs *= againGrowth
    if (at < entry.due) this.#again.set(entry, at)
  }

  #observe(entry: Entry, running: Running, result: ProbeResult): Transition {
    const { probe } = entry
    const before = this.#health.get(probe.key)
    if (before === undefined) return 'Unchanged'
    const { health, change } = observe(before, result, probe)
    const prolonged = health.suspect?.until !== before.suspect?.until
    this.#put(probe.key, health, change === 'Changed' || prolonged)
    if (!result.ok && health.verdict !== 'unhealthy' && isSuspect(health, result.at))
      this.#checkBy(entry, running.started + recheckMs(probe))
    return change
  }

  #checkBy(entry: Entry, at: number): void {
    entry.due = Math.min(entry.due, at)
    this.#schedule.set(entry, entry.due)
  }

  #giveUp(entry: Entry): void {
    entry.attempt?.cancel()
    entry.attempt = undefined
    this.#underWay.delete(entry)
  }

  #sayLocal(reason: string, now: number): void {
    if (now - this.#saidLocal < sourceAgainMs) return
    this.#saidLocal = now
    this.#log(`health checks cannot be made: ${reason}; verdicts stay as they are until they can`)
  }

  #put(key: string, health: Health | undefined, urgent: boolean): void {
    if (health === undefined) this.#health.delete(key)
    else this.#health.set(key, health)
    this.#published = undefined
    this.#changed.set(key, health)
    if (!urgent || this.#delivering) return
    this.#delivering = true
    setImmediate(() => this.#deliver())
  }

  #deliver(): void {
    this.#delivering = false
    if (this.#closed || this.#changed.size === 0) return
    const changed = this.#changed
    this.#changed = new Map()
    this.#deliveredAt = this.#clock.monotonic()
    this.#onChange(changed)
  }
}

/** Whether the registration that the probe is about is over at `now`, milliseconds since the epoch. */
function isOver({ until }: Probe, now: number): boolean {
  return until !== undefined && until <= now
}
