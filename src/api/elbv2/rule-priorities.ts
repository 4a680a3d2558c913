import type { SetRulePrioritiesInput, SetRulePrioritiesOutput } from '@aws-sdk/client-elastic-load-balancing-v2'
import { rulesOf } from '../../domain/listener-rules.ts'
import type { Rule } from '../../domain/rule.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { findRule, invalid, isDefault } from './resources.ts'
import { describeRule } from './rules.ts'

/** Sets several at once, so that rules may change places. What is not named keeps its priority. */
export function SetRulePriorities(input: SetRulePrioritiesInput, call: Call): SetRulePrioritiesOutput {
  if (!input.RulePriorities?.length) throw invalid('At least one rule priority must be specified')
  const changed = new Map<string, Rule>()
  for (const { RuleArn: arn, Priority: priority } of input.RulePriorities) {
    const rule = findRule(call.draft.state, arn)
    if (priority === undefined) throw invalid('A priority must be specified')
    if (isDefault(rule)) {
      throw new ApiError('OperationNotPermitted', `The priority of default rule '${rule.arn}' cannot be set`)
    }
    if (changed.has(rule.arn)) throw invalid(`Rule '${rule.arn}' was provided multiple times`)
    const rival = changed.values().find(each => each.priority === priority && each.listenerArn === rule.listenerArn)
    if (rival !== undefined) throw invalid(`Priority '${priority}' was provided multiple times`)
    changed.set(rule.arn, { ...rule, priority })
  }
  for (const { arn, listenerArn, priority } of changed.values()) {
    const others = rulesOf(call.draft.state, listenerArn).filter(other => other.arn !== arn && !changed.has(other.arn))
    if (others.some(other => other.priority === priority)) {
      throw new ApiError('PriorityInUse', `Priority '${priority}' is currently in use`)
    }
  }
  for (const rule of changed.values()) call.draft.put('rules', rule.arn, rule)
  return { Rules: [...changed.values()].map(rule => describeRule(call.draft.state, rule)) }
}
