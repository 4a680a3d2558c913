/** What may be spoken with clients (AWS: Security policies for your Application Load Balancer, and for your Network Load Balancer). */
export interface SecurityPolicy {
  readonly name: string
  /** Oldest first, without gaps. */
  readonly protocols: readonly TlsProtocol[]
  /** OpenSSL's names, the preferred one first; those of TLS 1.3 lead. */
  readonly ciphers: readonly string[]
  readonly supportedLoadBalancerTypes: readonly ('application' | 'network')[]
  /** Key exchange may be hybrid: ML-KEM beside an elliptic curve. */
  readonly postQuantum: boolean
}

export type TlsProtocol = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3'

/** What a listener has whose maker named none (AWS: by API, CLI and CDK). */
export const defaultSecurityPolicy = 'ELBSecurityPolicy-2016-08'

const versions: readonly TlsProtocol[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

const tls13Fips = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384']
const tls13 = [...tls13Fips, 'TLS_CHACHA20_POLY1305_SHA256']
const gcm128 = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256']
const gcm256 = ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384']
const cbc128 = ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-RSA-AES128-SHA256']
const cbc256 = ['ECDHE-ECDSA-AES256-SHA384', 'ECDHE-RSA-AES256-SHA384']
const sha128 = ['ECDHE-ECDSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA']
const sha256 = ['ECDHE-RSA-AES256-SHA', 'ECDHE-ECDSA-AES256-SHA']

/** Forward secrecy, GCM only; GCM and CBC; and SHA-1's too. */
const restricted = [...gcm128, ...gcm256]
const forward = [...gcm128, ...cbc128, ...gcm256, ...cbc256]
const forwardWithSha = [...gcm128, ...cbc128, ...sha128, ...gcm256, ...cbc256, ...sha256]
/** Keys sent by RSA. */
const rsa = ['AES128-GCM-SHA256', 'AES128-SHA256', 'AES256-GCM-SHA384', 'AES256-SHA256']
const rsaWithSha = [
  'AES128-GCM-SHA256',
  'AES128-SHA256',
  'AES128-SHA',
  'AES256-GCM-SHA384',
  'AES256-SHA256',
  'AES256-SHA',
]
const all = [...forwardWithSha, ...rsaWithSha]
/** As `all`, but for the order of two, which is as DescribeSSLPolicies has it. */
const extended = [...forwardWithSha.slice(0, -2), ...sha256.toReversed(), ...rsaWithSha]

/** In the order of DescribeSSLPolicies. Those of RFC 9151 are not offered. */
export const securityPolicies: readonly SecurityPolicy[] = [
  policy('2016-08', 'TLSv1', 'TLSv1.2', all),
  policy('TLS13-1-2-2021-06', 'TLSv1.2', 'TLSv1.3', [...tls13, ...forward]),
  policy('TLS13-1-2-Res-2021-06', 'TLSv1.2', 'TLSv1.3', [...tls13, ...restricted]),
  policy('TLS13-1-2-Ext1-2021-06', 'TLSv1.2', 'TLSv1.3', [...tls13, ...forward, ...rsa]),
  policy('TLS13-1-2-Ext2-2021-06', 'TLSv1.2', 'TLSv1.3', [...tls13, ...extended]),
  policy('TLS13-1-1-2021-06', 'TLSv1.1', 'TLSv1.3', [...tls13, ...all]),
  policy('TLS13-1-0-2021-06', 'TLSv1', 'TLSv1.3', [...tls13, ...all]),
  policy('TLS13-1-3-2021-06', 'TLSv1.3', 'TLSv1.3', tls13),
  policy('TLS-1-2-2017-01', 'TLSv1.2', 'TLSv1.2', [...forward, ...rsa]),
  policy('TLS-1-1-2017-01', 'TLSv1.1', 'TLSv1.2', all),
  policy('TLS-1-2-Ext-2018-06', 'TLSv1.2', 'TLSv1.2', all),
  policy('FS-2018-06', 'TLSv1', 'TLSv1.2', forwardWithSha),
  policy('2015-05', 'TLSv1', 'TLSv1.2', all),
  policy('TLS-1-0-2015-04', 'TLSv1', 'TLSv1.2', [...all, 'DES-CBC3-SHA']),
  policy('FS-1-2-Res-2019-08', 'TLSv1.2', 'TLSv1.2', forward),
  policy('FS-1-1-2019-08', 'TLSv1.1', 'TLSv1.2', forwardWithSha),
  policy('FS-1-2-2019-08', 'TLSv1.2', 'TLSv1.2', forwardWithSha),
  policy('FS-1-2-Res-2020-10', 'TLSv1.2', 'TLSv1.2', restricted),
  ...['FIPS-2023-04', 'FIPS-PQ-2025-09'].flatMap(edition => [
    policy(`TLS13-1-3-${edition}`, 'TLSv1.3', 'TLSv1.3', tls13Fips),
    policy(`TLS13-1-2-Res-${edition}`, 'TLSv1.2', 'TLSv1.3', [...tls13Fips, ...restricted]),
    policy(`TLS13-1-2-${edition}`, 'TLSv1.2', 'TLSv1.3', [...tls13Fips, ...forward]),
    policy(`TLS13-1-2-Ext0-${edition}`, 'TLSv1.2', 'TLSv1.3', [...tls13Fips, ...forwardWithSha]),
    policy(`TLS13-1-2-Ext1-${edition}`, 'TLSv1.2', 'TLSv1.3', [...tls13Fips, ...forward, ...rsa]),
    policy(`TLS13-1-2-Ext2-${edition}`, 'TLSv1.2', 'TLSv1.3', [...tls13Fips, ...all]),
    policy(`TLS13-1-0-${edition}`, 'TLSv1', 'TLSv1.3', [...tls13Fips, ...all]),
  ]),
  policy('TLS13-1-1-FIPS-2023-04', 'TLSv1.1', 'TLSv1.3', [...tls13Fips, ...all]),
  policy('TLS13-1-3-PQ-2025-09', 'TLSv1.3', 'TLSv1.3', tls13),
  policy('TLS13-1-2-Res-PQ-2025-09', 'TLSv1.2', 'TLSv1.3', [...tls13, ...restricted]),
  policy('TLS13-1-2-PQ-2025-09', 'TLSv1.2', 'TLSv1.3', [...tls13, ...forward]),
  policy('TLS13-1-2-Ext1-PQ-2025-09', 'TLSv1.2', 'TLSv1.3', [...tls13, ...forward, ...rsa]),
  policy('TLS13-1-2-Ext2-PQ-2025-09', 'TLSv1.2', 'TLSv1.3', [...tls13, ...extended]),
  policy('TLS13-1-0-PQ-2025-09', 'TLSv1', 'TLSv1.3', [...tls13, ...all]),
]

const byName = new Map(securityPolicies.map(one => [one.name, one]))

/** By its whole name, as AWS spells it. */
export function securityPolicy(name: string): SecurityPolicy | undefined {
  return byName.get(name)
}

/**
 * The policy for targets, which nobody chooses: it has TLS 1.3 where the listener's has (AWS: Security policies). Without a listener's,
 * as behind an HTTP listener, it is the default one.
 */
export function backendPolicy(listenerPolicy: string | undefined): SecurityPolicy {
  const hasTls13 = byName.get(listenerPolicy ?? '')?.protocols.includes('TLSv1.3')
  if (!hasTls13) return byName.get(defaultSecurityPolicy)!
  const edition = listenerPolicy?.includes('-FIPS-') ? 'FIPS-2023-04' : '2021-06'
  return byName.get(`ELBSecurityPolicy-TLS13-1-0-${edition}`)!
}

function policy(name: string, from: TlsProtocol, to: TlsProtocol, ciphers: readonly string[]): SecurityPolicy {
  return {
    name: `ELBSecurityPolicy-${name}`,
    protocols: versions.slice(versions.indexOf(from), versions.indexOf(to) + 1),
    ciphers,
    supportedLoadBalancerTypes: name === '2015-05' ? ['network'] : ['application', 'network'],
    postQuantum: name.includes('PQ'),
  }
}
