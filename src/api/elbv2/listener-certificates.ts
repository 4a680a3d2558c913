import type {
  AddListenerCertificatesInput,
  AddListenerCertificatesOutput,
  DescribeListenerCertificatesInput,
  DescribeListenerCertificatesOutput,
  RemoveListenerCertificatesInput,
  RemoveListenerCertificatesOutput,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Listener, ListenerTls } from '../../domain/load-balancer.ts'
import type { State } from '../../domain/state.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { checkLimit } from './account-limits.ts'
import { certificatesIn } from './listener-tls.ts'
import { findListener, invalid, invalidConfiguration, listenersOf, markedPage } from './resources.ts'

/** AWS's documentation says one; its API takes these. */
const perCall = 10

/** AWS: at most 25 certificates for a load balancer, its listeners' default ones not counted. */
const perLoadBalancer = 25

/** Puts certificates into the listener's list. One that is in it stays; the default one may be in it too. */
export function AddListenerCertificates(
  input: AddListenerCertificatesInput,
  call: Call,
): AddListenerCertificatesOutput {
  const { listener, tls } = secureListener(call.draft.state, input.ListenerArn)
  if (!input.Certificates?.length) throw invalid('At least one certificate must be specified')
  const added = certificatesIn(call.draft.state, input.Certificates, perCall)
  put(call, listener, { ...tls, certificates: [...new Set([...tls.certificates, ...added])] })
  const used = listenersOf(call.draft.state, listener.loadBalancerArn).flatMap(its => its.tls?.certificates ?? [])
  checkLimit('TooManyCertificates', new Set(used).size, perLoadBalancer, 'certificates per load balancer')
  return { Certificates: added.map(CertificateArn => ({ CertificateArn, IsDefault: false })) }
}

/** Takes certificates off the listener's list. What is not in it is removed already; the default one cannot be. */
export function RemoveListenerCertificates(
  input: RemoveListenerCertificatesInput,
  call: Call,
): RemoveListenerCertificatesOutput {
  const { listener, tls } = secureListener(call.draft.state, input.ListenerArn)
  const arns = (input.Certificates ?? []).map(({ CertificateArn = '' }) => CertificateArn)
  if (arns.length === 0) throw invalid('At least one certificate must be specified')
  if (arns.length > perCall) {
    throw invalid(`Up to '${perCall}' certificate ARNs can be specified, but '${arns.length}' were specified`)
  }
  if (arns.includes(tls.defaultCertificate) && !tls.certificates.includes(tls.defaultCertificate)) {
    throw new ApiError('OperationNotPermitted', 'The default certificate of a listener cannot be removed')
  }
  put(call, listener, { ...tls, certificates: tls.certificates.filter(arn => !arns.includes(arn)) })
  return {}
}

/** The default certificate first, and again where it is in the list too. */
export function DescribeListenerCertificates(
  input: DescribeListenerCertificatesInput,
  call: Call,
): DescribeListenerCertificatesOutput {
  const { tls } = findListener(call.draft.state, input.ListenerArn)
  const all = [
    ...(tls === undefined ? [] : [{ CertificateArn: tls.defaultCertificate, IsDefault: true }]),
    ...(tls?.certificates ?? []).map(CertificateArn => ({ CertificateArn, IsDefault: false })),
  ]
  const { items, NextMarker } = markedPage(all, each => `${each.IsDefault ? 0 : 1} ${each.CertificateArn}`, input)
  return { NextMarker, Certificates: items }
}

function secureListener(state: State, arn: string | undefined): { listener: Listener; tls: ListenerTls } {
  const listener = findListener(state, arn)
  if (listener.tls !== undefined) return { listener, tls: listener.tls }
  throw invalidConfiguration(`Listeners with the ${listener.protocol} protocol have no certificates`)
}

function put(call: Call, listener: Listener, tls: ListenerTls): void {
  if (tls.certificates.length === listener.tls?.certificates.length) return
  call.draft.put('listeners', listener.arn, { ...listener, tls })
}
