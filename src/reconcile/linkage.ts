import { isDeepStrictEqual } from 'node:util'
import type { Action, WeightedTargetGroup } from '../domain/action.ts'
import { type Drawing, drawingFrom } from '../domain/drawing.ts'
import { type LoadBalancer, speaksHttp } from '../domain/load-balancer.ts'
import { allReferences } from '../domain/references.ts'
import { type Change, changedKeys, type State } from '../domain/state.ts'
import { isAwsTimed, type Timing } from '../domain/timing.ts'
import type { GroupLink, HeldSwitch } from '../feed/messages.ts'
import { balancerType, type Forwarder, forwarding, isOtherProtocol, isSameForward, placeOf } from './forwarders.ts'
import { lingeringTargets } from './lingering-targets.ts'

/*
 * All of AWS's delays: what load balancers under its timing do, and when. What takes its time there is to link a target group to its
 * load balancer. It is linked as long as any listener or rule names it, if only at weight 0. An orphan, which none names, is forgotten
 * after a while, and has to be linked anew. A Network Load Balancer does the two independently of each other, so that a listener may be
 * left with a group that is forgotten already, and one that is not linked yet.
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
}

const delays: Readonly<Record<LoadBalancer['type'], Delays>> = {
  // S2.3, S2.8
  application: {
    registration: [10 * second, 20 * second],
    checks: [0, 0],
    change: [10 * second, 20 * second],
  },
  // S2.4 (about 10 s, 60-70 s, and 70-80 s together); S2.7 and S2.10
  network: {
    registration: [9 * second, 11 * second],
    checks: [61 * second, 69 * second],
    change: [60 * second, 90 * second],
  },
}
/** S2.6: an orphan of a Network Load Balancer's is forgotten so long after the last listener has left it; of another's at once. */
const memory: Span = [0, minute]
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

/** How far load balancers under AWS's timing are. Times are milliseconds since the epoch. */
export interface Linkage {
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
  /** It was an orphan, served and not forgotten yet, when it was named again: its former link ends then. */
  readonly formerUntil?: number
}

/** What a listener or a rule does. */
type Deed = Pick<Action, 'forward' | 'stickySeconds' | 'answer'>

interface Switch {
  /** What it does until then, of which nothing comes back once it is gone; `undefined` where it was not there before. */
  readonly before: Deed | undefined
  /** What it was told before and not again, but does on the way: shares that go over step by step sooner than a step takes. */
  readonly between: readonly { readonly deed: Deed; readonly at: number }[]
  /** When it was told. */
  readonly since: number
  /** It is made then, or when all groups that it names are linked if that is later. */
  readonly at: number
  /** From then on nothing goes to groups that it leaves, though others still name them. Absent where none did. */
  readonly leavesAt?: number
}

/** Whether it is delayed as AWS's would be. */
export function isTimed(state: State, forwarder: Forwarder, timing: Timing): boolean {
  const type = balancerType(state, forwarder)
  return type !== undefined && isAwsTimed(timing, type)
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

/** In an order of their own, whatever that of the tables, so that the same seed draws the same. */
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
  return told.sort((a, b) => (a.arn < b.arn ? -1 : 1))
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
export function linkageOf(
  before: { readonly desired: State; readonly linkage?: Linkage },
  desired: State,
  now: number,
  timing: Timing,
): Linkage | undefined {
  const { desired: former, linkage } = before
  if (timing.profile === 'instant' || (linkage !== undefined && isSameTraffic(former, desired))) return linkage
  const named = namedGroups(desired, timing)
  if (linkage === undefined) return linkedLongAgo(named, timing)

  const moment: Moment = { now, scale: timing.scale, draw: drawingFrom(linkage.random) }
  const told = toldBetween(former, desired, timing)
  const known = new Map(linkage.links)
  for (const [arn, { until = Infinity }] of known) if (until <= now) known.delete(arn)
  // In an order of their own, as in `toldBetween`.
  const orphans = [...known.keys()].filter(arn => !named.has(arn)).sort()
  const isNew = (arn: string) => known.get(arn)!.until === undefined
  const heirs = heirsOfRecent(orphans.filter(isNew), known, told, now, timing)
  const allHeirs = new Set([...heirs.values()].flat())

  // Orphans come last, since what listeners do until then says how long these are remembered.
  const links = new Map(known)
  for (const arn of orphans) links.delete(arn)
  const unlinked = [...named.keys()].filter(arn => !known.has(arn) || !isNew(arn))
  for (const arn of unlinked.sort()) {
    const its = known.get(arn)
    if (its !== undefined && !allHeirs.has(arn)) {
      const { until, ...link } = its
      links.set(arn, link)
    } else {
      const link = newLink(named.get(arn)!, moment)
      const formerUntil = isServed(its, now) ? (its!.until ?? its!.formerUntil) : undefined
      links.set(arn, { ...link, ...(formerUntil !== undefined && { formerUntil }) })
    }
  }
  for (const [arn, its] of heirs) {
    const until = now + within(recentMemory, moment)
    links.set(arn, { ...known.get(arn)!, until })
    for (const heir of its) links.set(heir, linkedAfter(until, links.get(heir)!))
  }
  const switches = switchesAfter(told, linkage, links, former, desired, moment)
  for (const arn of orphans) {
    const link = known.get(arn)!
    // An Application Load Balancer's serves until everybody has left it, also where that takes longer than it was to.
    if (!heirs.has(arn) && (isNew(arn) || link.type === 'application'))
      links.set(arn, { ...link, until: forgottenAt(arn, link.type, links, switches, desired, moment) })
    else links.set(arn, links.get(arn) ?? link)
  }
  return { random: moment.draw.state(), links, switches }
}

/** Whether nobody was told to send anything elsewhere, so that there is nothing to link or to leave. */
function isSameTraffic(before: State, after: State): boolean {
  return (
    before.listeners === after.listeners && before.rules === after.rules && before.loadBalancers === after.loadBalancers
  )
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
  const switches = new Map<string, Switch>()
  for (const [arn, its] of former) {
    const wanted = forwarderOf(before, arn)!
    if (dueAt(its, wanted, formerLinks) <= now || forwarderOf(desired, arn) === undefined) continue
    const deed = deedAt(its, now)
    const forward = servedUntil(its, wanted, formerLinks, now)
    switches.set(arn, {
      ...its,
      before: deed && { ...deed, forward },
      between: its.between.filter(({ at }) => at > now),
    })
  }
  const changes = new Map<LoadBalancer['type'], number>()
  for (const { arn, type, was, wanted } of told) {
    const underWay = was && switches.get(arn)
    const deed = underWay === undefined ? was : underWay.before
    const isLinking = wanted.forward.some(({ targetGroupArn }) => !isLinked(links.get(targetGroupArn), now))
    if (deed !== undefined && !isLinking && doesSame(deed, wanted)) switches.delete(arn)
    else {
      // What is told at the same time is done at the same time.
      const wait = isLinking ? 0 : changes.getOrInsertComputed(type, () => within(delays[type].change, moment))
      const isLeft = ({ targetGroupArn }: WeightedTargetGroup) =>
        isLinked(links.get(targetGroupArn), now) && !names(wanted, targetGroupArn)
      const leavesAt = type === 'network' && isLinking && deed?.forward.some(isLeft) && now + within(departure, moment)
      const told = underWay && [...underWay.between, { deed: deedOf(was!), at: dueAt(underWay, was!, formerLinks) }]
      const between = told?.filter(({ deed }) => deed.forward.every(its => names(wanted, its.targetGroupArn))) ?? []
      const its = { before: deed && deedOf(deed), between, since: now, at: now + wait }
      switches.set(arn, { ...its, ...(leavesAt && { leavesAt }) })
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
  type: LoadBalancer['type'],
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
  if (type === 'application') return leftAt
  if (isReplaced && draw.fraction() < hasty) return now + Math.round(draw.fraction() * hastyPart * (leftAt - now))
  return leftAt + within(memory, moment)
}

/** What a listener or a rule does until its switch is made. */
function deedAt({ before, between }: Switch, now: number): Deed | undefined {
  return between.findLast(({ at }) => at <= now)?.deed ?? before
}

/** Where it still sends to of that. An orphan is forgotten at a time of its own. */
function servedUntil(
  its: Switch,
  wanted: Forwarder,
  links: Linkage['links'],
  now: number,
): readonly WeightedTargetGroup[] {
  const { since, leavesAt = Infinity } = its
  const told = deedAt(its, now)?.forward ?? []
  return told.filter(({ targetGroupArn: arn }) => {
    const link = links.get(arn)
    if (link === undefined || !isServed(link, now)) return false
    const { at, until, formerUntil = -Infinity } = link
    const isKept = (at <= since || now < formerUntil) && (now < leavesAt || until !== undefined)
    return isKept || names(wanted, arn)
  })
}

export interface Effect {
  readonly delayed: readonly HeldSwitch[]
  readonly links: readonly GroupLink[]
  /** When time alone changes it; Infinity: never. */
  readonly nextAt: number
}

export const atOnce: Effect = { delayed: [], links: [], nextAt: Infinity }

/**
 * What is in effect at `now` of all that is delayed; its records are added to `changes`.
 *
 * @param before what was desired, and what was in effect of it
 */
export function effectOf(
  { links, switches }: Linkage,
  before: { readonly desired: State; readonly state: State },
  desired: State,
  now: number,
  changes: Change[],
): Effect {
  const delayed: HeldSwitch[] = []
  let nextAt = Infinity
  const changesAt = (time = Infinity) => {
    if (time > now && time < nextAt) nextAt = time
  }
  for (const [arn, its] of switches) {
    const wanted = forwarderOf(desired, arn)!
    const until = dueAt(its, wanted, links)
    if (until <= now) continue
    changesAt(until)
    changesAt(its.leavesAt)
    for (const { at } of its.between) changesAt(at)
    const deed = deedAt(its, now)
    const { forward: _, ...others } = deed ?? { forward: [] }
    const forward = servedUntil(its, wanted, links, now)
    delayed.push({ ...placeOf(wanted), until, forward })
    const [table, isOfApplication] =
      'listenerArn' in wanted ? (['rules', true] as const) : (['listeners', speaksHttp(wanted)] as const)
    // What is new is not there yet. At a Network Load Balancer's port somebody else must not answer meanwhile.
    if (deed === undefined && isOfApplication) changes.push({ table, key: arn })
    else {
      const { stickySeconds, answer, ...record } = wanted
      const known = before.desired[table].get(arn) === wanted ? before.state[table].get(arn) : undefined
      const value = { ...record, ...others, forward }
      changes.push({ table, key: arn, value: isDeepStrictEqual(known, value) ? known : value } as Change)
    }
  }
  changes.push(...lingeringTargets(before, desired, delayed))
  const underWay: GroupLink[] = []
  for (const [targetGroupArn, { checkedFrom, at, until, formerUntil }] of links) {
    changesAt(checkedFrom)
    changesAt(at)
    changesAt(until)
    changesAt(formerUntil)
    if (until === undefined && now < at)
      underWay.push({
        targetGroupArn,
        reason: now < checkedFrom ? 'Elb.RegistrationInProgress' : 'Elb.InitialHealthChecking',
      })
  }
  return { delayed, links: underWay, nextAt }
}
