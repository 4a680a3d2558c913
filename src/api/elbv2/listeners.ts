import { isDeepStrictEqual } from 'node:util'
import type {
  CreateListenerInput,
  CreateListenerOutput,
  DeleteListenerInput,
  DeleteListenerOutput,
  DescribeListenersInput,
  DescribeListenersOutput,
  ModifyListenerInput,
  ModifyListenerOutput,
  Listener as SdkListener,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { actionsOf, rulesOf } from '../../domain/listener-rules.ts'
import type { Listener, ListenerProtocol, LoadBalancer } from '../../domain/load-balancer.ts'
import { defaultSecurityPolicy } from '../../domain/security-policy.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { accountLimits, checkLimit } from './account-limits.ts'
import { actionIn, checkAction, describeAction, withAction } from './actions.ts'
import { refuseTargetPort } from './alb-targets.ts'
import { describeTls, tlsIn } from './listener-tls.ts'
import { checkLoadBalancerLimits } from './load-balancer-limits.ts'
import { refusePortOfTarget, refuseTakenPort } from './ports.ts'
import { findListener, findLoadBalancer, invalid, listenersOf, makeArn, markedPage } from './resources.ts'
import { tagsIn } from './tags.ts'

/** Asked for twice with the same settings, it is created once (AWS: CreateListener is idempotent). */
export function CreateListener(input: CreateListenerInput, call: Call): CreateListenerOutput {
  const { state } = call.draft
  const loadBalancer = findLoadBalancer(state, input.LoadBalancerArn)
  const { type } = loadBalancer
  if (input.Port === undefined) throw invalid('A listener port must be specified')
  const protocol = checkProtocol(input.Protocol, type)
  const tls = tlsIn(state, { protocol, loadBalancer }, input, { sslPolicy: defaultSecurityPolicy })
  const settings = {
    loadBalancerArn: loadBalancer.arn,
    protocol,
    port: input.Port,
    ...(tls === undefined ? {} : { tls }),
    ...actionIn(input.DefaultActions, loadBalancer),
    tags: tagsIn(input.Tags),
  }
  const others = listenersOf(state, loadBalancer.arn)
  const before = others.find(listener => listener.port === settings.port)
  if (before !== undefined) {
    if (isDeepStrictEqual(settingsOf(before), settings)) return { Listeners: [describe(before)] }
    throw new ApiError(
      'DuplicateListener',
      `A listener already exists on this port for this load balancer '${loadBalancer.arn}'`,
    )
  }
  checkLimit(
    'TooManyListeners',
    others.length + 1,
    accountLimits[`listeners-per-${type}-load-balancer`],
    `listeners per ${type} load balancer`,
  )
  const place = loadBalancer.arn.slice(loadBalancer.arn.indexOf(':loadbalancer/') + ':loadbalancer/'.length)
  const listener: Listener = {
    arn: makeArn(call, `listener/${place}/${call.hex(16)}`),
    ...settings,
    attributes: {},
  }
  put(listener, loadBalancer, call)
  return { Listeners: [describe(listener)] }
}

/** What CreateListener was asked for; certificates that were added later, and attributes, are none of it. */
function settingsOf({ arn: _arn, attributes: _attributes, tls, ...settings }: Listener) {
  return tls === undefined ? settings : { ...settings, tls: { ...tls, certificates: [] } }
}

/** Replaces the members that are given. Without TLS from then on, it loses its certificates and its policy. */
export function ModifyListener(input: ModifyListenerInput, call: Call): ModifyListenerOutput {
  const { state } = call.draft
  const listener = findListener(state, input.ListenerArn)
  const loadBalancer = findLoadBalancer(state, listener.loadBalancerArn)
  const protocol = input.Protocol === undefined ? listener.protocol : checkProtocol(input.Protocol, loadBalancer.type)
  const { tls: before, ...rest } = listener
  const tls = tlsIn(state, { protocol, loadBalancer }, input, { before })
  const moved: Listener = {
    ...rest,
    protocol,
    port: input.Port ?? listener.port,
    ...(tls === undefined ? {} : { tls }),
  }
  const changed =
    input.DefaultActions === undefined ? moved : withAction(moved, actionIn(input.DefaultActions, loadBalancer))
  if (changed.port !== listener.port) {
    refuseTargetPort(state, listener)
    if (listenersOf(state, loadBalancer.arn).some(other => other.port === changed.port)) {
      throw invalid(`Listener port '${changed.port}' is already in use`)
    }
  }
  put(changed, loadBalancer, call)
  return { Listeners: [describe(changed)] }
}

/** Deletes its rules too. */
export function DeleteListener(input: DeleteListenerInput, call: Call): DeleteListenerOutput {
  const listener = findListener(call.draft.state, input.ListenerArn)
  refuseTargetPort(call.draft.state, listener)
  deleteListener(listener.arn, call)
  return {}
}

export function deleteListener(arn: string, call: Call): void {
  for (const rule of rulesOf(call.draft.state, arn)) call.draft.delete('rules', rule.arn)
  call.draft.delete('listeners', arn)
}

export function DescribeListeners(input: DescribeListenersInput, call: Call): DescribeListenersOutput {
  const { items, NextMarker } = markedPage(wanted(call.draft.state, input), listener => listener.arn, input)
  return { NextMarker, Listeners: items.map(describe) }
}

/** Writes a listener whose port no other load balancer has here and whose actions fit; throws otherwise, with nothing kept. */
function put(listener: Listener, loadBalancer: LoadBalancer, call: Call): void {
  const { state } = call.draft
  refuseTakenPort(state, loadBalancer, listener)
  const before = state.listeners.get(listener.arn)
  if (before?.port !== listener.port || before.protocol !== listener.protocol)
    refusePortOfTarget(state, loadBalancer, listener)
  const place = { loadBalancer, port: listener.port, protocol: listener.protocol }
  for (const action of actionsOf(state, listener)) checkAction(state, place, action)
  call.draft.put('listeners', listener.arn, listener)
  checkLoadBalancerLimits(call, loadBalancer.arn)
}

/** AWS: Listeners for your Network Load Balancers, for your Application Load Balancers. */
const protocols: Readonly<Record<LoadBalancer['type'], readonly ListenerProtocol[]>> = {
  network: ['TCP', 'TCP_UDP', 'TLS', 'UDP'],
  application: ['HTTP', 'HTTPS'],
}

function checkProtocol(protocol: string | undefined, type: LoadBalancer['type']): ListenerProtocol {
  if (protocol === undefined) throw invalid('A listener protocol must be specified')
  const offered = protocols[type].find(each => each === protocol)
  if (offered !== undefined) return offered
  throw invalid(`Listener protocol '${protocol}' must be one of '${protocols[type].join(', ')}'`)
}

function wanted(state: State, input: DescribeListenersInput): readonly Listener[] {
  const { LoadBalancerArn: loadBalancerArn, ListenerArns: arns } = input
  if (loadBalancerArn !== undefined && arns?.length) {
    throw invalid('Listener ARNs and a load balancer ARN cannot be specified at the same time')
  }
  if (loadBalancerArn !== undefined) return listenersOf(state, findLoadBalancer(state, loadBalancerArn).arn)
  if (arns?.length) return [...new Set(arns)].map(arn => findListener(state, arn))
  throw invalid('You must specify either listener ARNs or a load balancer ARN')
}

function describe(listener: Listener): SdkListener {
  return {
    ListenerArn: listener.arn,
    LoadBalancerArn: listener.loadBalancerArn,
    Port: listener.port,
    Protocol: listener.protocol,
    ...describeTls(listener),
    DefaultActions: describeAction(listener, listener),
  }
}
