import type { Certificate } from '../../domain/certificate.ts'
import type { Change, State } from '../../domain/state.ts'
import { type IssuedKeyAlgorithm, issueCertificate, localAuthority } from './authority.ts'

/** What gives one of our own certificates a new key and another 13 months, for the same names; its ARN stays. */
export function renewalChanges(
  state: State,
  certificate: Certificate,
  install: Parameters<typeof localAuthority>[1],
): readonly Change[] {
  const { now } = install
  const { authority, changes } = localAuthority(state, install)
  // RequestCertificate issues no other.
  const keyAlgorithm = certificate.keyAlgorithm as IssuedKeyAlgorithm
  const value = { ...certificate, ...issueCertificate(authority, certificate.names, keyAlgorithm, now), renewedAt: now }
  return [...changes, { table: 'certificates', key: certificate.arn, value }]
}
