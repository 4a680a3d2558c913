import type { State } from './state.ts'

/**
 * ARNs of the load balancers whose listeners have the certificate, as their default one or in their list, each once (AWS: a
 * certificate's `InUseBy`). One that has users cannot be deleted.
 */
export function certificateUsers(state: Pick<State, 'listeners'>, certificateArn: string): readonly string[] {
  const users = new Set<string>()
  for (const { tls, loadBalancerArn } of state.listeners.values()) {
    if (tls?.defaultCertificate === certificateArn || tls?.certificates.includes(certificateArn)) {
      users.add(loadBalancerArn)
    }
  }
  return [...users]
}
