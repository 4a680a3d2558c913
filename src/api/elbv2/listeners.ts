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
import type { Listener, ListenerProtocol, LoadBalancer } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { accountLimits, checkLimit } from './account-limits.ts'
import { checkForward, describeForward, forwardIn } from './forward.ts'
import { refuseTakenPort } from './ports.ts'
import {
  findListener,
  findLoadBalancer,
  idOf,
  invalid,
  invalidConfiguration,
  listenersOf,
  makeArn,
  markedPage,
} from './resources.ts'
import { tagsIn } from './tags.ts'
import { checkTargetsPerLoadBalancer } from './targets.ts'

/** Asked for twice with the same settings, it is created once (AWS: CreateListener is idempotent). */
export function CreateListener(input: CreateListenerInput, call: Call): CreateListenerOutput {
  const loadBalancer = findLoadBalancer(call.draft.state, input.LoadBalancerArn)
  refuseTls(input)
  if (input.Port === undefined) throw invalid('A listener port must be specified')
  const settings = {
    protocol: checkProtocol(input.Protocol),
    port: input.Port,
    forward: forwardIn(input.DefaultActions),
    tags: tagsIn(input.Tags),
  }
  const others = listenersOf(call.draft.state, loadBalancer.arn)
  const before = others.find(listener => listener.port === settings.port)
  if (before !== undefined && isDeepStrictEqual({ ...before, ...settings }, before)) {
    return { Listeners: [describe(before)] }
  }
  checkLimit(
    'TooManyListeners',
    others.length + 1,
    accountLimits['listeners-per-network-load-balancer'],
    'listeners per network load balancer',
  )
  const listener: Listener = {
    arn: makeArn(call, `listener/net/${loadBalancer.name}/${idOf(loadBalancer.arn)}/${call.hex(16)}`),
    loadBalancerArn: loadBalancer.arn,
    ...settings,
    attributes: {},
  }
  put(listener, loadBalancer, call)
  return { Listeners: [describe(listener)] }
}

/** Replaces the members that are given. */
export function ModifyListener(input: ModifyListenerInput, call: Call): ModifyListenerOutput {
  const listener = findListener(call.draft.state, input.ListenerArn)
  const loadBalancer = findLoadBalancer(call.draft.state, listener.loadBalancerArn)
  refuseTls(input)
  const changed: Listener = {
    ...listener,
    protocol: input.Protocol === undefined ? listener.protocol : checkProtocol(input.Protocol),
    port: input.Port ?? listener.port,
    forward: input.DefaultActions === undefined ? listener.forward : forwardIn(input.DefaultActions),
  }
  put(changed, loadBalancer, call)
  return { Listeners: [describe(changed)] }
}

export function DeleteListener(input: DeleteListenerInput, call: Call): DeleteListenerOutput {
  call.draft.delete('listeners', findListener(call.draft.state, input.ListenerArn).arn)
  return {}
}

export function DescribeListeners(input: DescribeListenersInput, call: Call): DescribeListenersOutput {
  const { items, NextMarker } = markedPage(wanted(call.draft.state, input), listener => listener.arn, input)
  return { NextMarker, Listeners: items.map(describe) }
}

/** Writes a listener whose port is free and whose target groups fit; throws otherwise, with nothing kept. */
function put(listener: Listener, loadBalancer: LoadBalancer, call: Call): void {
  const { state } = call.draft
  if (listenersOf(state, loadBalancer.arn).some(other => other.arn !== listener.arn && other.port === listener.port)) {
    throw new ApiError('DuplicateListener', 'A listener with the specified port already exists.')
  }
  refuseTakenPort(state, loadBalancer, listener)
  checkForward(state, loadBalancer, listener.protocol, listener.forward)
  call.draft.put('listeners', listener.arn, listener)
  checkTargetsPerLoadBalancer(call, loadBalancer.arn)
}

function checkProtocol(protocol: string | undefined): ListenerProtocol {
  if (protocol === undefined) throw invalid('A listener protocol must be specified')
  if (protocol === 'TCP' || protocol === 'UDP' || protocol === 'TCP_UDP') return protocol
  throw invalid(`Listener protocol '${protocol}' must be one of 'TCP, TCP_UDP, UDP'`)
}

/** Members of TLS listeners, which are not offered yet. */
function refuseTls(input: CreateListenerInput | ModifyListenerInput): void {
  const given = (['Certificates', 'SslPolicy', 'AlpnPolicy', 'MutualAuthentication'] as const).find(member => {
    const value = input[member]
    return Array.isArray(value) ? value.length > 0 : value !== undefined
  })
  if (given !== undefined) {
    throw invalidConfiguration(`${given} cannot be specified for listeners with the TCP, UDP or TCP_UDP protocol`)
  }
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
    DefaultActions: describeForward(listener.forward),
  }
}
