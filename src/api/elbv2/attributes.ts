import type {
  DescribeListenerAttributesInput,
  DescribeListenerAttributesOutput,
  DescribeLoadBalancerAttributesInput,
  DescribeLoadBalancerAttributesOutput,
  DescribeTargetGroupAttributesInput,
  DescribeTargetGroupAttributesOutput,
  ModifyListenerAttributesInput,
  ModifyListenerAttributesOutput,
  ModifyLoadBalancerAttributesInput,
  ModifyLoadBalancerAttributesOutput,
  ModifyTargetGroupAttributesInput,
  ModifyTargetGroupAttributesOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { AttributeRefusal } from '../../domain/attribute-table.ts'
import {
  listenerAttributes,
  loadBalancerAttributes,
  refuseListenerAttributes,
  refuseLoadBalancerAttributes,
  refuseTargetGroupAttributes,
  targetGroupAttribute,
  targetGroupAttributes,
} from '../../domain/attributes.ts'
import { type Attributes, speaksHttp } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { TargetGroup } from '../../domain/target-group.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { groupStickinessNeeded, needsGroupStickiness } from './forward.ts'
import { findListener, findLoadBalancer, findTargetGroup, invalid, invalidConfiguration } from './resources.ts'

export function DescribeLoadBalancerAttributes(
  input: DescribeLoadBalancerAttributesInput,
  call: Call,
): DescribeLoadBalancerAttributesOutput {
  return answer(loadBalancerAttributes(findLoadBalancer(call.draft.state, input.LoadBalancerArn)))
}

export function ModifyLoadBalancerAttributes(
  input: ModifyLoadBalancerAttributesInput,
  call: Call,
): ModifyLoadBalancerAttributesOutput {
  const loadBalancer = findLoadBalancer(call.draft.state, input.LoadBalancerArn)
  const asked = attributesIn(input.Attributes)
  refuse(refuseLoadBalancerAttributes(loadBalancer, asked))
  const changed = { ...loadBalancer, attributes: { ...loadBalancer.attributes, ...asked } }
  call.draft.put('loadBalancers', changed.arn, changed)
  return answer(loadBalancerAttributes(changed))
}

export function DescribeListenerAttributes(
  input: DescribeListenerAttributesInput,
  call: Call,
): DescribeListenerAttributesOutput {
  return answer(listenerAttributes(findListener(call.draft.state, input.ListenerArn)))
}

export function ModifyListenerAttributes(
  input: ModifyListenerAttributesInput,
  call: Call,
): ModifyListenerAttributesOutput {
  const listener = findListener(call.draft.state, input.ListenerArn)
  const asked = attributesIn(input.Attributes)
  refuse(refuseListenerAttributes(listener, asked))
  const changed = { ...listener, attributes: { ...listener.attributes, ...asked } }
  call.draft.put('listeners', changed.arn, changed)
  return answer(listenerAttributes(changed))
}

export function DescribeTargetGroupAttributes(
  input: DescribeTargetGroupAttributesInput,
  call: Call,
): DescribeTargetGroupAttributesOutput {
  return answer(targetGroupAttributes(findTargetGroup(call.draft.state, input.TargetGroupArn)))
}

export function ModifyTargetGroupAttributes(
  input: ModifyTargetGroupAttributesInput,
  call: Call,
): ModifyTargetGroupAttributesOutput {
  const group = findTargetGroup(call.draft.state, input.TargetGroupArn)
  const asked = attributesIn(input.Attributes)
  refuse(refuseTargetGroupAttributes(group, asked))
  const attributes = { ...group.attributes, ...asked }
  const isSwitchedOn = slowStartOf(group) === 0 && slowStartOf({ ...group, attributes }) > 0
  const changed = { ...group, attributes, ...(isSwitchedOn && { slowStartSetAt: call.now }) }
  checkGroupStickiness(call.draft.state, changed)
  call.draft.put('targetGroups', changed.arn, changed)
  return answer(targetGroupAttributes(changed))
}

function slowStartOf(group: TargetGroup): number {
  return Number(targetGroupAttribute(group, 'slow_start.duration_seconds'))
}

/** A group gets no sticky targets where clients may be sent to another group with their next request. */
function checkGroupStickiness(state: State, group: TargetGroup): void {
  if (!speaksHttp(group)) return
  for (const action of [...state.listeners.values(), ...state.rules.values()]) {
    const isIn = action.forward.some(({ targetGroupArn }) => targetGroupArn === group.arn)
    if (isIn && needsGroupStickiness(action, [group])) throw invalidConfiguration(groupStickinessNeeded)
  }
}

type Pair = { readonly Key?: string | undefined; readonly Value?: string | undefined }

function attributesIn(pairs: readonly Pair[] | undefined): Attributes {
  return Object.fromEntries(
    (pairs ?? []).map(({ Key, Value = '' }) => {
      if (Key === undefined) throw invalid('An attribute key must be specified')
      return [Key, Value]
    }),
  )
}

function answer(attributes: Attributes): { Attributes: { Key: string; Value: string }[] } {
  return { Attributes: Object.entries(attributes).map(([Key, Value]) => ({ Key, Value })) }
}

function refuse(refusal: AttributeRefusal | undefined): void {
  if (refusal !== undefined) throw new ApiError(refusal.code, refusal.message)
}
