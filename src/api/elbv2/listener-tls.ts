import type { CreateListenerInput, Listener as SdkListener } from '@aws-sdk/client-elastic-load-balancing-v2'
import type { Listener, ListenerTls, LoadBalancer } from '../../domain/load-balancer.ts'
import { securityPolicy } from '../../domain/security-policy.ts'
import type { State } from '../../domain/state.ts'
import { ApiError } from '../errors.ts'
import { invalid, invalidConfiguration } from './resources.ts'

/** The members that CreateListener and ModifyListener share. */
type AskedTls = Pick<CreateListenerInput, 'Certificates' | 'SslPolicy' | 'AlpnPolicy' | 'MutualAuthentication'>

/** What there is already, and what is taken where nothing is said. */
interface Otherwise {
  readonly before?: ListenerTls | undefined
  /** Absent: the policy must be said. */
  readonly sslPolicy?: string
}

/**
 * How a listener of this protocol speaks TLS: what is asked, else what it has already; `undefined` for the protocols without.
 * The default certificate is replaced by itself, and the certificate list stays (AWS: ModifyListener).
 */
export function tlsIn(
  state: State,
  { protocol, loadBalancer }: { readonly protocol: Listener['protocol']; readonly loadBalancer: LoadBalancer },
  asked: AskedTls,
  { before, sslPolicy: byDefault }: Otherwise,
): ListenerTls | undefined {
  if (protocol !== 'TLS' && protocol !== 'HTTPS') {
    refuse(asked, ['Certificates', 'SslPolicy', 'AlpnPolicy', 'MutualAuthentication'], protocol)
    return undefined
  }
  if (protocol === 'TLS') refuse(asked, ['MutualAuthentication'], protocol)
  else refuse(asked, ['AlpnPolicy'], protocol)
  const mode = asked.MutualAuthentication?.Mode
  if (mode !== undefined && mode !== 'off') {
    throw invalidConfiguration(`Mutual authentication in mode '${mode}' is not offered here yet; specify 'off'`)
  }

  const [certificate] = certificatesIn(state, asked.Certificates, 1)
  const defaultCertificate = certificate ?? before?.defaultCertificate
  if (defaultCertificate === undefined) throw invalid(`A certificate must be specified for ${protocol} listeners`)
  const sslPolicy = asked.SslPolicy ?? before?.sslPolicy ?? byDefault
  if (sslPolicy === undefined) throw invalid(`An SSL policy must be specified for ${protocol} listeners`)
  if (!securityPolicy(sslPolicy)?.supportedLoadBalancerTypes.includes(loadBalancer.type)) {
    throw new ApiError('SSLPolicyNotFound', `SSL policy '${sslPolicy}' not found`)
  }
  const alpnPolicy = protocol === 'HTTPS' ? undefined : alpnPolicyIn(asked.AlpnPolicy, before?.alpnPolicy)
  return {
    defaultCertificate,
    certificates: before?.certificates ?? [],
    sslPolicy,
    ...(alpnPolicy === undefined ? {} : { alpnPolicy }),
  }
}

/** ARNs of certificates that are there; throws CertificateNotFound, or if they are more than `most`. */
export function certificatesIn(
  state: State,
  asked: AskedTls['Certificates'] | undefined,
  most: number,
): readonly string[] {
  const arns = (asked ?? []).map(({ CertificateArn: arn }) => {
    if (arn === undefined) throw invalid('A certificate ARN must be specified')
    return arn
  })
  if (arns.length > most) {
    throw invalid(`Up to '${most}' certificate ARNs can be specified, but '${arns.length}' were specified`)
  }
  for (const arn of arns) {
    if (!state.certificates.has(arn)) throw new ApiError('CertificateNotFound', `Certificate '${arn}' not found`)
  }
  return arns
}

/** The members of a described listener that are TLS's. */
export function describeTls({ protocol, tls }: Listener): Partial<SdkListener> {
  if (tls === undefined) return {}
  return {
    Certificates: [{ CertificateArn: tls.defaultCertificate }],
    SslPolicy: tls.sslPolicy,
    ...(tls.alpnPolicy === undefined ? {} : { AlpnPolicy: [tls.alpnPolicy] }),
    ...(protocol === 'HTTPS' ? { MutualAuthentication: { Mode: 'off' } } : {}),
  }
}

const alpnPolicies: readonly string[] = ['HTTP1Only', 'HTTP2Only', 'HTTP2Optional', 'HTTP2Preferred', 'None']

function alpnPolicyIn(asked: readonly string[] | undefined, before: string | undefined): string | undefined {
  if (!asked?.length) return before
  const [policy = '', ...more] = asked
  if (more.length > 0) throw invalid('Only one ALPN policy can be specified')
  if (!alpnPolicies.includes(policy)) throw new ApiError('ALPNPolicyNotFound', `ALPN policy '${policy}' not found`)
  return policy === 'None' ? undefined : policy
}

function refuse(asked: AskedTls, members: readonly (keyof AskedTls)[], protocol: string): void {
  const given = members.find(member => {
    const value = asked[member]
    return Array.isArray(value) ? value.length > 0 : value !== undefined
  })
  if (given === undefined) return
  if (given === 'Certificates') throw invalid(`A certificate cannot be specified for ${protocol} listeners`)
  // AWS's spelling.
  if (given === 'SslPolicy') throw invalid(`An SSL policy cannot be specifed for ${protocol} listeners`)
  throw invalidConfiguration(`${given} cannot be specified for listeners with the ${protocol} protocol`)
}
