import type {
  CreateRuleInput,
  CreateRuleOutput,
  DeleteRuleInput,
  DeleteRuleOutput,
  DescribeRulesInput,
  DescribeRulesOutput,
  ModifyRuleInput,
  ModifyRuleOutput,
  Rule as SdkRule,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { rulesOf } from '../../domain/listener-rules.ts'
import { speaksHttp } from '../../domain/load-balancer.ts'
import type { Rule } from '../../domain/rule.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { accountLimits, checkLimit } from './account-limits.ts'
import { actionIn, checkAction, describeAction, withAction } from './actions.ts'
import { checkLoadBalancerLimits } from './load-balancer-limits.ts'
import {
  type DefaultRule,
  defaultRuleOf,
  findListener,
  findLoadBalancer,
  findRule,
  invalid,
  invalidConfiguration,
  isDefault,
  listenersOf,
  makeArn,
  markedPage,
} from './resources.ts'
import { conditionsIn, describeCondition } from './rule-conditions.ts'
import { tagsIn } from './tags.ts'

export function CreateRule(input: CreateRuleInput, call: Call): CreateRuleOutput {
  const { state } = call.draft
  const listener = findListener(state, input.ListenerArn)
  const loadBalancer = findLoadBalancer(state, listener.loadBalancerArn)
  if (!speaksHttp(listener)) {
    throw new ApiError(
      'UnsupportedProtocol',
      `Rules are not supported on listeners with the ${listener.protocol} protocol`,
    )
  }
  refuseTransforms(input)
  const { Priority: priority } = input
  if (priority === undefined) throw invalid('A priority must be specified')
  if (!input.Actions?.length) throw invalid('An action must be specified')
  const rules = rulesOf(state, listener.arn)
  if (rules.some(rule => rule.priority === priority)) {
    throw new ApiError('PriorityInUse', `Priority '${priority}' is currently in use`)
  }
  const count = listenersOf(state, loadBalancer.arn).reduce((sum, { arn }) => sum + rulesOf(state, arn).length, 0)
  checkLimit(
    'TooManyRules',
    count + 1,
    accountLimits['rules-per-application-load-balancer'],
    'rules per application load balancer',
  )
  const rule: Rule = {
    arn: makeArn(
      call,
      `${listener.arn.slice(listener.arn.indexOf(':listener/') + 1).replace('listener/', 'listener-rule/')}/${call.hex(16)}`,
    ),
    listenerArn: listener.arn,
    priority,
    conditions: conditionsIn(input.Conditions),
    ...actionIn(input.Actions, loadBalancer),
    tags: tagsIn(input.Tags),
  }
  put(rule, call)
  return { Rules: [describeRule(state, rule)] }
}

/** Replaces the conditions, the actions, or both; a list that is given is the whole new one. */
export function ModifyRule(input: ModifyRuleInput, call: Call): ModifyRuleOutput {
  const { state } = call.draft
  const rule = findRule(state, input.RuleArn)
  if (isDefault(rule)) throw new ApiError('OperationNotPermitted', `Default rule '${rule.arn}' cannot be modified`)
  refuseTransforms(input)
  const { Conditions: conditions, Actions: actions } = input
  if (!conditions?.length && !actions?.length && !input.ResetTransforms) {
    throw invalid('Either conditions or actions must be specified')
  }
  const listener = findListener(state, rule.listenerArn)
  const matched = conditions?.length ? { ...rule, conditions: conditionsIn(conditions) } : rule
  const changed = actions?.length
    ? withAction(matched, actionIn(actions, findLoadBalancer(state, listener.loadBalancerArn)))
    : matched
  put(changed, call)
  return { Rules: [describeRule(state, changed)] }
}

export function DeleteRule(input: DeleteRuleInput, call: Call): DeleteRuleOutput {
  const rule = findRule(call.draft.state, input.RuleArn)
  if (isDefault(rule)) throw new ApiError('OperationNotPermitted', `Default rule '${rule.arn}' cannot be deleted`)
  call.draft.delete('rules', rule.arn)
  return {}
}

/** A listener's rules by priority, the default one last; or those that are named. */
export function DescribeRules(input: DescribeRulesInput, call: Call): DescribeRulesOutput {
  const { state } = call.draft
  const { items, NextMarker } = markedPage(wanted(state, input), pageKey, input)
  return { NextMarker, Rules: items.map(rule => describeRule(state, rule)) }
}

/** As DescribeRules shows it. */
export function describeRule(state: State, rule: Rule | DefaultRule): SdkRule {
  const byDefault = isDefault(rule)
  const listener = byDefault ? rule.listener : findListener(state, rule.listenerArn)
  return {
    RuleArn: rule.arn,
    Priority: byDefault ? 'default' : String(rule.priority),
    Conditions: byDefault ? [] : rule.conditions.map(describeCondition),
    Actions: describeAction(listener, byDefault ? listener : rule),
    IsDefault: byDefault,
    Transforms: [],
  }
}

/** Writes a rule whose action its listener can do; throws otherwise, with nothing kept. */
function put(rule: Rule, call: Call): void {
  const { state } = call.draft
  const listener = findListener(state, rule.listenerArn)
  const loadBalancer = findLoadBalancer(state, listener.loadBalancerArn)
  checkAction(state, { loadBalancer, port: listener.port, protocol: listener.protocol }, rule)
  call.draft.put('rules', rule.arn, rule)
  checkLoadBalancerLimits(call, loadBalancer.arn)
}

function wanted(state: State, input: DescribeRulesInput): readonly (Rule | DefaultRule)[] {
  const { ListenerArn: listenerArn, RuleArns: arns } = input
  if (listenerArn !== undefined && arns?.length) {
    throw invalid('Rule ARNs and a listener ARN cannot be specified at the same time')
  }
  if (arns?.length) return [...new Set(arns)].map(arn => findRule(state, arn))
  if (listenerArn === undefined) throw invalid('You must specify either listener rule ARNs or a listener ARN')
  const listener = findListener(state, listenerArn)
  return [...rulesOf(state, listener.arn), defaultRuleOf(listener)]
}

/** Listener by listener, each one's by priority; priorities have five digits at most. */
function pageKey(rule: Rule | DefaultRule): string {
  return isDefault(rule)
    ? `${rule.listener.arn} default`
    : `${rule.listenerArn} ${String(rule.priority).padStart(5, '0')}`
}

function refuseTransforms({ Transforms: transforms }: CreateRuleInput | ModifyRuleInput): void {
  if (!transforms?.length) return
  throw invalidConfiguration('Transforms are not offered here yet; leave them out')
}
