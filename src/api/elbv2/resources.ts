import { defaultRuleArn, routeOf } from '../../domain/listener-rules.ts'
import type { Listener, LoadBalancer } from '../../domain/load-balancer.ts'
import { referencesTo } from '../../domain/references.ts'
import type { Rule } from '../../domain/rule.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup } from '../../domain/target-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { pageOf } from '../paging.ts'

/** ARNs of Elastic Load Balancing: how they are made, and what they name (AWS: Service Authorization Reference). */
export function makeArn(call: Call, resource: string): string {
  return `arn:aws:elasticloadbalancing:${call.region}:${call.account}:${resource}`
}

/** The id, 16 hex digits, at the end of an ARN. */
export function idOf(arn: string): string {
  return arn.slice(arn.lastIndexOf('/') + 1)
}

/** Throws ValidationError for what is no load balancer's ARN, LoadBalancerNotFound for one that is not there. */
export function findLoadBalancer(state: State, arn: string | undefined): LoadBalancer {
  const found = state.loadBalancers.get(checkArn(arn, 'load balancer', /^loadbalancer\/(app|net|gwy)\/[^/]+\/\w+$/))
  if (found === undefined) throw new ApiError('LoadBalancerNotFound', 'One or more load balancers not found')
  return found
}

/** Throws ValidationError for what is no listener's ARN, ListenerNotFound for one that is not there. */
export function findListener(state: State, arn: string | undefined): Listener {
  const found = state.listeners.get(checkArn(arn, 'listener', /^listener\/(app|net|gwy)\/[^/]+\/\w+\/\w+$/))
  if (found === undefined) throw new ApiError('ListenerNotFound', 'One or more listeners not found')
  return found
}

/** A listener's default rule: its own action. */
export interface DefaultRule {
  readonly arn: string
  readonly listener: Listener
}

export function defaultRuleOf(listener: Listener): DefaultRule {
  return { arn: defaultRuleArn(listener), listener }
}

export function isDefault(rule: Rule | DefaultRule): rule is DefaultRule {
  return 'listener' in rule
}

/** Throws ValidationError for what is no rule's ARN, RuleNotFound for one that is not there. */
export function findRule(state: State, arn: string | undefined): Rule | DefaultRule {
  const checked = checkArn(arn, 'rule', /^listener-rule\/(app|net|gwy)\/[^/]+\/\w+\/\w+\/\w+$/)
  const found = routeOf(state, checked)
  if (found === undefined) throw new ApiError('RuleNotFound', 'One or more rules not found')
  return 'listenerArn' in found ? found : defaultRuleOf(found)
}

/** Throws ValidationError for what is no target group's ARN, TargetGroupNotFound for one that is not there. */
export function findTargetGroup(
  state: State,
  arn: string | undefined,
  notFound: (arn: string) => string = () => 'One or more target groups not found',
): TargetGroup {
  const checked = checkTargetGroupArn(arn)
  const found = state.targetGroups.get(checked)
  if (found === undefined) throw new ApiError('TargetGroupNotFound', notFound(checked))
  return found
}

/** Answers the ARN; throws ValidationError if it is none of a target group. */
export function checkTargetGroupArn(arn: string | undefined): string {
  return checkArn(arn, 'target group', /^targetgroup\/[^/]+\/\w+$/)
}

/** Answers the ARN; throws ValidationError if it is none of a load balancer. */
export function checkLoadBalancerArn(arn: string | undefined): string {
  return checkArn(arn, 'load balancer', /^loadbalancer\/(app|net|gwy)\/[^/]+\/\w+$/)
}

export function listenersOf(state: State, loadBalancerArn: string): readonly Listener[] {
  return [...state.listeners.values()].filter(listener => listener.loadBalancerArn === loadBalancerArn)
}

/** The ARN of the one load balancer that forwards to a target group, be it with weight 0. */
export function userOf(state: State, targetGroupArn: string): string | undefined {
  return referencesTo(state, targetGroupArn)[0]?.loadBalancer.arn
}

/**
 * Names of load balancers and target groups: at most 32 letters, digits and hyphens, no hyphen at either end
 * (AWS: CreateLoadBalancer, CreateTargetGroup).
 */
export function checkName(noun: string, name: string | undefined): string {
  if (name === undefined || name === '') throw invalid(`A ${noun.toLowerCase()} name must be specified`)
  if (name.length > 32) throw invalid(`${noun} name '${name}' cannot be longer than '32' characters`)
  if (!/^[A-Za-z0-9-]+$/.test(name)) {
    throw invalid(`${noun} name '${name}' can only contain characters that are alphanumeric characters or hyphens(-)`)
  }
  if (name.startsWith('-') || name.endsWith('-')) {
    throw invalid(`${noun} name '${name}' cannot begin or end with '-'`)
  }
  return name
}

/** A malformed parameter, in AWS's code for all of them. */
export function invalid(message: string): ApiError {
  return new ApiError('ValidationError', message)
}

/** A well-formed request that asks for what cannot be. */
export function invalidConfiguration(message: string): ApiError {
  return new ApiError('InvalidConfigurationRequest', message)
}

/** An action that AWS does not take, or not here. */
export function invalidAction(message: string): ApiError {
  return new ApiError('InvalidLoadBalancerAction', message)
}

function checkArn(arn: string | undefined, noun: string, resource: RegExp): string {
  if (arn === undefined) throw invalid(`A ${noun} ARN must be specified`)
  const [, tail] = /^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d+:(.+)$/.exec(arn) ?? []
  if (tail === undefined || !resource.test(tail)) throw invalid(`'${arn}' is not a valid ${noun} ARN`)
  return arn
}

/** The page that a Describe action is asked for; without a `PageSize` it is AWS's largest. */
export function markedPage<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  input: { readonly Marker?: string | undefined; readonly PageSize?: number | undefined },
): { items: Item[]; NextMarker: string | undefined } {
  const page = pageOf(items, keyOf, { size: input.PageSize ?? 400, token: input.Marker }, marker =>
    invalid(`The marker '${marker}' is not valid`),
  )
  return { items: page.items, NextMarker: page.next }
}
