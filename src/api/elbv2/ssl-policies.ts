import type {
  DescribeSSLPoliciesInput,
  DescribeSSLPoliciesOutput,
  SslPolicy,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { type SecurityPolicy, securityPolicies, securityPolicy } from '../../domain/security-policy.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../errors.ts'
import { markedPage } from './resources.ts'

export function DescribeSSLPolicies(input: DescribeSSLPoliciesInput, _call: Call): DescribeSSLPoliciesOutput {
  const { Names: names, LoadBalancerType: type } = input
  const missing = names?.filter(name => securityPolicy(name) === undefined) ?? []
  if (missing.length > 0) throw new ApiError('SSLPolicyNotFound', `SSL policies '[${missing.join(', ')}]' not found`)
  const wanted = securityPolicies.filter(
    policy =>
      (!names?.length || names.includes(policy.name)) &&
      (type === undefined || (policy.supportedLoadBalancerTypes as readonly string[]).includes(type)),
  )
  const { items, NextMarker } = markedPage(wanted, policy => policy.name, input)
  return { NextMarker, SslPolicies: items.map(describe) }
}

function describe({ name, protocols, ciphers, supportedLoadBalancerTypes }: SecurityPolicy): SslPolicy {
  return {
    Name: name,
    SslProtocols: [...protocols],
    Ciphers: ciphers.map((Name, i) => ({ Name, Priority: i + 1 })),
    SupportedLoadBalancerTypes: [...supportedLoadBalancerTypes],
  }
}
