import { setImmediate } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Cancel, Clock } from '../../clock.ts'
import {
  emptySnapshot,
  groupsById,
  type Snapshot,
  type SnapshotGroup,
  type SnapshotListener,
} from '../../domain/snapshot.ts'
import type { Applied, KernelEngine, Observed, Problem, Suspicion } from '../engine.ts'
import { rulesetCompiler } from './compile.ts'
import { countersOf } from './counters.ts'
import { Conntrack } from './flows/conntrack.ts'
import { type ConntrackEntry, statusDstNat, tcpEstablished, tcpLastAck } from './flows/conntrack-entry.ts'
import { FlowTableAlarm } from './flows/flow-table.ts'
import { mayEndFlows } from './flows/may-end-flows.ts'
import { type Passage, passage, passageProblems } from './flows/passage.ts'
import { IdleResetter } from './flows/reset-idle.ts'
import { type Silence, silence, silenceProblems } from './flows/silence.ts'
import { Judge, patienceMs, Sweep } from './flows/sweep.ts'
import { type HostFacts, hostReader } from './host.ts'
import { Marks } from './marks.ts'
import { baseOf, groupName, listenerName, protocolOf, type TableName } from './names.ts'
import { missingSettings, refusal } from './refusal.ts'
import { RetiredTargets } from './retired.ts'
import type { Sysctl } from './sysctl.ts'
import { openSluiceTable } from './table/sluice-tables.ts'
import type { KernelTable } from './table/table.ts'

interface NftablesOptions {
  readonly table: TableName
  readonly clock: Clock
  readonly sysctl: Sysctl
  /**
   * Asked by each `apply`: whether every source of its snapshot has spoken since this process began. Before that what the
   * snapshot lacks is not gone, and nothing is taken away.
   */
  isComplete(): boolean
  /** A target refused: a connect, or a datagram by a port unreachable. */
  onSuspicion(suspicion: Suspicion): void
  /** What `apply` would answer has other problems now: flows showed them. */
  onProblems(): void
  /** One line for the operator. */
  log(line: string): void
}

/** How soon a refusal that the kernel has seen is known here. */
const suspectsEveryMs = 100
/** How soon it is noticed that somebody has deleted the table. */
const watchEveryMs = 100
/** Changes that come so close to each other have their flows looked at once. */
const soonMs = 100
/** How soon it is told that flows find no room. */
const flowTableEveryMs = 5_000
/** How often every flow is looked at when nothing asks for it. */
const sweepEveryMs = 5_000
/** How soon after flows were ended it is looked for others, of packets that were under way between the old rules and the new. */
const stragglersMs = 500
/** Looking at every flow costs 3 us each. What takes longer than `quickMs` is not done for more than this share of the time. */
const sweepShare = 0.05
const quickMs = 100

/**
 * The data plane in the kernel: nftables chooses the target of a flow's first packet, conntrack does the same to all others, and no
 * packet enters a process. What is set up works on without this one, and the next one takes it over.
 *
 * @throws where the process may not: `EPERM`, `ENOSYS`, or another living process that has the table
 */
export async function openNftablesEngine(options: NftablesOptions): Promise<KernelEngine> {
  const { clock } = options
  const { table, number } = await openSluiceTable(options.table, options)
  const conntrack = await Conntrack.open()
  const engine = new NftablesEngine(options, table, new Marks(number), conntrack, await IdleResetter.open(clock))
  await engine.begin()
  return engine
}

/** Why `openNftablesEngine` failed, in one line for the operator. */
export function kernelObstacle(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EPERM' || code === 'EACCES') return 'the kernel engine needs root, or CAP_NET_ADMIN and CAP_NET_RAW'
  if (code === 'ENOSYS') return 'the kernel engine needs Linux, and a Node.js with node:ffi'
  return `the kernel engine can't be used: ${message}`
}

class NftablesEngine implements KernelEngine {
  readonly #options: NftablesOptions
  readonly #table: KernelTable
  readonly #conntrack: Conntrack
  readonly #resetter: IdleResetter | undefined
  readonly #marks: Marks
  readonly #retired: RetiredTargets
  readonly #compile: ReturnType<typeof rulesetCompiler>
  readonly #readHost = hostReader()
  readonly #flowTableAlarm = new FlowTableAlarm()
  readonly #timers: Cancel[] = []
  #host: HostFacts = this.#readHost()
  #desired = emptySnapshot
  #elsewhere: ReadonlySet<string> = new Set()
  /** Listeners that had been in place when this process came, and those that it has put there since. */
  #served: Set<string>
  #sweep: Sweep | undefined
  #silence: Silence = new Map()
  /** Of targets whose replies don't come back this way. */
  #silent: readonly Problem[] = []
  #passage: Passage = new Map()
  /** Of targets whose flows don't get out of this host. */
  #heldUp: readonly Problem[] = []
  /** Monotonic milliseconds before which no sweep is due that nobody asked for. */
  #sweepAgainAt = 0
  /** When the next one is due that something asked for. */
  #nextLookAt = Infinity
  /** Of `#desired`. */
  #isComplete = false
  #isPruneDue = true
  #isFirst = true
  #lastTurn: Promise<unknown> = Promise.resolve()
  #isBusy = false
  #isClosed = false

  constructor(
    options: NftablesOptions,
    table: KernelTable,
    marks: Marks,
    conntrack: Conntrack,
    resetter: IdleResetter | undefined,
  ) {
    this.#options = options
    this.#table = table
    this.#conntrack = conntrack
    this.#resetter = resetter
    this.#marks = marks
    for (const set of ['targets4', 'targets6']) {
      for (const { key, value, comment } of table.elements(set)) {
        if (!Array.isArray(value) || comment === undefined) continue
        const [address, port] = value
        this.#marks.adoptTarget({
          mark: Number(key[0]),
          group: comment,
          address: String(address),
          port: Number(port),
        })
      }
    }
    for (const { key, comment } of table.elements('groups'))
      if (comment !== undefined) this.#marks.adoptGroup(comment, Number(key[0]))
    const listeners = ['listeners4', 'listeners6'].flatMap(set => table.elements(set))
    this.#served = new Set(
      listeners.map(({ key: [address, protocol, port] }) => `${String(protocol).toUpperCase()} ${address} ${port}`),
    )
    this.#retired = new RetiredTargets(this.#marks, options.clock.monotonic())
    this.#compile = rulesetCompiler({ marks: this.#marks })
  }

  /** Puts what all listeners share into the kernel, which loads what it takes, and begins to watch. */
  async begin(): Promise<void> {
    const { clock, log, table } = this.#options
    if (this.#served.size > 0)
      log(
        `kernel: took over the table ${table.name}, which went on serving meanwhile (listeners: ${this.#served.size})`,
      )
    if (this.#resetter === undefined)
      log('kernel: no raw socket (CAP_NET_RAW): idle connections learn of their end late')
    await this.#table.apply(this.#compile(emptySnapshot, { host: this.#host, retired: [] }))
    const every = (ms: number, work: () => void | Promise<void>) => {
      this.#timers.push(
        clock.every(ms, () => {
          // What is under way does the same, and the next time comes soon.
          if (!this.#isBusy) this.#inTurn(async () => work()).catch(error => log(`kernel: ${error.stack ?? error}`))
        }),
      )
    }
    every(suspectsEveryMs, () => this.#takeSuspects())
    every(watchEveryMs, () => this.#watch())
    every(sweepEveryMs, () => this.#watchPassage())
    every(flowTableEveryMs, () => this.#watchFlowTable())
    this.#timers.push(
      clock.every(sweepEveryMs, () => {
        if (clock.monotonic() >= this.#sweepAgainAt) this.#lookNow()
      }),
    )
  }

  async prepare(desired: Snapshot): Promise<void> {
    this.#host = this.#readHost()
    const missing = missingSettings(desired, this.#host)
    if (missing.length > 0 && (await this.#options.sysctl.provide(missing))) this.#host = this.#readHost()
  }

  refusal(listener: SnapshotListener, groups: ReadonlyMap<string, SnapshotGroup>): string | undefined {
    return refusal(listener, groups, this.#host)
  }

  apply(desired: Snapshot, elsewhere: ReadonlySet<string> = new Set()): Promise<Applied> {
    return this.#inTurn(() => this.#apply(desired, elsewhere))
  }

  async observe(): Promise<Observed> {
    if (this.#options.clock.monotonic() >= this.#sweepAgainAt) await this.#look()
    const { named, of } = await this.#inTurn(async () => this.#table.counters())
    const flows = { byListener: this.#sweep?.byListener ?? new Map(), byTarget: this.#sweep?.byTarget ?? new Map() }
    // One after the other, so that no `apply` waits for all of them.
    const read = (set: string) => this.#inTurn(async () => of(set))
    const counters = await countersOf(this.#desired, { named, read }, this.#marks, flows)
    return { ...counters, flowTable: await this.#conntrack.flowTable() }
  }

  async leave(): Promise<void> {
    await this.#end(() => this.#table.close())
  }

  async close(drainMs = 0): Promise<void> {
    if (this.#isClosed) return
    const { clock, sysctl } = this.#options
    // No new flows; those that there are go on for as long as they may.
    await this.#inTurn(() => this.#apply({ ...emptySnapshot, revision: this.#desired.revision }, this.#served, true))
    const deadline = clock.monotonic() + drainMs
    for (;;) {
      await this.#look()
      if (this.#sweep?.byTarget.size === 0 || clock.monotonic() >= deadline) break
      await new Promise<void>(resolve => clock.after(Math.min(100, deadline - clock.monotonic()), resolve))
    }
    await this.#inTurn(async () => {
      const rest: ConntrackEntry[] = []
      const { prefix, mask } = this.#marks
      await this.#conntrack.each({ mark: prefix, mask }, entry => {
        if ((entry.status & statusDstNat) !== 0) rest.push(entry.kept())
      })
      await this.#conntrack.delete(rest)
      const open = rest.filter(({ tcpState }) => tcpState >= tcpEstablished && tcpState <= tcpLastAck)
      if (open.length === 0) return
      this.#resetter?.reset(open)
      // Our rules answer what the ends send now.
      await this.#resetter?.settle()
    })
    await this.#end(() => this.#table.destroy())
    await sysctl.restore()
  }

  async #apply(desired: Snapshot, elsewhere: ReadonlySet<string>, isLast = false): Promise<Applied> {
    if (this.#isClosed) throw new Error('the engine is closed')
    const before = this.#desired
    this.#desired = desired
    this.#elsewhere = elsewhere
    const wasComplete = this.#isComplete
    this.#isComplete = isLast || this.#options.isComplete()
    const errors = await this.#put()
    // What was only not known yet is now known to be gone.
    const isNews = this.#isFirst || this.#isComplete !== wasComplete
    const ends = isNews ? 'now' : mayEndFlows(before, desired)
    if (ends === 'now') await this.#look()
    else if (ends === 'soon') this.#lookWithin(soonMs)
    this.#isFirst = false
    const problems = [...problemsOf(desired, errors), ...this.#silent, ...this.#heldUp]
    return { revision: desired.revision, problems, fallbacks: [] }
  }

  /** Makes the table what is desired, and has flows that are older than its rules begin anew. */
  async #put(): Promise<ReadonlyMap<string, Error>> {
    if (!this.#table.isThere()) {
      this.#options.log(`kernel: somebody deleted the table ${this.#options.table.name}; it is made again`)
      this.#table.remake()
      this.#served = new Set()
    }
    const errors = await this.#table.apply(this.#ruleset())
    this.#isPruneDue = true
    // A packet may be between the old rules and the new; in the next turn none is.
    await setImmediate()
    this.#pruneIfComplete()
    const { listeners } = this.#desired
    const fresh = listeners.filter(({ id }) => !this.#served.has(id))
    this.#served = new Set(listeners.map(({ id }) => id))
    if (fresh.length > 0) await this.#conntrack.delete(await this.#conntrack.unnatted(fresh))
    return errors
  }

  async #watchFlowTable(): Promise<void> {
    const { clock, log } = this.#options
    const table = await this.#conntrack.flowTable()
    for (const line of this.#flowTableAlarm.look(table, clock.monotonic())) log(line)
  }

  #ruleset() {
    const groups = groupsById(this.#desired.groups)
    const routed = new Map<SnapshotGroup, SnapshotListener['protocol']>()
    for (const { route, protocol } of this.#desired.listeners) {
      for (const { group: id } of route) {
        const group = groups.get(id)
        if (group !== undefined) routed.set(group, protocol)
      }
    }
    const retired = this.#retired.update(routed, this.#options.clock.monotonic())
    return this.#compile(this.#desired, { host: this.#host, retired })
  }

  /** Looks at every flow, ends those that must go, and counts the others. */
  async #look(): Promise<void> {
    const { clock } = this.#options
    const began = clock.monotonic()
    const judge = new Judge({
      snapshot: this.#desired,
      elsewhere: this.#elsewhere,
      targetOf: mark => this.#marks.targetOf(mark),
      isComplete: this.#isComplete,
    })
    const sweep = new Sweep(judge, began, this.#sweep)
    const gone: ConntrackEntry[] = []
    const reset: ConntrackEntry[] = []
    const { prefix, mask } = this.#marks
    await this.#conntrack.each({ mark: prefix, mask }, entry => {
      const verdict = sweep.see(entry)
      if (verdict === 'keep') return
      const kept = entry.kept()
      gone.push(kept)
      if (verdict === 'reset') reset.push(kept)
    })
    await this.#conntrack.delete(gone)
    this.#resetter?.reset(reset)
    this.#sweep = sweep
    const now = clock.monotonic()
    this.#sweepAgainAt = now + Math.max(0, now - began - quickMs) / sweepShare
    if (this.#retired.release(sweep.byTarget, now)) this.#isPruneDue = true
    this.#silence = silence(this.#silence, sweep, judge, now)
    const silent = silenceProblems(this.#silence, judge, this.#desired.listeners, now)
    if (!isDeepStrictEqual(silent, this.#silent)) {
      this.#silent = silent
      this.#options.onProblems()
    }
    const againMs = sweep.isAwaiting ? patienceMs : gone.length > 0 ? stragglersMs : undefined
    if (againMs !== undefined) this.#lookWithin(againMs)
  }

  #lookWithin(ms: number): void {
    const { clock } = this.#options
    const at = clock.monotonic() + ms
    if (at >= this.#nextLookAt) return
    this.#nextLookAt = at
    clock.after(ms, () => {
      this.#nextLookAt = Infinity
      this.#lookNow()
    })
  }

  #lookNow(): void {
    if (this.#isClosed) return
    this.#look().catch(error => {
      if (!this.#isClosed) this.#options.log(`kernel: ${error.stack ?? error}`)
    })
  }

  #takeSuspects(): void {
    for (const mark of this.#table.takeMarks('suspects')) {
      const marked = this.#marks.targetOf(mark)
      if (marked === undefined) continue
      const reason = protocolOf(marked.group) === 'udp' ? 'port unreachable' : 'connection refused'
      for (const group of this.#desired.groups) {
        const target = group.targets.find(({ address, port }) => address === marked.address && port === marked.port)
        if (target === undefined) continue
        if ((['TCP', 'UDP'] as const).some(protocol => baseOf(groupName(group.id, protocol)) === baseOf(marked.group)))
          this.#options.onSuspicion({ target: target.key, reason })
      }
    }
  }

  async #watch(): Promise<void> {
    if (!this.#table.isThere()) await this.#put()
    this.#pruneIfComplete()
  }

  #watchPassage(): void {
    const now = this.#options.clock.monotonic()
    const sent = this.#table.takeMarks('sent')
    // Second, so that none is missing that was sent in between.
    const passed = new Set(this.#table.takeMarks('passed'))
    const heldBack = sent.filter(mark => !passed.has(mark))
    this.#passage = passage(this.#passage, heldBack, now)
    const heldUp = passageProblems(this.#passage, this.#marks, this.#host, this.#desired.listeners, now)
    if (isDeepStrictEqual(heldUp, this.#heldUp)) return
    this.#heldUp = heldUp
    this.#options.onProblems()
  }

  #pruneIfComplete(): void {
    if (!this.#isPruneDue || !this.#isComplete) return
    this.#isPruneDue = false
    this.#table.prune()
  }

  async #end(last: () => void): Promise<void> {
    this.#isClosed = true
    for (const cancel of this.#timers) cancel()
    await this.#lastTurn
    this.#resetter?.close()
    await this.#conntrack.close()
    last()
  }

  /** One conversation with the kernel at a time. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#lastTurn.then(async () => {
      this.#isBusy = true
      try {
        return await work()
      } finally {
        this.#isBusy = false
      }
    })
    this.#lastTurn = mine.catch(() => {})
    return mine
  }
}

/** The kernel's refusals, by listener: of its own part, or of a part that it needs. */
function problemsOf({ listeners }: Snapshot, errors: ReadonlyMap<string, Error>): readonly Problem[] {
  if (errors.size === 0) return []
  const common = ['base', 'timeouts', 'links', 'retired']
  return listeners.flatMap(listener => {
    const { protocol, route, id, listenerArn, synproxy } = listener
    const names = [listenerName(listener), ...route.map(({ group }) => groupName(group, protocol)), ...common]
    if (synproxy) names.push('synproxy')
    const error = names.map(name => errors.get(name)).find(error => error !== undefined)
    return error === undefined ? [] : [{ listener: id, listenerArn, reason: `the kernel refuses it: ${error.message}` }]
  })
}
