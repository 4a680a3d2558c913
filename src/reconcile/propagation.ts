import { isDeepStrictEqual } from 'node:util'
import type { Action, WeightedTargetGroup } from '../domain/action.ts'
import { type Drawing, drawingFrom } from '../domain/drawing.ts'
import type { HealthByTarget, Probe } from '../domain/health.ts'
import { type LoadBalancer, speaksHttp } from '../domain/load-balancer.ts'
import { allReferences } from '../domain/references.ts'
import { applyChanges, type Change, changedKeys, emptyState, type State } from '../domain/state.ts'
import { targetGroupOf } from '../domain/target-group.ts'
import { isAwsTimed, type Timing } from '../domain/timing.ts'
import type { GroupLink, HeldSwitch } from '../feed/messages.ts'
import { balancerType, type Forwarder, forwarding, isOtherProtocol, isSameForward } from './forwarders.ts'
import { type Hold, holdOf, longestHoldMs } from './held-switches.ts'
import { lingeringTargets } from './lingering-targets.ts'

/*
 * When what was asked for takes effect: at once, but for switches that would lose something (`held-switches.ts`); and for load
 * balancers under AWS's timing as late as it would there, whatever is lost. All of AWS's delays are here.
 *
 * What takes its time there is to link a target group to its load balancer. It is linked as long as any listener or rule names it, if
 * only at weight 0. An orphan, which none names, is forgotten after a while, and has to be linked anew. A Network Load Balancer does
 * the two independently of each other, so that a listener may be left with a group that is forgotten already, and one that is not
 * linked yet.
 */

const second = 1_000
const minute = 60 * second

/** Milliseconds from and to. AWS documents none of these: the article behind S2.3-S2.10 has measured them. */
type Span = readonly [number, number]

interface Delays {
  /** Until an orphan is served: Elb.RegistrationInProgress, then Elb.InitialHealthChecking. */
  readonly registration: Span
  readonly checks: Span
  /** Until a listener or rule passes to groups that are linked already. */
  readonly change: Span
  /** An orphan is forgotten so long after the last listener or rule has left it. */
  readonly memory: Span
}

const delays: Readonly<Record<LoadBalancer['type'], Delays>> = {
  // S2.3, S2.8
  application: {
    registration: [10 * second, 20 * second],
    checks: [0, 0],
    change: [10 * second, 20 * second],
    memory: [0, 0],
  },
  // S2.4 (about 10 s, 60-70 s, and 70-80 s together); S2.7 and S2.10
  network: {
    registration: [9 * second, 11 * second],
    checks: [61 * second, 69 * second],
    change: [60 * second, 90 * second],
    memory: [0, minute],
  },
}
/** S2.9: an orphan that was itself linked this recently is forgotten so soon, and what replaces it begins to be linked only then. */
const recent = 15 * minute
const recentMemory: Span = [10 * second, 20 * second]
/**
 * S2.7: a listener is left without an answer for a part of the time that an orphan takes, also where the group that served it goes on
 * serving others. The article has no figure; it is taken to leave as soon as one of S2.9 does.
 */
const departure: Span = recentMemory
/** S2.6: so many orphans are forgotten before what replaces them is linked, at any time of the first nine tenths of that. */
const hasty = 0.25
const hastyPart = 0.9

/** The state that is to take effect now, and what of the desired one is not in it. */
export interface Propagation {
  /** The desired state that this was made from. */
  readonly desired: State
  /** `desired`, but for what is held or delayed; the same object where nothing is. */
  readonly state: State
  /** How many records of `state` are not as `desired` has them. */
  readonly different: number
  readonly held: readonly HeldSwitch[]
  readonly delayed: readonly HeldSwitch[]
  readonly links: readonly GroupLink[]
  /** When time alone changes any of it, milliseconds since the epoch. */
  readonly nextAt: number | undefined
  /** By the ARN of a listener or a rule. */
  readonly holds: ReadonlyMap<string, Hold>
  /** Absent before the first call, and where no load balancer takes AWS's time. */
  readonly linkage?: Linkage
}

/** How far load balancers under AWS's timing are. Times are milliseconds since the epoch. */
interface Linkage {
  /** What the next draw is made from. */
  readonly random: number
  /** By target group: all that are referred to, and orphans until they are forgotten. */
  readonly links: ReadonlyMap<string, Link>
  /** By the ARN of a listener or a rule: what it does instead of what it is told. */
  readonly switches: ReadonlyMap<string, Switch>
}

interface Link {
  readonly type: LoadBalancer['type']
  /** When its linking begins, its health checks, and its service. */
  readonly from: number
  readonly checkedFrom: number
  readonly at: number
  /** An orphan: when it is forgotten. */
  readonly until?: number
  /** It was an orphan and not forgotten yet when it was named again: its former link ends then. */
  readonly formerUntil?: number
}

/** What a listener or a rule does. */
type Deed = Pick<Action, 'forward' | 'stickySeconds' | 'answer'>

interface Switch {
  /** What it does until then; `undefined` where it was not there before. */
  readonly before: Deed | undefined
  /** It is made then, or when all groups that it names are linked if that is later. */
  readonly at: number
  /** From then on nothing goes to groups that it leaves, though others still name them. */
  readonly leavesAt?: number
}

export const nothingPropagated: Propagation = {
  desired: emptyState,
  state: emptyState,
  different: 0,
  held: [],
  delayed: [],
  links: [],
  nextAt: undefined,
  holds: new Map(),
}

/**
 * What takes effect of `desired` at `now`, after `before`. Under AWS's timing all that the first call finds counts as linked long ago: a
 * node that starts again takes it over.
 */
export function propagate(
  before: Propagation,
  desired: State,
  health: HealthByTarget,
  now: number,
  timing: Timing,
): Propagation {
  const isSameDesired = before.desired === desired
  if (isSameDesired && before.holds.size === 0 && now < (before.nextAt ?? Infinity)) return before
  const holds = new Map<string, Hold>()
  const held: HeldSwitch[] = []
  const changes: Change[] = []
  for (const table of forwarding) {
    for (const arn of changedKeys(before.desired[table], desired[table]).union(before.holds)) {
      const wanted = desired[table].get(arn)
      const hold =
        wanted === undefined || isTimed(desired, wanted, timing)
          ? undefined
          : holdOf(before, table, arn, desired, health, now)
      if (hold === undefined) continue
      const { effective, since } = hold
      holds.set(arn, hold)
      held.push({ ...placeOf(effective), until: since + longestHoldMs, forward: effective.forward })
      changes.push({ table, key: arn, value: effective } as Change)
    }
  }
  const linkage = linkageOf(before, desired, now, timing)
  const { delayed, links, times } = linkage === undefined ? atOnce : effectOf(linkage, before, desired, now, changes)
  const isSame =
    isSameDesired &&
    changes.length === before.different &&
    changes.every(({ table, key, value }) => before.state[table].get(key) === value)
  const state = isSame
    ? before.state
    : changes.length === 0
      ? desired
      : applyChanges(desired, desired.revision, changes)
  const nextAt = Math.min(...held.map(({ until }) => until), ...times)
  return {
    ...{ desired, state, held, delayed, links, holds, different: changes.length },
    nextAt: nextAt === Infinity ? undefined : nextAt,
    ...(linkage && { linkage }),
  }
}

function isTimed(state: State, forwarder: Forwarder, timing: Timing): boolean {
  const type = balancerType(state, forwarder)
  return type !== undefined && isAwsTimed(timing, type)
}

function placeOf(forwarder: Forwarder): Pick<HeldSwitch, 'listenerArn' | 'ruleArn'> {
  return 'listenerArn' in forwarder
    ? { listenerArn: forwarder.listenerArn, ruleArn: forwarder.arn }
    : { listenerArn: forwarder.arn }
}

/** The target groups that load balancers under AWS's timing refer to, with the type of these. */
function namedGroups(state: State, timing: Timing): ReadonlyMap<string, LoadBalancer['type']> {
  const named = new Map<string, LoadBalancer['type']>()
  for (const [arn, [reference]] of allReferences(state)) {
    const type = reference?.loadBalancer.type
    if (type !== undefined && isAwsTimed(timing, type)) named.set(arn, type)
  }
  return named
}

/** A listener or rule that is new, or was told something else. */
interface Told {
  readonly arn: string
  readonly type: LoadBalancer['type']
  /** `undefined`: it is new, or as good as that. */
  readonly was: Forwarder | undefined
  readonly wanted: Forwarder
}

function toldBetween(before: State, desired: State, timing: Timing): readonly Told[] {
  const told: Told[] = []
  for (const table of forwarding) {
    for (const arn of changedKeys(before[table], desired[table])) {
      const [former, wanted] = [before[table].get(arn), desired[table].get(arn)]
      const type = wanted && balancerType(desired, wanted)
      if (wanted === undefined || type === undefined || !isAwsTimed(timing, type)) continue
      const was = former && !isOtherProtocol(former, wanted) ? former : undefined
      if (was === undefined || !doesSame(was, wanted)) told.push({ arn, type, was, wanted })
    }
  }
  return told
}

function doesSame(a: Deed, b: Deed): boolean {
  const isOneGroup = a.forward.length === 1 && b.forward.length === 1 && !a.forward.concat(b.forward).some(isIdle)
  const isSame = isOneGroup ? names(b, a.forward[0]!.targetGroupArn) : isSameForward(a, b)
  return isSame && a.stickySeconds === b.stickySeconds && isDeepStrictEqual(a.answer, b.answer)
}

function isIdle({ weight }: WeightedTargetGroup): boolean {
  return weight === 0
}

function names({ forward }: Deed, arn: string): boolean {
  return forward.some(({ targetGroupArn }) => targetGroupArn === arn)
}

/** When something changed, and what its delays are drawn from. */
interface Moment {
  readonly now: number
  readonly scale: number
  readonly draw: Drawing
}

/** Milliseconds. */
function within([least, most]: Span, { scale, draw }: Moment): number {
  return Math.round((least + draw.fraction() * (most - least)) / scale)
}

/** What links there are and which switches are under way, after what changed since `before`. */
function linkageOf(before: Propagation, desired: State, now: number, timing: Timing): Linkage | undefined {
  const { desired: former, linkage } = before
  if (timing.profile === 'instant' || (linkage !== undefined && former === desired)) return linkage
  const named = namedGroups(desired, timing)
  if (linkage === undefined) return linkedLongAgo(named, timing)

  const moment: Moment = { now, scale: timing.scale, draw: drawingFrom(linkage.random) }
  const told = toldBetween(former, desired, timing)
  const known = new Map([...linkage.links].filter(([, { until = Infinity }]) => now < until))
  const orphans = [...known.keys()].filter(arn => !named.has(arn) && known.get(arn)!.until === undefined)
  const heirs = heirsOfRecent(orphans, known, told, now, timing)
  const allHeirs = new Set([...heirs.values()].flat())

  const links = new Map(known)
  // In an order of their own, so that the same seed draws the same.
  for (const [arn, type] of [...named].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { until, ...link } = known.get(arn) ?? newLink(type, moment)
    if (until === undefined) links.set(arn, link)
    else links.set(arn, allHeirs.has(arn) ? { ...newLink(type, moment), formerUntil: until } : link)
  }
  for (const [arn, its] of heirs) {
    const until = now + within(recentMemory, moment)
    links.set(arn, { ...known.get(arn)!, until })
    for (const heir of its) links.set(heir, linkedAfter(until, links.get(heir)!))
  }
  const switches = switchesAfter(told, linkage, links, former, desired, moment)
  for (const arn of orphans)
    if (!heirs.has(arn))
      links.set(arn, { ...known.get(arn)!, until: forgottenAt(arn, links, switches, desired, moment) })
  return { random: moment.draw.state(), links, switches }
}

function linkedLongAgo(named: ReturnType<typeof namedGroups>, { seed }: Timing): Linkage {
  const since = { from: -Infinity, checkedFrom: -Infinity, at: -Infinity }
  return {
    random: seed,
    links: new Map(Array.from(named, ([arn, type]) => [arn, { type, ...since }])),
    switches: new Map(),
  }
}

/** Of orphans of Network Load Balancers that were linked a short while ago: what is to be linked, or is being, in their place. */
function heirsOfRecent(
  orphans: readonly string[],
  links: Linkage['links'],
  told: readonly Told[],
  now: number,
  { scale }: Timing,
): ReadonlyMap<string, readonly string[]> {
  const heirs = new Map<string, readonly string[]>()
  for (const orphan of orphans) {
    const { type, at } = links.get(orphan)!
    if (type === 'application' || now - at > recent / scale) continue
    const its = told
      .filter(({ was }) => was !== undefined && names(was, orphan))
      .flatMap(({ wanted }) => wanted.forward.map(({ targetGroupArn }) => targetGroupArn))
      .filter(arn => !isLinked(links.get(arn), now))
    if (its.length > 0) heirs.set(orphan, its)
  }
  return heirs
}

function isLinked(link: Link | undefined, now: number): boolean {
  return link !== undefined && link.at <= now && link.until === undefined
}

function isServed(link: Link | undefined, now: number): boolean {
  if (link === undefined) return false
  const { at, until = Infinity, formerUntil = -Infinity } = link
  return (at <= now && now < until) || now < formerUntil
}

function newLink(type: LoadBalancer['type'], moment: Moment): Link {
  const checkedFrom = moment.now + within(delays[type].registration, moment)
  return { type, from: moment.now, checkedFrom, at: checkedFrom + within(delays[type].checks, moment) }
}

/** Begun at `time` instead, unless that was later already. */
function linkedAfter(time: number, { formerUntil, ...link }: Link): Link {
  const later = Math.max(0, time - link.from)
  return {
    type: link.type,
    from: link.from + later,
    checkedFrom: link.checkedFrom + later,
    at: link.at + later,
    ...(formerUntil !== undefined && { formerUntil: Math.min(formerUntil, time) }),
  }
}

/** Those of before that are not made yet, and new ones. */
function switchesAfter(
  told: readonly Told[],
  { links: formerLinks, switches: former }: Linkage,
  links: Linkage['links'],
  before: State,
  desired: State,
  moment: Moment,
): Linkage['switches'] {
  const { now } = moment
  const isUnderWay = (arn: string) => {
    const its = former.get(arn)
    const record = forwarderOf(before, arn)
    return its !== undefined && record !== undefined && now < dueAt(its, record, formerLinks)
  }
  const switches = new Map([...former].filter(([arn]) => isUnderWay(arn) && forwarderOf(desired, arn) !== undefined))
  const changes = new Map<LoadBalancer['type'], number>()
  for (const { arn, type, was, wanted } of told) {
    const deed = was && (switches.get(arn) ?? { before: was }).before
    const isLinking = wanted.forward.some(({ targetGroupArn }) => !isLinked(links.get(targetGroupArn), now))
    if (deed !== undefined && !isLinking && doesSame(deed, wanted)) switches.delete(arn)
    else {
      // What is told at the same time is done at the same time.
      const wait = isLinking ? 0 : changes.getOrInsertComputed(type, () => within(delays[type].change, moment))
      const leavesAt = type === 'network' && isLinking && deed && now + within(departure, moment)
      switches.set(arn, { before: deed && deedOf(deed), at: now + wait, ...(leavesAt && { leavesAt }) })
    }
  }
  return switches
}

function deedOf({ forward, stickySeconds, answer }: Deed): Deed {
  return { forward, ...(stickySeconds !== undefined && { stickySeconds }), ...(answer && { answer }) }
}

function forwarderOf({ listeners, rules }: State, arn: string): Forwarder | undefined {
  return listeners.get(arn) ?? rules.get(arn)
}

function dueAt({ at }: Switch, wanted: Forwarder, links: Linkage['links']): number {
  return Math.max(at, ...wanted.forward.map(({ targetGroupArn }) => links.get(targetGroupArn)?.at ?? at))
}

/** When an orphan is forgotten that is left now; normally not before what replaces it is linked. */
function forgottenAt(
  orphan: string,
  links: Linkage['links'],
  switches: Linkage['switches'],
  desired: State,
  moment: Moment,
): number {
  const { now, draw } = moment
  let [leftAt, isReplaced] = [now, false]
  for (const [arn, its] of switches) {
    const wanted = forwarderOf(desired, arn)!
    if (its.before === undefined || !names(its.before, orphan)) continue
    leftAt = Math.max(leftAt, dueAt(its, wanted, links))
    isReplaced ||= wanted.forward.some(({ targetGroupArn }) => !isLinked(links.get(targetGroupArn), now))
  }
  const { type } = links.get(orphan)!
  if (type === 'network' && isReplaced && draw.fraction() < hasty)
    return now + Math.round(draw.fraction() * hastyPart * (leftAt - now))
  return leftAt + within(delays[type].memory, moment)
}

interface Effect {
  readonly delayed: readonly HeldSwitch[]
  readonly links: readonly GroupLink[]
  /** When time alone changes it. */
  readonly times: readonly number[]
}

const atOnce: Effect = { delayed: [], links: [], times: [] }

/** What is in effect at `now` of all that is delayed; its records are added to `changes`. */
function effectOf(
  { links, switches }: Linkage,
  before: Propagation,
  desired: State,
  now: number,
  changes: Change[],
): Effect {
  const delayed: HeldSwitch[] = []
  const times: number[] = []
  // An orphan is forgotten at a time of its own.
  const isOrphan = (group: string) => links.get(group)?.until !== undefined
  for (const [arn, its] of switches) {
    const wanted = forwarderOf(desired, arn)!
    const until = dueAt(its, wanted, links)
    if (until <= now) continue
    times.push(until)
    const { forward: told = [], ...others } = its.before ?? {}
    const { leavesAt = Infinity } = its
    if (now < leavesAt && leavesAt < until) times.push(leavesAt)
    const forward = told.filter(
      ({ targetGroupArn: group }) =>
        isServed(links.get(group), now) && (now < leavesAt || isOrphan(group) || names(wanted, group)),
    )
    delayed.push({ ...placeOf(wanted), until, forward })
    const [table, isOfApplication] =
      'listenerArn' in wanted ? (['rules', true] as const) : (['listeners', speaksHttp(wanted)] as const)
    // What is new is not there yet. At a Network Load Balancer's port somebody else must not answer meanwhile.
    if (its.before === undefined && isOfApplication) changes.push({ table, key: arn })
    else {
      const { stickySeconds, answer, ...record } = wanted
      const known = before.desired[table].get(arn) === wanted ? before.state[table].get(arn) : undefined
      const isSame = known !== undefined && known !== wanted && isSameForward(known, { forward })
      changes.push({ table, key: arn, value: isSame ? known : { ...record, ...others, forward } } as Change)
    }
  }
  changes.push(...lingeringTargets(before, desired, delayed))
  const underWay: GroupLink[] = []
  for (const [targetGroupArn, { checkedFrom, at, until, formerUntil }] of links) {
    times.push(
      ...([checkedFrom, at, until, formerUntil].filter(
        time => time !== undefined && time > now && time < Infinity,
      ) as number[]),
    )
    if (until === undefined && now < at)
      underWay.push({
        targetGroupArn,
        reason: now < checkedFrom ? 'Elb.RegistrationInProgress' : 'Elb.InitialHealthChecking',
      })
  }
  return { delayed, links: underWay, times }
}

/** A target of a Network Load Balancer is checked so many times as often at most. */
const mostCheckers = 10

/** Of probes for whose checks `consensusProbes` was asked; they are the same objects as long as these are. */
const many = new WeakMap<Probe, Probe>()

/**
 * The health checks as Network Load Balancers under AWS's timing make them (S2.12): from many checkers that seek a consensus, each in the
 * same interval. Here one asks as often as all of them, and counts as many more results, so that a verdict takes what it took. They are as
 * many, up to ten (AWS has no figure), as leave each check its timeout before the next one.
 */
export function consensusProbes(
  probes: ReadonlyMap<string, Probe>,
  { targetGroups }: State,
  timing: Timing,
): ReadonlyMap<string, Probe> {
  if (!isAwsTimed(timing, 'network')) return probes
  return new Map(
    Array.from(probes, ([key, probe]) => {
      const group = targetGroups.get(targetGroupOf(key))
      return [key, group === undefined || speaksHttp(group) ? probe : many.getOrInsertComputed(probe, ofMany)]
    }),
  )
}

function ofMany(probe: Probe): Probe {
  const { intervalMs, timeoutMs, healthyThreshold, unhealthyThreshold } = probe
  const checkers = Math.max(1, Math.min(mostCheckers, Math.floor(intervalMs / timeoutMs)))
  return {
    ...probe,
    intervalMs: intervalMs / checkers,
    healthyThreshold: checkers * healthyThreshold,
    unhealthyThreshold: checkers * unhealthyThreshold,
  }
}
