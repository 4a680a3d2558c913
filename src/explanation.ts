import type { Flow } from './domain/choice.ts'
import { groupShares } from './domain/choice.ts'
import { isIpv6 } from './domain/cidr.ts'
import { type Explanation, explain } from './domain/explain.ts'
import { printAnswer, printCondition } from './domain/print-rule.ts'
import { groupsById, type SnapshotListener } from './domain/snapshot.ts'
import { isSuspect } from './domain/suspicion.ts'
import { targetKey } from './domain/target-group.ts'
import { targetHealth } from './domain/target-health.ts'
import type { ControlEnd } from './feed/control-end.ts'
import type { HeldSwitch } from './feed/messages.ts'
import type { NodeView } from './node-view.ts'

/** What `sluice explain` prints; the body of `GET /_sluice/explain`. */
export interface FlowExplanation {
  /** Whether the flow would reach a target. */
  readonly isServed: boolean
  readonly lines: readonly string[]
}

type Feed = Pick<ControlEnd, 'applied' | 'health' | 'nodeConnected'>

/**
 * Says in words which way a new flow takes, and what there is to know of each step.
 *
 * @param onCards addresses of this host's network cards
 */
export function explainFlow(
  view: NodeView,
  feed: Feed,
  flow: Flow,
  now: number,
  onCards: ReadonlySet<string>,
): FlowExplanation {
  const explanation = explain(view.snapshot, flow)
  const { protocol, source, sourcePort, destination, destinationPort } = flow
  const title = `A new ${protocol} flow ${endpoint(source, sourcePort)} -> ${endpoint(destination, destinationPort)}`
  const steps = [
    listenerStep(explanation, view, feed),
    ...(explanation.isItself ? [step('dropped', false, 'the listener itself is no client')] : []),
    ...admissionStep(explanation, view),
    ...choiceStep(explanation, view),
    ...ruleSteps(explanation, view),
    ...targetStep(explanation, view, feed, now),
    ...guardStep(explanation, feed, onCards),
    ...problemStep(explanation, feed),
  ]
  const isServed = steps.every(({ isPassed }) => isPassed)
  return {
    isServed,
    lines: [
      title,
      ...steps.map(({ what, line }) => `  ${what.padEnd(9)} ${line}`),
      ...notes(explanation, view, feed),
      ...(isServed ? [lastWord(explanation)] : []),
    ],
  }
}

function lastWord({ listener }: Explanation): string {
  return listener?.http === undefined
    ? 'A flow that is established keeps its target; this is where a new one goes.'
    : 'Each request of a connection is judged by itself: the first rule counts of which all conditions hold.'
}

interface Step {
  readonly what: string
  readonly isPassed: boolean
  readonly line: string
}

function step(what: string, isPassed: boolean, line: string): Step {
  return { what, isPassed, line }
}

function listenerStep({ flow, listener }: Explanation, { state, snapshot }: NodeView, feed: Feed): Step {
  if (listener === undefined) {
    const near = snapshot.listeners.filter(({ address }) => address === flow.destination).map(({ id }) => id)
    const there = near.length === 0 ? 'nor anything else at that address' : `there are ${near.slice(0, 5).join(', ')}`
    return step('listener', false, `none is ${flow.protocol} ${flow.destination} ${flow.destinationPort}; ${there}`)
  }
  const { id, listenerArn } = listener
  const loadBalancer = state.loadBalancers.get(state.listeners.get(listenerArn)?.loadBalancerArn ?? '')
  const applied = feed.applied()
  const problem = applied?.problems.find(problem => problem.listener === id && problem.target === undefined)
  const name = `${id} of ${loadBalancer?.name}`
  if (problem !== undefined) return step('listener', false, `${name} is NOT IN PLACE: ${problem.reason}`)
  const fallback = fallbackOf(listener, feed)
  return step('listener', true, `${name}, in ${fallback === undefined ? 'the kernel' : `userspace: ${fallback}`}`)
}

/** Why the listener is served in userspace; `undefined`: it is not. */
function fallbackOf({ id, tls, http }: SnapshotListener, feed: Feed): string | undefined {
  if (http !== undefined) return `it speaks ${tls === undefined ? 'HTTP' : 'HTTPS'}`
  if (tls !== undefined) return 'it speaks TLS'
  return feed.applied()?.fallbacks.find(({ listener }) => listener === id)?.reason
}

function admissionStep({ flow, listener, admission }: Explanation, { state }: NodeView): readonly Step[] {
  if (listener === undefined || admission === undefined) return []
  const { isAdmitted, client, cidr } = admission
  const loadBalancer = state.loadBalancers.get(state.listeners.get(listener.listenerArn)?.loadBalancerArn ?? '')
  const groups = loadBalancer?.securityGroups.join(', ') ?? ''
  const who = client === flow.source ? client : `${flow.source}, which counts as ${client},`
  if (!isAdmitted) {
    const ranges = listener.admit?.map(({ cidr }) => cidr) ?? []
    const admitted = ranges.length === 0 ? 'nobody' : listed(ranges)
    return [step('refused', false, `${who} is not in what ${groups} admits: ${admitted}`)]
  }
  if (cidr === undefined) return [step('admitted', true, 'the load balancer has no security groups: everyone is')]
  return [step('admitted', true, `${who} is in ${cidr} of ${groups}`)]
}

function choiceStep({ listener, admission, choice }: Explanation, { snapshot }: NodeView): readonly Step[] {
  if (listener === undefined || listener.http !== undefined || !admission?.isAdmitted) return []
  if (choice === undefined) return [step('group', false, 'none of its target groups has a weight')]
  const { group, weight, totalWeight, share, slot, slots, target } = choice
  const drawn = weight === totalWeight ? '' : `: the flow's share is ${share} of ${groupShares}`
  const chosen = step('group', true, `${groupName(group.id)}, weight ${weight} of ${totalWeight}${drawn}`)
  if (target === undefined) {
    const others = snapshot.groups.find(({ id }) => id === group.id)?.targets.length ?? 0
    const why = others === 0 ? 'it has no targets' : `none of its ${others} targets takes new flows`
    return [chosen, step('target', false, `${why}, and its weight is not handed on to another group`)]
  }
  const hashed = group.sticky ? 'the client address alone' : 'the flow'
  const where = `slot ${slot} of ${slots}, by ${hashed}`
  return [chosen, step('target', true, `${endpoint(target.address, target.port)}, ${where}`)]
}

/** So many of a listener's rules are shown; the default one is always among them. */
const shownRules = 20

/** A connection to an HTTP listener has no target yet: what it may become of its requests. */
function ruleSteps({ listener, admission }: Explanation, { snapshot }: NodeView): readonly Step[] {
  if (listener?.http === undefined || !admission?.isAdmitted) return []
  const { rules } = listener.http
  const groups = groupsById(snapshot.groups)
  const serving = (id: string) => groups.get(id)?.targets.filter(({ mode }) => mode === 'serve').length ?? 0
  const steps = rules.map(({ priority, conditions, action: { forward, answer } }) => {
    const when = conditions.length === 0 ? '' : `${conditions.map(printCondition).join(' and ')}: `
    const ways = forward.map(({ group, weight }) => {
      const all = groups.get(group)?.targets.length ?? 0
      return `${groupName(group)}${forward.length > 1 ? `, weight ${weight}` : ''} (${serving(group)} of ${all} targets serve)`
    })
    const what = answer === undefined ? ways.join('; ') || 'nothing' : printAnswer(answer)
    return step(priority === 0 ? 'otherwise' : `rule ${priority}`, true, `${when}${what}`)
  })
  const left = steps.length - shownRules
  if (left <= 0) return steps
  return [...steps.slice(0, shownRules - 1), step('...', true, `${left} more rules`), ...steps.slice(-1)]
}

function targetStep({ choice }: Explanation, { state }: NodeView, feed: Feed, now: number): readonly Step[] {
  const key = choice?.target?.key
  const group = state.targetGroups.get(choice?.group.id.split(' ')[0] ?? '')
  const target = group?.targets.find(target => targetKey(group.arn, target) === key)
  if (key === undefined || group === undefined || target === undefined) return []
  const health = feed.health(key)
  const { State } = targetHealth(state, group, target, health, now)
  const last = health?.results.at(-1)?.reason
  const words = [State, ...(last === undefined ? [] : [last])]
  if (health !== undefined && isSuspect(health, now)) words.push(`suspect: ${health.suspect?.reason}`)
  if (State !== 'healthy') words.push('it serves all the same, since the group fails open')
  return [step('health', true, words.join('; '))]
}

/** Only where packets are forwarded are a target's own groups enforced, and not on this host's own network cards. */
function guardStep(
  { listener, choice, guard }: Explanation,
  feed: Feed,
  onCards: ReadonlySet<string>,
): readonly Step[] {
  if (listener === undefined || guard === undefined) return []
  const { id, isAdmitted, cidr } = guard
  if (isAdmitted)
    return [step('admitted', true, `by ${id}'s own security groups, ${cidr ?? 'as it came through the listener'}`)]
  const refusal = `${id}'s own security groups do not admit it`
  if (fallbackOf(listener, feed) !== undefined)
    return [step('note', true, `${refusal}, which userspace cannot enforce`)]
  if (onCards.has(choice?.target?.address ?? ''))
    return [step('note', true, `${refusal}; they are not enforced, as it is this host itself`)]
  return [step('refused', false, refusal)]
}

/** The way to the chosen target, or back, is blocked. */
function problemStep({ listener, choice }: Explanation, feed: Feed): readonly Step[] {
  const target = choice?.target && endpoint(choice.target.address, choice.target.port)
  const problem = feed
    .applied()
    ?.problems.find(problem => problem.listener === listener?.id && problem.target === target)
  return target === undefined || problem === undefined ? [] : [step('problem', false, problem.reason)]
}

function notes({ listener }: Explanation, { state, snapshot }: NodeView, feed: Feed): readonly string[] {
  const applied = feed.applied()
  const isIts = ({ listenerArn }: HeldSwitch) => listenerArn === listener?.listenerArn
  const whose = ({ ruleArn }: HeldSwitch) =>
    ruleArn === undefined ? 'Its switch' : `The switch of its rule ${state.rules.get(ruleArn)?.priority}`
  const when = ({ until }: HeldSwitch) => new Date(until).toISOString()
  const { held = [], delayed = [] } = applied ?? {}
  return [
    ...held
      .filter(isIts)
      .map(
        its =>
          `${whose(its)} to other target groups is held until one of their targets is healthy, at most until ${when(its)}.`,
      ),
    ...delayed
      .filter(isIts)
      .map(its => `${whose(its)} to other target groups is made at ${when(its)}: AWS's timing is played (--timing).`),
    ...(feed.nodeConnected ? [] : ['The node process is not connected: it serves on the last state that it was told.']),
    ...(feed.nodeConnected && applied?.revision !== snapshot.revision
      ? [`The node has revision ${applied?.revision ?? 0} in place; this is revision ${snapshot.revision}.`]
      : []),
  ]
}

function endpoint(address: string, port: number): string {
  return isIpv6(address) ? `[${address}]:${port}` : `${address}:${port}`
}

/** `TARGETGROUP-ARN PROTOCOL ZONE`, the ARN's end being `targetgroup/NAME/ID`. */
function groupName(id: string): string {
  const [arn = '', , zone = ''] = id.split(' ')
  return `${arn.split('/')[1] ?? arn}${zone === '*' ? '' : ` in zone ${zone}`}`
}

function listed(ranges: readonly string[]): string {
  const [shown, more] = [ranges.slice(0, 5).join(', '), ranges.length - 5]
  return more > 0 ? `${shown} and ${more} more` : shown
}
