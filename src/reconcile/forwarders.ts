import type { Action } from '../domain/action.ts'
import type { Listener, LoadBalancer } from '../domain/load-balancer.ts'
import type { Rule } from '../domain/rule.ts'
import type { State } from '../domain/state.ts'
import type { HeldSwitch } from '../feed/messages.ts'

/** The tables whose records forward. */
export const forwarding = ['listeners', 'rules'] as const
export type Forwarding = (typeof forwarding)[number]
export type Forwarder = Listener | Rule

/** The type of its load balancer; `undefined` where that is gone. */
export function balancerType(state: State, forwarder: Forwarder): LoadBalancer['type'] | undefined {
  const listener = 'listenerArn' in forwarder ? state.listeners.get(forwarder.listenerArn) : forwarder
  return state.loadBalancers.get(listener?.loadBalancerArn ?? '')?.type
}

/** How a report names it. */
export function placeOf(forwarder: Forwarder): Pick<HeldSwitch, 'listenerArn' | 'ruleArn'> {
  return 'listenerArn' in forwarder
    ? { listenerArn: forwarder.listenerArn, ruleArn: forwarder.arn }
    : { listenerArn: forwarder.arn }
}

export function isOtherProtocol(a: Forwarder, b: Forwarder): boolean {
  return 'protocol' in a && 'protocol' in b && a.protocol !== b.protocol
}

/** Whether both name the same groups with the same weights in the same order. */
export function isSameForward(
  { forward: a }: Pick<Action, 'forward'>,
  { forward: b }: Pick<Action, 'forward'>,
): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  return a.every((group, i) => group.targetGroupArn === b[i]?.targetGroupArn && group.weight === b[i]?.weight)
}
