import type { Action } from './action.ts'
import { fixedHex } from './fixed-hex.ts'
import type { Listener } from './load-balancer.ts'
import type { Rule } from './rule.ts'
import { changedKeys, type State } from './state.ts'

type Rules = State['rules']
type ByListener = ReadonlyMap<string, readonly Rule[]>

/** A listener's rules, the default one excepted, by priority. While none of them changes, the same array. */
export function rulesOf({ rules }: Pick<State, 'rules'>, listenerArn: string): readonly Rule[] {
  return (rules.size === 0 ? undefined : rulesByListener(rules).get(listenerArn)) ?? none
}

/** All that a listener may do: its rules' actions by priority, its own last. */
export function actionsOf(state: Pick<State, 'rules'>, listener: Listener): readonly Action[] {
  return [...rulesOf(state, listener.arn), listener]
}

/** The records behind those actions that forward to one of these target groups: rules, and the listener itself. */
export function forwardersTo(
  state: Pick<State, 'rules'>,
  listener: Listener,
  targetGroupArns: readonly string[],
): readonly (Rule | Listener)[] {
  return [...rulesOf(state, listener.arn), listener].filter(({ forward }) =>
    forward.some(({ targetGroupArn }) => targetGroupArns.includes(targetGroupArn)),
  )
}

/** The ARNs of all target groups that a listener names, each with the greatest of its weights. */
export function targetGroupsOf(state: Pick<State, 'rules'>, listener: Listener): ReadonlyMap<string, number> {
  const weights = new Map<string, number>()
  for (const { forward } of actionsOf(state, listener)) {
    for (const { targetGroupArn, weight } of forward)
      weights.set(targetGroupArn, Math.max(weight, weights.get(targetGroupArn) ?? 0))
  }
  return weights
}

/** The ARN of a listener's default rule, its own action: no record is kept of it, and its id is made of the listener's ARN. */
export function defaultRuleArn({ arn }: Pick<Listener, 'arn'>): string {
  return `${arn.replace(':listener/', ':listener-rule/')}/${fixedHex(`${arn} default rule`, 16)}`
}

/** The record behind the ARN of a rule, a default rule (its listener) or a listener. */
export function routeOf(state: Pick<State, 'rules' | 'listeners'>, arn: string): Rule | Listener | undefined {
  const known = state.rules.get(arn) ?? state.listeners.get(arn)
  if (known !== undefined || !arn.includes(':listener-rule/')) return known
  const listener = state.listeners.get(arn.slice(0, arn.lastIndexOf('/')).replace(':listener-rule/', ':listener/'))
  return listener !== undefined && defaultRuleArn(listener) === arn ? listener : undefined
}

/**
 * What a deployment moves behind a route's ARN: of a listener all that it forwards to one of these target groups, by rules as by its own
 * action; of a rule, or a default rule, that action alone. Empty where nothing forwards to them, or nothing is there.
 */
export function movedBehind(
  state: Pick<State, 'rules' | 'listeners'>,
  arn: string,
  targetGroupArns: readonly string[],
): readonly (Rule | Listener)[] {
  const record = routeOf(state, arn)
  if (record === undefined) return []
  return 'listenerArn' in record || record.arn !== arn ? [record] : forwardersTo(state, record, targetGroupArns)
}

const none: readonly Rule[] = []
const byListener = new WeakMap<Rules, ByListener>()
/** The table that was asked about last: the next one is mostly the same but for a rule or two. */
let last: { readonly rules: Rules; readonly byListener: ByListener } = { rules: new Map(), byListener: new Map() }

function rulesByListener(rules: Rules): ByListener {
  const known = byListener.get(rules)
  if (known !== undefined) return known
  const concerned = listenersOfOtherRules(last.rules, rules)
  const next = new Map([...last.byListener].filter(([listenerArn]) => !concerned.has(listenerArn)))
  const theirs = rules.values().filter(rule => concerned.has(rule.listenerArn))
  for (const [listenerArn, its] of Map.groupBy(theirs, rule => rule.listenerArn))
    next.set(listenerArn, its.sort(byPriority))
  byListener.set(rules, next)
  last = { rules, byListener: next }
  return next
}

/** ARNs of the listeners of which a rule came, went or is another one. */
export function listenersOfOtherRules(before: Rules, after: Rules): ReadonlySet<string> {
  const listeners = new Set<string>()
  for (const arn of changedKeys(before, after))
    for (const rule of [before.get(arn), after.get(arn)]) if (rule !== undefined) listeners.add(rule.listenerArn)
  return listeners
}

function byPriority(a: Rule, b: Rule): number {
  return a.priority - b.priority
}
