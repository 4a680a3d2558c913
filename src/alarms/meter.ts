import type { Health } from '../domain/health.ts'
import { targetGroupsOf } from '../domain/listener-rules.ts'
import { type Metric, metricKey, subjectOf } from '../domain/metric.ts'
import { referencesTo } from '../domain/references.ts'
import { registrationsAt } from '../domain/registrations.ts'
import type { State } from '../domain/state.ts'
import { type TargetGroup, targetGroupOf, targetKey } from '../domain/target-group.ts'
import { targetHealth } from '../domain/target-health.ts'

/** What is asked of the node; the feed's control end is one. */
export interface Node {
  readonly nodeConnected: boolean
  health(key: string): Health | undefined
  /** Asks for counters anew; they are there when it resolves, unless the node was silent. */
  count(): Promise<void>
  /** Totals since a listener was set up, or a target got its first flow. */
  counters(): { readonly listeners: readonly ListenerTotals[]; readonly targets: readonly Totals[] } | undefined
}

interface Flows {
  readonly newFlows: number
  readonly activeFlows: number
  readonly bytesIn: number
  readonly bytesOut: number
}

interface Totals extends Flows {
  /** `targetKey` */
  readonly target: string
  /** Of the new flows those that it refused, and that no other target got. */
  readonly refused?: number
  readonly http?: {
    readonly requests: number
    /** Answers by status class: index 5 counts 5xx. */
    readonly classes: readonly number[]
    /** Answers by latency. */
    readonly latency: readonly number[]
    readonly latencySumMs: number
  }
}

interface ListenerTotals extends Flows {
  readonly listener: string
  readonly listenerArn: string
  readonly drops: Readonly<Record<string, number>>
  /** Answers made by the load balancer, by status. */
  readonly http?: { readonly answers: Readonly<Record<string, number>> }
}

const flowMetrics: ReadonlySet<string> = new Set([
  'NewFlowCount',
  'ActiveFlowCount',
  'ProcessedBytes',
  'RefusedShare',
  'RequestCount',
  'HTTPCode_Target_5XX_Count',
  'HTTPCode_ELB_5XX_Count',
  'TargetResponseTime',
])

/** Drops that cost a new flow its target; the other reasons are what was asked for, or nobody's loss. */
const losses = ['no-target', 'refused', 'target-tls', 'flow-limit', 'send-failed']

/** What flowed between two measurements, and how many flows there are now. */
interface Flowed {
  readonly newFlows: number
  readonly activeFlows: number
  readonly bytes: number
  /** New flows that no target took. */
  readonly lost: number
  /** Of targets of Application Load Balancers. */
  readonly answered: Answered
  /** 5xx that the load balancer answered itself. */
  readonly ownErrors: number
}

interface Answered {
  readonly requests: number
  readonly errors: number
  /** Answers, and how long they were waited for together. */
  readonly answers: number
  readonly latencyMs: number
}

const noneAnswered: Answered = { requests: 0, errors: 0, answers: 0, latencyMs: 0 }
const nothing: Flowed = { newFlows: 0, activeFlows: 0, bytes: 0, lost: 0, answered: noneAnswered, ownErrors: 0 }

/** Measures metrics. What grows is measured from one call to the next. */
export class Meter {
  readonly #node: Node
  /** Of each counter its total, by `targetKey` or `SnapshotListener.id`; absent until all were read once. */
  #totals: ReadonlyMap<string, Flowed> | undefined
  /** By `targetKey`, the time of the last suspicion and of the last probe that have been measured. */
  #suspectedAt: ReadonlyMap<string, number> = new Map()
  #probedAt = new Map<string, number>()

  constructor(node: Node) {
    this.#node = node
  }

  /** Asks the node for its counters, where one of `metrics` needs them; precedes `measure`. */
  async prepare(metrics: readonly Metric[]): Promise<void> {
    if (metrics.some(({ name }) => flowMetrics.has(name))) await this.#node.count()
    else this.#totals = undefined
  }

  /** The values of `metrics`, each by its `metricKey`, without those of which nothing is known: while the node is away, all. */
  measure(metrics: readonly Metric[], state: State, now: number): ReadonlyMap<string, number> {
    const values = new Map<string, number>()
    if (!this.#node.nodeConnected) {
      this.#totals = undefined
      return values
    }
    const flowed = metrics.some(({ name }) => flowMetrics.has(name)) ? this.#flowed(state) : undefined
    const probedAt = new Map<string, number>()
    for (const metric of metrics) {
      const subject = subjectOf(state, metric)
      if (subject === undefined) continue
      const { group, loadBalancer } = subject
      let value: number | undefined
      if (group === undefined || flowMetrics.has(metric.name)) {
        value = flowed && flowValue(metric.name, flowed.get((group ?? loadBalancer).arn) ?? nothing)
      } else if (metric.name === 'ConnectLatency') value = this.#latency(group, now, probedAt)
      else value = this.#hosts(state, group, metric.name, now)
      if (value !== undefined) values.set(metricKey(metric), value)
    }
    this.#probedAt = probedAt
    return values
  }

  #hosts(state: State, group: TargetGroup, name: string, now: number): number {
    const states = registrationsAt(group, now).map(target => {
      return targetHealth(state, group, target, this.#node.health(targetKey(group.arn, target)), now).State
    })
    return states.filter(each => (name === 'HealthyHostCount' ? each === 'healthy' : each.startsWith('unhealthy')))
      .length
  }

  /** Of the slowest successful probe since the last measurement; `undefined` if there was none. */
  #latency(group: TargetGroup, now: number, probedAt: Map<string, number>): number | undefined {
    let slowest: number | undefined
    for (const target of registrationsAt(group, now)) {
      const key = targetKey(group.arn, target)
      const last = this.#node.health(key)?.results.at(-1)
      if (last === undefined) continue
      probedAt.set(key, last.at)
      if (last.ok && last.at !== this.#probedAt.get(key)) slowest = Math.max(slowest ?? 0, last.ms)
    }
    return slowest
  }

  /** What flowed since the last measurement, by the ARN of target group and load balancer; `undefined` at the first one. */
  #flowed(state: State): ReadonlyMap<string, Flowed> | undefined {
    const counters = this.#node.counters()
    if (counters === undefined) return undefined
    const before = this.#totals
    const totals = new Map<string, Flowed>()
    const suspectedAt = new Map<string, number>()
    const flowed = new Map<string, Flowed>()
    const add = (arn: string, more: Flowed) => flowed.set(arn, plus(flowed.get(arn) ?? nothing, more))
    const since = (key: string, counted: Flows, rest: Pick<Flowed, 'lost'> & Partial<Flowed>) => {
      const { newFlows, activeFlows, bytesIn, bytesOut } = counted
      const total = { ...nothing, newFlows, activeFlows, bytes: bytesIn + bytesOut, ...rest }
      totals.set(key, total)
      return grown(before?.get(key) ?? nothing, total)
    }
    for (const counted of counters.targets) {
      const { suspect } = this.#node.health(counted.target) ?? {}
      if (suspect !== undefined) suspectedAt.set(counted.target, suspect.since)
      const isNews = suspect !== undefined && this.#suspectedAt.get(counted.target) !== suspect.since
      const more = since(counted.target, counted, { lost: counted.refused ?? 0, answered: answeredOf(counted) })
      // What was refused is among the new flows of the target, and of its listener.
      const arn = targetGroupOf(counted.target)
      add(arn, { ...more, newFlows: more.newFlows - more.lost, lost: Math.max(more.lost, isNews ? 1 : 0) })
      const user = referencesTo(state, arn)[0]?.loadBalancer
      if (user !== undefined)
        add(user.arn, { ...nothing, newFlows: -more.lost, lost: more.lost, answered: more.answered })
    }
    for (const counted of counters.listeners) {
      const lost = losses.reduce((sum, reason) => sum + (counted.drops[reason] ?? 0), 0)
      const more = since(counted.listener, counted, { lost, ownErrors: ownErrorsOf(counted) })
      const listener = state.listeners.get(counted.listenerArn)
      if (listener === undefined) continue
      add(listener.loadBalancerArn, more)
      for (const [targetGroupArn, weight] of targetGroupsOf(state, listener)) {
        if (weight > 0) add(targetGroupArn, { ...nothing, lost: more.lost })
      }
    }
    this.#totals = totals
    this.#suspectedAt = suspectedAt
    return before && flowed
  }
}

function flowValue(name: string, flowed: Flowed): number | undefined {
  const { activeFlows, bytes, lost } = flowed
  // A refusal may be counted a second after its flow.
  const newFlows = Math.max(0, flowed.newFlows)
  if (name === 'NewFlowCount') return newFlows
  if (name === 'ActiveFlowCount') return activeFlows
  if (name === 'ProcessedBytes') return bytes
  if (name === 'RequestCount') return flowed.answered.requests
  if (name === 'HTTPCode_Target_5XX_Count') return flowed.answered.errors
  if (name === 'HTTPCode_ELB_5XX_Count') return flowed.ownErrors
  if (name === 'TargetResponseTime') return meanSeconds(flowed.answered)
  // Where nobody came there is no share.
  return newFlows + lost === 0 ? undefined : lost / (newFlows + lost)
}

/** Of all answers of the second; `undefined` where there was none. */
function meanSeconds({ answers, latencyMs }: Answered): number | undefined {
  return answers === 0 ? undefined : latencyMs / answers / 1_000
}

function answeredOf({ http }: Totals): Answered {
  if (http === undefined) return noneAnswered
  const answers = http.latency.reduce((sum, count) => sum + count, 0)
  return { requests: http.requests, errors: http.classes[5] ?? 0, answers, latencyMs: http.latencySumMs }
}

function ownErrorsOf({ http }: ListenerTotals): number {
  return Object.entries(http?.answers ?? {}).reduce((sum, [status, count]) => sum + (status >= '500' ? count : 0), 0)
}

/** From one total to the next. One that is less than it was began anew. */
function grown(before: Flowed, total: Flowed): Flowed {
  const by = (was: number, is: number) => (is < was ? is : is - was)
  return { ...combined(before, total, by), activeFlows: total.activeFlows }
}

function plus(a: Flowed, b: Flowed): Flowed {
  return combined(a, b, (x, y) => x + y)
}

function combined(a: Flowed, b: Flowed, by: (a: number, b: number) => number): Flowed {
  return {
    newFlows: by(a.newFlows, b.newFlows),
    activeFlows: by(a.activeFlows, b.activeFlows),
    bytes: by(a.bytes, b.bytes),
    lost: by(a.lost, b.lost),
    answered: {
      requests: by(a.answered.requests, b.answered.requests),
      errors: by(a.answered.errors, b.answered.errors),
      answers: by(a.answered.answers, b.answered.answers),
      latencyMs: by(a.answered.latencyMs, b.answered.latencyMs),
    },
    ownErrors: by(a.ownErrors, b.ownErrors),
  }
}
